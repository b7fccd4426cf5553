# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which variables a run needs, and which of them are wrong, missing, mistyped or still placeholders."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from . import alert_policy, argument_spec, http_headers, placeholders, receivers, spelling, stages, watch_settings
from .spelling import strangers, suggestion
from .variable_names import OPTIONS, OWN, RUN

SURFACES = ("database", "backend", "frontend", "edge")
REMEDIES = {
    "release": "name it with -e release=v1.2.3",
    "backup": "name it with -e backup=latest",
    "dest": "name the folder of the project with -e dest=shop-ops",
    "app": "name the shop's checkout with -e app=../my-shop",
}
DATABASES = [name for name in OPTIONS if name.startswith("database_") and name.endswith("url")]
DATABASES += ["refresh_database_url", "refresh_scratch_url", "secrets_database_url"]
STORES = ("store", "refresh_store")
SCHEMES = {
    **dict.fromkeys(STORES, ("s3", "file")),
    **dict.fromkeys(("redis_url", "secrets_redis_url"), ("redis", "rediss")),
    **dict.fromkeys(DATABASES, ("postgresql", "postgres")),
}
INSTEAD = {
    ("rollback", "release"): "name the release to go back to with -e to=<release>",
    ("deploy", "to"): "name the release with -e release=<release>",
}
# What names one thing for one run. Left out, it means more: every unit, the newest backup, the last release.
CHOSEN = {*RUN, "refresh_backup"}
WEB = ("https", "http")
# what a page has to contain, what a customer reads, and what is sent as it is may look like a placeholder
FREE_TEXT = (
    *("verify_frontend_checks", "verify_backend_checks", "verify_journeys", "verify_journey_variables"),
    *("edge_maintenance_message", "refresh_rules", "variable_values"),
)
# What a token or a platform needs besides itself: (the variable that asks for it, the value that does, what is needed).
COMPANIONS = (
    ("backend_platform", "railway", ("backend_project", "backend_environment")),
    ("notify_slack_token", "", ("notify_slack_channel",)),
    ("notify_webhook_url", "", ("notify_webhook_key",)),
    ("notify_github_token", "", ("notify_github_repository",)),
    ("notify_sentry_token", "", ("notify_sentry_organization", "notify_sentry_projects")),
)

Entries = Mapping[str, Mapping[str, Mapping[str, Any]]]


@dataclass(frozen=True)
class Given:
    """What a run was given. ``values`` are the variables that are declared and set, evaluated; ``broken`` says of
    others why they cannot be.

    ``names`` are all variables of the storefront, ``read`` those that other variables refer to, and ``commanded`` those
    of the command line.
    """

    playbook: str
    surfaces: Sequence[str]
    values: Mapping[str, Any]
    broken: Mapping[str, str] = field(default_factory=dict)
    hints: Mapping[str, str] = field(default_factory=dict)  # more about a variable that is missing
    names: Collection[str] = ()
    read: Collection[str] = ()
    commanded: Collection[str] = ()


def asked(surfaces: Any) -> list[str]:
    """Return the surfaces as a list, whether the option is a list or a text such as ``backend,frontend``."""
    items = surfaces.split(",") if isinstance(surfaces, str) else surfaces if isinstance(surfaces, Sequence) else []
    return [str(item).strip() for item in items if str(item).strip()]


def moved(surfaces: Sequence[str], has_edge: bool) -> list[str]:
    """Return the surfaces of a run in the order of a deploy. The edge goes with the frontend: a new page
    behind an old cache is not live.
    """
    with_edge = {*surfaces, "edge"} if "frontend" in surfaces and has_edge else set(surfaces)
    return [surface for surface in SURFACES if surface in with_edge]


def wanted(entries: Entries, surfaces: Sequence[str]) -> dict[str, Mapping[str, Any]]:
    """Return the options that count in a run: those of every entry but of the surfaces that it does not move."""
    active = [options for entry, options in entries.items() if entry not in SURFACES or entry in surfaces]
    return {name: spec for options in active for name, spec in options.items()}


def wrong(entries: Entries, given: Given) -> list[str]:
    """Return everything that is wrong with the variables of a run, each with its remedy."""
    specs = wanted(entries, given.surfaces)
    problems = [*_surfaces(specs, given)]
    for name, spec in specs.items():
        if name == "surfaces":
            continue
        if name in given.broken:
            problems.append(f"{name} cannot be read: {given.broken[name]}")
        elif name in given.values:
            problems += list(_value(name, spec, given.values[name])) or list(_lost(name, spec, given))
        elif spec.get("required"):
            problems.append(". ".join(filter(None, [_missing(name, spec), given.hints.get(name)])))
    problems += [
        *_companions(specs, given),
        *receivers.wrong(specs, given.values),
        *_units(given),
        *_watch(specs, given),
        *_alerts(specs, given),
        *_of_the_run(given),
        *_other_playbooks(given),
    ]
    known = {*OPTIONS, *OWN}
    return list(dict.fromkeys([*problems, *strangers(given.names, known, given.read, given.commanded)]))


