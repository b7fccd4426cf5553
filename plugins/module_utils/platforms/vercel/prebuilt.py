# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The output of `vercel build` in .vercel/output, which is sent instead of the sources."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

from ...core.errors import ConfigError
from ...core.json_text import loads
from ...source.files import SourceFile, list_files, one_file
from ...source.ignore import constant, ignored, nothing_ignored
from .ignore import own_rules

OUTPUT = ".vercel/output"


def output_files(root: Path, environment: str) -> list[SourceFile]:
    """Return the output below ``root`` and the files outside it that its functions name. Links stay links, as in
    Vercel's own client.

    Raises ConfigError when there is no output, it was built for another environment than ``environment``, or a file is
    outside ``root``.
    """
    output = root / OUTPUT
    command = "vercel build --prod" if environment == "production" else "vercel build"
    if not (output / "config.json").is_file():
        raise ConfigError(
            f"{output} has no config.json, so there is no output to send. Run `{command}` in {root} first, or unset"
            " prebuilt.",
            code="no_output",
        )
    built_for = _read(output / "builds.json").get("target")
    if built_for and (built_for == "production") != (environment == "production"):
        raise ConfigError(
            f"{output} was built for {built_for}, not for {environment}. Run `{command}` in {root} again.",
            code="wrong_output",
        )
    found = {f"{OUTPUT}/{file.path}": file for file in list_files(output, keep_links=True, within=root)}
    for config in [path for path, file in found.items() if path.endswith("/.vc-config.json") and file.link is None]:
        found |= {file.path: file for file in _named(root, root / config)}
    return [replace(file, path=path) for path, file in sorted(found.items())]


def _named(root: Path, config: Path) -> Iterator[SourceFile]:
    """Return the files outside the output that a function names, except those that the project's own ignore
    file names.
    """
    own = own_rules(root)
    leaves_out = ignored([constant(root, own)]) if own else nothing_ignored
    named = _read(config).get("filePathMap") or {}
    if not isinstance(named, dict) or not all(
        isinstance(path, str) and path and "\0" not in path for path in named.values()
    ):
        raise ConfigError(
            f"filePathMap in {config} does not map paths to paths. Build the output again.", code="no_output"
        )
    for path in sorted({os.path.normpath(path) for path in named.values()}):
        if path.startswith(("/", "../")) or path == "..":
            raise ConfigError(
                f"filePathMap in {config} names {path}, which is outside {root}. Build the output again.",
                code="link_outside",
            )
        above = [str(folder) for folder in reversed(PurePosixPath(path).parents)][1:]
        if any(leaves_out(f"{root}/{folder}", True) for folder in above) or leaves_out(f"{root}/{path}", False):
            continue
        file = one_file(root, path)
        if file:  # an upload has no folders; the files in a folder are named one by one
            yield file


def _read(path: Path) -> dict[str, Any]:
    try:
        content = loads(path.read_text())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as problem:
        raise ConfigError(f"{path} is not JSON: {problem}. Build the output again.", code="no_output") from None
    if not isinstance(content, dict):
        raise ConfigError(f"{path} is not a JSON object. Build the output again.", code="no_output")
    return content
