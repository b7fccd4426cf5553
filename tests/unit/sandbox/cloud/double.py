# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A running double with clients for its APIs, and apps small enough to build and start in a moment."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import signal
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest

from sandbox.cloud.server import free_port
from sandbox.state import SandboxError
from sandbox.tools import node_bin as find_node

CHECKOUT = Path(__file__).parents[4]
VENDORS = ("vercel", "railway", "render", "cloudflare", "github", "slack", "sentry", "stripe", "mail")
TOKENS = {name: f"{name}-token" for name in (*VENDORS, "control")}

PAGES = """
import { mkdirSync, writeFileSync, readFileSync } from "node:fs";
const { version } = JSON.parse(readFileSync("package.json"));
console.log(`building ${version}`);
mkdirSync("out", { recursive: true });
writeFileSync("out/index.html", `<meta name="release" content="v${version}"><p>${process.env.NEXT_PUBLIC_API_URL}</p>`);
writeFileSync("out/products.html", "products");
writeFileSync("out/404.html", "nothing here");
writeFileSync("out/release.json", JSON.stringify({ release: `v${version}` }));
"""

SERVER = """
import { createServer } from "node:http";
import { readFileSync } from "node:fs";
const { version, healthy } = JSON.parse(readFileSync("package.json"));
const server = createServer((request, response) => {
  const url = new URL(request.url, "http://localhost");
  const answer = (status, body) => response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
  if (url.pathname === "/health") return answer(healthy ? 200 : 503, { status: healthy ? "healthy" : "unhealthy", release: `v${version}` });
  if (url.pathname === "/slow") return setTimeout(() => answer(200, { release: `v${version}` }), Number(url.searchParams.get("ms")));
  if (url.pathname === "/variable") return answer(200, { value: process.env[url.searchParams.get("name")] ?? null });
  if (url.pathname === "/die") return process.exit(3);
  return answer(200, { release: `v${version}` });
});
server.listen(Number(process.env.PORT), "127.0.0.1", () => console.log(`listening as v${version}`));
process.on("SIGTERM", () => process.exit(0)); // with what it is answering cut off: the platform has to drain it
"""  # noqa: E501


def node_bin() -> Path:
    """Return the folder with Node; skip where the sandbox would not find one."""
    try:
        return find_node()
    except SandboxError as error:
        pytest.skip(str(error))


def frontend(release: str, **more: str) -> dict[str, bytes]:
    """Return the files of a site whose build writes out/, in a second or less."""
    manifest = {"name": "frontend", "version": release.removeprefix("v"), "scripts": {"build": "node build.mjs"}}
    return {
        "package.json": json.dumps(manifest).encode(),
        "build.mjs": PAGES.encode(),
        **{name: text.encode() for name, text in more.items()},
    }


def backend(release: str, *, healthy: bool = True, start: str = "node server.mjs") -> dict[str, bytes]:
    """Return the files of a server that reports its release, and whether it is healthy."""
    manifest = {
        "name": "backend",
        "version": release.removeprefix("v"),
        "type": "module",
        "healthy": healthy,
        "scripts": {"start": start, "worker": start},
    }
    return {"package.json": json.dumps(manifest).encode(), "server.mjs": SERVER.encode()}


def repository(folder: Path, *releases: str) -> Path:
    """Make a git repository with a frontend in apps/frontend and a tag for each release."""
    quiet = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull, "PATH": os.environ["PATH"]}

    def git(*words: str) -> None:
        subprocess.run(
            ["git", "-C", str(folder), "-c", "user.name=test", "-c", "user.email=test@shop.example", *words],
            check=True,
            env=quiet,
        )

    (folder / "apps" / "frontend").mkdir(parents=True)
    (folder / "README.md").write_text("what no build of the frontend sees")
    git("init", "--quiet")
    for release in releases:
        for name, content in frontend(release).items():
            (folder / "apps" / "frontend" / name).write_bytes(content)
        git("add", ".")
        git("commit", "--quiet", "--message", f"Release {release}")
        git("tag", release)
    return folder


