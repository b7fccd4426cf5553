# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A fleet as one file describes it: its storefronts, what they share, and the waves in which a release reaches them."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .spelling import suggestion

KEYS = ("plugin", "shared", "groups", "storefronts", "waves")
WAVE_KEYS = ("name", "storefronts", "size", "variables")
RESERVED = ("all", "ungrouped", "storefronts", "localhost")
VARIABLE = "letters, digits and underscores, and begin with a letter or an underscore"
GROUP = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
STOREFRONT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
GROUP_OF_WAVE = re.compile(r"wave_([0-9]{1,9})_.+")


class FleetError(Exception):
    """What is wrong in the file, where, and how to correct it."""


@dataclass(frozen=True)
class Wave:
    """The storefronts that a release reaches together, in the order of the file."""

    name: str
    storefronts: tuple[str, ...]
    variables: Mapping[str, Any]


@dataclass(frozen=True)
class Fleet:
    """What the file says. ``storefronts`` and ``groups`` have the variables of each by name, ``members`` the
    storefronts of each group.
    """

    shared: Mapping[str, Any]
    storefronts: Mapping[str, Mapping[str, Any]]
    groups: Mapping[str, Mapping[str, Any]]
    members: Mapping[str, tuple[str, ...]]
    waves: tuple[Wave, ...]

    @property
    def order(self) -> list[str]:
        """Return the storefronts in the order of the rollout."""
        return [name for wave in self.waves for name in wave.storefronts] or [*self.storefronts]


def fleet(document: Mapping[str, Any]) -> Fleet:
    """Return the fleet that ``document`` describes. Raises FleetError."""
    document = _mapping("the file", document)
    _refuse_unknown("the file", document, KEYS)
    storefronts = {name: _variables(f"storefronts.{name}", value) for name, value in _named(document, "storefronts")}
    if not storefronts:
        raise FleetError("storefronts is empty: name each storefront, with its variables.")
    groups = {name: _variables(f"groups.{name}", value) for name, value in _named(document, "groups")}
    for name in storefronts:
        _check_name("storefronts", name, STOREFRONT, "at most 100 letters, digits, dots, dashes and underscores")
        if GROUP_OF_WAVE.fullmatch(name):
            raise FleetError(f"storefronts.{name}: choose another name. It is that of the group of a wave.")
    for name in groups:
        _check_name("groups", name, GROUP, "letters, digits and underscores")
        if GROUP_OF_WAVE.fullmatch(name) or name in storefronts:
            raise FleetError(f"groups.{name}: choose another name. It is that of a storefront, or of a wave.")
    memberships = {name: _groups_of(name, value, groups) for name, value in storefronts.items()}
    members = {group: tuple(name for name in storefronts if group in memberships[name]) for group in groups}
    return Fleet(
        shared=_variables("shared", document.get("shared")),
        storefronts={
            name: {key: item for key, item in value.items() if key != "groups"} for name, value in storefronts.items()
        },
        groups=groups,
        members=members,
        waves=_waves(document.get("waves"), [*storefronts], members),
    )


def group_of(number: int, wave: Wave) -> str:
    """Return the name of the group of a wave, ``wave_1_canary``: for --limit, and for ``batches``."""
    return f"wave_{number}_{wave.name}"


