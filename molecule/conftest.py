# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A shop to deploy to, a way to run the playbooks, and customers who watch."""

from __future__ import annotations

import json
import os
import re
import subprocess
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import ansible_runner
import psycopg2
import pytest
import requests

from conftest import COLLECTIONS, ROOT
from sandbox import customer
from sandbox.beside import beside
from sandbox.cloud import scopes
from sandbox.process import wait_until
from tests.event_receiver import Receiver
from tests.rights import CREATOR, OBSERVER, READER, RIGHTS, policy, statements_of

# Railway's queries are POST requests too.
RAILWAY_READS = {
    "project",
    "projectToken",
    "environment",
    "service",
    "serviceInstance",
    "deployments",
    "deployment",
    "deploymentSnapshot",
    "buildLogs",
    "deploymentLogs",
    "variables",
    "regions",
}


_background = ThreadPoolExecutor(32)  # plays at once, at most


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A system that the runs report to."""
    receiver = Receiver()
    yield receiver
    receiver.stop()


@dataclass(frozen=True)
class Played:
    """What came of a play: ``rc`` is ansible-playbook's exit code, ``tasks`` its results in order as (name, result)."""

    rc: int
    stdout: str
    tasks: list[tuple[str, dict[str, Any]]]

    @property
    def text(self) -> str:
        """All that was printed, on one line, without the names that stand before the lines of several storefronts."""
        plain = re.sub(r"\x1b\[[0-9;]*m", "", self.stdout)
        return " ".join(re.sub(r"^[\w-]+ \| ", "", plain, flags=re.MULTILINE).split())

    @property
    def message(self) -> str:
        """Why the last storefront failed, and what the last failed task said."""
        failed: dict[str, Any] = next((result for _unused, result in reversed(self.tasks) if result.get("failed")), {})
        items = [str(item.get("msg", "")) for item in failed.get("results", []) if item.get("failed")]
        said = " ".join(items) or str(failed.get("msg", ""))
        failures = [
            result["ansible_facts"]["rollout_failure"]
            for _unused, result in self.tasks
            if "rollout_failure" in result.get("ansible_facts", {})
        ]
        why = failures[-1] if failures else ""
        return said if why in said else f"{why} {said}"

    @property
    def report(self) -> dict[str, Any]:
        return next(result["msg"] for name, result in reversed(self.tasks) if name.endswith("Report what this run did"))

    def changed(self) -> list[str]:
        return [name for name, result in self.tasks if result.get("changed")]


def played(rc: int, stdout: str, order: Path) -> Played:
    """Return what came of a play, from what plugins/callback/at_task.py has written beside its order."""
    results = order.with_suffix(".results")
    # a killed play may break off in one
    lines = (
        [json.loads(line) for line in results.read_text().splitlines() if line.endswith("}")]
        if results.exists()
        else []
    )
    return Played(rc, stdout, [(line["task"], {**line["result"], "failed": line["failed"]}) for line in lines])


@dataclass
class Running:
    """A play that runs in the background."""

    order: Path
    future: Future[Played]

    def end(self) -> Played:
        """Wait until it has ended."""
        return self.future.result(900)

    def pid(self) -> int:
        return int(self.order.with_suffix(".pid").read_text())

    def send(self, number: int) -> None:
        """Send a signal to ansible-playbook, and to nothing that it started."""
        os.kill(self.pid(), number)

    def printed(self) -> str:
        """What the play has printed so far."""
        file = self.order.with_name("stdout")
        return file.read_text() if file.exists() else ""

    def done(self) -> list[str]:
        """The tasks at which something was done."""
        file = self.order.with_suffix(".done")
        return file.read_text().splitlines() if file.exists() else []

    def processes(self) -> list[int]:
        """What still runs of the play: all that has its environment."""
        mark = f"AT_TASK={self.order}".encode()
        found = []
        for entry in Path("/proc").glob("[0-9]*/environ"):
            with suppress(OSError):
                if mark in entry.read_bytes().split(b"\0"):
                    found.append(int(entry.parent.name))
        return found


