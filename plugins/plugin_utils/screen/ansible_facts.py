# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads Ansible's objects in one place: the rest of the screen does not depend on Ansible."""

from __future__ import annotations

import getpass
import os
import shlex
import socket
import time
from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Any

from ansible import context
from ansible.parsing.dataloader import DataLoader
from ansible.parsing.splitter import parse_kv
from ansible.template import Templar

from .about import NAMING, PAGES, TITLES, About, kind_of
from .event import Event
from .secrets import Mask, is_secret

CHOICES = ("backup", "undo", "emergency")  # of a restore and of a hotfix
# options that are not repeated: the first is named separately, and a lease is taken over once
ONCE = ("to", "break_lease")


def about_run(playbook: str, play: Any, host: str, variables: Mapping[str, Any], several: bool) -> About:
    """Return what a storefront's run is, from its variables and the command line."""
    arguments = context.CLIARGS
    template = _template(variables)
    given = arguments.get("args") or ()
    path = next((str(one) for one in given if _is_playbook(str(one), playbook)), playbook)
    sources = arguments.get("inventory") or ()
    named = _text(template, "notify_environment", variables)
    return About(
        storefront=host,
        playbook=path,
        play=str(play.get_name()),
        release=_text(template, "release", variables),
        to=_text(template, "to", variables),
        environment=named if named not in ("", host) else _environment(sources),
        by=_text(template, "notify_by", variables) or _user(),
        where=socket.gethostname().partition(".")[0],
        began=time.time(),
        check=bool(arguments.get("check")),
        several=several,
        inventory=[_short(source) for source in sources],
        contacts=[str(one) for one in _list(template, "notify_contacts", variables)],
        dashboards=[
            f"{one.get('name')} {one.get('url')}"
            for one in _list(template, "notify_links", variables)
            if isinstance(one, Mapping)
        ],
        options=[
            f"-e {_option(name, value)}"
            for name in CHOICES
            if (value := _text(template, name, variables) or str(variables.get(name) or ""))
        ]
        + repeated([str(text) for text in arguments.get("extra_vars") or ()], kind_of(path)),
        url=_text(template, "notify_url", variables) or _text(template, "frontend_url", variables),
    )


def repeated(extra_vars: Sequence[str], kind: str) -> list[str]:
    """Return each ``-e name=value`` of the command line that belongs into the command which runs it again: without
    it that would be another run, such as one of every surface. Secrets are left out.
    """
    pairs: dict[str, str] = {}
    for text in extra_vars:
        if not text.startswith(("@", "{", "[")):
            pairs |= parse_kv(text)
    left_out = {*CHOICES, *ONCE, "_raw_params", *(("release",) if kind in NAMING else ())}
    return [
        f"-e {_option(name, str(value))}"
        for name, value in pairs.items()
        if name not in left_out and not is_secret(name)
    ]


def _option(name: str, value: str) -> str:
    """Return an option as the command line takes it: Ansible splits a value with spaces that has no quotes."""
    return shlex.quote(f'{name}="{value}"') if " " in value else f"{name}={shlex.quote(value)}"


def learn_secrets(mask: Mask, variables: Mapping[str, Any]) -> None:
    mask.learn(variables, _template(variables), _is_encrypted)


def expected_hosts(play: Any) -> list[str]:
    """Return the names of all hosts of a play, those of later batches too."""
    manager = play.get_variable_manager()
    return [host.get_name() for host in manager._inventory.get_hosts(play.hosts, ignore_restrictions=True)]


def wants_json(play: Any, playbook: str) -> bool:
    """Whether a page is asked for as JSON: then the document is all that is printed."""
    if PurePath(playbook).stem not in PAGES:
        return False
    variables = play.get_variable_manager().get_vars(play=play)
    return _text(_template(variables), "output", variables) == "json"


def imported_playbook(play: Any) -> str:
    """Return the playbook of ours that a play is written in; empty for a part of one."""
    path = str(play.get_path() or "").rpartition(":")[0]
    return path if PurePath(path).stem in TITLES else ""


def checks_the_inventory(play: Any) -> bool:
    """Whether a play only checks that there is a storefront: it runs where there is none, too
    (playbooks/rollout/begin.yml).
    """
    patterns = [play.hosts] if isinstance(play.hosts, str) else play.hosts
    return any({"storefronts", "localhost"} <= {*str(pattern).split(":")} for pattern in patterns)


def event_of(kind: str, result: Any, mask: Mask, *, at: float = 0.0, began: float = 0.0, item: bool = False) -> Event:
    """Return a result of Ansible's as ours, without secrets; the classes differ from core to core."""
    # core 2.18 has no others, and 2.21 warns of the public task_fields
    task, fields = result._task, result._task_fields
    raw = getattr(result, "result", None)
    raw = raw if isinstance(raw, Mapping) else result._result
    arguments = fields.get("args")
    # Under --check every task has check_mode: only the task as written shows which ones never change anything.
    written = getattr(task, "_ds", None)
    asked = bool(fields.get("check_mode")) and (
        not context.CLIARGS.get("check") or (isinstance(written, Mapping) and written.get("check_mode") is True)
    )
    warnings = (
        [] if raw.get("_ansible_no_log") else [mask(str(getattr(one, "msg", one))) for one in raw.get("warnings") or []]
    )
    return Event(
        kind=kind,
        action=str(getattr(task, "resolved_action", None) or task.action),
        result=mask.deep(raw),
        name=mask(task.get_name()),
        args=mask.deep(arguments) if isinstance(arguments, Mapping) else {},
        at=at,
        began=began,
        item=item,
        asked=asked,
        warnings=warnings,
    )


def _is_playbook(given: str, file: str) -> bool:
    """Whether an argument of the command is this playbook: its path, or its name in a collection."""
    name, _unused, last = given.rpartition(".")
    return PurePath(given).name == PurePath(file).name or (
        name.count(".") == 1 and "/" not in given and last == PurePath(file).stem
    )


def _template(variables: Mapping[str, Any]) -> Any:
    templar = Templar(loader=DataLoader(), variables=dict(variables))
    return templar.template


def _text(template: Any, name: str, variables: Mapping[str, Any]) -> str:
    try:
        value = template(variables[name])
    except Exception:  # not set, or it needs what is not known yet
        return ""
    return str(value) if isinstance(value, (str, int, float)) and not isinstance(value, bool) else ""


def _list(template: Any, name: str, variables: Mapping[str, Any]) -> list[Any]:
    try:
        value = template(variables[name])
    except Exception:  # not set, or it needs what is not known yet
        return []
    return list(value) if isinstance(value, list) else []


def _environment(sources: Any) -> str:
    """The inventory's folder names the environment: inventories/production."""
    names = [PurePath(str(source).rstrip("/")) for source in sources if "," not in str(source)]
    if not names:
        return ""
    return names[0].parent.name if names[0].suffix else names[0].name


def _short(source: Any) -> str:
    text = str(source)
    relative = os.path.relpath(text) if os.path.isabs(text) and os.path.exists(text) else text  # noqa: PTH110, PTH117 - text is what is shown
    return text if relative.startswith("..") else relative


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())


def _is_encrypted(value: Any) -> bool:
    """Whether a variable's value was encrypted by Ansible's vault, on any core."""
    if type(value).__name__ in ("AnsibleVaultEncryptedUnicode", "EncryptedString"):
        return True
    try:
        from ansible._internal._datatag._tags import VaultedValue
    except ImportError:
        return False
    return bool(VaultedValue.is_tagged_on(value))
