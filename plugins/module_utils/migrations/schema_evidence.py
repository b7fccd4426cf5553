# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The state of a migration that failed, from the schema that was recorded before its first statement and the schema
now.

A file is a row of transactions, each of which stays or does not, and the first that fails is the last one that ran. So
its state is the number of transactions that stayed. A change of something that only a later one touches shows that it
stayed, and with it all before it; something that the file would leave otherwise shows that the one that does so did not
stay, and none after it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .catalogue_state import changed, state_of
from .names import names_in, unseen
from .traces import Trace, Traces, found
from .transactions import Shape, shape_of

UNDONE, APPLIED, PARTLY, UNKNOWN = "undone", "applied", "partly", "unknown"
NEVER_NOTED = "the state before it was not noted"
CHANGED_MEANWHILE = "the schema contradicts itself, as if somebody had changed it since"
UNSEEN = "it has statements whose effect the catalogue does not show"
NO_MARK = "a part of it may have caused the changes"


@dataclass(frozen=True)
class Fate:
    """``verdict`` is undone, applied, partly or unknown; ``why`` says why it is unknown. ``left`` is there
    of it now, ``lacking`` is not.
    """

    verdict: str
    why: str = ""
    left: tuple[str, ...] = ()
    lacking: tuple[str, ...] = ()


Note = dict[str, Any]


def described(script: str) -> Note | None:
    """What there is to note of a file, before anything is known of the database; None where the file cannot be read.

    ``names`` maps each name to the first transaction that touches it, counted from 1. ``traces`` are [kind, object,
    part, whether it is there afterwards, the first transaction that makes it so, the last one that does]. ``unseen``
    are the transactions with effects outside of the catalogue.
    """
    shape = shape_of(script)
    if shape is None:
        return None
    names: dict[str, int] = {}
    for number, part in enumerate(shape.parts, 1):
        for statement in part:
            for name in sorted(names_in(statement)):
                names.setdefault(name, number)
    outside = [number for number, part in enumerate(shape.parts, 1) if any(map(unseen, part))]
    return {
        "count": len(shape.parts),
        "solo": shape.solo,
        "atomic": shape.atomic,
        "unseen": outside,
        "names": names,
        "traces": _traces(shape),
    }


def _traces(shape: Shape) -> list[list[Any]]:
    statements: list[Any] = []
    after: list[Traces] = []
    for part in shape.parts:
        statements.extend(part)
        after.append(Traces(statements=[statements]))
    numbered = []
    for trace, there in (after[-1] if after else Traces()).items():
        makes = [number for number, traces in enumerate(after, 1) if traces.get(trace) == there]
        sets = [number for number, part in enumerate(shape.parts, 1) if trace in Traces(statements=[part])]
        numbered.append([*trace, there, makes[0], sets[-1] if sets else makes[0]])
    return numbered


def take(connection: Any, script: str, *, without: frozenset[str] = frozenset()) -> Note | None:
    """Note the state before a file runs. ``without`` are names that another file changes before it. Raises
    RunbookError.
    """
    note = described(script)
    if note is None:
        return None
    names = {name: number for name, number in note["names"].items() if name not in without}
    traces = [trace for trace in note["traces"] if trace[1] not in without]
    there = found(connection, [Trace(*trace[:3]) for trace in traces])
    return {
        **note,
        "complete": names == note["names"],
        "names": names,
        "before": state_of(connection, names),
        "traces": [[*trace, was] for trace, was in zip(traces, there, strict=True)],
    }


def fate_of(connection: Any, note: Note | None, script: str | None, *, logged: bool) -> Fate:
    """Compare. ``script`` is the file that failed, for where no ``note`` was taken; ``logged``: the
    server's error was written down.
    """
    if note is None:
        note = described(script) if script is not None else None
        if note is None:
            return Fate(UNKNOWN, NEVER_NOTED)
    now = found(connection, [Trace(*trace[:3]) for trace in note["traces"]])
    others = changed(note["before"], state_of(connection, note["names"])) if "before" in note else None
    return judge(note, now, others, logged=logged)


def judge(note: Note, now: list[bool | None], others: dict[str, list[str]] | None, *, logged: bool) -> Fate:
    """``now`` is whether each trace is there, None for an invalid index; ``others`` are the parts that are
    not as before, None where that is not known.
    """
    pairs = list(zip(note["traces"], now, strict=True))
    lacking = tuple(str(Trace(*trace[:3])) for trace, there in pairs if there != trace[3])
    came = [trace for trace, there in pairs if len(trace) > 6 and there != trace[6]]
    left = (*(str(Trace(*trace[:3])) for trace in came), *_shown(others or {}, came))
    if note["solo"]:
        return _of_one(note, others, left, lacking)
    stayed = max(
        [
            0,
            *(trace[4] for trace, there in pairs if trace in came and there == trace[3]),
            *(note["names"][name] for name in others or {}),
        ]
    )
    ended = min([note["count"], *(trace[5] - 1 for trace, there in pairs if there != trace[3])])
    if note["atomic"] and logged:
        return Fate(UNDONE)
    if stayed > ended:
        return Fate(UNKNOWN, CHANGED_MEANWHILE, left, lacking)
    if logged and stayed < note["count"]:
        ended = min(ended, note["count"] - 1)
    if ended == 0:
        return Fate(UNDONE, lacking=lacking)
    if stayed == note["count"]:
        return Fate(APPLIED, left=left)
    if stayed and ended < note["count"]:
        return Fate(PARTLY, "", left, lacking)
    if others is None:
        return Fate(
            UNKNOWN, NEVER_NOTED, tuple(str(Trace(*trace[:3])) for trace, there in pairs if there == trace[3]), lacking
        )
    if stayed:
        return Fate(UNKNOWN, NO_MARK, left, lacking)
    if not note["complete"] or any(number <= ended for number in note["unseen"]):
        return Fate(UNKNOWN, UNSEEN if note["complete"] else NEVER_NOTED, left, lacking)
    return Fate(UNDONE, lacking=lacking)


def _of_one(note: Note, others: dict[str, list[str]] | None, left: tuple[str, ...], lacking: tuple[str, ...]) -> Fate:
    """The fate of a statement that runs outside of a transaction block, which may leave a part of its work,
    such as an invalid index.
    """
    if left and lacking:
        return Fate(PARTLY, "", left, lacking)
    if left:
        return Fate(APPLIED, "", left) if note["traces"] else Fate(UNKNOWN, NO_MARK, left)
    if others is None or not note["complete"]:
        return Fate(UNKNOWN, NEVER_NOTED, left, lacking)
    return Fate(UNKNOWN, UNSEEN) if note["unseen"] else Fate(UNDONE, lacking=lacking)


def _shown(others: dict[str, list[str]], came: list[list[Any]]) -> list[str]:
    """The changed parts, but for those of an object that is named already."""
    named = {trace[1] for trace in came}
    shown = [
        name if part.startswith("itself") else f"{part} of {name}"
        for name, parts in others.items()
        if name not in named
        for part in parts
    ]
    return [text.replace('"', "") for text in shown]
