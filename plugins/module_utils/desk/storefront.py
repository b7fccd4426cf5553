# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The storefront as the options of the pages' modules: each system with its address and its token."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from ..core.bounds import refuse_outside, refuse_time_limit
from ..core.process import ansibles_folder
from ..core.redact import secrets_of_url
from ..release.page_budget import MOST_SECONDS
from ..release.page_options import MOST_HOURS, Ask, refuse, zone_of
from ..site.check_options import CHECK

Spec = dict[str, dict[str, Any]]
Params = Mapping[str, Any]


def _text(*names: str, **more: Any) -> Spec:
    return {name: {"type": "str", **more} for name in names}


def _token() -> Spec:
    return {"api_token": {"type": "str", "no_log": True}, "allow_plain_http": {"type": "bool", "default": False}}


UNIT: Spec = {"name": {"type": "str", "required": True}, **_text("kind", "service", "root_directory")}
FRONTEND: Spec = {**_token(), **_text("api_url", "team", "project", "url", "root_directory")}
BACKEND: Spec = {
    **_token(),
    **_text("api_url", "project", "environment", "url", "root_directory"),
    "platform": {"type": "str", "choices": ["railway", "render"]},
    "token_type": {"type": "str", "choices": ["account", "project"], "default": "account"},
    "units": {"type": "list", "elements": "dict", "default": [], "options": UNIT},
}
DATABASE: Spec = {
    "url": {"type": "str", "no_log": True},
    "direct_url": {"type": "str", "no_log": True},
    "root_directory": {"type": "str", "default": ""},
    "migrations": {"type": "str", "default": "prisma/migrations"},
    "backup_max_age": {"type": "float", "default": 26.0},
}
REDIS: Spec = {
    "url": {"type": "str", "no_log": True},
    "sentinels": {"type": "list", "elements": "str", "default": []},
    "sentinel_service": {"type": "str", "default": "mymaster"},
    "sentinel_password": {"type": "str", "no_log": True},
    "ca_file": {"type": "path"},
}
EDGE: Spec = {**_token(), **_text("api_url", "zone")}
SENTRY: Spec = {
    **_token(),
    **_text("api_url", "organization", "environment"),
    "projects": {"type": "list", "elements": "str", "default": []},
}
COMMAND: Spec = {
    **_text("playbooks", "limit"),
    "inventory": {"type": "list", "elements": "str", "default": []},
    "options": {"type": "list", "elements": "str", "default": []},
}


def storefront_options() -> Spec:
    """The options; their documentation is in plugins/doc_fragments/storefront.py."""
    systems = {
        "frontend": FRONTEND,
        "backend": BACKEND,
        "database": DATABASE,
        "redis": REDIS,
        "edge": EDGE,
        "sentry": SENTRY,
        "command": COMMAND,
    }
    return {
        "storefront": {"type": "str", "required": True},
        "surfaces": {"type": "list", "elements": "str", "default": []},
        **{name: {"type": "dict", "default": {}, "options": spec} for name, spec in systems.items()},
        "checks": {"type": "list", "elements": "dict", "default": [], **CHECK},
        "headers": {"type": "dict", "default": {}, "no_log": True},
        "path": {"type": "path"},
        "windows": {"type": "dict", "default": {}},
        "timezone": {"type": "str", "default": "UTC"},
        "contacts": {"type": "list", "elements": "str", "default": []},
        "dashboards": {"type": "list", "elements": "dict", "default": []},
        "timeout": {"type": "float", "default": 6.0},
    }


def secrets(params: Params) -> list[str]:
    """Return the passwords in the URLs of the storefront."""
    systems = [params.get(name) or {} for name in ("database", "frontend", "backend", "edge", "sentry")]
    urls = [system.get(name) for system in systems for name in ("url", "direct_url", "api_url")]
    found = [secret for url in urls for secret in secrets_of_url(url)]
    try:
        password = urlsplit((params.get("redis") or {}).get("url") or "").password
    except ValueError:
        password = None
    return [*found, *([password, unquote(password)] if password else [])]


def refuse_unfit(params: Params, *more: Ask) -> None:
    """Raise ConfigError for options that no source could use, and for what ``more`` questions refuse."""
    age = params["database"]["backup_max_age"]
    fit: list[Ask] = [
        partial(zone_of, params["timezone"]),
        partial(refuse_time_limit, "timeout", params["timeout"], MOST_SECONDS),
        partial(refuse_outside, "database.backup_max_age", age, 0, MOST_HOURS, "hours"),
    ]
    refuse([*fit, *more])


def units(params: Params) -> list[Mapping[str, Any]]:
    return list((params.get("backend") or {}).get("units") or [])


def unit_names(params: Params) -> list[str]:
    """Return every unit that a page can be about: the frontend and those of the backend."""
    frontend = ["frontend"] if (params.get("frontend") or {}).get("project") else []
    return [*frontend, *(str(unit["name"]) for unit in units(params))]


def command(params: Params, playbook: str, *options: str) -> str:
    """Return the command that runs another playbook of ours for this storefront, from the current folder."""
    given = params.get("command") or {}
    book = f"{playbook}.yml"
    words = ["ansible-playbook", _near(str(Path(given["playbooks"]) / book)) if given.get("playbooks") else book]
    for source in given.get("inventory") or []:
        words += ["-i", _near(source)]
    if given.get("limit"):
        words += ["--limit", given["limit"]]
    named = {option.partition("=")[0] for option in options}  # they count instead of those of the run
    passed = [option for option in given.get("options") or [] if option.partition("=")[0] not in named]
    return " ".join([*map(shlex.quote, words), *passed, *options])


def _near(path: str) -> str:
    """Return a path as the user would write it: relative to the folder in which Ansible was started, if inside."""
    here = ansibles_folder()
    if here is None or not Path(path).is_absolute() or not Path(path).is_relative_to(here):
        return path
    return str(Path(path).relative_to(here))
