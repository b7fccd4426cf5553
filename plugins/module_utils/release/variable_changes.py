# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What variables.yml was asked for, and what it shows: names and digests, never a value."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Optional

from ..core.amounts import number
from ..source.shop.variables import names_in
from .restart import listed, named
from .results import failure_message
from .spelling import suggestion

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
FRONTEND = "frontend"
EXAMPLE = "example"
# A line break in any notation, and what no terminal or .env file carries; a tab is fine.
BREAKS = re.compile(r"[\x00-\x08\x0a-\x1f\x7f\x85\u2028\u2029]")
VAULTED = "AnsibleVaultEncryptedUnicode"  # a value that is encrypted alone; in core 2.18 it is not a str
SHORT = 8  # letters of a digest that are shown: enough to see that two differ
ASKING = ("variable_values", "from_env", "unset", "compare_with")
FROM_FILE = "Put it into a file that ansible-vault encrypts and give that with -e @values.yml, or use -e from_env=NAME"

Digests = dict[str, Optional[str]]  # noqa: UP045 -- ansible-test reads "|" as of Python 3.9; None is a value that is not shown


def wanted(asked: Mapping[str, Any], units: Sequence[Mapping[str, Any]], environ: Mapping[str, str]) -> dict[str, Any]:
    """Return {problems, mode, units, frontend, values, unset}. ``asked`` are the options of the run.
    ``values`` are secrets.
    """
    others = [FRONTEND] if asked["has_frontend"] else []
    names, problems = named(asked["unit"], units, others)
    values, of_values = _values(asked, environ)
    unset, of_unset = listed("unset", asked["unset"])
    problems += [*of_values, *of_unset, *_names(values, "variable_values"), *_names(unset, "unset")]
    if both := sorted(values.keys() & set(unset)):
        problems.append(f"{', '.join(both)}: given a value and named in unset. Remove it from one of them")
    mode = "change" if values or unset or of_values or of_unset else "compare" if asked["compare_with"] else "list"
    if mode == "change" and not names:
        known = ", ".join([*(str(one["name"]) for one in units), *others])
        problems.append(f"unit is missing: name whose variables change with -e unit=NAME, one or more of {known}")
    if mode == "change" and asked["compare_with"]:
        problems.append("compare_with changes nothing: leave out variable_values, from_env and unset, or compare_with")
    if asked["compare_with"]:
        problems += _place(str(asked["compare_with"]), asked["storefronts"])
    chosen = names or [*(str(one["name"]) for one in units), *others]
    return {
        "problems": list(dict.fromkeys(problems)),
        "mode": mode,
        "units": [{"root_directory": asked["root_directory"], **one} for one in units if one["name"] in chosen],
        "frontend": FRONTEND in chosen,
        "values": {} if problems else values,
        "unset": [] if problems else unset,
    }


def _values(asked: Mapping[str, Any], environ: Mapping[str, str]) -> tuple[dict[str, str], list[str]]:
    given = asked["variable_values"] or {}
    if not isinstance(given, Mapping):
        return {}, [f"variable_values must map names to values. {FROM_FILE}"]
    values = {str(name): str(value) if type(value).__name__ == VAULTED else value for name, value in given.items()}
    names, problems = listed("from_env", asked["from_env"])
    for name in names:
        if not NAME.fullmatch(name):
            problems.append(
                "from_env has something that is not a valid name. Give the names alone, such as -e"
                " from_env=STRIPE_KEY, and the values in the environment"
            )
        elif not environ.get(name):
            problems.append(
                f"from_env: the environment has no {name}, or it is empty. Set it before the run, as in {name}=…"
                " ansible-playbook"
            )
        elif name in values:
            problems.append(f"{name}: in variable_values and in from_env. Remove it from one of them")
        else:
            values[name] = environ[name]
    return values, [*problems, *_wrong_values(values)]


def _wrong_values(values: Mapping[str, Any]) -> Iterator[str]:
    for name, value in values.items():
        if not isinstance(value, str):
            yield f'the value of {name or "a variable"} is not text. Quote it in the file, as in {name}: "3000"'
        elif BREAKS.search(value):
            yield (
                f"the value of {name} has a line break or another control character, which platforms store"
                " differently. Encode it, for example as base64, and let the app decode it"
            )


def _names(names: Iterable[str], option: str) -> Iterator[str]:
    for name in names:
        if not name:
            yield f"{option}: a variable has an empty name. Give it one, or remove it"
        elif not NAME.fullmatch(name):
            yield (
                f"{option}: {name!r} is not a valid name. Use letters, digits and _, no digit first, such as STRIPE_KEY"
            )


def on_command_line(argv: Sequence[str]) -> list[str]:
    """Return that values of variables are on the command line itself; ``argv`` has what it holds there."""
    if not any(re.search(r"\bvariable_values\b", text) for text in argv):
        return []
    return [
        "variable_values is on the command line itself, where other users of this machine can read its values."
        f" {FROM_FILE}. Change the values that were shown"
    ]


def _place(compared: str, storefronts: Sequence[str]) -> list[str]:
    known = [EXAMPLE, *storefronts]
    if compared in known:
        return []
    return [
        f"compare_with: there is no storefront {compared}{suggestion(compared, known)}; choose from {', '.join(known)}."
        " Another environment's inventory is added with a second -i"
    ]


