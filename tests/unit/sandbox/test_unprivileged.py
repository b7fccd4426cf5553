# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""PostgreSQL never runs as root: root finds a way down, or learns why there is none."""

from __future__ import annotations

import os
import pwd
import shutil
from pathlib import Path

import pytest

from sandbox import unprivileged as module
from sandbox.state import SandboxError
from sandbox.unprivileged import NAMESPACE, unprivileged

FOLDER, PROGRAM = Path("/srv/sandbox/postgres"), Path("/usr/bin/initdb")
USERS = {"postgres": 101, "nobody": 65534}


@pytest.fixture
def owners(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Be root on a machine with two other users; returns to whom the folder was given."""
    given: list[int] = []
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(
        pwd, "getpwnam", lambda name: pwd.struct_passwd((name, "x", USERS[name], 99, "", "/", "/bin/sh"))
    )
    monkeypatch.setattr(shutil, "chown", lambda path, user, group: given.append(user))
    return given


def allow(monkeypatch: pytest.MonkeyPatch, word: str) -> None:
    monkeypatch.setattr(module, "_reaches", lambda prefix, folder, program: word in prefix)


def test_another_user_runs_it_directly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert unprivileged(FOLDER, PROGRAM) == []


def test_root_runs_it_in_a_user_namespace_and_keeps_the_folder(
    monkeypatch: pytest.MonkeyPatch, owners: list[int]
) -> None:
    allow(monkeypatch, "unshare")
    assert unprivileged(FOLDER, PROGRAM) == NAMESPACE
    assert owners == []


@pytest.mark.parametrize("user", USERS)
def test_without_a_namespace_root_takes_a_user_who_gets_there(
    monkeypatch: pytest.MonkeyPatch, owners: list[int], user: str
) -> None:
    allow(monkeypatch, f"--reuid={USERS[user]}")
    assert unprivileged(FOLDER, PROGRAM)[:3] == ["setpriv", f"--reuid={USERS[user]}", "--regid=99"]
    assert owners[-1] == USERS[user]


def test_where_nobody_gets_there_it_says_what_to_do(monkeypatch: pytest.MonkeyPatch, owners: list[int]) -> None:
    allow(monkeypatch, "nothing")
    with pytest.raises(
        SandboxError,
        match=r"can reach /srv/sandbox/postgres .*: run the sandbox as an ordinary user, or move the checkout",
    ):
        unprivileged(FOLDER, PROGRAM)
