# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Distinguishes a mistyped name from one that was chosen: its distance to a known one, and whether it is read."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable

# characters: one slip in a name of up to MEDIUM, two in a longer one; in a short one none, as almost every word is near
# it
SHORT, MEDIUM = 4, 8
PREFIXES = ("frontend_", "backend_", "database_", "edge_", "verify_", "notify_", "release_", "rollout_", "preflight_")
OTHERS = ("ansible_", "vault_", "awx_", "tower_", "eda_", "molecule_", "sandbox_", "_")


def slips(one: str, other: str, most: int) -> int:
    """Return how many letters were left out, added, replaced or swapped with their neighbour to make
    ``other`` of ``one``, and some number above ``most`` where there are more than that.
    """
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, letter in enumerate(one, 1):
        row, before, last = [i], row, before
        for j, wanted in enumerate(other, 1):
            cost = min(row[j - 1] + 1, before[j] + 1, before[j - 1] + (letter != wanted))
            if i > 1 and j > 1 and letter == other[j - 2] and one[i - 2] == wanted:
                cost = min(cost, last[j - 2] + 1)
            row.append(cost)
        if min(row) > most:  # no later row has fewer
            break
    return row[-1]


def nearest(name: str, known: Iterable[str], *, short: bool = False) -> str:
    """Return the known name that ``name`` was meant to be, empty where none is near. ``short`` also compares names of
    up to SHORT characters.
    """
    plain = _plain(name)
    letters = set(plain)
    found = []
    for other in known:
        allowed = 2 if len(other) > MEDIUM else 1 if len(other) > SHORT or short else 0
        wanted = _plain(other)
        if abs(len(wanted) - len(plain)) > allowed:
            continue
        # a slip brings in one letter at most and drops one at most; this is far quicker to find out than the slips
        if len(letters.difference(wanted)) > allowed or len(set(wanted) - letters) > allowed:
            continue
        if (away := slips(plain, wanted, allowed)) <= allowed:
            found.append((away, other))
    return min(found)[1] if found else ""


def is_suspicious(name: str, known: Iterable[str], *, short: bool = False) -> bool:
    """Return whether a name that is not known has to be a mistake, or is Ansible's own."""
    return name.startswith((*OTHERS, *PREFIXES)) or bool(nearest(name, known, short=short))


def suggestion(name: str, known: Iterable[str]) -> str:
    """Return ``: did you mean x?``, empty where no known name is like it."""
    known = list(known)
    like = nearest(name, known, short=True) or next(iter(difflib.get_close_matches(name, known, 1, 0.7)), "")
    return f": did you mean {like}?" if like else ""


def strangers(
    given: Iterable[str], known: Collection[str], read: Collection[str], commanded: Collection[str]
) -> list[str]:
    """Return a problem for each variable that has to be a mistake.

    Somebody's own variable is one that something of the inventory reads (``read``), or one that is neither near to one
    of ours nor begins with one of our prefixes. ``commanded`` were given on the command line, where the short names
    belong.
    """
    problems = []
    for name in given:
        if name in known or name in read or name.startswith(OTHERS):
            continue
        near = nearest(name, known, short=name in commanded)
        if near:
            problems.append(
                f"{name} is not a variable of this collection: did you mean {near}? Nothing in the inventory reads it"
            )
        elif name.startswith(PREFIXES):
            prefix = next(prefix for prefix in PREFIXES if name.startswith(prefix))
            ours = [one for one in known if one.startswith(prefix)]
            problems.append(
                f"{name} is not a variable of this collection{suggestion(name, ours)}, and nothing in the inventory"
                " reads it. Correct its name or delete it; give a variable of your own a name that does not begin with"
                f" {prefix}"
            )
    return problems


def _plain(name: str) -> str:
    return name.lower().replace("_", "").replace("-", "")
