# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which files an upload to Vercel leaves out: those that Vercel's own client leaves out; in a plain folder
also those that git ignores.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ...core.errors import ConfigError
from ...source.ignore import Layer, Rules, constant, in_each_folder, read_patterns
from ...source.ignore_npm import NpmRules

IGNORE_FILE = ".vercelignore"
OLD_IGNORE_FILE = ".nowignore"  # the client reads it where there is no .vercelignore
# The client's own list (vercel/vercel, packages/client/src/utils/index.ts, getVercelIgnore). .vercelignore can include
# each of them again.
IGNORED = (
    *(
        ".hg",
        ".git",
        ".gitmodules",
        ".svn",
        ".cache",
        ".next",
        ".now",
        ".vercel",
        ".npmignore",
        ".dockerignore",
        ".gitignore",
        ".*.swp",
        ".DS_Store",
    ),
    *(
        ".wafpicke-*",
        ".lock-wscript",
        ".env.local",
        ".env.*.local",
        ".venv",
        ".yarn/cache",
        ".pnp*",
        "npm-debug.log",
        "config.gypi",
        "node_modules",
    ),
    *("__pycache__", "venv", "CVS"),
)


def layers(root: Path, top: Path, git: bool) -> Sequence[Layer]:
    """Return the ignore rules for files below ``root``, the weakest first. The client's ignore file applies in ``root``
    and in the folders above it up to ``top``; with ``git``, .gitignore applies too, also in the folders below.
    """
    known: dict[str, str] = {}
    defaults = NpmRules("\n".join([*IGNORED, *(["/target"] if (root / "Cargo.toml").exists() else [])]), known)
    own = [(root, own_rules(root, known))]
    own += [(folder, own_rules(folder)) for folder in root.parents if folder.is_relative_to(top)]
    found = [(folder, rules) for folder, rules in own if rules]
    return [constant(root, defaults), *([in_each_folder(top, ".gitignore")] if git else []), lambda _folder: found]


def own_rules(folder: Path, known: dict[str, str] | None = None) -> Rules | None:
    """Return the rules of the ignore file in a folder; None where there is none. Raises ConfigError."""
    texts = {name: text for name in (IGNORE_FILE, OLD_IGNORE_FILE) if (text := read_patterns(folder / name))}
    if len(texts) > 1:
        raise ConfigError(
            f"{folder} has both {IGNORE_FILE} and {OLD_IGNORE_FILE}. Delete {OLD_IGNORE_FILE}.", code="ignore_file"
        )
    for name, text in texts.items():
        try:
            return NpmRules(text, known)
        except ValueError as problem:
            raise ConfigError(f"{folder / name} cannot be read: {problem}. Correct it.", code="ignore_file") from None
    return None
