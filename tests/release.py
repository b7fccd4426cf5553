# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Builds the artefact of the last commit and checks it: python -m tests.release (`make release`).

Two builds of one commit are equal, byte by byte: the times in them are the commit's. Beside the artefact are its
checksum, its bill of materials and, with a key of GnuPG in SIGN_WITH, the signature of its manifest.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import re
import subprocess
import sys
import tarfile
import tempfile
import tomllib
from pathlib import Path

import yaml

from tests import sbom, signature

ROOT = Path(__file__).resolve().parents[1]
DIST = ROOT / "dist"
BIN = Path(sys.executable).parent
SEMVER = re.compile(r"\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?")


class Refused(Exception):
    """A release that cannot be built; the text says what to do."""


def run(*words: str, cwd: Path = ROOT, **environment: str) -> str:
    done = subprocess.run(
        words, cwd=cwd, env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise Refused(f"{' '.join(words[:4])} failed:\n{done.stdout}{done.stderr}")
    return done.stdout.strip()


def version_of(tree: Path) -> str:
    """Return the version, which both files have."""
    version = str(yaml.safe_load((tree / "galaxy.yml").read_text())["version"])
    other = tomllib.loads((tree / "pyproject.toml").read_text())["project"]["version"]
    if not SEMVER.fullmatch(version):
        raise Refused(f"galaxy.yml has the version {version}. Give it a semantic version, such as 1.2.3.")
    if other != version:
        raise Refused(f"galaxy.yml has the version {version} and pyproject.toml {other}. Make them the same.")
    return version


def export(folder: Path, commit: str) -> Path:
    """Write the files of a commit to a folder."""
    content = subprocess.run(["git", "archive", commit], cwd=ROOT, capture_output=True, check=True).stdout
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        archive.extractall(folder, filter="data")
    return folder


def changelog(tree: Path, version: str, date: str) -> bool:
    """Whether the commit has the version's changelog. Without it, the artefact gets one from the fragments."""
    releases = yaml.safe_load((tree / "changelogs/changelog.yaml").read_text())["releases"]
    if version in (releases or {}):
        return True
    run(str(BIN / "antsibull-changelog"), "release", "--version", version, "--date", date, cwd=tree)
    return False


def build(tree: Path, target: Path, seconds: int) -> Path:
    """Build the artefact as Galaxy wants it, then pack it again with the time of the commit."""
    run(str(BIN / "ansible-galaxy"), "collection", "build", "--output-path", str(target), "--force", ".", cwd=tree)
    (artefact,) = target.glob("storefront-runbook-*.tar.gz")
    repack(artefact, seconds)
    return artefact


def repack(artefact: Path, seconds: int) -> None:
    """Pack an archive again, sorted, owned by nobody and with one time for all."""
    packed = io.BytesIO()
    with tarfile.open(artefact) as old, tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as new:
        for member in sorted(old.getmembers(), key=lambda one: (one.name != "MANIFEST.json", one.name)):
            content = old.extractfile(member) if member.isfile() else None
            member.mtime, member.uid, member.gid, member.uname, member.gname = seconds, 0, 0, "", ""
            member.pax_headers = {}  # they repeat the time
            member.mode = 0o755 if member.isdir() or member.mode & 0o100 else 0o644
            new.addfile(member, content)
    artefact.write_bytes(gzip.compress(packed.getvalue(), mtime=seconds))


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def check_installed(artefact: Path, scratch: Path) -> None:
    """Install it into an empty place, and let Ansible find a playbook by its name."""
    place = str(scratch / "collections")
    # Without these, ansible-galaxy finds the collection in this checkout, and installs nothing.
    only = {"ANSIBLE_COLLECTIONS_PATH": place, "ANSIBLE_CONFIG": str(scratch / "none.cfg")}
    install = ("collection", "install", str(artefact), "--collections-path", place)
    run(str(BIN / "ansible-galaxy"), *install, cwd=scratch, **only)
    syntax = ("storefront.runbook.deploy", "--syntax-check", "-i", "localhost,")
    # Compiled files beside the plugins are files that the manifest does not have, and no verification accepts them.
    run(str(BIN / "ansible-playbook"), *syntax, cwd=scratch, PYTHONDONTWRITEBYTECODE="1", **only)


def signed(artefact: Path, collections: Path, scratch: Path) -> str:
    """Sign the artefact with the key in SIGN_WITH and verify the signature; return the line about it."""
    key = os.environ.get("SIGN_WITH", "")
    if not key:
        return "not signed: SIGN_WITH=<key> signs with a key of GnuPG"
    file = signature.sign(artefact, key, run)
    signature.verify(file, key, collections, scratch, run)
    printed = signature.fingerprint(key, run)
    return f"{file.relative_to(ROOT)}: signed with {key}, fingerprint {printed}; ansible-galaxy verifies it"


def release(scratch: Path) -> list[str]:
    """Build and check; returns what was found, line by line."""
    commit, seconds, date = run("git", "log", "-1", "--format=%H %ct %cs").split()  # once: another may come meanwhile
    trees = [export(scratch / name, commit) for name in ("first", "second")]
    version = version_of(trees[0])
    run(str(BIN / "antsibull-changelog"), "lint", cwd=trees[0])
    committed = [changelog(tree, version, date) for tree in trees]
    first, second = (build(tree, scratch / f"built-{tree.name}", int(seconds)) for tree in trees)
    if digest(first) != digest(second):
        raise Refused(f"Two builds of the same commit differ: {digest(first)} and {digest(second)}.")
    check_installed(first, scratch)
    run("bash", str(ROOT / "tests/sanity/importer.sh"), str(first), VENV=str(BIN.parent))
    DIST.mkdir(exist_ok=True)
    artefact = DIST / first.name
    artefact.write_bytes(first.read_bytes())
    artefact.with_suffix(".gz.sha256").write_text(f"{digest(first)}  {first.name}\n")
    bill = sbom.write(artefact, version, digest(first), int(seconds), trees[0])
    lines = [f"{artefact.relative_to(ROOT)}: version {version}, {artefact.stat().st_size // 1024} kB", digest(first)]
    lines.append("reproducible; galaxy-importer is content; installed, and its playbooks are found")
    lines.append(f"{bill.relative_to(ROOT)}: the bill of materials, CycloneDX 1.6")
    lines.append(signed(artefact, scratch / "collections", scratch))
    if run("git", "status", "--porcelain"):
        lines.append("note: what is not committed is not in it")
    if all(committed):
        lines.append(f"next: git tag v{version}, then ansible-galaxy collection publish {artefact.relative_to(ROOT)}")
    else:
        lines.append(f"next: make changelog, commit it, and rerun: the commit has no changelog of {version} yet")
    return lines


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        try:
            print("\n".join(release(Path(temporary))))
        except Refused as refused:
            sys.exit(f"release: {refused}")
