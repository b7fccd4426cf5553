# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The collection as users have it: built, installed into an empty folder, and run by a virtual environment that has
ansible-core and the requirements of the artefact, and nothing else.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import venv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import ansible

from conftest import ROOT

CACHE = ROOT / ".cache" / "installed"
NEEDED = {"meta", "plugins", "roles", "playbooks"}  # and what Ansible itself reads of an installed collection
MANIFESTS = {"MANIFEST.json", "FILES.json"}


@dataclass(frozen=True)
class Installed:
    """``collections`` is the folder it was installed to, ``bin`` that of the virtual environment's programs."""

    collections: Path
    bin: Path

    @property
    def folder(self) -> Path:
        return self.collections / "ansible_collections" / "storefront" / "runbook"

    @property
    def without_node(self) -> Path:
        """A folder of programs that stand before the machine's own Node on the path, and fail."""
        folder = self.collections / "no-node"
        if not folder.is_dir():
            folder.mkdir()
            for name in ("node", "npm", "npx", "prisma"):
                (folder / name).write_text(f"#!/bin/sh\necho There is no {name} here. >&2\nexit 97\n")
                (folder / name).chmod(0o755)
        return folder

    def run(
        self, *words: str, cwd: Path, environment: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run a program of the virtual environment with nothing of this checkout in its environment."""
        own = {name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "PYTHON"))}
        path = os.pathsep.join(
            [str(self.bin), str(self.without_node), *(one for one in os.get_exec_path() if ".venv" not in one)]
        )
        given = {**own, "PATH": path, "ANSIBLE_COLLECTIONS_PATH": str(self.collections), **(environment or {})}
        return subprocess.run(
            [str(self.bin / words[0]), *words[1:]],
            cwd=cwd,
            env={**given, "COLUMNS": "120", "LC_ALL": "C.UTF-8"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )

    def files(self) -> set[str]:
        """Return the files of the collection, without what Python caches."""
        found = (path for path in self.folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
        return {path.relative_to(self.folder).as_posix() for path in found}


def install(scratch: Path) -> Installed:
    """Build the artefact and install it; only what a user needs is left of it, so that nothing else can be used."""
    galaxy = str(Path(sys.executable).with_name("ansible-galaxy"))
    built, collections = scratch / "built", scratch / "collections"
    environment = {**os.environ, "HOME": str(scratch), "ANSIBLE_COLLECTIONS_PATH": str(collections)}

    def run(*words: str) -> None:
        done = subprocess.run(words, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr

    run(galaxy, "collection", "build", "--output-path", str(built), ".")
    (artefact,) = built.glob("*.tar.gz")
    run(galaxy, "collection", "install", str(artefact), "--collections-path", str(collections))
    folder = collections / "ansible_collections" / "storefront" / "runbook"
    requirements = (folder / "requirements.txt").read_text()
    for path in folder.iterdir():
        if path.name not in NEEDED | MANIFESTS:
            subprocess.run(["rm", "-r", str(path)], check=True)
    return Installed(collections, environment_for(requirements) / "bin")


def environment_for(requirements: str) -> Path:
    """Return a virtual environment with ansible-core and these requirements; it is kept while they stay the same."""
    wanted = f"{requirements}\nansible-core=={ansible.__version__}\n"
    folder = CACHE / hashlib.sha256(f"{sys.version}{wanted}".encode()).hexdigest()[:16]
    if not (folder / "ready").exists():
        venv.create(folder, with_pip=True, clear=True)
        (folder / "requirements.txt").write_text(wanted)
        pip = [str(folder / "bin" / "pip"), "install", "--quiet", "--disable-pip-version-check"]
        done = subprocess.run(
            [*pip, "--requirement", str(folder / "requirements.txt")], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        (folder / "ready").touch()
    return folder
