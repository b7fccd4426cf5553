# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks a run's variables against the argument spec of its playbook, playbooks/<name>.meta.yml; an action of our
playbooks alone.

Its options are ``playbook``, the name; ``surfaces``, which the run moves whatever the inventory has; and ``only``,
which it can move at most. It returns ``problems``, each with its remedy; ``units``, the backend's with every key;
``paths``, each absolute; ``folder``, where paths inside the checklist's options start; and ``release``, that of HEAD
where the run needs one and names none; ``given``, what the commands that the run prints take over from its command
line: {options, secrets}. It only reads, in check mode too, and never fails because of what it finds, so
that the playbook can refuse all problems at once.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml
from ansible import context
from ansible.errors import AnsibleActionFail, AnsibleError
from ansible.module_utils.common.text.converters import to_text
from ansible.plugins.action import ActionBase
from ansible.utils.vars import load_extra_vars

from ..module_utils.core.redact import redact
from ..module_utils.release import options, page_options, pages, paths, variable_changes
from ..module_utils.release.head import release_of_head
from ..module_utils.release.variable_names import OPTIONS, OWN
from ..plugin_utils.repeated_names import inventory_files, repeated
from ..plugin_utils.screen.ansible_facts import given_to_run

PLAYBOOKS = Path(__file__).parents[2] / "playbooks"
NAME = re.compile(r"[A-Za-z_]\w*")
FREEZING = ("deploy", "preflight", "status")
MAGIC = ("hostvars", "vars", "groups", "environment")  # they hold everything once more
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class ActionModule(ActionBase):
    _VALID_ARGS = frozenset(("playbook", "surfaces", "only"))
    _supports_check_mode = True

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        variables = task_vars or {}
        entries = argument_specs(str(self._task.args.get("playbook", "")))
        commanded = set(load_extra_vars(self._loader))
        names = {name for entry in entries.values() for name in entry} | (commanded & {*OPTIONS})
        values, broken = self._values(names & variables.keys(), variables)
        inventory_folder, here = to_text(variables.get("inventory_dir") or ""), str(Path.cwd())
        found = paths.resolved(entries, values, inventory=inventory_folder, here=here, commanded=commanded)
        release, why = self._release(entries, values, broken, found)
        given = options.Given(
            playbook=str(self._task.args["playbook"]),
            surfaces=self._surfaces(values),
            values=values,
            broken=broken,
            hints={"release": why} if why else {},
            names=[name for name in variables if name not in MAGIC],
            read=set(referred(variables)),
            commanded=commanded,
        )
        misnamed = page_options.misnamed(given.playbook, commanded - set(given.read))
        unread = [name for name in options.unread(given) if name not in misnamed]
        passed = given_to_run(given.playbook, self._loader)
        result |= {
            "changed": False,
            "problems": [
                *options.wrong(entries, given),
                *page_options.problems(
                    given.playbook, values, str(variables.get("inventory_hostname")), datetime.now(UTC)
                ),
                *misnamed.values(),
                *variable_changes.on_command_line(written()),
                *lost_limit(),
                *self._freezes(values, variables),
                *self._repeated(names, variables),
            ],
            "units": options.units(entries, values),
            "paths": found,
            "release": release,
            "given": {"options": [*passed.connection, *passed.carried], "secrets": [*passed.secrets]},
            "folder": paths.start(inventory_folder, here, {"preflight_checks", "preflight_systems"} & commanded),
        }
        if unread:
            result["warnings"] = [
                f"No variable of this collection is called {', '.join(unread)}, and nothing in the inventory reads it:"
                " it changes nothing."
            ]
        return result

    def _release(
        self, entries: options.Entries, values: dict[str, Any], broken: Mapping[str, str], found: Mapping[str, str]
    ) -> tuple[str, str]:
        """Return the release of a run that needs one and names none, and set it, or why there is none to take.

        One that is given and empty stays empty: a pipeline has lost it.
        """
        needed = entries.get("run", {}).get("release", {}).get("required")
        if not needed or "release" in {*values, *broken} or not found.get("source_path"):
            return "", ""
        release, why = release_of_head(found["source_path"])
        if release:
            values["release"] = release
        return release, why

    def _values(self, names: set[str], variables: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
        """Return the variables that can be evaluated, and of each other one why not."""
        values, broken = {}, {}
        for name in names:
            try:
                values[name] = self._templar.template(variables[name])
            except Exception as error:  # Ansible has many classes for it
                broken[name] = redact(" ".join(str(error).split("\n", maxsplit=1)[0].split()))
        return values, broken

    def _repeated(self, names: set[str], variables: Mapping[str, Any]) -> list[str]:
        """Return the options in which a name is twice: on the command line, in its files and in the inventory's."""
        sources = [Path(to_text(source)) for source in variables.get("ansible_inventory_sources") or []]
        files = [Path(text[1:]) for text in extra_variables() if text.startswith("@")]
        files += [file for source in sources for file in inventory_files(source)]
        found = [problem for text in written() for problem in repeated(text, "-e", names)]
        for file in dict.fromkeys(files):
            # the loader's own reader, since it alone decrypts a vaulted file without a copy on the disk
            with suppress(AnsibleError):
                data, _show = self._loader._get_file_contents(str(file))
                found += repeated(to_text(data), file.name, names)
        return found

    def _freezes(self, values: Mapping[str, Any], variables: Mapping[str, Any]) -> Iterator[str]:
        """Yield what is wrong with the storefronts of the inventory's freezes, in the playbooks that obey or show them:
        a rollback must not wait for a calendar.
        """
        known = [str(name) for name in (variables.get("groups") or {}).get("storefronts") or ()]
        checks = values.get("preflight_checks")
        if known and self._task.args.get("playbook") in FREEZING and isinstance(checks, (list, tuple)):
            yield from pages.unknown_storefronts([one for one in checks if isinstance(one, Mapping)], known)

    def _surfaces(self, values: Mapping[str, Any]) -> Sequence[str]:
        """Return the surfaces that this run moves: those that the task names, or those of the inventory."""
        fixed = self._task.args.get("surfaces")
        if fixed:
            return [str(surface) for surface in fixed]
        moved = options.moved(options.asked(values.get("surfaces")), bool(values.get("edge_zone")))
        only = self._task.args.get("only")
        return [surface for surface in moved if not only or surface in only]


def written() -> list[str]:
    """Return the extra variables that the command line itself holds, and no file."""
    return [text for text in extra_variables() if not text.startswith("@")]


def lost_limit() -> Iterator[str]:
    """Ansible takes an empty limit as none, and a pipeline that lost its value would change every storefront."""
    if context.CLIARGS.get("subset") == "":
        yield "--limit is empty: name the storefront, or leave --limit out, which means all of them"


def extra_variables() -> list[str]:
    return [str(text) for text in context.CLIARGS.get("extra_vars") or ()]


def argument_specs(playbook: str) -> options.Entries:
    """Return the options of a playbook by entry."""
    file = PLAYBOOKS / f"{playbook}.meta.yml"
    if not file.is_file():
        raise AnsibleActionFail(
            f"playbook is {playbook!r}, which is not a playbook of this collection: there is no {file.name}"
        )
    document = yaml.load(file.read_text(encoding="utf-8"), Loader=LOADER)  # noqa: S506 - a safe loader, in C where there is one
    return {entry: described["options"] for entry, described in document["argument_specs"].items()}


def referred(variables: Mapping[str, Any]) -> Iterator[str]:
    """Yield every name that the templates of the inventory's variables hold."""
    for name, value in variables.items():
        if name not in MAGIC and name not in OWN:
            for text in templates(value):
                yield from NAME.findall(text)


def templates(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        if "{{" in value or "{%" in value:
            yield value
    elif isinstance(value, Mapping):
        for one in value.values():
            yield from templates(one)
    elif isinstance(value, (list, tuple)):
        for one in value:
            yield from templates(one)