def units(entries: Entries, values: Mapping[str, Any]) -> list[Any]:
    """Return the backend's units with the defaults of their keys."""
    spec = (entries.get("backend") or {}).get("backend_units") or {}
    return argument_spec.filled(spec, values.get("backend_units") or [])


def unread(given: Given) -> list[str]:
    """Return the variables of the command line that nothing reads and that are not near to one of ours."""
    known = {*OPTIONS, *OWN, *given.read}
    return sorted(
        name for name in given.commanded if name not in known and not spelling.is_suspicious(name, known, short=True)
    )


def refusal(problems: Sequence[str], what: str) -> str:
    """Return the message that refuses a run, with all problems at once."""
    merged = _merged(problems)
    return "\n- ".join([f"Nothing was changed. {len(merged)} {what}:", *merged])


def _merged(problems: Sequence[str]) -> list[str]:
    """Return a problem that several surfaces have as one, with the surfaces before it unless one was not named."""
    found: dict[str, list[str]] = {}
    for problem in problems:
        surface, colon, text = problem.partition(": ")
        named = bool(colon) and surface in SURFACES
        found.setdefault(text if named else problem, []).append(surface if named else "")
    return [f"{', '.join(named)}: {text}" if all(named) else text for text, named in found.items()]


def is_set(given: Given, name: str) -> bool:
    return name in given.broken or not argument_spec.is_empty(given.values.get(name))


def _missing(name: str, spec: Mapping[str, Any]) -> str:
    return f"{name} is missing: {REMEDIES.get(name) or argument_spec.described(spec)}"


def _surfaces(specs: Mapping[str, Any], given: Given) -> Iterator[str]:
    if "surfaces" not in specs:
        return
    choice = ", ".join(SURFACES)
    if "surfaces" in given.broken:
        yield f"surfaces cannot be read: {given.broken['surfaces']}"
        return
    value = given.values.get("surfaces")
    if not argument_spec.is_empty(value) and not isinstance(value, (str, list, tuple)):
        yield f"surfaces must be a list of {choice}, and is {'a mapping' if isinstance(value, Mapping) else value}"
    elif not asked(value) and specs["surfaces"].get("required"):
        yield f"surfaces is {'empty' if 'surfaces' in given.values else 'missing'}: name at least one of {choice}"
    for name in asked(value):
        if name not in SURFACES:
            yield f"surfaces: there is no surface {name}{suggestion(name, SURFACES)}; choose from {choice}"


def _value(name: str, spec: Mapping[str, Any], value: Any) -> Iterator[str]:
    if name in REMEDIES and spec.get("required") and argument_spec.is_empty(value):
        yield _missing(name, spec)
        return
    problems = list(argument_spec.wrong(name, spec, value))
    if not problems:
        reason = spec.get("type", "str") == "str" and name in RUN and name not in ("release", "to", "commit", "backup")
        problems = (
            []
            if reason
            else placeholders.found(name, value, secret=bool(spec.get("no_log")), only_obvious=name in FREE_TEXT)
        )
    yield from problems or (*_address(name, spec, value), *http_headers.wrong(name, value))


def _lost(name: str, spec: Mapping[str, Any], given: Given) -> Iterator[str]:
    """A choice of the command line that is empty: a pipeline has lost its value, and the run must not take all instead.

    AWX sends an empty text for every question of a survey that nobody answered.
    """
    chosen = name in CHOSEN and name in given.commanded and "awx_job_id" not in given.names
    if chosen and _says_nothing(given.values[name]):
        yield f"{name} is empty: give it a value, or leave it out. {argument_spec.described(spec)}"


def _says_nothing(value: Any) -> bool:
    items = value.split(",") if isinstance(value, str) else value if isinstance(value, list) else [value]
    return all(argument_spec.is_empty(item) for item in items)


def _address(name: str, spec: Mapping[str, Any], value: Any) -> Iterator[str]:
    """An address without its scheme would be taken for something else, and late."""
    if not (name in STORES or name.endswith("_url")) or argument_spec.is_empty(value):
        return
    schemes = SCHEMES.get(name, WEB)
    scheme, separator, rest = str(value).strip().partition("://")
    if separator and scheme.lower() in schemes and rest:
        return
    written = (
        ""
        if spec.get("no_log") or not re.fullmatch(r"[\w.-]+(?::\d+)?(?:/[\w./-]*)?", str(value))
        else f": {schemes[0]}://{value}"
    )
    yield f"{name} must begin with {' or '.join(f'{one}://' for one in schemes)}{written}"


