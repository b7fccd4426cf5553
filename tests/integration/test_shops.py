# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Five shops of other shapes than the example are brought up from their own files. A new user of the installed
collection writes his operations project, is refused for his mistakes, and deploys; then three of them are deployed
again from the checkout, and rolled back.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

from conftest import TEST_SANDBOX
from sandbox import lifecycle
from sandbox.state import CHECKOUT, folder_of
from sandbox.storefront import Sandbox
from tests.integration.installed import Installed
from tests.integration.newcomer import Newcomer

NAME = f"{TEST_SANDBOX}-shops"
SHOPS = Path(__file__).parent / "shops"
ADD_COLUMN = 'ALTER TABLE "Product" ADD COLUMN "stock" INTEGER NOT NULL DEFAULT 0;\n'


def run(*words: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "SANDBOX_NAME": NAME}
    return subprocess.run(
        words, cwd=CHECKOUT, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )


def up(*options: str) -> subprocess.CompletedProcess[str]:
    return run(sys.executable, "-m", "sandbox", "up", "--name", NAME, *options)


def play(playbook: str, *options: str) -> str:
    """Run a playbook as the page describes, and return its output."""
    done = run("ansible-playbook", f"playbooks/{playbook}.yml", "-i", "inventories/development", *options)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def git(folder: Path, *words: str) -> None:
    quiet = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull, "PATH": os.environ["PATH"]}
    subprocess.run(
        ["git", "-c", "user.name=test", "-c", "user.email=test@shop.example", *words], cwd=folder, check=True, env=quiet
    )


def release(folder: Path, tag: str) -> None:
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", f"Release {tag}")
    git(folder, "tag", tag)


def make_shop(name: str, folder: Path, more: Callable[[Path], None]) -> Path:
    """Make a shop's git repository with the releases v1.0.0 and v1.1.0, which ``more`` makes of the first."""
    shutil.copytree(SHOPS / name, folder)
    git(folder, "init", "--quiet")
    release(folder, "v1.0.0")
    more(folder)
    release(folder, "v1.1.0")
    return folder


