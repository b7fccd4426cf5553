# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One line at a time on how far a module is, while it runs."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable

from .redact import redact

PREFIX = ".. "  # every progress line on the screen starts with it: the stdout callback tells them from Ansible's own lines by this
LONGEST = 300  # characters of a line

sink: Callable[[str], None] | None = None  # takes each line; None in an ordinary module, which can show nothing before it ends
secrets: Iterable[str] = ()  # what no line may show; core/module.py sets it


def report(text: str) -> None:
    """Show how far the module is: one line, without secrets and without control characters."""
    if sink:
        sink(one_line(redact(text, secrets)))


def one_line(text: str) -> str:
    """Return ``text`` on one line of at most LONGEST characters, each character that steers a terminal replaced."""
    line = "".join(
        " " if character in "\t\r\n" else "?" if unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp") else character for character in text
    )
    line = line.strip()
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 3]}..."
