# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Find the files that differ between two releases in a git repository, and the public paths that they affect."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from ..core.errors import ConfigError
from ..core.process import run
from .checkout import resolve


def changed_files(path: Path | str, old: str, new: str) -> list[str]:
    """Return the files that differ between two refs, including deleted ones; a renamed file under both
    names. Raises ConfigError for an unknown ref.
    """
    commits = [resolve(path, ref) for ref in (old, new)]
    return run(["git", "-C", str(path), "diff", "--name-only", "--no-renames", "-z", *commits]).stdout.split("\0")[:-1]


@dataclass
class Reach:
    """The public paths and path prefixes that some files affect; ``unmatched`` are the files that no route covers."""

    urls: list[str] = field(default_factory=list)
    prefixes: list[str] = field(default_factory=list)
    unmatched: list[str] = field(default_factory=list)


def reach(files: Iterable[str], routes: Iterable[Mapping[str, Any]]) -> Reach:
    """Map each file to public paths by the first route whose ``source`` matches it. Raises ConfigError for
    an invalid route.
    """
    known = [(_pattern(route["source"]), route) for route in routes]
    found = Reach()
    for file in files:
        match, route = next(
            ((match, route) for pattern, route in known if (match := pattern.fullmatch(file))), (None, None)
        )
        if match is None or route is None:
            found.unmatched.append(file)
            continue
        rest = quote(match.groupdict().get("rest") or "")
        for kind, into in (("urls", found.urls), ("prefixes", found.prefixes)):
            for template in route[kind] or ():
                path = _public(template, route["source"]).replace("{rest}", rest)
                if path not in into:
                    into.append(path)
    return found


def _pattern(source: str) -> re.Pattern[str]:
    """``*`` matches a part of a name, ``**`` (once) matches anything, which becomes ``{rest}`` in the route's paths."""
    if source.count("**") > 1 or source.startswith("/"):
        raise ConfigError(
            f"The source {source!r} of a route is invalid. Write a path from the repository's root, without a leading"
            " slash and with at most one **."
        )
    parts = re.split(r"(\*\*|\*)", source)
    return re.compile(
        "".join({"**": "(?P<rest>.*)", "*": "[^/]*"}.get(part, re.escape(part)) for part in parts), re.DOTALL
    )


def _public(template: str, source: str) -> str:
    if not template.startswith("/") or ("{rest}" in template and "**" not in source):
        raise ConfigError(
            f"The route of {source!r} has the invalid path {template!r}. Start it with a slash, and use {{rest}} only"
            " where the source has **."
        )
    return template