def _companions(specs: Mapping[str, Any], given: Given) -> Iterator[str]:
    for name, value, needed in COMPANIONS:
        if name not in specs:
            continue
        current = given.values.get(name, specs[name].get("default"))
        if argument_spec.is_empty(current) or (value and current != value):
            continue
        for one in needed:
            if one in specs and not is_set(given, one):
                why = f"{name} is {value}" if value else f"{name} is set"
                yield f"{one} is missing, which is needed as {why}: {argument_spec.described(specs[one])}"


def _units(given: Given) -> Iterator[str]:
    """Two units of one name, or of one service, would be mixed up in snapshots and rollbacks."""
    units = given.values.get("backend_units")
    if "backend" not in given.surfaces or not isinstance(units, Sequence) or isinstance(units, str):
        return
    known = [unit for unit in units if isinstance(unit, Mapping)]
    for key in ("name", "service"):
        values = [str(unit.get(key)) for unit in known if not argument_spec.is_empty(unit.get(key))]
        for value in dict.fromkeys(one for one in values if values.count(one) > 1):
            if not placeholders.found("", value):
                yield f"backend_units: {values.count(value)} units have the {key} {value}. Give each its own"
    if any(str(unit.get("name")) == "frontend" for unit in known):
        yield (
            "backend_units: a unit must not be named frontend, which is Vercel's deployment in snapshots and records."
            " Choose another name"
        )


def _alerts(specs: Mapping[str, Any], given: Given) -> Iterator[str]:
    """The policy for alerts, once the argument spec has nothing against its names and types."""
    policy, spec = given.values.get("rollback_on_alert"), specs.get("rollback_on_alert")
    if not spec or not isinstance(policy, Mapping) or not policy:
        return
    if not list(argument_spec.wrong("rollback_on_alert", spec, policy)):
        yield from alert_policy.problems(policy)


def _watch(specs: Mapping[str, Any], given: Given) -> Iterator[str]:
    """The values of the watch and of the stages that it judges, once the argument spec has nothing against them."""
    if given.playbook == "watch" and is_set(given, "decide") != is_set(given, "decide_reason"):
        missing, why = ("decide_reason", "why") if is_set(given, "decide") else ("decide", "continue or put_back")
        yield f"{missing} is missing, as a decision and its reason go together: say {why} with -e {missing}=…"
    watch = given.values.get("verify_watch")
    spec = specs.get("verify_watch")
    if spec and isinstance(watch, Mapping) and not list(argument_spec.wrong("verify_watch", spec, watch)):
        yield from watch_settings.problems(watch)
    rolled, shape = given.values.get("frontend_stages"), specs.get("frontend_stages")
    if not shape or "frontend" not in given.surfaces or not isinstance(rolled, list):
        return
    if not list(argument_spec.wrong("frontend_stages", shape, rolled)):
        yield from stages.problems(rolled, watch if isinstance(watch, Mapping) else {})


def _of_the_run(given: Given) -> Iterator[str]:
    if "environment_role" in given.commanded:
        yield (
            "environment_role belongs to the inventory: on the command line it would call any environment staging."
            " Leave it out here, and set it in the inventory"
        )
    if is_set(given, "dress_rehearsal_storefront") and not is_set(given, "dress_rehearsal"):
        yield (
            "dress_rehearsal is missing: name the inventory of dress_rehearsal_storefront, such as -e"
            " dress_rehearsal=staging"
        )
    if given.playbook == "restore" and not any(
        is_set(given, name) for name in ("backup", "undo", "database_restore_adopt")
    ):
        yield (
            "backup is missing: name what is restored with -e backup=<name> or -e backup=latest (backups.yml lists"
            " them); put back what a restore has replaced with -e undo=true"
        )
    if given.playbook not in ("deploy", "preflight", "migrate"):
        return
    if (
        given.values.get("database_migrate_runner") == "platform"
        and "backend" in given.surfaces
        and "database" not in given.surfaces
    ):
        yield (
            "database_migrate_runner is platform, so the backend applies the migrations: add database to surfaces, or"
            " they run without a check and a backup"
        )
    if set(given.surfaces) - {"edge"} and not is_set(given, "source_path"):
        yield "source_path is missing: set it to the checkout of the shop on this controller"


def _other_playbooks(given: Given) -> Iterator[str]:
    """What was given on the command line for this run and belongs to another playbook would be ignored.

    A remedy of diagnose.yml runs another playbook with all that was given to the first.
    """
    if "remedy" in given.commanded:
        return
    for name in given.commanded:
        readers = RUN.get(name)
        if readers and given.playbook not in readers and not argument_spec.is_empty(given.values.get(name, True)):
            remedy = INSTEAD.get((given.playbook, name), "leave it out")
            yield (
                f"{name} is for {', '.join(f'{one}.yml' for one in readers)}, and {given.playbook}.yml does not read"
                f" it: {remedy}"
            )
