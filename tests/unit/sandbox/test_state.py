# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A sandbox's files are its owner's, its ports are remembered, and one command at a time changes it."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox import state


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(state, "HOME", tmp_path)
    return tmp_path


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


@pytest.mark.parametrize("name", ["", "../up", "A", "1st", "cache", "x" * 60])
def test_a_name_that_cannot_be_a_folder_of_a_sandbox_is_refused(name: str) -> None:
    with pytest.raises(state.SandboxError, match="cannot name a sandbox"):
        state.folder_of(name)


def test_what_is_written_is_read_again_and_belongs_to_its_owner_alone(home: Path) -> None:
    file = home / "default" / "state.json"
    state.write(file, {"tokens": "secret"})
    state.write(file, {"tokens": "another"})
    assert state.read(file) == {"tokens": "another"}
    assert file.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in file.parent.iterdir()] == ["state.json"]


def test_a_file_that_is_not_there_reads_as_nothing(home: Path) -> None:
    assert state.read(home / "state.json") is None


def test_ports_are_distinct_and_free_and_remembered(home: Path) -> None:
    first = state.assign_ports(home / "one", ["redis", "s3"])
    assert len(set(first.values())) == 2
    assert all(state.is_free(port) and port in state.PORTS for port in first.values())
    assert state.assign_ports(home / "one", ["s3", "redis"]) == first


def test_a_port_that_another_program_took_is_replaced(home: Path, listener: socket.socket) -> None:
    taken = listener.getsockname()[1]
    state.write(home / "one" / "ports.json", {"redis": taken, "s3": 20001})
    assigned = state.assign_ports(home / "one", ["redis"])
    assert assigned["redis"] != taken
    assert state.read(home / "one" / "ports.json") == {**assigned, "s3": 20001}


@pytest.mark.usefixtures("no_ports_given")
def test_a_port_that_another_sandbox_remembers_is_not_given(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state, "PORTS", range(20000, 20100))
    monkeypatch.setattr(state, "is_free", lambda port: True)
    state.write(home / "one" / "ports.json", {f"port{port}": port for port in range(20001, 20100)})
    assert state.assign_ports(home / "two", ["redis"]) == {"redis": 20000}


def test_a_second_command_waits_for_the_first(home: Path) -> None:
    code = f"""
from pathlib import Path
from sandbox import state
state.HOME = Path({str(home)!r})
with state.locked("default", waiting=lambda: print("waits", flush=True)):
    print("continues" if state.read(state.HOME / "done") else "barged in", flush=True)
"""
    with state.locked("default"):
        second = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
        assert second.stdout is not None
        assert second.stdout.readline() == "waits\n"
        state.write(home / "done", True)
    assert second.communicate() == ("continues\n", None)
