# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes the argument spec of each playbook, the page of the inventory's variables and the list of names: python
docs/variables.py (`make variables`).

A variable is declared once, in the argument specs of the role that reads it. From there come playbooks/<name>.meta.yml,
in ansible-core's form, which preflight checks before a run; AWX's surveys (awx.py); docs/inventory.md; and the names
from which preflight recognizes a mistyped one.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "docs")]
import awx

from tests import documents
from tests.unit.playbooks import reading

SURFACES = ("database", "backend", "frontend", "edge")
ENTRIES = ("run", "storefront", *SURFACES, "verify", "notify", "desk", "refresh", "secrets")
# where an entry's variables are declared, unless the role has its name
OWNERS = {"run": "release", "storefront": "release"}
LEVERS = ("scale", "restart", "variables", "secrets", "seed")
REFRESHING = ("storefront", "database", "backend", "verify", "notify", "refresh")
PAGES = ("status", "releases", "diagnose", "logs", "redis")
# What is chosen for one run, on the command line; and which playbooks read it.
RUN = {
    "release": ("deploy", "preflight", "migrate", "backup", "evidence", "approve"),
    "to": ("rollback",),
    "alert": ("rollback",),
    "commit": ("deploy", "preflight", "evidence", "approve"),
    "take_over": ("deploy", "preflight"),
    **dict.fromkeys(("dress_rehearsal", "dress_rehearsal_storefront"), ("deploy", "preflight")),
    "maintenance": ("deploy", "preflight"),
    "approve_migration": ("deploy", "preflight", "migrate"),
    "accept_schema": ("deploy", "preflight", "migrate", "rollback"),
    "baseline_broken": ("deploy", "preflight", "rollback"),
    "break_lease": ("deploy", "preflight", "migrate", "rollback", "restore", "maintenance", *LEVERS, "refresh"),
    "backup": ("restore", "prove"),
    "backup_prefix": ("restore", "prove", "backups"),
    "approve_restore": ("restore",),
    "undo": ("restore",),
    "waive": ("deploy", "preflight"),
    "waive_reason": ("deploy", "preflight"),
    "maintenance_state": ("maintenance",),
    "maintenance_minutes": ("maintenance", "deploy", "preflight", "restore"),
    "maintenance_message": ("maintenance", "deploy", "preflight", "restore"),
    "maintenance_until": ("maintenance",),
    "maintenance_reason": ("maintenance",),
    "maintenance_pass_path": ("maintenance",),
    "maintenance_pass_name": ("maintenance",),
    "emergency": ("deploy", "preflight", "approve"),
    "approval_key": ("approve",),
    "approval_comment": ("approve",),
    "export": ("evidence",),
    "export_formats": ("evidence",),
    "compare": ("releases",),
    "remedy": ("diagnose",),
    "migration": ("diagnose",),
    "scale": ("scale",),
    "unit": ("diagnose", "logs", "restart", "variables"),
    **dict.fromkeys(("variable_values", "from_env", "unset", "compare_with", "variable_redeploy"), ("variables",)),
    **dict.fromkeys(("secret_name", "secret_step"), ("secrets",)),
    **dict.fromkeys(("seed_command", "seed_timeout"), ("seed",)),
    **dict.fromkeys(("variable_environments", "variable_sensitive"), ("variables",)),
    **dict.fromkeys(
        ("since", "until", "level", "filter", "grep", "request", "limit", "follow", "log_source"), ("logs",)
    ),
    **dict.fromkeys(("flush", "redis_interval", "redis_pattern", "redis_biggest"), ("redis",)),
    "output": PAGES,
    "output_path": PAGES,
    "fail_on": PAGES,
    "verify": ("verify",),
    **dict.fromkeys(("decide", "decide_reason"), ("watch",)),
    "dest": ("init",),
    "app": ("init",),
    "parts": ("init",),
    "project_storefront": ("init",),
    "figures_days": ("figures",),
}
NEEDS_A_RELEASE = ("deploy", "preflight", "migrate", "evidence", "approve")
# What a playbook takes of an inventory, and what of that it cannot do without.
ALL = ("storefront", *SURFACES, "verify", "notify")
PLAYBOOKS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "deploy": (ALL, ALL),
    "preflight": (ALL, ALL),
    "rollback": (ALL, ("surfaces", "backend", "frontend", "verify")),
    "migrate": (("storefront", "database", "notify"), ALL),
    "restore": (("storefront", "database", "backend", "edge", "verify", "notify"), ALL),
    "maintenance": (("storefront", "backend", "edge", "verify", "notify"), ALL),
    **{lever: (("storefront", "backend", "verify", "notify"), ALL) for lever in ("scale", "restart")},
    "seed": (("storefront", "database", "notify"), ALL),
    "variables": (("storefront", "backend", "frontend", "verify", "notify"), ALL),
    "secrets": (("storefront", "backend", "frontend", "verify", "notify", "secrets"), ALL),
    "refresh": (REFRESHING, REFRESHING),
    "backup": (("storefront", "database"), ALL),
    "backups": (("storefront", "database"), ("store", "database")),
    "prove": (("storefront", "database"), ("store", "database")),
    "database": (("storefront", "database"), ("database",)),
    "evidence": (("storefront",), ("store",)),
    **{page: ((*ALL, "desk"), ()) for page in PAGES},
    "approve": (("storefront",), ("store", "source_path")),  # who approves has no key of the database
    "verify": (("storefront", *SURFACES, "verify", "notify"), ("store",)),
    "watch": (("storefront", *SURFACES, "verify", "notify"), ("store", "verify_watch")),
    "init": ((), ()),
    "figures": (("storefront", "notify"), ("store",)),
}
# a playbook that takes one entry point of a role
ONLY = {("database", "database"): "info", ("figures", "notify"): "page"}
SHORT = {
    "run": "What is chosen for one run, with -e",
    "storefront": "What holds for the whole storefront",
    "database": "The database; needed where surfaces names it",
    "backend": "The backend; needed where surfaces names it",
    "frontend": "The frontend; needed where surfaces names it",
    "edge": "The edge; needed where surfaces names it, or edge_zone is set and the frontend moves",
    "verify": "What the public must see",
    "notify": "Who is notified of a run",
    "desk": "The operator's pages",
    "refresh": "Staging from production's backups, masked; needed by refresh.yml",
    "secrets": "The secrets that secrets.yml rotates",
}
WHOLE = ("pinned_variables", "environment_role")  # what several surfaces share
LINE = 121  # characters of a line of Python, with its end
INIT = "project"  # the role whose options are those of init.yml, which takes no inventory
OWNING = ("release", "preflight", *SURFACES, "verify", "notify", "desk", "refresh", "secrets", INIT)
# given by one task file to another
LEFT_OUT = ("notify_event", "preflight_playbook", "preflight_surfaces", "preflight_only")
HEAD = "# Written by docs/variables.py (make variables) from the roles' argument specs: change a variable there.\n---\n"


