# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the vendors know of a shop: ids, units, domains and the zone. Asked with the tokens that there are, and only
read.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlsplit

from ..core.errors import ApiError, ConfigError, RunbookError, Unreachable
from ..core.option_names import renamed
from ..platforms.cloudflare.client import Cloudflare
from ..platforms.railway import client as railway
from ..platforms.railway import graphql as documents
from ..platforms.render import client as render
from ..platforms.vercel import client as vercel
from ..source.shop.tree import join
from .facts import Facts

TIMEOUT = 5.0  # seconds for an answer with all its retries: somebody waits for the project
NOT_LIVE = ("staging", "preview", "dev", "development", "test")
GIVEN = {  # the variables of init that a vendor is asked with
    "vercel": "frontend_token (VERCEL_TOKEN), frontend_project and frontend_team",
    "railway": "backend_token (RAILWAY_TOKEN, or RAILWAY_API_TOKEN of an account), backend_project and"
    " backend_environment",
    "render": "backend_token (RENDER_API_KEY)",
    "cloudflare": "edge_token (CLOUDFLARE_API_TOKEN) and edge_zone",
}
SURFACES = {"vercel": "frontend", "railway": "backend", "render": "backend", "cloudflare": "edge"}
OWN_DOMAINS = (".vercel.app", ".up.railway.app", ".onrender.com")  # they come with a project, and seldom are the shop's


@dataclass(frozen=True)
class Unit:
    """A unit of the backend as its vendor has it. ``inside`` is the folder of the repository that the vendor builds,
    empty where the unit's own folder is sent.
    """

    service: str
    inside: str = ""


@dataclass(frozen=True)
class Answers:
    """What was found out, from whom, and why a vendor could not be asked. What is empty is not known."""

    project: str = ""
    team: str = ""
    inside: str = ""  # Vercel's rootDirectory
    frontend_url: str = ""
    backend_project: str = ""
    environments: Mapping[str, str] = field(default_factory=dict)  # ids by name
    token_type: str = ""
    units: Mapping[str, Unit] = field(default_factory=dict)  # by the unit's name
    backend_url: str = ""
    zone: str = ""
    asked: tuple[str, ...] = ()
    not_asked: tuple[str, ...] = ()


def backend_token(params: Mapping[str, Any], platform: str) -> tuple[str, str]:
    """Return the token of the backend's platform, and its kind: the option's, or that of the environment."""
    if params["backend_token"]:
        return params["backend_token"], params["backend_token_type"] or "project"
    if platform == "render":
        return os.environ.get("RENDER_API_KEY", ""), ""
    if token := os.environ.get("RAILWAY_TOKEN", ""):
        return token, "project"
    return os.environ.get("RAILWAY_API_TOKEN", ""), "account"


def ask(facts: Facts, params: Mapping[str, Any]) -> Answers:
    """Return what the vendors answer; one without a token is not asked. Raises ConfigError and ApiError."""
    token, kind = backend_token(params, facts.platform)
    params = {**params, "backend_token": token, "backend_token_type": kind}
    found = given(facts, params)
    if params["frontend_token"] and facts.shop.frontend:
        found = _answered("vercel", ask_vercel, found, facts, params)
    if params["backend_token"] and facts.shop.units:
        found = _answered(
            facts.platform, {"railway": ask_railway, "render": ask_render}[facts.platform], found, facts, params
        )
    if params["edge_token"] and facts.shop.frontend:
        found = _answered("cloudflare", ask_cloudflare, found, facts, params)
    return found


def given(facts: Facts, params: Mapping[str, Any]) -> Answers:
    """Return what is known before anybody is asked: from the files, and from the variables of init."""
    environment = params["backend_environment"]
    return Answers(
        project=params["frontend_project"] or facts.project,
        team=params["frontend_team"] or facts.team,
        backend_project=params["backend_project"] or "",
        environments={"production": environment} if environment else {},
        token_type=params["backend_token_type"] if params["backend_token"] else "",
        zone=params["edge_zone"] or "",
    )


