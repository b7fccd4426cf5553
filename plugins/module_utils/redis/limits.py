# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What may be asked of Redis at most, and which pattern is too wide to remove keys by."""

from __future__ import annotations

import re

from ..core.errors import ConfigError

MOST_KEYS = 1000  # of the biggest keys
LONGEST_INTERVAL = 60.0  # seconds
LITERAL = 2  # characters that a pattern must have besides its wildcards before anything is removed
_CLASS = re.compile(r"\[(?:\\.|[^\]\\])*\]?")


def literal(pattern: str) -> str:
    """Return the characters of a pattern that stand for themselves: those outside of *, ? and [...]."""
    escaped = [found[1] for found in re.finditer(r"\\(.)", pattern)]
    plain = re.sub(r"\\.", "", pattern)
    return "".join(escaped) + re.sub(r"[*?]", "", _CLASS.sub("", plain))


def refuse_unbounded(pattern: str, option: str = "pattern") -> None:
    """Raise ConfigError for a pattern that names no key in particular: it would empty the database."""
    named = re.sub(r"\W|_", "", literal(pattern))
    if len(named) < LITERAL:
        raise ConfigError(
            f"{option} is {pattern!r}, which has no literal beginning or part: it would remove keys of everybody, such"
            " as sessions and carts. Name what is meant, such as product:*.",
            code="no_literal",
        )
