# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What `vercel build` made in .vercel/output, to be sent instead of the sources."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..core.errors import ConfigError
from ..core.source import SourceFile

OUTPUT = ".vercel/output"


def output_files(root: Path, environment: str) -> list[SourceFile]:
    """Return the output below ``root`` and the files outside of it that its functions name. Links are followed, since an upload has none.

    Raises ConfigError when there is no output, it was built for something else than ``environment``, or a file lies outside of ``root``.
    """
    output = root / OUTPUT
    command = "vercel build --prod" if environment == "production" else "vercel build"
    if not (output / "config.json").is_file():
        raise ConfigError(f"{output} has no config.json, so there is no output to send. Run `{command}` in {root} first, or unset prebuilt.", code="no_output")
    built_for = _read(output / "builds.json").get("target")
    if built_for and (built_for == "production") != (environment == "production"):
        raise ConfigError(f"{output} was built for {built_for}, not for {environment}. Run `{command}` in {root} again.", code="wrong_output")
    found = {path.relative_to(root).as_posix(): path for path in _walk(output, root)}
    for config in [path for path in found.values() if path.name == ".vc-config.json"]:
        for named in (_read(config).get("filePathMap") or {}).values():
            found[Path(named).as_posix()] = _inside(root / named, root)
    return [SourceFile(name, str(path), path.stat().st_size, os.access(path, os.X_OK)) for name, path in sorted(found.items())]


def _walk(folder: Path, root: Path) -> Iterator[Path]:
    for here, folders, names in os.walk(folder, followlinks=True):
        folders.sort()
        for name in folders:
            if Path(here).resolve().is_relative_to(_inside(Path(here, name), root).resolve()):
                raise ConfigError(f"{Path(here, name)} is a link to a folder that it lies in. Build the output again.", code="link_loop")
        yield from (_inside(Path(here, name), root) for name in sorted(names))


def _inside(path: Path, root: Path) -> Path:
    if not path.exists() or not path.resolve().is_relative_to(root.resolve()):
        raise ConfigError(f"{path} does not exist, or lies outside of {root}, so it cannot be sent. Build the output again.", code="link_outside")
    return path


def _read(path: Path) -> dict[str, Any]:
    try:
        return json.loads(path.read_text())
    except FileNotFoundError:
        return {}
    except ValueError as problem:
        raise ConfigError(f"{path} is no JSON: {problem}. Build the output again.", code="no_output") from None