def _answered(
    vendor: str, question: Callable[..., Answers], found: Answers, facts: Facts, params: Mapping[str, Any]
) -> Answers:
    """Return the answers with those of a vendor; one that does not answer leaves its part to be filled in.

    Where it refuses, name the variables of init: its client speaks of its own options.
    """
    variables = {"api_url": f"{SURFACES[vendor]}_api_url"}
    try:
        return question(found, facts, params)
    except (ApiError, ConfigError, Unreachable) as error:
        if _is_away(error):
            return replace(found, not_asked=(*found.not_asked, renamed(str(error), variables)))
        error.advise(f"init asked with {GIVEN[vendor]}.")
        raise


def _is_away(error: RunbookError) -> bool:
    """Whether a vendor gave no answer, or only that it gives none now."""
    return isinstance(error, Unreachable) or bool(error.details.get("retryable"))


def ask_vercel(found: Answers, facts: Facts, params: Mapping[str, Any]) -> Answers:
    name = found.project or facts.name
    client = vercel.connect(_options(params, "frontend", vercel.API_URL, team=found.team or None))
    try:
        project = client.project(name)
        url = _best(client.domains(project))
    finally:
        client.close()
    inside = str(project.get("rootDirectory") or "")
    return replace(
        found,
        project=project["id"],
        inside=inside,
        frontend_url=url,
        asked=(*found.asked, f"Vercel ({project['name']})"),
    )


def ask_railway(found: Answers, facts: Facts, params: Mapping[str, Any]) -> Answers:
    """A token of a project says itself which project and environment it is for; one of an account needs
    the project's id.
    """
    project, environment = params["backend_project"], params["backend_environment"]
    kind = params["backend_token_type"]
    where = {"project": project, "environment": environment, "service": "", "token_type": kind}
    client = railway.connect(_options(params, "backend", railway.API_URL, **where))
    try:
        if kind == "account" and not project:
            raise ConfigError(
                "A token of an account at Railway sees all its projects. Name the shop's with -e backend_project=<id>,"
                " or set RAILWAY_TOKEN to a token of the project (Project Settings > Tokens).",
                code="no_project",
            )
        if kind == "project":
            scope = client.ask(documents.PROJECT_TOKEN)
            project, environment = scope["projectId"], environment or scope["environmentId"]
        described = client.ask(documents.PROJECT, id=project)
        environments = {edge["node"]["name"]: edge["node"]["id"] for edge in described["environments"]["edges"]}
        if environment and environment not in {*environments, *environments.values()}:
            raise ConfigError(
                f"The project {described['name']} at Railway has no environment {environment!r}; it has"
                f" {', '.join(sorted(environments)) or 'none'}.",
                code="unknown_environment",
            )
        here = environments.get(environment, environment) or _production(environments)
        services = {edge["node"]["name"]: edge["node"]["id"] for edge in described["services"]["edges"]}
        chosen = _matched(facts, services)
        instances = {
            name: client.ask(documents.INSTANCE, environmentId=here, serviceId=service)
            for name, service in chosen.items()
        }
    finally:
        client.close()
    return replace(
        found,
        backend_project=project,
        environments={**environments, "production": here},
        token_type=kind,
        units={
            name: Unit(chosen[name], str(one.get("rootDirectory") or "").strip("/")) for name, one in instances.items()
        },
        backend_url=_best(_railway_domains(instances.get(facts.web.name if facts.web else "", {}))),
        asked=(*found.asked, f"Railway ({described['name']})"),
    )


def ask_render(found: Answers, facts: Facts, params: Mapping[str, Any]) -> Answers:
    client = render.connect(_options(params, "backend", render.API_URL, service=""))
    try:
        listed = client.pages("/services", "service", render.SERVICE)
    finally:
        client.close()
    by_id = {service["id"]: service for service in listed if service.get("type") != "static_site"}
    chosen = _matched(facts, {service["name"]: service["id"] for service in by_id.values()})
    web = by_id.get(chosen.get(facts.web.name if facts.web else "", ""), {})
    return replace(
        found,
        units={name: Unit(key, str(by_id[key].get("rootDir") or "")) for name, key in chosen.items()},
        backend_url=str((web.get("serviceDetails") or {}).get("url") or ""),
        asked=(*found.asked, "Render"),
    )