@dataclass
class Customers:
    """Ask the public site and API without a pause; each answer is kept as (surface, what was seen)."""

    frontend_url: str
    backend_url: str
    seen: list[tuple[str, str]] = field(default_factory=list)

    def count(self) -> Counter:
        return Counter(self.seen)

    @contextmanager
    def watching(self) -> Iterator[Customers]:
        page, health = self.frontend_url + "/products", self.backend_url + "/health"
        with beside(
            partial(self._ask, "frontend", page, _release_of_page),
            partial(self._ask, "backend", health, _release_of_health),
        ):
            yield self

    def _ask(self, surface: str, url: str, release_of, stop: threading.Event) -> None:
        with requests.Session() as session:
            while not stop.wait(0.2):
                try:
                    answer = session.get(url, timeout=10)
                    self.seen.append((surface, release_of(answer) if answer.ok else f"status {answer.status_code}"))
                except requests.RequestException as error:
                    self.seen.append((surface, type(error).__name__))


# Systems of the checklist that are the same in every deploy: test_checklist.py has them asked. No registry here audits
# packages.
UNASKED: dict[str, dict[str, Any]] = {
    "secrets": {"folders": []},
    "dependencies": {"folders": []},
    "lighthouse": {"thresholds": {}},
}


def development(folder: Path, *storefronts: str, **variables: Any) -> str:
    """Write the inventory for development again, with these storefronts of the sandbox and with variables of theirs.
    Return its path.
    """
    if not folder.exists():
        folder.mkdir()
        for part in ("group_vars", "sandbox.sh"):
            (folder / part).symlink_to(ROOT / "inventories/development" / part)
        hosts = {name: variables or None for name in storefronts}
        (folder / "hosts.yml").write_text(json.dumps({"storefronts": {"hosts": hosts}}))
    return str(folder)


def _release_of_page(answer: requests.Response) -> str:
    return answer.text.partition('name="release" content="')[2].partition('"')[0] or "no release"


def _release_of_health(answer: requests.Response) -> str:
    return answer.json().get("release", "no release")


