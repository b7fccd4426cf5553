# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write an operations project into a new folder, or compare it with what an earlier run has written; no file is ever
overwritten.
"""

from __future__ import annotations

import difflib
import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ..core.errors import ConfigError
from .files import FIRST_LINE, MARK

SAME, DIFFERS, MISSING = "same", "differs", "missing"


@dataclass(frozen=True)
class Comparison:
    """``states`` is SAME, DIFFERS or MISSING for each file of a project that is there; ``diff`` shows what differs."""

    states: Mapping[str, str]
    diff: str


def compare(dest: Path, files: Mapping[str, str]) -> Comparison | None:
    """Compare the files with those of a project that is in ``dest``; None where it is still to be written.

    Raises ConfigError for a folder that holds something else, or that cannot be created.
    """
    above = next((folder for folder in dest.parents if folder.exists() or folder.is_symlink()), dest.parent)
    if not above.is_dir():
        raise ConfigError(f"{above} is a file. Give dest the path of a new folder elsewhere.", code="not_a_folder")
    if not dest.exists() and not dest.is_symlink():
        return None
    if not dest.is_dir():
        raise ConfigError(f"{dest} is a file. Give dest the path of a new folder.", code="not_a_folder")
    present = sorted(path.name for path in dest.iterdir())
    if not [name for name in present if name != ".git"]:
        return None
    if not _text(dest / MARK).startswith(FIRST_LINE):
        raise ConfigError(
            f"{dest} is not empty ({', '.join(present[:3])}{', …' if len(present) > 3 else ''}) and holds no project"
            " that init has written. Give dest the path of a new folder.",
            code="not_empty",
        )
    states: dict[str, str] = {}
    lines: list[str] = []
    for path, text in files.items():
        old = _text(dest / path) if (dest / path).is_file() else None
        states[path] = MISSING if old is None else SAME if old == text else DIFFERS
        if states[path] == DIFFERS:
            lines += difflib.unified_diff(
                (old or "").splitlines(), text.splitlines(), path, f"{path} (now)", lineterm=""
            )
    return Comparison(states, "\n".join(lines))


def refuse_inside(app: Path, dest: Path) -> None:
    """Refuse a project inside of the shop: each of its commits would be one of the shop, and a deploy would upload its
    inventories.
    """
    if dest != app and dest.is_relative_to(app):
        raise ConfigError(
            f"{dest} is inside of the shop's folder {app}, so a deploy would upload the inventories. Give dest a folder"
            f" beside it, such as {app.parent / f'{app.name}-ops'}.",
            code="inside_app",
        )


def create(dest: Path, files: Mapping[str, str]) -> None:
    """Write all files, or none: they are written beside ``dest`` first. Raises ConfigError."""
    try:
        dest.parent.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(prefix=f".{dest.name}-", dir=dest.parent))
    except OSError as error:
        raise ConfigError(
            f"{dest.parent} cannot be written: {error.strerror}. Give another dest. Nothing was written.",
            code="no_dest",
        ) from None
    try:
        for path, text in files.items():
            (draft / path).parent.mkdir(parents=True, exist_ok=True)
            (draft / path).write_text(text, encoding="utf-8")
        draft.chmod(0o755)
        if (dest / ".git").exists():  # an empty repository: its files come one by one
            for child in draft.iterdir():
                shutil.move(str(child), dest / child.name)
        else:
            draft.replace(dest)
    except OSError as error:
        raise ConfigError(f"{dest} cannot be written: {error.strerror}. Give another dest.", code="no_dest") from None
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def source_path(app: Path, inventory: Path) -> str:
    """Return the shop's folder as the inventory names it, relative where they are below one folder of the user's."""
    if len(Path(os.path.commonpath([app, inventory])).parts) > 2:
        return os.path.relpath(app, inventory)
    return str(app)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