def ask_cloudflare(found: Answers, facts: Facts, params: Mapping[str, Any]) -> Answers:
    """The zone is the longest part of the public site's name that Cloudflare has."""
    host = urlsplit(found.frontend_url or facts.urls.get("frontend", "")).hostname or ""
    options = {"timeout": TIMEOUT, "deadline": TIMEOUT, "allow_plain_http": params["allow_plain_http"]}
    client = Cloudflare(params["edge_token"], *filter(None, [params["edge_api_url"]]), **options)
    try:
        if zone := params["edge_zone"] or "":
            client.zone(zone)
        else:
            zone = next((name for name in _parents(host) if _has_zone(client, name)), "")
    finally:
        client.close()
    return replace(found, zone=zone, asked=(*found.asked, f"Cloudflare ({zone or 'no zone of the shop'})"))


def _parents(host: str) -> list[str]:
    labels = host.split(".")
    return [".".join(labels[start:]) for start in range(len(labels) - 1)]


def _has_zone(client: Cloudflare, name: str) -> bool:
    try:
        client.zone(name)
    except ConfigError as error:
        if error.details.get("code") != "unknown_zone":
            raise
        return False
    return True


def _options(params: Mapping[str, Any], surface: str, api_url: str, **more: Any) -> dict[str, Any]:
    shared = {"timeout": TIMEOUT, "deadline": TIMEOUT, "allow_plain_http": params["allow_plain_http"]}
    address = {"api_token": params[f"{surface}_token"], "api_url": params[f"{surface}_api_url"] or api_url}
    return {**shared, **address, **more}


def _production(environments: Mapping[str, str]) -> str:
    return environments.get("production") or next(iter(environments.values()), "")


def _matched(facts: Facts, services: Mapping[str, str]) -> dict[str, str]:
    """Return the service of each unit: the one of its name, or the only one whose name has it, such as shop-api."""
    if len(facts.shop.units) == len(services) == 1:
        return {facts.shop.units[0].name: next(iter(services.values()))}
    found = {}
    for unit in facts.shop.units:
        others = [other.name for other in facts.shop.units if other != unit]
        having = [name for name in services if _has(name, unit.name) and not any(_has(name, word) for word in NOT_LIVE)]
        alone = [name for name in having if not any(_has(name, other) for other in others)]
        chosen = [unit.name] if unit.name in services else alone or having
        if len(chosen) == 1:
            found[unit.name] = services[chosen[0]]
    return found


def _has(name: str, word: str) -> bool:
    return f"-{word}-" in f"-{name.lower().replace('_', '-')}-"


def _railway_domains(instance: Mapping[str, Any]) -> list[str]:
    domains = instance.get("domains") or {}
    return [one["domain"] for kind in ("customDomains", "serviceDomains") for one in domains.get(kind) or []]


def _best(domains: list[str]) -> str:
    """Return the URL of a domain of the shop's own; of one that came with the project where there is no other."""
    ordered = sorted(domains, key=lambda name: (name.endswith(OWN_DOMAINS), name.startswith("www."), len(name)))
    return f"https://{ordered[0]}" if ordered else ""


def folder_sent(package: str, root: str, inside: str) -> str:
    """Return the folder to upload: ``root``, unless the vendor builds a folder (``inside``) of what it is sent."""
    if inside and (package == inside or package.endswith(f"/{inside}")):
        return join(package[: len(package) - len(inside)].rstrip("/"))
    return root


def unknown(found: Answers, facts: Facts) -> Iterator[str]:
    """Yield the units for which the vendor has no service of their name."""
    for unit in facts.shop.units:
        if unit.name not in found.units:
            yield unit.name