@dataclass
class Shop:
    """A storefront on the sandbox, and what may be asked of it."""

    sandbox: Any
    name: str
    folder: Path
    # Whether each play has credentials of its own, with the rights that docs/rights.md lists; NARROW=1 tries it for all
    narrow: bool = field(default_factory=lambda: bool(os.environ.get("NARROW")))

    @property
    def at(self) -> dict[str, Any]:
        return self.sandbox.storefront(self.name)

    def play(
        self,
        playbook: str,
        cmdline: str = "",
        inventory: str | None = None,
        at: list[dict[str, Any]] | None = None,
        **extra: Any,
    ) -> Played:
        """Run a playbook of the collection against this storefront, to its end. ``at`` is what happens at
        which task: see plugins/callback/at_task.py.
        """
        return self.begin(playbook, cmdline, inventory, at, **extra).end()

    def begin(
        self,
        playbook: str,
        cmdline: str = "",
        inventory: str | None = None,
        at: list[dict[str, Any]] | None = None,
        cancel: Callable[[], bool] | None = None,
        **extra: Any,
    ) -> Running:
        """Start a playbook and return while it runs. With ``cancel`` it is ansible-runner that runs it, and
        ends it once that says so.
        """
        folder = Path(tempfile.mkdtemp(dir=self.folder))  # a runner keeps the last play's options in its folder
        cloud = self.sandbox.state["cloud"]
        reach = {
            "url": cloud["control_url"],
            "token": cloud["control_token"],
            "database": self.sandbox.state["postgres"]["url"],
        }
        order = folder / "at.json"
        order.write_text(json.dumps([{**reach, **entry} for entry in at or []]))
        environment = {
            "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS),
            "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
            "SANDBOX_NAME": self.sandbox.name,
            "ANSIBLE_CALLBACK_PLUGINS": str(ROOT / "molecule/plugins/callback"),
            "ANSIBLE_CALLBACKS_ENABLED": "at_task,storefront.runbook.preload",
            "AT_TASK": str(order),
        }

        book, hosts = str(ROOT / "playbooks" / playbook), inventory or str(ROOT / "inventories/development")
        given = {**UNASKED, **extra.pop("preflight_systems", {})}
        options = {"store_endpoint_url": cloud["objects_url"], "preflight_systems": given, **extra}
        if self.narrow:
            options, environment["SANDBOX_SCOPES"] = self._narrowed(playbook.removesuffix(".yml"), options)

        def run() -> Played:
            given = folder / "options.json"
            given.write_text(json.dumps(options))
            argv = ["ansible-playbook", book, "-i", hosts, "-e", f"@{given}", *cmdline.split()]
            printed = folder / "stdout"
            with printed.open("w") as output:  # and no pipe, which what a killed play leaves would hold open
                done = subprocess.run(
                    argv,
                    cwd=folder,
                    env={**os.environ, **environment},
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    check=False,
                )
            return played(done.returncode, printed.read_text(), order)

        def run_by_runner() -> Played:
            runner = ansible_runner.run(
                **{"private_data_dir": str(folder), "playbook": book, "inventory": hosts, "extravars": options},
                **{"cmdline": cmdline or None, "envvars": environment, "cancel_callback": cancel, "quiet": True},
            )
            with runner.stdout as stream:
                return played(runner.rc, stream.read(), order)

        return Running(order, _background.submit(run_by_runner if cancel else run))

    def _narrowed(self, playbook: str, options: dict[str, Any]) -> tuple[dict[str, Any], str]:
        """Return options whose credentials have the rights of a playbook only, and the scopes of the inventory's."""
        rights, tokens = RIGHTS[playbook], self.sandbox.state["tokens"]
        of_token = {tokens[vendor]: names for vendor, names in rights.scopes.items()}
        narrowed = {
            name: scopes.narrow(value, of_token[value]) if isinstance(value, str) and value in of_token else value
            for name, value in options.items()
        }
        bucket, _unused, root = self.at["store"].removeprefix("s3://").partition("/")
        key = f"{self.name}-{rights.store or 'nothing'}"
        allowed = policy(rights.store, bucket, root) if rights.store else {"Statement": []}
        self.sandbox.cloud("PUT", f"/policies/{key}", allowed)
        of_platform = {"backend_token": self.at["railway"]["project_token"], "backend_token_type": "project"}
        none = {"backend_token": "none", "frontend_token": "none"}
        platform = of_platform if rights.platform else none
        own = {"store_access_key": key, **platform}
        if rights.sql in (READER, OBSERVER):
            own["database_url"] = self.database_url_of(rights.sql)
        self.may_create_databases(rights.sql == CREATOR)
        return {**own, **narrowed}, json.dumps(rights.scopes)

    def may_create_databases(self, may: bool) -> None:
        """Give the owner of the database the right that the sandbox gives it, or take it away."""
        self._as_superuser(f'ALTER ROLE "{self.name}" {"" if may else "NO"}CREATEDB')

    def database_url_of(self, rights: str) -> str:
        """Return the address of the database for a user with these rights, which is created once."""
        role, password = f"{self.name}-{rights}", "reads-only"
        if not self._as_superuser("SELECT 1 FROM pg_roles WHERE rolname = %s", role):
            for statement in statements_of(rights):
                named = {"role": f'"{role}"', "password": password, "database": f'"{self.name}"'}
                self._as_superuser(statement.format(**named))
        return f"postgresql://{role}:{password}@{self.at['database_url'].partition('@')[2]}"

    def _as_superuser(self, statement: str, *values: str) -> list[Any]:
        with closing(psycopg2.connect(self.sandbox.state["postgres"]["url"])) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(statement, values or None)
                return cursor.fetchall() if cursor.description else []

    def customers(self) -> Customers:
        return Customers(self.at["frontend_url"], self.at["backend_url"])

    def live(self) -> dict[str, str]:
        """The release that the public site and API report."""
        page = requests.get(self.at["frontend_url"] + "/", timeout=10)
        health = requests.get(self.at["backend_url"] + "/health", timeout=10)
        return {
            "frontend": _release_of_page(page) if page.ok else str(page.status_code),
            "backend": _release_of_health(health) if health.ok else str(health.status_code),
        }

    def rows(self) -> dict[str, int]:
        return customer.rows(self.at)

    def objects(self, prefix: str = "") -> dict[str, bytes]:
        """What the store holds below ``prefix``, by key."""
        bucket, _unused, root = self.at["store"].removeprefix("s3://").partition("/")
        s3 = self.sandbox.s3()
        listed = s3.list_objects_v2(Bucket=bucket, Prefix=f"{root}/{prefix}").get("Contents", [])
        return {
            entry["Key"].removeprefix(f"{root}/"): s3.get_object(Bucket=bucket, Key=entry["Key"])["Body"].read()
            for entry in listed
        }

    def ledger(self) -> list[dict[str, Any]]:
        return [json.loads(body) for _unused, body in sorted(self.objects("ledger/").items())]

    def lease(self) -> dict[str, Any]:
        return json.loads(self.objects("lease.json")["lease.json"])

    def fault(self, **what: Any) -> None:
        self.sandbox.cloud("POST", "/faults", what)

    def clear_faults(self) -> None:
        self.sandbox.cloud("DELETE", "/faults")

    def held(self) -> bool:
        """Whether a request is being held by a fault."""
        return bool(self.sandbox.cloud("GET", "/held"))

    def writes(self) -> list[dict[str, Any]]:
        """The vendor requests that may have changed something, since the scenario began."""
        requests = [request for request in self.sandbox.cloud("GET", "/requests") if request["vendor"] != "objects"]
        return [
            request
            for request in requests
            if request["method"] not in ("GET", "HEAD") and request["operation"] not in RAILWAY_READS
        ]

    def forget_requests(self) -> None:
        self.sandbox.cloud("DELETE", "/requests")

    def head(self, release: str) -> str:
        """The full SHA of a release."""
        words = ["git", "-C", self.sandbox.state["shop"]["repository"], "rev-parse", f"{release}^{{commit}}"]
        return subprocess.run(words, check=True, capture_output=True, text=True).stdout.strip()

    def passes_at_github(self, release: str) -> str:
        """Let CI pass on a release's commit at GitHub, and have bob approve the pull request that brought it in."""
        sha, at = self.head(release), f"/storefronts/{self.name}"
        runs = {"unit": "success", "e2e": "success"}
        self.sandbox.cloud("PUT", f"{at}/check-runs", {"sha": sha, "runs": runs})
        review = {"by": "bob", "state": "APPROVED", "commit": sha}
        pull = {"number": 7, "head": sha, "merge_commit": sha, "reviews": [review]}
        self.sandbox.cloud("PUT", f"{at}/pulls", {"pulls": [pull]})
        return sha

    def telling(self) -> dict[str, Any]:
        """Options with which a run is reported to Slack, GitHub and Sentry. GitHub is asked then, too."""
        tokens, cloud = self.sandbox.state["tokens"], self.sandbox.state["cloud"]
        return {
            **{f"notify_{vendor}_token": tokens[vendor] for vendor in ("slack", "github", "sentry")},
            **{f"notify_{vendor}_api_url": cloud[f"{vendor}_url"] for vendor in ("slack", "github", "sentry")},
            **{
                "notify_slack_channel": self.at["slack"]["channel"],
                "notify_github_repository": self.at["github"]["repository"],
            },
            **{"notify_sentry_organization": self.name, "notify_sentry_projects": [self.name]},
        }

    def posts(self) -> list[str]:
        """The messages of the shop's channel at Slack, the first one first."""
        kept = json.loads((Path(self.sandbox.state["root"]) / "cloud" / "state.json").read_text())
        return [message["text"] for message in kept["storefronts"][self.name]["slack"]["messages"]]

    def purge(self) -> None:
        """Empty the edge's cache by hand."""
        zone, cloud = self.at["cloudflare"]["zone"], self.sandbox.state["cloud"]
        headers = {"Authorization": f"Bearer {self.sandbox.state['tokens']['cloudflare']}"}
        requests.post(
            f"{cloud['cloudflare_url']}/zones/{zone}/purge_cache",
            json={"purge_everything": True},
            headers=headers,
            timeout=10,
        ).raise_for_status()

    def set_variable(self, service: str, name: str, value: str) -> None:
        """Change a variable of a service at Railway; what runs keeps the one it was started with until it
        is deployed again.
        """
        railway = self.at["railway"]
        place = {"projectId": railway["project"], "environmentId": railway["environment"], "serviceId": service}
        document = "mutation($input: VariableCollectionUpsertInput!) { variableCollectionUpsert(input: $input) }"
        body = {"query": document, "variables": {"input": {**place, "variables": {name: value}, "skipDeploys": True}}}
        headers = {"Authorization": f"Bearer {self.sandbox.state['tokens']['railway']}"}
        requests.post(
            f"{self.sandbox.state['cloud']['railway_url']}/graphql/v2", json=body, headers=headers, timeout=10
        ).raise_for_status()

    def running_units(self) -> list[str]:
        """The units of the backend that run."""
        return [
            unit["name"] for unit in self.sandbox.cloud("GET", "/processes") if unit["name"].startswith(f"{self.name}-")
        ]

    def link(self) -> None:
        """Connect the project and the backend's services to the shop's repository: a push is deployed automatically."""
        self.sandbox.cloud("POST", f"/storefronts/{self.name}/git", {"root_directory": "apps/frontend"})
        url, vercel = self.sandbox.state["cloud"]["vercel_url"], self.at["vercel"]
        headers = {"Authorization": f"Bearer {self.sandbox.state['tokens']['vercel']}"}
        project, served_at_once = (
            f"{url}/v9/projects/{vercel['project']}?teamId={vercel['team']}",
            {"autoAssignCustomDomains": True},
        )
        requests.patch(project, json=served_at_once, headers=headers, timeout=10).raise_for_status()
        for unit in self.at["railway"]["services"]:
            where = {
                "service": unit,
                "repository": self.sandbox.state["shop"]["repository"],
                "root_directory": "apps/backend",
            }
            self.sandbox.cloud("POST", f"/storefronts/{self.name}/railway/connect", where)
        self.forget_requests()

    def built(self, release: str) -> int:
        """How many deployments of a release there are at Vercel."""
        url, vercel = self.sandbox.state["cloud"]["vercel_url"], self.at["vercel"]
        headers = {"Authorization": f"Bearer {self.sandbox.state['tokens']['vercel']}"}
        query: dict[str, Any] = {"projectId": vercel["project"], "teamId": vercel["team"], "limit": 100}
        listed = requests.get(f"{url}/v7/deployments", params=query, headers=headers, timeout=10).json()["deployments"]
        return sum(deployment["meta"].get("release") == release for deployment in listed)

    def serve(self, release: str) -> None:
        """Promote a deployment of a release as somebody does in Vercel's dashboard."""
        url, vercel = self.sandbox.state["cloud"]["vercel_url"], self.at["vercel"]
        headers = {"Authorization": f"Bearer {self.sandbox.state['tokens']['vercel']}"}
        team = {"teamId": vercel["team"]}
        query = {"projectId": vercel["project"], **team}
        listed = requests.get(f"{url}/v7/deployments", params=query, headers=headers, timeout=10).json()["deployments"]
        key = next(one["uid"] for one in listed if one["meta"].get("release") == release)
        promote = f"{url}/v10/projects/{vercel['project']}/promote/{key}"
        requests.post(promote, params=team, headers=headers, timeout=10).raise_for_status()
        self.settle()

    def units_with_a_root(self) -> list[dict[str, str]]:
        """The backend's units where Railway itself knows the folder of the repository: the whole of it is uploaded."""
        kinds = {"api": "web", "worker": "worker"}
        return [
            {"name": unit, "kind": kinds[unit], "service": service, "root_directory": ""}
            for unit, service in self.at["railway"]["services"].items()
        ]

    def push(self, release: str) -> None:
        self.sandbox.cloud("POST", f"/storefronts/{self.name}/push", {"ref": release})

    def settle(self) -> None:
        """Wait until the platforms have done what a push made them do."""
        busy = f"/storefronts/{self.name}/busy"
        assert wait_until(lambda: not self.sandbox.cloud("GET", busy), 120), "the platforms are still building"

    def age_the_lease(self, deadline: str = "2020-01-01T00:00:00.000Z") -> None:
        """Let the lease's time run out, as if its holder had stood still for that long; or set another deadline."""
        lease = self.lease()
        bucket, _unused, root = self.at["store"].removeprefix("s3://").partition("/")
        aged = {**lease, "deadline": deadline}
        self.sandbox.s3().put_object(Bucket=bucket, Key=f"{root}/lease.json", Body=json.dumps(aged).encode())


