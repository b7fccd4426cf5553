# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A project's variables at Vercel: their values in some environments, and the changes that lead to the wanted ones."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from ...core.errors import ApiError, ConfigError, RunbookError, Unreachable
from .client import Vercel
from .shapes import CHANGED, MADE, ONE_VARIABLE, VARIABLES
from .states import Project

ENVIRONMENTS = ("production", "preview", "development")
MARK = "storefront.runbook "  # starts the comment with the digest of a value that Vercel does not return


def digest(key: str, name: str, value: str | None) -> str | None:
    """Return the HMAC-SHA256 of a value; None for one that cannot be read."""
    return None if value is None else hmac.new(key.encode(), f"{name}\n{value}".encode(), hashlib.sha256).hexdigest()


def environments(project: Project, names: Iterable[str]) -> frozenset[str]:
    """Return the standard environments by name and the custom ones by id. Raises ConfigError for an unknown one."""
    custom = {item["slug"]: item["id"] for item in project.get("customEnvironments") or []}
    known = {**{name: name for name in ENVIRONMENTS}, **custom}
    if unknown := [name for name in names if name not in known]:
        raise ConfigError(
            f"The project {project['name']} has no environment {', '.join(unknown)}. It has: {', '.join(known)}."
            " Correct environments.",
            code="no_environment",
        )
    return frozenset(known[name] for name in names)


def place(where: Iterable[str]) -> dict[str, list[str]]:
    """Return the fields of a request that name environments."""
    custom = sorted(item for item in where if item not in ENVIRONMENTS)
    return {
        "target": [name for name in ENVIRONMENTS if name in where],
        **({"customEnvironmentIds": custom} if custom else {}),
    }


@dataclass(frozen=True)
class Variable:
    """``value`` is None where Vercel does not return it; ``noted`` is then the digest in its comment, if
    this collection wrote it.
    """

    id: str
    name: str
    where: frozenset[str]
    value: str | None
    noted: str | None
    sensitive: bool

    def holds(self, value: str, key: str) -> bool:
        return self.value == value if self.value is not None else self.noted == digest(key, self.name, value)


def last_change(client: Vercel, project: Project) -> int:
    """Return when a variable was last set, in milliseconds; a removal is not visible."""
    listed = client.call("GET", f"/v10/projects/{project['id']}/env", shape=VARIABLES, params={"decrypt": "false"})[
        "envs"
    ]
    return max((item.get("updatedAt") or item.get("createdAt") or 0 for item in listed), default=0)


def changes(client: Vercel, project: Project) -> list[dict[str, Any]]:
    """Return, by name, when a variable was last set, in milliseconds, and a ``digest`` that differs whenever one of its
    values is set or removed; no value is read.
    """
    listed = client.call("GET", f"/v10/projects/{project['id']}/env", shape=VARIABLES, params={"decrypt": "false"})[
        "envs"
    ]
    found: dict[str, list[tuple[str, int]]] = {}
    for item in listed:
        if not item.get("system") and item["type"] != "system":
            at = item.get("updatedAt") or item.get("createdAt") or 0
            found.setdefault(item["key"], []).append((item["id"], at))
    return [
        {
            "name": name,
            "at": max(at for _id, at in settings),
            "digest": hashlib.sha256(repr(sorted(settings)).encode()).hexdigest(),
        }
        for name, settings in sorted(found.items())
    ]


def read(client: Vercel, project: Project) -> list[Variable]:
    """Return the project's own variables, without those of single branches and those that an integration manages."""
    found = []
    for item in client.call("GET", f"/v10/projects/{project['id']}/env", shape=VARIABLES, params={"decrypt": "true"})[
        "envs"
    ]:
        if item.get("gitBranch") or item.get("system") or item["type"] == "system":
            continue
        hidden, value = item["type"] in ("sensitive", "secret"), item.get("value")
        if not hidden and not item.get("decrypted", item["type"] == "plain"):
            value = client.call("GET", f"/v1/projects/{project['id']}/env/{item['id']}", shape=ONE_VARIABLE).get(
                "value"
            )
        targets, note = item.get("target") or [], item.get("comment") or ""
        where = frozenset(
            [*([targets] if isinstance(targets, str) else targets), *(item.get("customEnvironmentIds") or [])]
        )
        noted = note.removeprefix(MARK) if note.startswith(MARK) else None
        found.append(Variable(item["id"], item["key"], where, None if hidden else value, noted, hidden))
    return found


def known(held: Iterable[Variable]) -> dict[str, Any]:
    """Return {present, hidden}: values by name, which are secrets, and the names of those that Vercel never returns."""
    listed = list(held)
    return {
        "present": {variable.name: variable.value for variable in listed if variable.value is not None},
        "hidden": {variable.name for variable in listed if variable.value is None},
    }


def shown(project: Project, held: Iterable[Variable], where: frozenset[str], key: str) -> dict[str, Any]:
    """Return a name's variables in the environments ``where``, as the diff shows them."""
    slugs = {item["id"]: item["slug"] for item in project.get("customEnvironments") or []}
    held = list(held)
    digests = {digest(key, variable.name, variable.value) or variable.noted for variable in held}
    return {
        "digest": None if None in digests else ", ".join(sorted(filter(None, digests))),
        "environments": sorted({slugs.get(item, item) for variable in held for item in variable.where & where}),
        "sensitive": any(variable.sensitive for variable in held),
    }