def _specs(role: str) -> dict[str, Any]:
    """Return the argument specs of a role by its entry points."""
    return dict(documents.document(f"roles/{role}/meta/argument_specs.yml")["argument_specs"])


@cache
def declared() -> dict[str, dict[str, Any]]:
    """Return the options of each role by its name, those of all its entry points together."""
    found = {}
    for role in sorted(path.parts[-3] for path in (ROOT / "roles").glob("*/meta/argument_specs.yml")):
        specs = [pair for entry in _specs(role).values() for pair in (entry["options"] or {}).items()]
        found[role] = {name: spec for name, spec in specs if name not in LEFT_OUT and not _is_fact(spec)}
    return found


def _is_fact(spec: Mapping[str, Any]) -> bool:
    """Whether another role or the playbooks hand it over, so that no inventory sets it."""
    return str(spec["description"]).startswith("Set by ")


def owner(name: str, roles: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the role in which a variable is declared for all: the one that it is named after, else the
    first that reads it.
    """
    prefix = name.partition("_")[0]
    readers = [role for role in OWNING if name in roles[role]]
    return prefix if prefix in readers else readers[0]


def entry_of(name: str, role: str) -> str:
    if name in RUN:
        return "run"
    return "storefront" if role in ("preflight", "release") or name in WHOLE else role


@cache
def options() -> dict[str, dict[str, dict[str, Any]]]:
    """Return every variable once, by its entry."""
    roles = declared()
    found: dict[str, dict[str, dict[str, Any]]] = {entry: {} for entry in ENTRIES}
    for name in ["surfaces", *(name for role in roles.values() for name in role)]:
        role = owner(name, roles)
        found[entry_of(name, role)].setdefault(name, roles[role][name])
    found["run"] = {name: found["run"][name] for name in RUN}
    found["storefront"] = {name: found["storefront"][name] for name in sorted(found["storefront"], key=_first)}
    return found


def _first(name: str) -> tuple[int, str]:
    order = ("surfaces", "source_path", "store", "source")
    return (order.index(name) if name in order else len(order), name)


def meta(playbook: str) -> dict[str, Any]:
    """Return a playbook's argument spec."""
    everything = {"run": declared()[INIT]} if playbook == "init" else options()
    entries, needed = PLAYBOOKS[playbook]
    run = {
        name: {**spec, **({"required": True} if name == "release" and playbook in NEEDS_A_RELEASE else {})}
        for name, spec in everything["run"].items()
    }
    found = {"run": {name: spec for name, spec in run.items() if playbook == "init" or playbook in RUN[name]}}
    for entry in entries:
        only = ONLY.get((playbook, entry))
        names = _entry_point(entry, only) if only else list(everything[entry])
        found[entry] = {
            name: _needed(name, everything[entry][name], entry, needed) for name in names if name in everything[entry]
        }
    return {
        "argument_specs": {
            entry: {"short_description": SHORT[entry], "description": [f"{SHORT[entry]}."], "options": specs}
            for entry, specs in found.items()
            if specs
        }
    }


def _entry_point(role: str, entry: str) -> list[str]:
    return list(_specs(role)[entry]["options"])


def _needed(name: str, spec: dict[str, Any], entry: str, needed: tuple[str, ...]) -> dict[str, Any]:
    if entry in needed or name in needed:
        return spec
    return {key: value for key, value in spec.items() if key != "required"}


class _Dumper(yaml.SafeDumper):
    """Indents lists as the other files do, and writes no anchors."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)

    def ignore_aliases(self, data: Any) -> bool:
        return True


def meta_text(playbook: str) -> str:
    return HEAD + yaml.dump(meta(playbook), Dumper=_Dumper, sort_keys=False, width=85, allow_unicode=True)


def page() -> str:
    """Return docs/inventory.md with the tables of today's variables."""
    text = (ROOT / "docs" / "inventory.md").read_text(encoding="utf-8")
    before, _unused, rest = text.partition("<!-- variables -->\n")
    _old, _unused, after = rest.partition("<!-- end of the variables -->\n")
    return f"{before}<!-- variables -->\n{tables()}<!-- end of the variables -->\n{after}"


def tables() -> str:
    parts = []
    for entry, specs in options().items():
        run = entry == "run"
        parts.append(f"## {SHORT[entry]}\n\n| variable | {'of' if run else 'default'} | for |\n|---|---|---|\n")
        for name, spec in specs.items():
            second = ", ".join(f"`{book}.yml`" for book in RUN[name]) if run else _default(spec)
            parts.append(f"| `{name}` | {second} | {_what(spec)} |\n")
        parts.append("\n")
    return "".join(parts)


def _default(spec: Mapping[str, Any]) -> str:
    if spec.get("required"):
        return "required"
    value = spec.get("default")
    if value in (None, "", [], {}):
        return ""
    return (
        f"`{yaml.dump(value, default_flow_style=True, width=1000).removesuffix(chr(10)).removesuffix(chr(10) + '...')}`"
    )


def _what(spec: Mapping[str, Any]) -> str:
    text = spec["description"] if isinstance(spec["description"], str) else " ".join(spec["description"])
    text = re.sub(r"\b[OVCI]\(([^)]*)\)", r"`\1`", text)
    text = re.sub(r"\bM\(storefront\.runbook\.([a-z_]+)\)", r"`\1`", text)
    more = [f"One of {', '.join(f'`{choice}`' for choice in spec['choices'])}."] if spec.get("choices") else []
    if spec.get("options"):
        keys = [f"`{key}`{_key(inner)}" for key, inner in spec["options"].items()]
        more.append(f"Its keys are {', '.join(keys)}.")
    return " ".join([text, *more]).replace("|", "\\|").replace("\n", " ")


def _key(spec: Mapping[str, Any]) -> str:
    if spec.get("required"):
        return " (required)"
    return f" (`{spec['default']}` by default)" if "default" in spec else ""


def names_text() -> str:
    """Return the Python file with all names."""
    known = sorted(name for specs in options().values() for name in specs)
    own = sorted(name for name in reading.own() if not name.startswith("__") and name not in known)
    head = "".join(
        (ROOT / "plugins/module_utils/release/options.py").read_text(encoding="utf-8").splitlines(keepends=True)[:3]
    )
    rows = [
        *(
            head,
            '"""The names of all variables, written by docs/variables.py (make variables)."""\n\n',
            "from __future__ import annotations\n\n",
        ),
        *("# What an inventory or the command line may set.\n", _tuple("OPTIONS", known)),
        *("# What the playbooks and roles set themselves.\n", _tuple("OWN", own)),
        *("# What is chosen for one run, and by which playbooks it is read.\n", "RUN = {\n"),
        *(
            (
                f'    "{name}": ({", ".join(_quoted(book) for book in books)},),\n'
                if len(books) == 1
                else _run(name, books)
            )
            for name, books in RUN.items()
        ),
        "}\n",
    ]
    return "".join(rows)


def _quoted(text: str) -> str:
    return f'"{text}"'


def _run(name: str, books: tuple[str, ...]) -> str:
    line = f'    "{name}": ({", ".join(map(_quoted, books))}),\n'
    if len(line) <= LINE:
        return line
    return f'    "{name}": (\n{"".join(f"        {_quoted(book)},{chr(10)}" for book in books)}    ),\n'


def _tuple(name: str, values: list[str]) -> str:
    return f"{name} = (\n{''.join(f'    {_quoted(value)},{chr(10)}' for value in values)})\n"


def files() -> dict[Path, str]:
    """Return what is written, by its path."""
    return {
        **{ROOT / "playbooks" / f"{playbook}.meta.yml": meta_text(playbook) for playbook in PLAYBOOKS},
        ROOT / "docs" / "inventory.md": page(),
        ROOT / "plugins" / "module_utils" / "release" / "variable_names.py": names_text(),
        **awx.files({playbook: meta(playbook)["argument_specs"] for playbook in PLAYBOOKS}),
    }


if __name__ == "__main__":
    for path, text in files().items():
        path.write_text(text, encoding="utf-8")
