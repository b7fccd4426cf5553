# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options that many modules share; their documentation is in plugins/doc_fragments/."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.module_utils.common.parameters import env_fallback

Spec = dict[str, dict[str, Any]]


def validated(spec: Mapping[str, Mapping[str, Any]], options: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Return options with their defaults, as Ansible validates those of a module, and what is wrong with them."""
    result = ArgumentSpecValidator({name: dict(one) for name, one in spec.items()}).validate(dict(options))
    return result.validated_parameters, list(result.error_messages)


def api_options(api_url: str, *environment: str) -> Spec:
    """A vendor's API: ``api_url`` is its public one, ``environment`` the variables that may hold the token."""
    return {
        "api_token": {"type": "str", "required": True, "no_log": True, "fallback": (env_fallback, list(environment))},
        "api_url": {"type": "str", "default": api_url},
        "timeout": {"type": "float", "default": 30.0},
        "unreachable_timeout": {"type": "float"},
        **plain_http_options(),
    }


def plain_http_options() -> Spec:
    """Whether a secret may go to another machine unencrypted."""
    return {"allow_plain_http": {"type": "bool", "default": False}}


def wait_options(wait_timeout: float = 900.0, wait_interval: float = 2.0) -> Spec:
    return {
        "wait": {"type": "bool", "default": True},
        "wait_timeout": {"type": "float", "default": wait_timeout},
        "wait_interval": {"type": "float", "default": wait_interval},
    }


def store_options(required: bool = True) -> Spec:
    """Where backups, the lease and the ledger live; the S3 credentials default to boto3's own chain."""
    return {
        "store": {"type": "str", "required": required},
        "store_endpoint_url": {"type": "str"},
        "store_access_key": {"type": "str", "no_log": True},
        "store_secret_key": {"type": "str", "no_log": True},
        "store_region": {"type": "str"},
        "store_is_shared": {"type": "bool", "default": False},
        **plain_http_options(),
    }


def lease_options() -> Spec:
    """The token of the lease under which a module may write; it is a fencing token, not a credential."""
    return {"lease": {"type": "str", "no_log": False}, "lease_step": {"type": "str"}, **store_options(required=False)}


def source_options() -> Spec:
    """The files of a release: see source/checkout.py."""
    return {
        "path": {"type": "path"},
        "ref": {"type": "str"},
        "root_directory": {"type": "str", "default": ""},
    }


def postgres_options(required: bool = True) -> Spec:
    """The live database: see postgres/connection.py."""
    url = {"type": "str", "required": required, "no_log": True, "fallback": (env_fallback, ["DATABASE_URL"])}
    return {"database_url": url}


def direct_options() -> Spec:
    """The URL of the same database that bypasses a connection pooler."""
    return {"direct_url": {"type": "str", "no_log": True, "fallback": (env_fallback, ["DIRECT_URL"])}}


def programs_options() -> Spec:
    """The folder of PostgreSQL's client programs: see postgres/programs.py."""
    return {"postgres_bin": {"type": "path"}}


def migrations_options() -> Spec:
    """The migrations of a release, and how long each may block the database: see migrations/project.py."""
    return {
        **source_options(),
        "path": {"type": "path", "required": True},
        "migrations": {"type": "str", "default": "prisma/migrations"},
        "lock_timeout": {"type": "float", "default": 5.0},
        "statement_timeout": {"type": "float", "default": 0.0},
    }


def scratch_options() -> Spec:
    """Where a copy of the database may be made for a try: see restore/scratch_database.py."""
    return {
        "scratch_url": {"type": "str", "no_log": True},
        "local_server": {"type": "bool", "default": False},
        "same_server": {"type": "bool", "default": False},
        "same_server_limit": {"type": "int", "default": 1 << 30},
        "same_server_volume": {"type": "int"},
        "maintenance_database": {"type": "str", "default": "postgres"},
    }


def restoring_options() -> Spec:
    """How a backup is read and restored: see backup/archive.py and restore/load.py."""
    return {
        "prefix": {"type": "str", "default": "backups/"},
        "identity": {"type": "str", "no_log": True},
        "identity_file": {"type": "path"},
        "jobs": {"type": "int", "default": 3},
    }


def checks_options() -> Spec:
    """What the modules of the checklist have in common: see checks/run.py."""
    return {
        **{name: {"type": "str"} for name in ("storefront", "at", "started_by", "emergency")},
        "emergency_approvers": {"type": "list", "elements": "str", "default": []},
        "stop": {"type": "bool", "default": True},
    }


APPROVER = {
    "name": {"type": "str", "required": True},
    "keys": {"type": "list", "elements": "str", "default": [], "no_log": False},
    "github": {"type": "str"},
    "awx": {"type": "str"},
}


def approval_options() -> Spec:
    """What is approved, and who may approve it: see checks/approvers.py."""
    return {
        **{name: {"type": "str", "required": True} for name in ("storefront", "release")},
        **{name: {"type": "str"} for name in ("commit", "emergency")},
        "path": {"type": "path", "required": True},
        "root_directory": {"type": "str", "default": ""},
        "migrations": {"type": "str", "default": "prisma/migrations"},
        "approvers": {"type": "list", "elements": "dict", "default": [], "options": APPROVER},
        "awx_keys": {"type": "list", "elements": "str", "default": [], "no_log": False},
        "by_others": {"type": "bool", "default": True},
    }
