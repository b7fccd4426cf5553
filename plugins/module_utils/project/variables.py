# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The variables of one environment's inventory, from what was found out about the shop; the rest is FILL_IN, which
preflight names.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from .facts import Facts
from .vendors import Answers, folder_sent

PRODUCTION, STAGING = "production", "staging"
KEEP = {PRODUCTION: {"last": 5, "daily": 14, "weekly": 8, "monthly": 12}, STAGING: {"last": 5, "daily": 7}}
# The environment variable of each secret, beside its name in the vault.
TOKENS = {
    "frontend_token": ("vault_vercel_token", "VERCEL_TOKEN"),
    "backend_token": ("vault_{platform}_token", "RAILWAY_TOKEN"),
    "edge_token": ("vault_cloudflare_token", "CLOUDFLARE_API_TOKEN"),
    # never DATABASE_URL itself, which on many machines is the address of a development database
    "database_url": ("vault_database_url", "{ENVIRONMENT}_DATABASE_URL"),
}
BACKEND = {("railway", "account"): "RAILWAY_API_TOKEN", ("render", ""): "RENDER_API_KEY"}


@dataclass(frozen=True)
class Wanted:
    """What an operator may say beside what is found: where the shop is, from the inventory's folder, and the store."""

    source_path: str
    store: str = ""


def variables(facts: Facts, answers: Answers, wanted: Wanted, environment: str) -> dict[str, Any]:
    """Return the variables of an environment by name, in the order in which they are written."""
    found: dict[str, Any] = {
        "ansible_connection": "local",
        "ansible_python_interpreter": "{{ ansible_playbook_python }}",
        "environment_role": environment,
        "surfaces": surfaces(facts, answers),
        "source_path": wanted.source_path,
        "store": f"{wanted.store.rstrip('/') or f's3://FILL_IN_bucket/{facts.name}'}/{environment}",
    }
    parts = [_database, _backend, _frontend, _edge, _checks]
    for part in parts:
        found |= dict(part(facts, answers, environment))
    return found


def surfaces(facts: Facts, answers: Answers) -> list[str]:
    """Return what a deploy moves. The edge is Cloudflare's; without an answer of it there may be none."""
    return [*facts.shop.surfaces, *(["edge"] if answers.zone else [])]


def _database(facts: Facts, answers: Answers, environment: str) -> Iterator[tuple[str, Any]]:
    if database := facts.shop.database:
        yield "database_url", secret("database_url", facts, answers, environment)
        if "DIRECT_URL" in database.variables:
            yield "database_direct_url", "{{ vault_database_direct_url | default('') }}"
        yield "database_migrate_runner", "builtin"
        if database.root:
            yield "database_root_directory", database.root
        if database.migrations != "prisma/migrations":
            yield "database_migrations", database.migrations
        yield "database_backup_recipients", ["FILL_IN_age1_public_key"]
        yield "database_backup_keep", KEEP[environment]


def _backend(facts: Facts, answers: Answers, environment: str) -> Iterator[tuple[str, Any]]:
    if not facts.shop.units:
        return
    live = environment == PRODUCTION
    yield "backend_platform", facts.platform
    yield "backend_token", secret("backend_token", facts, answers, environment)
    if facts.platform == "railway":
        yield "backend_token_type", answers.token_type or "project"
        yield "backend_project", answers.backend_project or "FILL_IN_railway_project_id"
        yield "backend_environment", answers.environments.get(environment) or f"FILL_IN_railway_id_of_{environment}"
    url = (answers.backend_url or facts.urls.get("backend", "")) if live else ""
    if facts.web:
        yield "backend_url", url or f"https://FILL_IN_host_of_the_api_in_{environment}"
    yield "backend_units", [_unit(facts, answers, unit, environment) for unit in facts.shop.units]


def _unit(facts: Facts, answers: Answers, unit: Any, environment: str) -> dict[str, Any]:
    known = answers.units.get(unit.name)
    # Railway's services are the same in all environments of a project, Render's are not
    shared = known is not None and (environment == PRODUCTION or facts.platform == "railway")
    service = known.service if known and shared else f"FILL_IN_{facts.platform}_service_id_of_{unit.name}"
    root = folder_sent(unit.package, unit.root, known.inside if known else "")
    return {"name": unit.name, "kind": unit.kind, "service": service, **({"root_directory": root} if root else {})}


def _frontend(facts: Facts, answers: Answers, environment: str) -> Iterator[tuple[str, Any]]:
    frontend = facts.shop.frontend
    if frontend is None:
        return
    live = environment == PRODUCTION
    url = (answers.frontend_url or facts.urls.get("frontend", "")) if live else ""
    yield "frontend_token", secret("frontend_token", facts, answers, environment)
    if team := answers.team or facts.team:
        yield "frontend_team", team
    project = (answers.project or facts.project) if live else ""
    yield "frontend_project", project or f"FILL_IN_vercel_project_id_of_{environment}"
    yield "frontend_url", url or f"https://FILL_IN_host_of_the_site_in_{environment}"
    if root := folder_sent(frontend.package, frontend.root, answers.inside):
        yield "frontend_root_directory", root


def _edge(facts: Facts, answers: Answers, environment: str) -> Iterator[tuple[str, Any]]:
    if answers.zone:
        host = urlsplit(answers.frontend_url).hostname if environment == PRODUCTION else "FILL_IN_host_of_staging"
        yield "edge_token", secret("edge_token", facts, answers, environment)
        yield "edge_zone", answers.zone
        yield "edge_purge", {"hosts": [host or answers.zone]}


def _checks(facts: Facts, answers: Answers, environment: str) -> Iterator[tuple[str, Any]]:
    """Checks that any shop passes; docs/shop.md says how it reports its release, which these then can ask for."""
    if facts.web and facts.web.health:
        yield "verify_backend_checks", [{"name": "health", "url": facts.web.health}]
    if facts.shop.frontend:
        yield "verify_frontend_checks", [{"name": "homepage", "url": "/"}]


def secret(variable: str, facts: Facts, answers: Answers, environment: str) -> str:
    """Return the template that reads a secret: from the vault, or from the environment as in CI."""
    vault, exported = names(variable, facts, answers, environment)
    named = f"lookup('ansible.builtin.env', '{exported}')"
    hint = f"FILL_IN {vault} in vault.yml, or {exported} in the environment"
    return f"{{{{ {vault} | default({named}, true) | default('{hint}', true) }}}}"


def names(variable: str, facts: Facts, answers: Answers, environment: str) -> tuple[str, str]:
    """Return the names of a secret: in the vault, and in the environment."""
    vault, exported = TOKENS[variable]
    if variable == "backend_token":
        exported = BACKEND.get((facts.platform, answers.token_type), exported)
    return vault.format(platform=facts.platform), exported.format(ENVIRONMENT=environment.upper())


def secrets(facts: Facts, answers: Answers, environment: str) -> Iterator[tuple[str, str]]:
    """Yield the names of each secret that the shop needs."""
    needed: Mapping[str, object] = {
        "frontend_token": facts.shop.frontend,
        "backend_token": facts.shop.units,
        "edge_token": answers.zone,
        "database_url": facts.shop.database,
    }
    for variable, there in needed.items():
        if there:
            yield names(variable, facts, answers, environment)


def placeholders(found: Mapping[str, Any]) -> list[str]:
    """Return the names of the variables that are still to be filled in; secrets are not among them."""
    return [name for name, value in found.items() if "FILL_IN" in str(value) and "{{" not in str(value)]
