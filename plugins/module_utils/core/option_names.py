# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names what a person has set: a module's messages speak of its own options, and an inventory has variables."""

from __future__ import annotations

import re
from collections.abc import Mapping

# Before it, the name of an option that is an English word, too, is one.
ORDER = r"\b(?:[Cc]orrect|[Ss]et|[Ii]ncrease|[Rr]aise|[Ll]ower|[Ll]eave out) "


def renamed(text: str, names: Mapping[str, str]) -> str:
    """Return a message with the variable instead of each option; ``names`` has the variables by the options."""
    for option, variable in names.items():
        before = "" if "_" in option else ORDER
        text = re.sub(rf"({before})(?<![\w./-]){re.escape(option)}(?![\w/-]|\.\w)", rf"\g<1>{variable}", text)
    return text
