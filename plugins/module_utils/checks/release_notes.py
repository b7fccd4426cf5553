# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the release's migration notes and known issues are written down in a file of its own."""

from __future__ import annotations

import re
from typing import Any

from . import tree
from .answer import Answer, failed, not_configured, passed
from .check import Context, Options

OPTIONS: dict[str, dict[str, Any]] = {
    "notes": {"type": "str"},
    "sections": {"type": "list", "elements": "str", "default": ["migration", "known issues"]},
}
USUAL = (
    "docs/releases/{release}.md",
    "docs/releases/{version}.md",
    "releases/{release}.md",
    "release-notes/{release}.md",
)


def ask(context: Context, options: Options) -> Answer:
    if not context.path or not context.release:
        return not_configured("set path to the shop's checkout, and release")
    version = context.release.removeprefix("v")
    places = [
        template.replace("{release}", context.release).replace("{version}", version)
        for template in ([options["notes"]] if options["notes"] else USUAL)
    ]
    found = next(((place, text) for place in places if (text := tree.read(context, place)) is not None), None)
    asked = f"are the migration notes and known issues of {context.release} written down?"
    if found is None and not options["notes"]:
        return not_configured(
            f"the release has no {places[0]}: add it, set notes to its name, or attest it", asked=asked
        )
    if found is None:
        return failed(
            f"the release has no {places[0]}",
            f"Write {places[0]}, or attest that there is nothing to write",
            asked=asked,
        )
    place, text = found
    lacking = []
    for name in options["sections"]:
        below = tree.section(text, re.compile(rf"^\s*#.*{re.escape(name)}", re.IGNORECASE))
        if below is None or not re.search(r"\w", below):
            lacking.append(name)
    more: dict[str, Any] = {"asked": asked, "facts": {"file": place, "sections": options["sections"]}}
    if lacking:
        return failed(
            f"{place} says nothing about {', '.join(lacking)}",
            'Add a heading for it, and write "none" where there is none',
            **more,
        )
    return passed(f"{place} has them", **more)
