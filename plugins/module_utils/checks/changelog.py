# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the CHANGELOG says what changes: it changed since the live release, and it has a section of this
version that is not empty.
"""

from __future__ import annotations

import re
from typing import Any

from . import tree
from .answer import Answer, failed, not_applicable, not_configured, passed
from .check import Context, Options

OPTIONS: dict[str, dict[str, Any]] = {"changelog": {"type": "str", "default": "CHANGELOG.md"}}
VERSION = re.compile(r"v?(\d+(?:\.\d+)+(?:[-+][\w.+-]+)?)")


def ask(context: Context, options: Options) -> Answer:
    file = options["changelog"]
    if not context.path:
        return not_configured("set path to the shop's checkout")
    asked = f"does {file} of {context.release or 'the release'} say what changes?"
    text = tree.read(context, file)
    if not context.live_commit:
        return not_applicable("a first deploy has no CHANGELOG to compare", asked=asked)
    if context.live_commit == context.commit:
        return not_applicable("this release is live already", asked=asked)
    before = tree.read_at(context, context.live_commit, file)
    if text is None and before is None:
        return not_configured(f"the release has no {file}: add one, or set changelog to its name", asked=asked)
    more: dict[str, Any] = {"asked": asked, "facts": {"file": file, "since": context.live_commit}}
    if text is None:
        return failed(f"{file} was deleted", f"Restore {file} and describe {context.release} in it", **more)
    if text == before:
        return failed(f"{file} is the same as in the live release", f"Describe what changes in {file}", **more)
    return _names_version(context.release, text, file, more)


def _names_version(release: str, text: str, file: str, more: dict[str, Any]) -> Answer:
    version = VERSION.fullmatch(release)
    if version is None:
        return passed(f"{file} changed", **more)
    below = tree.section(
        text,
        re.compile(
            rf"^\s*(?:#+\s*)?(?:(?:version|release)\s+)?\[?v?{re.escape(version[1])}(?![\w.+-]*\w)", re.IGNORECASE
        ),
    )
    if below is None:
        return failed(
            f"{file} has no section {version[1]}", f"Add a heading {version[1]} with what changes to {file}", **more
        )
    if not re.search(r"\w", below):
        return failed(f"the section {version[1]} of {file} is empty", f"Describe what changes in {file}", **more)
    return passed(f"{file} describes {version[1]}", **more)
