# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lines of a log that explain a failure: without colours, warnings, and the exit code that follows them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from ...core.escapes import SEQUENCE

# npm warn …, warning foo@1.0: …, ⚠ Warning: …
WARNING = re.compile(r"^\W*(?:[\w@/.-]+ )?warn(?:ing)?\b", re.IGNORECASE)
ERROR = re.compile(r"error|exception|fatal|panic|can(?:no|')t|fail|refused|denied|not found", re.IGNORECASE)
# What follows each failure, whatever its reason: exit codes, where npm saved its log, the place in the code, the
# version of Node.
RESULT = re.compile(
    r"exited with|exit code|exit status|lifecycle script|command failed|complete log of this run"
    r"|^npm (?:ERR!|error)(?:$| (?:code|path|workspace|location|command|errno)\b)|^at |^Node\.js v\d",
    re.IGNORECASE,
)


def plain(log: str) -> list[str]:
    """Return the lines of a log that have text, without colours and the blanks around them."""
    return [line.strip() for line in SEQUENCE.sub("", log).splitlines() if line.strip()]


def without_warnings(lines: Iterable[str]) -> list[str]:
    """Leave out what did not stop the work: npm warns of an engine that does not fit, and continues."""
    return [line for line in lines if not WARNING.search(line)]


def is_result(line: str) -> bool:
    """Whether a line only says that something failed, and not why."""
    return bool(RESULT.search(line))


def reason(lines: Sequence[str]) -> str:
    """Return the last line that names an error, else the last one that is not only a result; empty without lines."""
    causes = [line for line in lines if not is_result(line)]
    named = [line for line in without_warnings(causes) if ERROR.search(line)]
    return (named or causes or lines or [""])[-1]