def listing(client: Vercel, project: Project, key: str) -> list[dict[str, Any]]:
    """Return name, environments, digest and sensitive of each variable, by name; a name may occur several times."""
    everywhere = environments(
        project, [*ENVIRONMENTS, *(item["slug"] for item in project.get("customEnvironments") or [])]
    )
    variables = [
        {"name": variable.name, **shown(project, [variable], everywhere, key)} for variable in read(client, project)
    ]
    return sorted(variables, key=lambda item: (item["name"], item["environments"]))


@dataclass
class Change:
    """The changes: ``create`` and ``update`` variables, and ``narrow`` and ``drop`` those that conflict with them or
    that nobody wants.
    """

    narrow: list[tuple[Variable, frozenset[str]]] = field(default_factory=list)
    drop: list[Variable] = field(default_factory=list)
    update: list[tuple[Variable, str]] = field(default_factory=list)
    create: list[tuple[str, str]] = field(default_factory=list)

    def names(self) -> set[str]:
        """The names of all variables that are set."""
        return {name for name, _unused in self.create} | {variable.name for variable, _unused in self.update}

    def split(self) -> tuple[Change, Change]:
        """Return the removals alone: of variables that are replaced, and of those that nobody wants."""
        parts, names = (Change(), Change()), self.names()
        for variable, rest in self.narrow:
            parts[variable.name not in names].narrow.append((variable, rest))
        for variable in self.drop:
            parts[variable.name not in names].drop.append(variable)
        return parts

    def take_away(self, held: Iterable[Variable], where: frozenset[str]) -> None:
        for variable in held:
            if variable.where - where:
                self.narrow.append((variable, variable.where - where))
            else:
                self.drop.append(variable)


def compare(
    there: Iterable[Variable],
    wanted: Mapping[str, str],
    unwanted: Iterable[str],
    where: frozenset[str],
    *,
    sensitive: bool,
    key: str,
) -> Change:
    """Return the changes that give the environments ``where``, and no others, the ``wanted`` variables and
    none of the ``unwanted``.
    """
    change = Change()
    held: dict[str, list[Variable]] = {}
    for variable in there:
        if variable.where & where:
            held.setdefault(variable.name, []).append(variable)
    for name, value in wanted.items():
        now = held.get(name, [])
        covered = frozenset().union(*(variable.where for variable in now))
        right = all(variable.holds(value, key) and (variable.sensitive or not sensitive) for variable in now)
        if now and right and where <= covered:
            continue
        kept = next((variable for variable in now if variable.where <= where), None)
        change.take_away((variable for variable in now if variable is not kept), where)
        if kept:
            change.update.append((kept, value))
        else:
            change.create.append((name, value))
    for name in unwanted:
        change.take_away(held.get(name, []), where)
    return change


def write(
    client: Vercel, project: Project, change: Change, where: frozenset[str], *, sensitive: bool, key: str
) -> None:
    """Carry out a change. After an interruption, the variables that are set already are right, and the next run does
    the rest. New variables come first and those that nobody wants are removed last: a value that moves from one
    variable to another is always in one of them.

    When a new variable cannot be set, the variable that it replaces is restored: an old value is better than none.
    """
    base = f"projects/{project['id']}/env"
    moved: list[Variable] = []
    replaced, unwanted = change.split()
    try:
        _vacate(client, base, replaced, moved)
        if change.create:
            bodies = [_body(name, value, where, sensitive, key) for name, value in change.create]
            _refuse_failed(
                client.call("POST", f"/v10/{base}", shape=MADE, params={"upsert": "true"}, json=bodies, idempotent=True)
            )
        for variable, value in change.update:
            body = _body(variable.name, value, where, sensitive or variable.sensitive, key)
            client.call("PATCH", f"/v9/{base}/{variable.id}", shape=CHANGED, json=body, idempotent=True)
        _vacate(client, base, unwanted, moved)
    except (ApiError, Unreachable):
        for variable in moved:
            if variable.name in change.names():
                with contextlib.suppress(RunbookError):  # refused when the new one was set in spite of the error
                    client.call(
                        "PATCH", f"/v9/{base}/{variable.id}", shape=CHANGED, json=place(variable.where), idempotent=True
                    )
        raise


def _vacate(client: Vercel, base: str, change: Change, moved: list[Variable]) -> None:
    """Remove variables from the environments; ``moved`` gets those that stay in others."""
    for variable, rest in change.narrow:
        moved.append(variable)
        client.call("PATCH", f"/v9/{base}/{variable.id}", shape=CHANGED, json=place(rest), idempotent=True)
    for variable in change.drop:
        _drop(client, f"/v9/{base}/{variable.id}")


def _refuse_failed(answer: Mapping[str, Any]) -> None:
    """Raise ApiError for variables that Vercel did not create; it reports them with a success status."""
    if failed := answer.get("failed"):
        error = failed[0]["error"]
        raise ApiError(
            f"Vercel did not set {len(failed)} of the variables: {error.get('message') or 'it gave no reason'}. Correct"
            " these, then run it again.",
            code=error.get("code"),
            status=HTTPStatus.CREATED.value,
        )


def _drop(client: Vercel, path: str) -> None:
    try:
        client.call("DELETE", path, shape=CHANGED)
    except ApiError as error:
        if not error.is_missing:  # already removed, for example by a try whose answer was lost
            raise


def _body(name: str, value: str, where: frozenset[str], sensitive: bool, key: str) -> dict[str, Any]:
    noted = {"comment": f"{MARK}{digest(key, name, value)}"} if sensitive else {}
    return {"key": name, "value": value, "type": "sensitive" if sensitive else "encrypted", **place(where), **noted}