def raise_version(path: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        file = folder / path
        file.write_text(file.read_text().replace("1.0.0", "1.1.0", 1))

    return change


def add_migration(folder: Path) -> None:
    raise_version("apps/api/package.json")(folder)
    migration = folder / "packages/db/prisma/migrations/20260302090000_stock/migration.sql"
    migration.parent.mkdir()
    migration.write_text(ADD_COLUMN)


@pytest.fixture(autouse=True)
def stopped() -> Iterator[None]:
    lifecycle.down(NAME, say=lambda line: None)
    yield
    lifecycle.down(NAME, say=lambda line: None)


def new_user(installed: Installed, shop: Path) -> Newcomer:
    """Return a new user with the operations project of a shop that is up, and what was left open filled in."""
    user = Newcomer(installed, Sandbox.load(NAME), shop)
    said = user.init()
    assert "still to be filled in for production: store" in said
    assert user.inventory()["source_path"] == "../../shop", "relative to the inventory's folder"
    user.fill_in()
    return user


def first_days(user: Newcomer, health: str) -> list[str]:
    """Take a shop that is up through its first days; return the release that its API reported after each step."""
    shop = user.at
    files = user.installed.files()

    def live() -> str:
        return requests.get(shop["backend_url"] + health, timeout=20).json()["release"]

    user.deploys()
    seen = [live()]
    assert user.installed.files() == files, "nothing is written to the installed collection"
    for playbook, options in (("deploy", ["-e", "release=v1.1.0"]), ("rollback", [])):
        said = play(playbook, *options)
        assert "INCOMPLETE" not in said
        seen.append(live())
    return seen


@pytest.mark.long
def test_a_single_app_that_has_the_database_itself(tmp_path: Path, installed: Installed) -> None:
    folder = make_shop("single", tmp_path / "shop", raise_version("package.json"))
    done = up("--shop", str(folder))
    assert done.returncode == 0, done.stderr
    assert "frontend is the top folder, served by next start" in done.stdout
    user = new_user(installed, folder)
    assert user.inventory()["surfaces"] == ["database", "frontend"]
    user.deploys()
    page = requests.get(user.at["frontend_url"], timeout=20)
    assert 'name="release" content="v1.0.0"' in page.text
    assert ">0<!-- --> products" in page.text, "the table of the migration is there"
    assert violations() == []


@pytest.mark.long
def test_an_api_and_its_worker_with_redis(tmp_path: Path, installed: Installed) -> None:
    folder = make_shop("redis", tmp_path / "shop", raise_version("package.json"))
    done = up("--shop", str(folder))
    assert done.returncode == 0, done.stderr
    user = new_user(installed, folder)
    found = user.inventory()
    assert found["surfaces"] == ["database", "backend"]
    assert [(unit["name"], unit["kind"]) for unit in found["backend_units"]] == [("api", "web"), ("worker", "worker")]
    user.deploys()
    health = requests.get(f"{user.at['backend_url']}/health", timeout=20).json()
    assert health == {"status": "ok", "release": "v1.0.0", "products": 0, "redis": "PONG"}
    assert violations() == []


def follow(ray: str) -> set[str]:
    """Return the units that have lines of a request."""
    document = json.loads(play("logs", "-e", f"request={ray}", "-e", "output=json"))
    return {line["unit"] for line in document["storefronts"]["shop"]["lines"]}


def violations() -> list[Any]:
    return Sandbox.load(NAME).cloud("GET", "/violations")["violations"]


def test_a_pnpm_workspace_with_a_site_that_next_serves(tmp_path: Path, installed: Installed) -> None:
    folder = make_shop("workspace", tmp_path / "shop", raise_version("packages/release/index.js"))
    done = up("--shop", str(folder))
    assert done.returncode == 0, done.stderr
    assert "health at /api/healthz, port in API_PORT" in done.stdout
    assert "frontend is apps/web, served by next start" in done.stdout
    user = new_user(installed, folder)
    found = user.inventory()
    assert found["frontend_project"] == user.at["vercel"]["project"]
    assert [unit["service"] for unit in found["backend_units"]] == [user.at["railway"]["services"]["api"]]
    user.refused(
        "deploy.yml",
        without=("frontend_url",),
        verify_wait_timout=30,
        backend_project="CHANGE_ME",
        backend_url="api.acme.shop",
        words=(
            "frontend_url is missing: Public URL of the shop.",
            "did you mean verify_wait_timeout?",
            "backend_project is still to be filled in (CHANGE_ME)",
            "backend_url must begin with https:// or http://: https://api.acme.shop",
        ),
    )
    user.refused("deploy.yml", frontend_token="not-a-token", words=("Vercel", "token"))
    user.refused("preflight.yml", "-e", "dest=x", words=("dest is for init.yml",))
    assert first_days(user, "/api/healthz") == ["v1.0.0", "v1.1.0", "v1.0.0"]
    page = requests.get(Sandbox.load(NAME).storefront()["frontend_url"], timeout=20)
    assert 'name="release" content="v1.0.0"' in page.text
    assert "Good day" in page.text  # asked of the API when the page was
    assert follow(page.headers["cf-ray"]) == {"frontend", "api"}
    assert violations() == []


def test_a_yarn_app_at_render_with_an_api_and_nothing_else(tmp_path: Path, installed: Installed) -> None:
    folder = make_shop("api", tmp_path / "shop", raise_version("package.json"))
    done = up("--shop", str(folder), "--backend", "render")
    assert done.returncode == 0, done.stderr
    assert "installed with yarn 1.22.22" in done.stdout
    user = new_user(installed, folder)
    assert user.inventory()["surfaces"] == ["backend"]
    user.refused("deploy.yml", without=("backend_url",), words=("backend_url is missing: Public URL of the API.",))
    git(folder, "commit", "--quiet", "--allow-empty", "--message", "Work continues")
    user.refused("deploy.yml", words=("release is missing", "has no version tag", "newest releases are v1.1.0, v1.0.0"))
    git(folder, "reset", "--quiet", "--hard", "v1.1.0")
    assert first_days(user, "/up") == ["v1.0.0", "v1.1.0", "v1.0.0"]
    code, said = user.play("rollback.yml", "-i", "production", "-e", "to=v9")
    assert code == 2
    assert "A rollback to v9 is not possible" in said
    assert "Possible targets:" in said
    again = user.init()
    assert "production/group_vars/storefronts/vars.yml would be written differently" in again
    assert "-source_path" in again or "+store: s3://FILL_IN" in again
    assert violations() == []


@pytest.mark.long
def test_an_npm_turborepo_with_its_schema_in_a_package(tmp_path: Path, installed: Installed) -> None:
    folder = make_shop("turbo", tmp_path / "shop", add_migration)
    done = up("--shop", str(folder))
    assert done.returncode == 0, done.stderr
    assert "database has its migrations in packages/db/prisma/migrations" in done.stdout
    user = new_user(installed, folder)
    assert user.inventory()["database_root_directory"] == "packages/db"
    code, said = user.play("preflight.yml", "-i", "production")
    assert code == 0, said
    assert "GO: v1.1.0 can go out to shop" in said, "the tag that is checked out"
    old = tmp_path / "old"
    old.mkdir()
    for program in ("pg_dump", "pg_restore", "psql"):
        (old / program).write_text(f"#!/bin/sh\necho '{program} (PostgreSQL) 9.6.24'\n")
        (old / program).chmod(0o755)
    user.refused("deploy.yml", database_postgres_bin=str(old), words=("pg_dump", "9.6", "postgres_bin"))
    user.refused("deploy.yml", database_url="FILL_IN", words=("database_url is still to be filled in",))
    user.refused("restore.yml", words=("-e backup=latest", "-e undo=true"))
    assert first_days(user, "/health") == ["v1.0.0", "v1.1.0", "v1.0.0"]
    shop = Sandbox.load(NAME).storefront()
    assert requests.get(f"{shop['backend_url']}/health", timeout=20).json()["products"] == 0
    assert violations() == []


def without_a_lockfile(folder: Path) -> None:
    (folder / "yarn.lock").unlink()


def with_another_package_manager(folder: Path) -> None:
    (folder / "yarn.lock").rename(folder / "bun.lock")


def with_an_unknown_yarn(folder: Path) -> None:
    manifest = folder / "package.json"
    manifest.write_text(manifest.read_text().replace('"private"', '"packageManager": "yarn@1.999.0",\n  "private"'))


def with_two_sites(folder: Path) -> None:
    for site in ("shop", "admin"):
        (folder / site).mkdir()
        (folder / site / "package.json").write_text(
            '{"scripts": {"build": "next build"}, "dependencies": {"next": "16.4.5"}}'
        )
        (folder / site / "package-lock.json").write_text('{"lockfileVersion": 3}')


def with_a_download(folder: Path) -> None:
    manifest = folder / "package.json"
    manifest.write_text(manifest.read_text().replace('"fastify"', '"bcrypt": "^5.1.1",\n    "fastify"'))


@pytest.mark.parametrize(
    ("change", "file", "remedy"),
    [
        (without_a_lockfile, "package.json", "commit the lockfile"),
        (with_another_package_manager, "bun.lock", "Use npm, pnpm or yarn"),
        (with_an_unknown_yarn, "yarn.lock", "(packageManager)"),
        (with_two_sites, "admin/package.json", "frontend.package="),
        (with_a_download, "package.json", "--online"),
    ],
)
def test_a_shop_that_cannot_be_run_is_refused_before_anything_starts(
    tmp_path: Path, change: Callable[[Path], None], file: str, remedy: str
) -> None:
    folder = tmp_path / "shop"
    shutil.copytree(SHOPS / "api", folder)
    change(folder)
    git(folder, "init", "--quiet")
    release(folder, "v1.0.0")
    done = up("--shop", str(folder))
    assert done.returncode == 1
    assert done.stdout == ""
    assert file in done.stderr
    assert remedy in done.stderr
    assert not (folder_of(NAME) / "state.json").exists()


def test_what_is_no_repository_with_a_release_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "shop"
    assert "There is no folder" in up("--shop", str(folder)).stderr
    assert "the path is empty" in up("--shop", "").stderr
    assert f"{__file__} is a file" in up("--shop", __file__).stderr
    shutil.copytree(SHOPS / "turbo", folder)
    assert "git init" in up("--shop", str(folder)).stderr
    git(folder, "init", "--quiet")
    assert "git commit" in up("--shop", str(folder)).stderr
    release(folder, "v1.0.0")
    assert f"inside the git repository {folder}" in up("--shop", str(folder / "apps")).stderr
    assert "UNIT.SETTING=VALUE" in up("--shop", str(folder), "--set", "health").stderr
    assert "the unit api" in up("--shop", str(folder), "--set", "api.path=/x").stderr.lower()
    assert "--shop PATH" in up("--set", "api.health=/x").stderr


def test_a_sandbox_keeps_its_shop(tmp_path: Path) -> None:
    folder = make_shop("api", tmp_path / "shop", raise_version("package.json"))
    assert up("--shop", str(folder)).returncode == 0
    assert up().returncode == 0
    assert Sandbox.load(NAME).state["shop"]["repository"] == str(folder)
    refused = up("--shop", str(make_shop("api", tmp_path / "other", raise_version("package.json"))))
    assert (refused.returncode, f"python -m sandbox down --name {NAME}" in refused.stderr) == (1, True)
    changed = up("--shop", str(folder), "--set", "api.start=node other.js")
    assert (changed.returncode, "node other.js" in changed.stdout) == (0, True)
    services = Sandbox.load(NAME).cloud("GET", "/storefronts/shop/kept")["services"].values()
    assert [service["settings"]["startCommand"] for service in services] == ["node other.js"]


# The installed collection itself


def test_a_module_alone_says_that_it_runs_on_the_controller(tmp_path: Path, installed: Installed) -> None:
    (tmp_path / "hosts.yml").write_text("storefronts: {hosts: {no-such-host.invalid: {}}}\n")
    checks = json.dumps(
        {"checks": [{"name": "nothing", "url": "http://127.0.0.1:9/"}], "timeout": 1, "wait_timeout": 1}
    )
    module = ("no-such-host.invalid", "-m", "storefront.runbook.health_check", "-a", checks, "-i", "hosts.yml")
    unreachable = installed.run("ansible", *module, cwd=tmp_path)
    assert unreachable.returncode == 4
    assert "add -c local, or set ansible_connection: local" in unreachable.stdout
    there = installed.run("ansible", *module, "-c", "local", cwd=tmp_path)
    assert there.returncode == 2, "it ran: the site is not healthy"
    assert "nothing" in there.stdout
    assert "UNREACHABLE" not in there.stdout


def test_the_artefact_has_what_the_playbooks_need_and_nothing_of_development(installed: Installed) -> None:
    top = {path.partition("/")[0] for path in installed.files()}
    assert top == {"meta", "plugins", "roles", "playbooks", "MANIFEST.json", "FILES.json"}
    listed = json.loads((installed.folder / "FILES.json").read_text())["files"]
    shipped = {entry["name"].partition("/")[0] for entry in listed}
    # .ansible-lint is shipped: Galaxy's importer reads from it what the meta files of the playbooks are
    assert shipped & {"tests", "molecule", "sandbox", "setup.sh", "requirements-dev.lock"} == set()
    assert {"README.md", "LICENSE", "docs", "changelogs", "requirements.txt", "bindep.txt"} <= shipped


def test_an_execution_environment_has_what_the_collection_needs(tmp_path: Path, installed: Installed) -> None:
    definition = CHECKOUT / "extensions/execution-environment/execution-environment.yml"
    built = run("ansible-builder", "create", "--file", str(definition), "--context", str(tmp_path / "context"))
    assert built.returncode == 0, built.stdout + built.stderr
    assert "storefront.runbook" in (tmp_path / "context/_build/requirements.yml").read_text()
    image = (tmp_path / "context/Dockerfile").read_text()
    assert "ANSIBLE_STDOUT_CALLBACK=storefront.runbook.operator" in image
    # What the build of the image does with the collection: it reads the lists of Python and system packages.
    collection = tmp_path / "collections/ansible_collections/storefront/runbook"
    shutil.copytree(installed.folder / "meta", collection / "meta")
    for name in ("requirements.txt", "bindep.txt", "galaxy.yml"):
        shutil.copy(CHECKOUT / name, collection)
    lists = ("--write-pip", str(tmp_path / "pip.txt"), "--write-bindep", str(tmp_path / "bindep.txt"))
    script = str(tmp_path / "context/_build/scripts/introspect.py")
    read = run(sys.executable, script, "introspect", *lists, str(tmp_path / "collections"))
    assert read.returncode == 0, read.stdout + read.stderr
    assert all(name in (tmp_path / "bindep.txt").read_text() for name in ("git", "openssh-client", "postgresql"))
    # The virtual environment of all the tests here, whose deploys run without Node, has exactly these packages.
    assert _packages(tmp_path / "pip.txt") == _packages(CHECKOUT / "requirements.txt")
    modules = sorted(path.stem for path in (installed.folder / "plugins/modules").glob("*.py"))
    imported = (
        "import importlib, sys\nsys.path.insert(0, sys.argv[1])\nfor name in sys.argv[2:]:\n"
        "    importlib.import_module(f'ansible_collections.storefront.runbook.plugins.modules.{name}')\n"
    )
    done = installed.run("python", "-W", "error", "-c", imported, str(installed.collections), *modules, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert installed.run("python", "-c", "import os; os.execvp('npx', ['npx'])", cwd=tmp_path).returncode == 97


def _packages(file: Path) -> set[str]:
    lines = (line.partition("#")[0].strip() for line in file.read_text().splitlines())
    return {line for line in lines if line}


def test_the_lists_of_an_execution_environment_are_the_collections_own(tmp_path: Path) -> None:
    lists = yaml.safe_load((CHECKOUT / "meta/execution-environment.yml").read_text())["dependencies"]
    assert lists == {"python": "requirements.txt", "system": "bindep.txt"}
    packages = (CHECKOUT / "bindep.txt").read_text()
    assert all(name in packages for name in ("git", "openssh", "postgresql"))