def batches(everyone: Sequence[str], groups: Mapping[str, Sequence[str]], rollout: Any = None) -> Any:
    """Return the play's ``serial``: the sizes of the waves, each split into batches of ``rollout``, a number or a
    percentage of the wave. Without waves it is ``rollout``, by default 1.

    ``everyone`` are the play's storefronts in their order; ``groups`` are the groups of the inventory. Raises
    FleetError when the waves are not in this order.
    """
    numbered = sorted((int(found[1]), name) for name in groups if (found := GROUP_OF_WAVE.fullmatch(name)))
    waves = [[one for one in everyone if one in groups[name]] for _number, name in numbered]
    reached = [one for wave in waves for one in wave]
    if not reached:
        return 1 if rollout is None else rollout
    if reached != [*everyone]:
        missing = [one for one in everyone if one not in reached]
        raise FleetError(
            f"{', '.join(missing)} are in no wave: add them to one."
            if missing
            else "the order of the inventory is not that of the waves: list the storefronts of the first wave first."
        )
    sizes = []
    for wave in filter(None, waves):
        at_once = len(wave) if rollout is None else min(_part(rollout, len(wave)), len(wave))
        sizes += [at_once] * (len(wave) // at_once) + ([rest] if (rest := len(wave) % at_once) else [])
    return sizes


def _part(size: Any, of: int) -> int:
    """Return a number, or a percentage of ``of`` rounded up. Raises FleetError."""
    text = _text(size)
    if found := re.fullmatch(r"([1-9][0-9]?|100)%", text):
        return math.ceil(of * int(found[1]) / 100)
    if isinstance(size, bool) or not re.fullmatch(r"[1-9][0-9]{0,8}", text):
        raise FleetError(f"{text!r} is not a size: give a number from 1, or a percentage such as 10%.")
    return int(text)


def _waves(given: Any, storefronts: Sequence[str], members: Mapping[str, Sequence[str]]) -> tuple[Wave, ...]:
    if given is None:
        return ()
    if not isinstance(given, list) or not given:
        raise FleetError("waves must be a list, and not an empty one: leave it out for a fleet without waves.")
    waves: list[Wave] = []
    for number, item in enumerate(given, 1):
        where = f"waves, number {number}"
        wave = _mapping(where, item)
        _refuse_unknown(where, wave, WAVE_KEYS)
        name = _text(wave.get("name", ""))
        if not GROUP.fullmatch(name):
            raise FleetError(f"{where}: name must be letters, digits and underscores, not {name!r}.")
        taken = {one for earlier in waves for one in earlier.storefronts}
        left = [one for one in storefronts if one not in taken]
        chosen = _chosen(f"waves.{name}", wave, left, storefronts, members, last=number == len(given))
        if twice := sorted(taken.intersection(chosen)):
            raise FleetError(f"waves.{name}: {', '.join(twice)} is in an earlier wave already.")
        waves.append(Wave(name, tuple(chosen), _variables(f"waves.{name}.variables", wave.get("variables"))))
    if missing := [one for one in storefronts if not any(one in wave.storefronts for wave in waves)]:
        raise FleetError(
            f"{', '.join(missing)} is in no wave: add it to one, or end with a wave that has only a name,"
            " which takes the rest."
        )
    if len({wave.name for wave in waves}) < len(waves):
        raise FleetError("two waves have the same name.")
    return tuple(waves)


def _chosen(
    where: str,
    wave: Mapping[str, Any],
    left: Sequence[str],
    storefronts: Sequence[str],
    members: Mapping[str, Sequence[str]],
    *,
    last: bool,
) -> Sequence[str]:
    """Return the storefronts of a wave: those that it names, the next so many of the file, or the rest."""
    if "storefronts" in wave and "size" in wave:
        raise FleetError(f"{where} has storefronts and size: give one of them.")
    if "size" in wave:
        try:
            chosen = left[: _part(wave["size"], len(storefronts))]
        except FleetError as problem:
            raise FleetError(f"{where}.size: {problem}") from None
    elif "storefronts" in wave:
        chosen = _resolved(f"{where}.storefronts", wave["storefronts"], storefronts, members)
    elif last:
        chosen = left
    else:
        raise FleetError(f"{where}: give storefronts or size. Only the last wave can do without, and takes the rest.")
    if not chosen:
        raise FleetError(f"{where} has no storefront: the waves before it take them all. Remove it.")
    return chosen


def _resolved(
    where: str, names: Any, storefronts: Sequence[str], members: Mapping[str, Sequence[str]]
) -> Sequence[str]:
    """Return the storefronts that ``names`` are, or are the groups of, in the order of the file."""
    chosen = _list(where, names, "storefronts or groups")
    for name in chosen:
        if name not in storefronts and name not in members:
            known = [*storefronts, *members]
            raise FleetError(f"{where}: there is no storefront or group {name}{suggestion(name, known)}.")
    named = {one for name in chosen for one in members.get(name, (name,))}
    return [one for one in storefronts if one in named]


def _groups_of(name: str, variables: Mapping[str, Any], groups: Iterable[str]) -> Sequence[str]:
    given = _list(f"storefronts.{name}.groups", variables.get("groups", []), "names")
    for group in given:
        if group not in groups:
            raise FleetError(
                f"storefronts.{name}.groups: there is no group {group}{suggestion(group, groups)}."
                " Add it to groups, where it may be empty."
            )
    return given


def _text(value: Any) -> str:
    """Return a value of the file as a text for a message or a comparison. Python refuses to write a huge number."""
    try:
        return str(value)[:200]
    except ValueError:
        return "a number of thousands of digits"


def _list(where: str, given: Any, of: str) -> list[str]:
    """Return a list of names. YAML reads some unquoted ones as numbers, which are meant as they are written."""
    if not isinstance(given, list) or any(isinstance(one, (list, Mapping)) for one in given):
        raise FleetError(f"{where} must be a list of {of}.")
    return [_text(one) for one in given]


def _named(document: Mapping[str, Any], key: str) -> Iterable[tuple[str, Any]]:
    """Return the entries of a mapping by their names, each of which must be what was written: YAML reads an unquoted
    ``no`` as False.
    """
    seen: set[str] = set()
    for given, value in _mapping(key, document.get(key)).items():
        name = _text(given)
        if isinstance(given, bool) or not isinstance(given, (str, int)):
            raise FleetError(f"{key}: YAML does not read the name {name} as text. Write it in quotes.")
        if name in seen:
            raise FleetError(f"{key}: {name} is there twice.")
        seen.add(name)
        yield name, value


def _variables(where: str, value: Any) -> Mapping[str, Any]:
    for name in (given := _mapping(where, value)):
        if not isinstance(name, str) or not GROUP.fullmatch(name):
            raise FleetError(f"{where}: {_text(name)!r} is not the name of a variable: use {VARIABLE}.")
    return given


def _mapping(where: str, value: Any) -> Mapping[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise FleetError(f"{where} must be a mapping of names to values, not {type(value).__name__}.")
    return value


def _check_name(where: str, name: str, pattern: re.Pattern[str], allowed: str) -> None:
    if not pattern.fullmatch(name) or name in RESERVED:
        raise FleetError(f"{where}: {name!r} cannot be a name there: use {allowed}, and none of {', '.join(RESERVED)}.")


def _refuse_unknown(where: str, given: Mapping[str, Any], known: Sequence[str]) -> None:
    for key in given:
        if key not in known:
            name = _text(key)
            raise FleetError(f"{where} has {name}, which is not known{suggestion(name, known)}. Known: {known}.")
