# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which secrets an inventory declares, and which of them secrets.yml was asked to rotate."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from .rotation import SHORTEST, user_of
from .spelling import suggestion
from .variable_changes import FRONTEND, NAME

KINDS = ("random", "postgres_role", "redis_user")
LOGINS = {"postgres_role": "roles", "redis_user": "users"}  # the key that names the two
ADDRESSES = {"postgres_role": "secrets_database_url", "redis_user": "secrets_redis_url"}
# What the runbook itself logs in with. It has these URLs from the inventory, which no rotation changes.
OWN = {
    "postgres_role": ("database_url", "database_direct_url", "secrets_database_url"),
    "redis_user": ("redis_url", "secrets_redis_url"),
}
STEPS = ("rotate", "end", "undo")
KEYS = ("name", "kind", "variable", "previous", "units", "roles", "users", "length")
BEFORE = "_BEFORE_ROTATION"  # the variable of the old value where the app reads none
USUAL, LONGEST = 43, 86  # characters; of 6 bits each
TURNS = 2  # logins that take turns

Secret = dict[str, Any]


def wanted(asked: Mapping[str, Any], units: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return {problems, mode, secret, units, others, frontend, all}. ``asked`` are the options of the run, ``all`` the
    declared secrets, and ``others`` the units that must not use one of the two logins.
    """
    declared = asked["secrets"] or []
    if not isinstance(declared, Sequence) or isinstance(declared, str):
        return _nothing(["secrets must be a list: {name, kind, variable, units} of each secret"])
    others = [FRONTEND] if asked["has_frontend"] else []
    known = [*(str(one["name"]) for one in units), *others]
    problems = [text for number, one in enumerate(declared) for text in _wrong(one, number, known, asked)]
    names = [str(one.get("name")) for one in declared if isinstance(one, Mapping)]
    problems += [f"secrets: {name} is declared twice. Name each once" for name in {*names} if names.count(name) > 1]
    name, step = str(asked["secret_name"] or ""), str(asked["secret_step"] or STEPS[0])
    if step not in STEPS:
        problems.append(f"secret_step is {step}: choose from {', '.join(STEPS)}")
    if not declared:
        problems.append("secrets is empty: declare in the inventory which secrets the shop has (docs/secrets.md)")
    elif name and name not in names:
        choice = ", ".join(names)
        problems.append(f"secret_name: there is no secret {name}{suggestion(name, names)}; choose from {choice}")
    if problems:
        return _nothing(problems)
    chosen = [_filled(one) for one in declared if not name or one["name"] == name]
    of = {unit for one in chosen for unit in one["units"]}
    pair = chosen[0]["pair"] if name else []
    return {
        "problems": [],
        "mode": step if name else "list",
        "secret": chosen[0] if name else {},
        "units": [{"root_directory": asked["root_directory"], **one} for one in units if one["name"] in of],
        "others": [one for one in known if one not in of] if pair else [],
        "frontend": FRONTEND in of,
        "all": chosen,
    }


def _nothing(problems: list[str]) -> dict[str, Any]:
    return {"problems": problems, "mode": "list", "secret": {}, "units": [], "others": [], "frontend": False, "all": []}


def _filled(one: Mapping[str, Any]) -> Secret:
    """Return a secret with every key; ``pair`` are the two logins, ``overlap`` whether the app reads the old value."""
    pair = [str(login) for login in one.get(LOGINS.get(one["kind"], ""), [])]
    return {
        "length": USUAL,
        **one,
        "pair": pair,
        "overlap": bool(one.get("previous")),
        "previous": one.get("previous") or f"{one['variable']}{BEFORE}",
    }


def _wrong(one: Any, number: int, known: Sequence[str], asked: Mapping[str, Any]) -> Iterator[str]:
    where = f"secrets[{number}]"
    if not isinstance(one, Mapping):
        yield f"{where} must be a mapping with name, kind, variable and units"
        return
    where = f"secrets.{one['name']}" if one.get("name") else where
    yield from (f"{where}.{key} is missing" for key in ("name", "kind", "variable", "units") if not one.get(key))
    for key in one:
        if key not in KEYS:
            yield f"{where}: there is no option {key}{suggestion(str(key), KEYS)}; choose from {', '.join(KEYS)}"
    kind = one.get("kind")
    if kind and kind not in KINDS:
        yield f"{where}.kind is {kind}{suggestion(str(kind), KINDS)}; choose from {', '.join(KINDS)}"
    for key in ("variable", "previous"):
        if one.get(key) and not NAME.fullmatch(str(one[key])):
            yield f"{where}.{key} is {one[key]!r}, which cannot be the name of a variable: use letters, digits and _"
    if one.get("previous") and one.get("previous") == one.get("variable"):
        yield f"{where}.previous is the variable itself. Name the one from which the app reads the old value"
    yield from _units(where, one.get("units"), known)
    if kind in KINDS:
        yield from _of_kind(where, str(kind), one, asked)


def _units(where: str, units: Any, known: Sequence[str]) -> Iterator[str]:
    if not units:
        return
    if not isinstance(units, Sequence) or isinstance(units, str):
        yield f"{where}.units must be a list of units that read the variable, from {', '.join(known)}"
        return
    for unit in units:
        if unit not in known:
            choice = ", ".join(known)
            yield f"{where}.units: there is no unit {unit}{suggestion(str(unit), known)}; choose from {choice}"


def _of_kind(where: str, kind: str, one: Mapping[str, Any], asked: Mapping[str, Any]) -> Iterator[str]:
    needed = LOGINS.get(kind)
    for key in LOGINS.values():
        if key != needed and one.get(key):
            yield f"{where}.{key} is not for the kind {kind}. Remove it, or correct kind"
    if needed:
        pair = one.get(needed)
        if not isinstance(pair, Sequence) or isinstance(pair, str) or len({str(name) for name in pair}) != TURNS:
            yield f"{where}.{needed} must be two different names that log in in turn, such as [shop_a, shop_b]"
        if one.get("previous"):
            yield f"{where}.previous is for the kind random only: here both logins are valid meanwhile. Remove it"
        for option in OWN[kind]:
            user = user_of(asked["addresses"].get(option))
            if user and user in [str(name) for name in pair or []]:
                yield (
                    f"{option} logs in as {user}, one of {where}.{needed}, whose login ends in a rotation, and the"
                    f" inventory would keep the old one. Give {option} a user of its own"
                )
        if not asked["addresses"].get(ADDRESSES[kind]):
            yield f"{ADDRESSES[kind]} is missing: the address of a user that may change {needed} (docs/secrets.md)"
    length = one.get("length", USUAL)
    if not isinstance(length, int) or isinstance(length, bool) or not SHORTEST <= length <= LONGEST:
        yield f"{where}.length is {length}: choose {SHORTEST} to {LONGEST} characters, each of 6 random bits"
    if kind == "random" and FRONTEND in (one.get("units") or []) and len(one["units"]) > 1 and not one.get("previous"):
        yield (
            f"{where}: the frontend has the new value later than the other units, so both values have to be valid"
            " meanwhile. Set previous to the variable from which the app reads the old value"
        )