def planned(
    results: Sequence[Mapping[str, Any]],
    infos: Mapping[str, Digests],
    left: Mapping[str, Any],
    unset: Sequence[str] = (),
) -> dict[str, Any]:
    """Return {problems, before, after, names, lines, moves, again} of a change, from what the modules say in check
    mode. ``infos`` has today's digests by unit, ``left`` is the journal of a run that did not end: what it has set
    already belongs to this change. ``unset`` are the names to remove; one that is not there may be a typing error.
    ``again`` are the units that the earlier run may have left without their redeploy.
    """
    names = dict((left.get("data") or {}).get("names") or {})
    again = sorted(names)
    problems, lines = _left_out(again, [one["backend_unit"]["name"] for one in results]), []
    before: Digests = {}
    after: Digests = {}
    for one in results:
        unit = one["backend_unit"]["name"]
        if "added" not in one:
            problems.append(f"{unit}: {failure_message(one)}")
            continue
        there = infos.get(unit, {})
        missing = [name for name in unset if name not in there and name not in one["removed"]]
        lines += [f"{unit} {name}: not set{suggestion(name, there)}" for name in missing]
        then = digests_of(one)
        moved = sorted({*one["added"], *one["updated"], *one["removed"]})
        if moved:
            names[unit] = sorted({*names.get(unit, []), *moved})
        for name in moved:
            key, now = f"{unit} {name}", there.get(name)
            before[key] = _digest(now) if name not in one["added"] else "not set"
            after[key] = _digest(then.get(name)) if name not in one["removed"] else "not set"
            lines.append(f"{key}: {before[key]} -> {after[key]}")
    return {
        "problems": problems,
        "before": before,
        "after": after,
        "names": names,
        "lines": lines or ["Every variable has its value already."],
        "moves": bool(left) or any(one.get("changed") for one in results),
        "again": again,
    }


def _left_out(earlier: Sequence[str], units: Sequence[str]) -> list[str]:
    """Return that an earlier run has not finished in units that this run does not change."""
    if not (others := [unit for unit in earlier if unit not in units]):
        return []
    return [
        f"An earlier run has not finished in {', '.join(others)}. Run that one again first, then this one. Where that"
        " unit is gone for good, remove levers/variables.json from the store"
    ]


def digests_of(result: Mapping[str, Any]) -> Digests:
    """Return the digests of a unit's variables by name, from a module of any platform."""
    if "variable_digests" in result:
        return dict(result["variable_digests"])
    return {one["name"]: one.get("digest") for one in result.get("variables") or []}


def _digest(digest: str | None) -> str:
    return f"digest {digest[:SHORT]}" if digest else "set, not shown"


def by_unit(results: Sequence[Mapping[str, Any]], compared: bool = False) -> dict[str, Digests]:
    """Return the digests of each unit. To be ``compared`` they must have one key: Vercel does not return a sensitive
    value, so its digest is that of the run that set it, and does not count.
    """
    found = {}
    for one in results:
        hidden = dict.fromkeys(one.get("sensitive_names") or []) if compared else {}
        found[one["backend_unit"]["name"]] = {**digests_of(one), **hidden}
    return found


def of_example(results: Sequence[Mapping[str, Any]]) -> dict[str, Digests]:
    """Return the names in each unit's .env.example, in the shape of digests. ``results`` are those of git show."""
    return {one["unit_name"]: dict.fromkeys(names_in(one["stdout"]), "") for one in results if one.get("rc") == 0}


def listing(infos: Mapping[str, Digests]) -> list[str]:
    """Return the lines of a list: each unit, with the names and digests of its variables."""
    lines = []
    for unit, digests in infos.items():
        lines.append(f"{unit}: {number(len(digests), 'variable')}")
        width = max((len(name) for name in digests), default=0)
        lines += [f"  {name:<{width}}  {_digest(digest)}" for name, digest in sorted(digests.items())]
    return lines


def compared(here: Mapping[str, Digests], there: Mapping[str, Digests], place: str) -> list[str]:
    """Return the lines of a comparison, without a value: what only one of two has, and what differs."""
    lines = []
    names_only = place == EXAMPLE
    for unit, mine in here.items():
        theirs = there.get(unit)
        if theirs is None:
            lines.append(f"{unit}: {place} has no such unit, or no file that names its variables")
            continue
        parts = [
            ("missing here", sorted(theirs.keys() - mine.keys())),
            ("only here", sorted(mine.keys() - theirs.keys())),
        ]
        if not names_only:
            both = sorted(mine.keys() & theirs.keys())
            known = [name for name in both if mine[name] and theirs[name]]
            parts.append(("another value", [name for name in known if mine[name] != theirs[name]]))
            parts.append(("the same value", [name for name in known if mine[name] == theirs[name]]))
            parts.append(("not shown by the platform, so not compared", [name for name in both if name not in known]))
        found = [f"  {word}: {', '.join(names)}" for word, names in parts if names]
        lines += [f"{unit}, compared with {place}:", *(found or ["  the same variables"])]
    return lines


def message(names: Mapping[str, Sequence[str]], unset: Sequence[str], redeploy: bool) -> str:
    """Return what was changed. A frontend has the values with its next build."""
    parts = []
    for unit, moved in names.items():
        given = [name for name in moved if name not in unset]
        gone = [name for name in moved if name in unset]
        words = [f"set {', '.join(given)}" if given else "", f"removed {', '.join(gone)}" if gone else ""]
        if unit == FRONTEND:
            when = "the next build of the frontend has them"
        else:
            when = "redeployed once" if redeploy else "not redeployed, so they wait for the next deploy"
        parts.append(f"{unit}: {' and '.join(word for word in words if word)} ({when})")
    held = " A rollback keeps these values." if names else ""
    return f"{'; '.join(parts) or 'Every variable had its value already'}.{held}"
