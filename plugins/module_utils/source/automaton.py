# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Match a path against many patterns at once. The time grows only with the length of the path, whatever the patterns
are.

A backtracking regular expression needs time that grows with a power of the path's length for a pattern such as
``*a*a*a*b``. Here the patterns become one nondeterministic automaton, and the deterministic one is built from it as
paths are read.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

STATES = 20_000  # cached states of the deterministic automaton; the limit keeps an ignore file from using up the memory


class Chars(NamedTuple):
    """One character: one of ``members``, or with ``negated`` any other."""

    members: frozenset[str]
    negated: bool = False

    def holds(self, character: str) -> bool:
        return (character in self.members) is not self.negated


class Part(NamedTuple):
    """A character or a sequence of parts, exactly once; ``optional`` also allows none, ``repeated`` also several."""

    of: Chars | Sequence[Part]
    optional: bool = False
    repeated: bool = False


ANY, SLASH, IN_NAME = Chars(frozenset(), negated=True), Chars(frozenset("/")), Chars(frozenset("/"), negated=True)
# at the start of a pattern: match at any depth
BELOW = Part([Part(ANY, optional=True, repeated=True), Part(SLASH)], optional=True)


def literally(text: str) -> list[Part]:
    return [Part(Chars(frozenset(character))) for character in text]


@dataclass
class _State:
    """``rules`` are those that match the characters read so far."""

    positions: frozenset[int]
    rules: list[int]
    following: dict[str, _State] = field(default_factory=dict)


class Automaton:
    """``add`` patterns one by one, then get those ``matching`` a whole path."""

    def __init__(self) -> None:
        self._moves: list[list[tuple[Chars, int]]] = []  # by position: the characters that lead on, and where to
        self._free: list[list[int]] = []  # by position: the positions reached without reading a character
        self._rules: dict[int, int] = {}  # final position → rule
        self._start = self._position()
        self._states: dict[frozenset[int], _State] = {}

    def add(self, pattern: Sequence[Part], rule: int) -> None:
        self._rules[self._sequence(pattern, self._start)] = rule
        self._states.clear()

    def matching(self, path: str) -> list[int]:
        """Return the rules that match the whole ``path``, the last one first."""
        state = self._state([self._start])
        for character in path:
            following = state.following.get(character)
            if following is None:
                following = self._follow(state, character)
            state = following
        return state.rules

    def _position(self) -> int:
        self._moves.append([])
        self._free.append([])
        return len(self._moves) - 1

    def _sequence(self, pattern: Sequence[Part], start: int) -> int:
        for part in pattern:
            enter = self._position()
            self._free[start].append(enter)
            if isinstance(part.of, Chars):
                leave = self._position()
                self._moves[enter].append((part.of, leave))
            else:
                leave = self._sequence(part.of, enter)
            if part.optional:
                self._free[enter].append(leave)
            if part.repeated:
                self._free[leave].append(enter)
            start = leave
        end = self._position()
        self._free[start].append(end)
        return end

    def _follow(self, state: _State, character: str) -> _State:
        reached = [
            target for position in state.positions for chars, target in self._moves[position] if chars.holds(character)
        ]
        following = self._state(reached)
        state.following[character] = following
        return following

    def _state(self, reached: Iterable[int]) -> _State:
        positions, waiting = set[int](), list(reached)
        while waiting:
            position = waiting.pop()
            if position not in positions:
                positions.add(position)
                waiting.extend(self._free[position])
        frozen = frozenset(positions)
        if frozen not in self._states:
            if len(self._states) >= STATES:
                for known in self._states.values():
                    known.following.clear()
                self._states.clear()
            self._states[frozen] = _State(
                frozen, sorted({self._rules[position] for position in frozen if position in self._rules}, reverse=True)
            )
        return self._states[frozen]
