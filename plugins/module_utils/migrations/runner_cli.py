# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the project's own locked Prisma: never npx, never a download, and never a word of its output is
taken for the outcome.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

from ..core.errors import ConfigError
from ..core.json_text import loads
from ..core.process import kill, spawn
from ..core.redact import redact, secrets_of_url
from ..core.wait import Outcome, Waiter

NOWHERE = "http://127.0.0.1:9"  # the discard port: what would download asks here and fails at once
OLDEST_NODE = 18


@dataclass(frozen=True)
class Prisma:
    """The project's Prisma: its script, its version, and the node_modules that it is in."""

    node: str
    script: Path
    version: str
    modules: Path

    @property
    def engine(self) -> bool:
        """Whether the native schema engine was downloaded when the project was installed; projects with a
        driver adapter do without.
        """
        return any((self.modules / "@prisma" / "engines").glob("schema-engine-*"))


def find(work_tree: Path, root_directory: str, files: Path, instead: str = "use runner: builtin") -> Prisma:
    """Return the Prisma that is installed in ``work_tree``, once it is the version that the release's
    ``files`` lock. Raises ConfigError, which offers ``instead`` as another remedy.
    """
    node = shutil.which("node")
    if not node:
        raise ConfigError(
            f"The project's Prisma needs Node.js, and there is no node on PATH. Install it, or {instead}.",
            code="no_node",
        )
    project = work_tree / root_directory
    for folder in (project, *(parent for parent in project.parents if parent.is_relative_to(work_tree))):
        modules = folder / "node_modules"
        package = _json(modules / "prisma" / "package.json")
        if package:
            break
    else:
        raise ConfigError(f"Prisma is not installed in {project}: run npm ci there, or {instead}.", code="no_prisma")
    locked = _json(files / "package-lock.json").get("packages", {}).get("node_modules/prisma", {}).get("version")
    asked = locked or next(
        (
            group["prisma"]
            for key in ("dependencies", "devDependencies")
            if "prisma" in (group := _json(files / "package.json").get(key, {}))
        ),
        None,
    )
    if asked and asked[0].isdigit() and asked != package["version"]:
        raise ConfigError(
            f"The release locks Prisma {asked}, and {modules} has {package['version']}. Run npm ci in {project} at that"
            f" release, or {instead}.",
            code="other_prisma",
        )
    binary = package.get("bin", {})
    return Prisma(
        node,
        modules / "prisma" / (binary if isinstance(binary, str) else binary["prisma"]),
        package["version"],
        modules,
    )


def _json(path: Path) -> dict[str, Any]:
    try:
        return loads(path.read_text())
    except (OSError, ValueError):
        return {}


def with_options(url: str, settings: Mapping[str, float]) -> str:
    """Add the server settings, in seconds, to the URL's ``options``, which Prisma's native engine hands to
    the server.
    """
    parts = urlsplit(url)
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    asked = [f"-c {name}={round(seconds * 1000)}" for name, seconds in settings.items()]
    query["options"] = " ".join([query["options"], *asked] if query.get("options") else asked)
    return urlunsplit(parts._replace(query=urlencode(query, quote_via=quote)))


def deploy(prisma: Prisma, files: Path, url: str, waiter: Waiter) -> tuple[int, str]:
    """Run ``prisma migrate deploy`` on ``files`` and return its exit code and the end of what it printed, without
    secrets.

    The URL is in its environment only, as DATABASE_URL and DIRECT_URL. Raises WaitTimeout and LeaseLost, after which it
    runs no more.
    """
    if not (files / "node_modules").exists():
        (files / "node_modules").symlink_to(prisma.modules.resolve())
    return run_program([prisma.node, str(prisma.script), "migrate", "deploy"], files, url, waiter)


def run_program(argv: Sequence[str], folder: Path, url: str, waiter: Waiter) -> tuple[int, str]:
    """Run a program of the project in ``folder`` and return its exit code and the end of what it printed, without
    secrets. The URL is in its environment only, as DATABASE_URL and DIRECT_URL.
    """
    environment = {
        **os.environ,
        "DATABASE_URL": url,
        "DIRECT_URL": url,
        "PRISMA_ENGINES_MIRROR": NOWHERE,
        "PRISMA_HIDE_UPDATE_MESSAGE": "1",
        "CHECKPOINT_DISABLE": "1",
        "CI": "1",
        "NO_COLOR": "1",
    }
    with tempfile.TemporaryFile() as output:
        process = spawn(argv, cwd=folder, env=environment, stdin=-3, stdout=output, stderr=output)
        try:
            code = waiter.wait_for(
                process.poll,
                lambda code: (Outcome.PENDING, "running") if code is None else (Outcome.READY, "done"),
                what=" ".join(["prisma", *argv[2:]] if argv[0].endswith("node") else argv),
            )
        finally:
            kill(process)
        output.seek(0)
        printed = output.read()[-4000:].decode(errors="replace").strip()
    return code or 0, redact(printed, secrets_of_url(url))
