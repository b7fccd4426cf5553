# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads Ansible's objects in one place: the rest of the screen does not depend on Ansible."""

from __future__ import annotations

import functools
import getpass
import os
import shlex
import socket
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

import yaml
from ansible import context
from ansible.errors import AnsibleError
from ansible.parsing.dataloader import DataLoader
from ansible.parsing.splitter import parse_kv, split_args
from ansible.template import Templar
from ansible.utils.path import unfrackpath

from ...module_utils.core.redact import redact
from . import given
from .about import PAGES, TITLES, About, kind_of
from .event import Event
from .secrets import Mask, is_secret

ONCE = ("break_lease",)  # a lease is taken over once
PLAYBOOKS = Path(__file__).parents[3] / "playbooks"
VAULTED = b"$ANSIBLE_VAULT"  # how an encrypted file begins
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True)
class Given:
    """What the commands that a run prints take over from its own: ``connection`` are the options for Ansible,
    ``again`` and ``carried`` the extra variables for the same playbook and for another one, ``secrets`` the variables
    that neither shows.
    """

    connection: Sequence[str]
    again: Sequence[str]
    carried: Sequence[str]
    secrets: Sequence[str]


def about_run(  # noqa: PLR0917 - what Ansible knows of a run, in one call
    playbook: str, play: Any, host: str, variables: Mapping[str, Any], several: bool, passed: Given
) -> About:
    """Return what a storefront's run is, from its variables and the command line."""
    arguments = context.CLIARGS
    template = _template(variables)
    given = arguments.get("args") or ()
    path = next((str(one) for one in given if _is_playbook(str(one), playbook)), _short(playbook))
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
        inventory=[_short(source) for source in sources],
        contacts=[str(one) for one in _list(template, "notify_contacts", variables)],
        dashboards=[
            f"{one.get('name')} {one.get('url')}"
            for one in _list(template, "notify_links", variables)
            if isinstance(one, Mapping)
        ],
        several=several,
        limit=host if several else str(arguments.get("subset") or ""),
        connection=passed.connection,
        options=passed.again,
        carried=passed.carried,
        secrets=passed.secrets,
        url=_text(template, "notify_url", variables) or _text(template, "frontend_url", variables),
    )


def given_to_run(playbook: str, loader: Any, masked: Callable[[str], str] = redact) -> Given:
    """Return what the command line of this process gives to the run of a playbook."""
    items = [*given_items([str(text) for text in context.CLIARGS.get("extra_vars") or ()], loader)]
    specs = _specs(kind_of(playbook)) if items else {}
    secret_names = {name for entry in specs.values() for name in _secret_names(entry)}

    def hides(name: str, value: Any) -> bool:
        secret = name in secret_names or is_secret(name) or _holds_encrypted(value)
        return secret or given.holds_secret(value, secret_names, masked)

    once, own = {*ONCE}, {*specs.get("run", {})}
    apart = given.taken_apart(items, own)
    playbooks = [str(one) for one in context.CLIARGS.get("args") or ()]
    if not any(_is_playbook(one, playbook) for one in playbooks):  # it follows the one that was named
        known = {name for entry in specs.values() for name in entry}
        once |= {name for one in playbooks for name in _specs(kind_of(one)).get("run", {})} - known
    return Given(
        connection=_connection(context.CLIARGS),
        again=given.repeated(items, hides, once),
        carried=given.repeated(apart, hides, {*once, *own}),
        secrets=given.hidden(items, hides, once) or given.hidden(apart, hides, {*once, *own}),
    )


def given_items(extra_vars: Sequence[str], loader: Any) -> Iterator[given.Item]:
    """Yield each extra variable, file and mapping of the command line."""
    for text in extra_vars:
        if text.startswith("@"):
            read = {} if _is_vaulted(text[1:]) else _mapping(loader.load_from_file, text[1:])
            yield given.Item("file", f"@{_as_written(text[1:])}", read)
        elif text.startswith(("{", "[")):
            yield given.Item("mapping", text, _mapping(loader.load, text))
        else:
            for word in split_args(text):
                values = {name: value for name, value in parse_kv(word).items() if name != "_raw_params"}
                if values:
                    yield given.Item("pair", word, values)


def _mapping(load: Callable[[str], Any], source: str) -> Mapping[str, Any]:
    try:
        found = load(source)
    except (AnsibleError, OSError, ValueError):  # Ansible itself reports it
        return {}
    return found if isinstance(found, Mapping) else {}


def _is_vaulted(path: str) -> bool:
    """Whether a whole file is encrypted: none of its values may be written out."""
    try:
        with Path(path).open("rb") as file:
            return file.read(len(VAULTED)) == VAULTED
    except OSError:
        return False


def _holds_encrypted(value: Any) -> bool:
    if isinstance(value, Mapping):
        return any(map(_holds_encrypted, value.values()))
    return any(map(_holds_encrypted, value)) if isinstance(value, (list, tuple)) else _is_encrypted(value)


def _as_written(path: str) -> str:
    """Return a path of the command line as it was written: Ansible has made it absolute."""
    for word in sys.argv:
        for text in (word, word.rpartition("@")[2], word.partition("=")[2]):
            if text and unfrackpath(text, follow=False) == unfrackpath(path, follow=False):
                return text
    return _short(path)


def _connection(arguments: Mapping[str, Any]) -> list[str]:
    """Return the options that name how to open vaulted files."""
    words = ["--ask-vault-pass"] if arguments.get("ask_vault_pass") else []
    words += [f"--vault-id {shlex.quote(str(one))}" for one in arguments.get("vault_ids") or ()]
    files = arguments.get("vault_password_files") or ()
    return words + [f"--vault-password-file {shlex.quote(_as_written(str(file)))}" for file in files]


@functools.cache
def _specs(kind: str) -> Mapping[str, Mapping[str, Any]]:
    """Return the options of a playbook of ours by entry; of another one there are none."""
    file = PLAYBOOKS / f"{kind}.meta.yml"
    if kind not in TITLES or not file.is_file():
        return {}
    document = yaml.load(file.read_text(encoding="utf-8"), Loader=LOADER)  # noqa: S506 - a safe loader, in C where there is one
    return {entry: described["options"] for entry, described in document["argument_specs"].items()}


def _secret_names(options: Mapping[str, Any]) -> Iterator[str]:
    for name, spec in options.items():
        if spec.get("no_log"):
            yield name
        yield from _secret_names(spec.get("options") or {})


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