@dataclass
class Cold:
    """The first deploy to a shop on which nothing was live, and how it went."""

    shop: Shop
    deployed: Played


@pytest.fixture(scope="session")
def cold(sandbox, tmp_path_factory) -> Cold:
    shop = Shop(sandbox, "shop", tmp_path_factory.mktemp("cold"))
    back_to(sandbox, "empty") if sandbox.has_saved("shop", "empty") else sandbox.save("shop", "empty")
    shop.clear_faults()
    return Cold(shop, shop.play("deploy.yml", release="v1.0.0"))


@pytest.fixture(scope="session")
def base(request, sandbox) -> None:
    """v1.0.0 is live and has an order in its database; saved once."""
    if not sandbox.has_saved("shop", "base"):
        cold = request.getfixturevalue("cold")
        assert cold.deployed.rc == 0, cold.deployed.stdout
        customer.fill_shelves(cold.shop.at)
        customer.buy(cold.shop.at)
        sandbox.save("shop", "base")


def back_to(sandbox: Any, label: str) -> None:
    """Put the shop back to what was saved, with no fault and no request remembered."""
    sandbox.cloud("DELETE", "/faults")
    sandbox.restore("shop", label)
    sandbox.cloud("DELETE", "/requests")


@pytest.fixture
def shop(base, sandbox, tmp_path) -> Iterator[Shop]:
    """The shop as `base` left it."""
    back_to(sandbox, "base")
    made = Shop(sandbox, "shop", tmp_path)
    yield made
    if made.narrow:
        made.may_create_databases(True)
    sandbox.cloud("DELETE", "/faults")


