# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Regular expressions of an operator, which may take forever on a line: they run in a process of limited time.

Python's engine goes back over every way to match, and nothing can stop it in this process: it holds the interpreter.
The limit is of processor time, so that a busy machine refuses nothing.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Sequence
from functools import lru_cache

from ..core.errors import ConfigError, WaitTimeout
from ..core.json_text import loads
from ..core.process import run

LONGEST = 500  # characters of a pattern
PROCESSOR_SECONDS = 1
SECONDS = 20.0  # in which a busy machine has given it that
SHORT, LONG = 40, 2000  # characters of a line that are enough for 2^n and for n^3 steps
END = "\0\n"  # which hardly any pattern takes to its end
PLAIN = "a0 /.=:,\"'-_"  # what lines are made of
REPEATS = re.compile(r"[*+]|\{\d*,\d*\}|\{\d+\}")
SEARCH = """
import json, re, resource, sys
resource.setrlimit(resource.RLIMIT_CPU, (int(sys.argv[1]), int(sys.argv[1])))
given = json.load(sys.stdin)
pattern = re.compile(given["pattern"])
print(json.dumps([bool(pattern.search(text)) for text in given["texts"]]))
"""


@lru_cache(maxsize=8)  # a run asks for it before it reads, and when it reads
def compiled(text: str | None) -> re.Pattern[str] | None:
    """Return the pattern of the option grep. Raises ConfigError, with the position, for one that is none, and for one
    that takes too long on lines which are made to be hard for it.
    """
    if not text:
        return None
    if len(text) > LONGEST:
        raise ConfigError(f"grep has {len(text)} characters. Give at most {LONGEST}.", code="bad_grep")
    try:
        pattern = re.compile(text)
    except (re.error, OverflowError, RecursionError) as error:
        where = f" at position {error.pos + 1}" if isinstance(error, re.error) and error.pos is not None else ""
        why = error.msg if isinstance(error, re.error) else str(error)
        raise ConfigError(
            f"grep is {text!r}, which is not a regular expression: {why}{where}. Correct it.", code="bad_grep"
        ) from None
    repeats = REPEATS.search(text)
    if repeats:
        lines = list(_hard_lines(text))
        for begin, group in _repeated(text):
            _refuse_slow(group + r"\Z", lines, text, begin + 1)  # without what the line has before it
        _refuse_slow(text, lines, text, repeats.start() + 1)
    return pattern


def _refuse_slow(part: str, lines: Sequence[str], text: str, position: int) -> None:
    """Raise ConfigError where a part of the pattern ``text`` takes too long on lines."""
    try:
        again = re.compile(part)
    except re.error:  # it refers to a group outside of it
        return
    if _searched(again, lines) is None:
        raise _slow(text, position)


def found(pattern: re.Pattern[str], texts: Sequence[str]) -> list[bool]:
    """Return for each text whether the pattern is in it. Raises ConfigError where that takes too long."""
    matches = _searched(pattern, texts) if texts else []
    if matches is None:
        repeats = REPEATS.search(pattern.pattern)
        raise _slow(pattern.pattern, repeats.start() + 1 if repeats else 1)
    return matches


def _searched(pattern: re.Pattern[str], texts: Sequence[str]) -> list[bool] | None:
    """Return for each text whether the pattern is in it; None where that takes too long."""
    given = json.dumps({"pattern": pattern.pattern, "texts": list(texts)}).encode()
    argv = [sys.executable, "-I", "-S", "-c", SEARCH, str(PROCESSOR_SECONDS)]
    try:
        done = run(argv, stdin=given, timeout=SECONDS, check=False)
    except WaitTimeout:
        return None
    return [bool(one) for one in loads(done.stdout)] if done.returncode == 0 else None


def _hard_lines(text: str) -> Iterator[str]:
    """Give lines that repeat what the pattern looks for, and do not end as it wants."""
    letters = list(dict.fromkeys([*(one for one in text if one.isalnum()), *PLAIN]))[:24]
    for one in letters:
        yield one * SHORT + END
        yield one * LONG + END
    for one in letters[:10]:
        for other in letters[:10]:
            yield (one + other) * SHORT + END


def _slow(text: str, position: int) -> ConfigError:
    return ConfigError(
        f"grep is {text!r}, which takes more than {PROCESSOR_SECONDS} s of processor time on a long line: what"
        f" repeats at position {position} can match the same text in many ways. Repeat less, such as a+ for (a+)+,"
        " or use filter, which searches for plain text.",
        code="slow_grep",
    )


def _repeated(text: str) -> Iterator[tuple[int, str]]:
    """Give each group that repeats and has a repetition or a choice inside: where it begins, from 0, and its text."""
    opened: list[tuple[int, bool]] = []
    at = 0
    while at < len(text):
        letter, again = text[at], REPEATS.match(text, at + 1)
        if letter == "\\":
            at += 1
        elif letter == "[":
            at = max(text.find("]", at + 2), at)
        elif letter == "(":
            opened.append((at, False))
        elif letter == ")" and opened:
            begin, branches = opened.pop()
            if branches and again:
                yield begin, text[begin : again.end()]
            if opened and (branches or again):
                opened[-1] = (opened[-1][0], True)
        elif opened and (REPEATS.match(text, at) or letter == "|"):
            opened[-1] = (opened[-1][0], True)
        at += 1