def tarball(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, content in files.items():
            entry = tarfile.TarInfo(f"./{name}")
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return gzip.compress(buffer.getvalue())


def sha1(content: bytes) -> str:
    return hashlib.sha1(content).hexdigest()


def until(question: Callable[[], Any], seconds: float = 20) -> Any:
    """Ask until the answer is true, and return it."""
    deadline = time.monotonic() + seconds
    while not (answer := question()):
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(0.02)
    return answer


class Double:
    """The double as its supervisor runs it: a process with a state folder."""

    def __init__(self, folder: Path, cache: Path, **more: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.log = folder, folder / "log"
        self.ports = {name: free_port() for name in (*TOKENS, "objects", "npm", "smtp")}
        config = {
            **{
                "state_dir": str(folder / "state"),
                "cache_dir": str(cache),
                "ports": self.ports,
                "tokens": TOKENS,
                "node_bin": str(node_bin()),
            },
            # any server that answers shows what is handed on
            **{"s3_url": f"http://127.0.0.1:{self.ports['control']}", **more},
        }
        self.config = folder / "config.json"
        self.config.write_text(json.dumps(config))
        clients = {
            name: httpx.Client(
                base_url=f"http://127.0.0.1:{port}",
                headers={"authorization": f"Bearer {TOKENS.get(name)}"},
                timeout=20,
                trust_env=False,
            )
            for name, port in self.ports.items()
        }
        self.control, self.vercel, self.railway, self.cloudflare = (
            clients[name] for name in ("control", "vercel", "railway", "cloudflare")
        )
        self.render, self.stripe, self.mail = clients["render"], clients["stripe"], clients["mail"]
        self.github, self.slack, self.sentry, self._clients = (
            clients["github"],
            clients["slack"],
            clients["sentry"],
            clients,
        )
        self.public = httpx.Client(timeout=20, trust_env=False)
        self.start()

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "sandbox.cloud", "--config", str(self.config)],
                cwd=CHECKOUT,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        until(self.is_well)

    def is_well(self) -> bool:
        assert self.process.poll() is None, self.log.read_text()
        try:
            return self.control.get("/health").status_code == 200
        except httpx.TransportError:
            return False

    def stop(self, by: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(by)
        return self.process.wait(20)

    def close(self) -> None:
        if self.process.poll() is None:
            self.stop()
        for client in (*self._clients.values(), self.public):
            client.close()

    def tell(self, method: str, path: str, body: Any = None) -> Any:
        answer = self.control.request(method, path, json=body)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def fault(self, vendor: str, operation: str, kind: str, **more: Any) -> None:
        self.tell("POST", "/faults", {"vendor": vendor, "operation": operation, "kind": kind, **more})

    def storefront(self, name: str, **variables: str) -> Shop:
        made, order = self.provision(name, variables)
        return Shop(self, name, made, order)

    def provision(self, name: str, variables: Mapping[str, str], **more: str) -> tuple[dict[str, Any], dict[str, Any]]:
        """Make a storefront and return it with what was ordered."""
        ports = [free_port() for _unused in range(4)]
        order = {
            "name": name,
            "database_url": "postgresql://nobody@127.0.0.1:1/none",
            "redis_url": "redis://127.0.0.1:1/0",
            "edge_ports": {"frontend": ports[0], "backend": ports[1]},
            "origin_ports": {"frontend": ports[2], "backend": ports[3]},
            "variables": dict(variables),
            **more,
        }
        return self.tell("POST", "/storefronts", order), order


class Shop:
    """One storefront, with the steps of a deploy in a line each."""

    def __init__(self, double: Double, name: str, made: dict[str, Any], order: dict[str, Any]) -> None:
        self.double, self.name, self.made, self.order = double, name, made, order
        self.frontend_url, self.backend_url = made["frontend_url"], made["backend_url"]
        self.project, self.team = made["vercel"]["project"], made["vercel"]["team"]
        self.services = made["railway"]["services"]
        self.zone = f"/client/v4/zones/{made['cloudflare']['zone']}"

    # Vercel

    def vercel(self, method: str, path: str, **request: Any) -> httpx.Response:
        return self.double.vercel.request(
            method, path, params={"teamId": self.team, **request.pop("params", {})}, **request
        )

    def upload(self, content: bytes) -> httpx.Response:
        return self.vercel("POST", "/v2/files", content=content, headers={"x-vercel-digest": sha1(content)})

    def create(self, files: dict[str, bytes], **more: Any) -> httpx.Response:
        """Upload and create a production deployment."""
        for content in files.values():
            assert self.upload(content).status_code == 200
        listed = [{"file": name, "sha": sha1(content), "size": len(content)} for name, content in files.items()]
        return self.vercel(
            "POST",
            "/v13/deployments",
            json={"name": self.name, "project": self.project, "target": "production", "files": listed, **more},
        )

    def site_deployment(self, key: str) -> dict[str, Any]:
        return self.vercel("GET", f"/v13/deployments/{key}").json()

    def stage(self, release: str, **more: str) -> str:
        """Build a release without serving it, and return its deployment's id."""
        self.vercel("PATCH", f"/v9/projects/{self.project}", json={"autoAssignCustomDomains": False})
        key = self.create(frontend(release, **more), meta={"release": release}).json()["id"]
        until(lambda: self.site_deployment(key)["readyState"] in ("READY", "ERROR"))
        return key

    def point(self, verb: str, key: str) -> httpx.Response:
        return self.vercel("POST", f"/v{10 if verb == 'promote' else 1}/projects/{self.project}/{verb}/{key}", json={})

    def vercel_project(self) -> dict[str, Any]:
        return self.vercel("GET", f"/v9/projects/{self.project}").json()

    def promote(self, key: str) -> None:
        assert self.point("promote", key).status_code == 201
        until(lambda: self.job() == "succeeded")

    def job(self) -> str:
        return (self.vercel_project()["lastAliasRequest"] or {}).get("jobStatus", "")

    # Railway

    def graphql(self, query: str, token: Mapping[str, str] | None = None, **variables: Any) -> dict[str, Any]:
        return self.double.railway.post(
            "/graphql/v2", json={"query": query, "variables": variables}, headers=token
        ).json()

    def up(self, files: dict[str, bytes], unit: str = "api", message: str = "") -> httpx.Response:
        railway = self.made["railway"]
        path = f"/project/{railway['project']}/environment/{railway['environment']}/up"
        headers = {"content-type": "application/gzip"}
        return self.double.railway.post(
            path, params={"serviceId": self.services[unit], "message": message}, content=tarball(files), headers=headers
        )

    def deploy(self, release: str, unit: str = "api", wait: str = "SUCCESS", **more: Any) -> str:
        """Deploy a release of the backend and return its deployment's id once it is ``wait``."""
        key = self.up(backend(release, **more), unit, f"{release} message").json()["deploymentId"]
        until(lambda: self.deployment(key)["status"] == wait)
        return key

    def deployment(self, key: str) -> dict[str, Any]:
        answer = self.graphql(
            "query($id: String!) { deployment(id: $id) { id status canRollback deploymentStopped meta createdAt } }",
            id=key,
        )
        return answer["data"]["deployment"]

    def deployments(self, unit: str = "api") -> list[dict[str, Any]]:
        query = (
            "query($input: DeploymentListInput!) { deployments(input: $input) { edges { node { id status meta"
            " canRollback } } } }"
        )
        wanted = {
            "projectId": self.made["railway"]["project"],
            "environmentId": self.made["railway"]["environment"],
            "serviceId": self.services[unit],
        }
        return [edge["node"] for edge in self.graphql(query, input=wanted)["data"]["deployments"]["edges"]]

    def mutate(self, name: str, **arguments: str) -> dict[str, Any]:
        """Run a mutation whose arguments are all of the type String!."""
        declared = ", ".join(f"${key}: String!" for key in arguments)
        return self.graphql(
            f"mutation({declared}) {{ {name}({', '.join(f'{key}: ${key}' for key in arguments)}) }}", None, **arguments
        )

    def set_variables(self, values: dict[str, str], **more: Any) -> dict[str, Any]:
        railway = self.made["railway"]
        place = {
            "projectId": railway["project"],
            "environmentId": railway["environment"],
            "serviceId": self.services["api"],
        }
        query = "mutation($input: VariableCollectionUpsertInput!) { variableCollectionUpsert(input: $input) }"
        return self.graphql(query, input={**place, "variables": values, **more})

    # What the public sees

    def page(self, path: str = "/release.json") -> httpx.Response:
        return self.double.public.get(self.frontend_url + path)

    def own_page(self, deployment: str, path: str = "/release.json") -> httpx.Response:
        """Ask a deployment at its own URL."""
        return self.double.public.get(f"http://{self.site_deployment(deployment)['url']}{path}")

    def api(self, path: str = "/", **more: Any) -> httpx.Response:
        return self.double.public.get(self.backend_url + path, **more)

    def purge(self, **what: Any) -> httpx.Response:
        return self.double.cloudflare.post(f"{self.zone}/purge_cache", json=what)