@pytest.fixture
def empty_shop(base, sandbox, tmp_path) -> Iterator[Shop]:
    """The shop before its first release."""
    back_to(sandbox, "empty")
    yield Shop(sandbox, "shop", tmp_path)
    sandbox.cloud("DELETE", "/faults")


@pytest.fixture(scope="module")
def one_shop(base, sandbox, tmp_path_factory) -> Iterator[Shop]:
    """The shop as `base` left it, one for all scenarios of a file, each of which continues from the one before."""
    back_to(sandbox, "base")
    yield Shop(sandbox, "shop", tmp_path_factory.mktemp("one"))
    sandbox.cloud("DELETE", "/faults")


@pytest.fixture(scope="session")
def released(base, sandbox, tmp_path_factory) -> None:
    """v1.1.0 is live over v1.0.0; saved once."""
    if not sandbox.has_saved("shop", "released"):
        back_to(sandbox, "base")
        played = Shop(sandbox, "shop", tmp_path_factory.mktemp("released")).play("deploy.yml", release="v1.1.0")
        assert played.rc == 0, played.stdout
        sandbox.save("shop", "released")


@pytest.fixture
def released_shop(released, shop, sandbox) -> Shop:
    """The shop as `released` left it."""
    back_to(sandbox, "released")
    return shop


@pytest.fixture
def hold_the_lease(shop):
    """Returns a function that takes the shop's lease as somebody else, for a reason also from its holder."""
    from ansible_collections.storefront.runbook.plugins.module_utils.release.lease import take
    from ansible_collections.storefront.runbook.plugins.module_utils.store.base import unguarded
    from ansible_collections.storefront.runbook.plugins.module_utils.store.open import open_store

    def hold(holder: str, release: str, reason: str | None = None) -> None:
        s3 = shop.sandbox.state["s3"]
        options = {f"store_{key}": s3[key] for key in ("endpoint_url", "access_key", "secret_key", "region")}
        take(
            open_store({"store": shop.at["store"], "store_is_shared": False, **options}, unguarded),
            holder=holder,
            release=release,
            reason=reason,
        )

    return hold
