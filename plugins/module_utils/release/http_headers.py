# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Headers of HTTP in an inventory. A wrong one would fail its first request, when the run has started."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

OPTIONS = ("verify_headers", "notify_otlp_headers")
NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110, 5.6.2
VALUE = re.compile(r"[\x21-\x7e](?:[\t -\x7e]*[\x21-\x7e])?")


def wrong(name: str, value: Any) -> Iterator[str]:
    """Yield what is wrong with the headers of the option ``name``. Their values are secrets and are not shown."""
    for header, content in value.items() if name in OPTIONS and isinstance(value, Mapping) else ():
        if not NAME.fullmatch(str(header)):
            yield f"{name} has the name {header!r}, which no header can have. Use letters, digits and hyphens"
        elif isinstance(content, (Mapping, list)) or not VALUE.fullmatch(str(content)):
            yield f"{name}.{header} must be one line of ASCII text without spaces around it"
