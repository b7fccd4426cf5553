# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What `make release` checks before it builds, and that two builds of one commit are equal."""

from __future__ import annotations

import json
import os
import shutil
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from tests import release, sbom, signature


def tree(folder: Path, version: str, other: str) -> Path:
    (folder / "galaxy.yml").write_text(f"version: {version}\n")
    (folder / "pyproject.toml").write_text(f'[project]\nversion = "{other}"\n')
    return folder


def test_both_files_have_one_semantic_version(tmp_path: Path) -> None:
    assert release.version_of(tree(tmp_path, "1.2.3", "1.2.3")) == "1.2.3"
    assert release.version_of(tree(tmp_path, "2.0.0-rc.1", "2.0.0-rc.1")) == "2.0.0-rc.1"
    for version, other, words in (("1.2", "1.2", "semantic version"), ("1.2.3", "1.2.4", "Make them the same")):
        with pytest.raises(release.Refused, match=words):
            release.version_of(tree(tmp_path, version, other))


def test_the_version_of_this_checkout_can_be_released() -> None:
    assert release.version_of(release.ROOT)


def test_every_fragment_of_the_changelog_is_a_list_of_texts_below_known_sections() -> None:
    """A colon and a blank inside of a text make a mapping of it, which `make release` refuses much later."""
    known = {name for name, _title in yaml.safe_load((release.ROOT / "changelogs/config.yaml").read_text())["sections"]}
    known |= {"release_summary", "trivial"}  # the first is one text, the second is not printed
    for path in sorted((release.ROOT / "changelogs/fragments").glob("*.yml")):
        try:
            sections = yaml.safe_load(path.read_text())
        except yaml.YAMLError as error:
            pytest.fail(f"{path.name}: {error}")
        assert set(sections) <= known, path.name
        assert {type(text) for texts in sections.values() for text in texts} == {str}, path.name


def archive(folder: Path, name: str, when: int) -> Path:
    """An archive as another account on another day would make it."""
    files = folder / f"{name}-files"
    files.mkdir()
    for made in ("b.txt", "a.txt", "MANIFEST.json") if when % 2 else ("MANIFEST.json", "a.txt", "b.txt"):
        (files / made).write_text(made)
        os.utime(files / made, (when, when))
    packed = folder / f"{name}.tar.gz"
    with tarfile.open(packed, "w:gz") as new:
        for path in files.iterdir():
            new.add(path, path.name)
    return packed


def test_what_is_packed_again_is_the_same(tmp_path: Path) -> None:
    packed = [archive(tmp_path, name, when) for name, when in (("one", 1_700_000_001), ("two", 1_700_000_100))]
    assert release.digest(packed[0]) != release.digest(packed[1])
    for one in packed:
        release.repack(one, 1_700_000_000)
    assert release.digest(packed[0]) == release.digest(packed[1])
    with tarfile.open(packed[0]) as again:
        assert again.getnames() == ["MANIFEST.json", "a.txt", "b.txt"]
        assert {(one.mtime, one.uid, one.uname) for one in again.getmembers()} == {(1_700_000_000, 0, "")}


def small_collection(folder: Path) -> Path:
    """Build and install a collection of this name with one playbook and the filter that it uses, which Python would
    compile; return its artefact.
    """
    small = folder / "small"
    for name in ("playbooks", "plugins/filter"):
        (small / name).mkdir(parents=True)
    (small / "plugins/filter/same.py").write_text(
        "class FilterModule:\n    def filters(self):\n        return {'same': lambda one: one}\n"
    )
    (small / "README.md").write_text("small")
    (small / "galaxy.yml").write_text(
        "namespace: storefront\nname: runbook\nversion: 1.0.0\nreadme: README.md\nauthors: [test]\nlicense: [MIT]\n"
    )
    (small / "playbooks/deploy.yml").write_text(
        "- hosts: \"{{ 'localhost' | storefront.runbook.same }}\"\n  tasks: []\n"
    )
    release.run(str(release.BIN / "ansible-galaxy"), "collection", "build", "--output-path", str(folder), cwd=small)
    artefact = folder / "storefront-runbook-1.0.0.tar.gz"
    release.check_installed(artefact, folder)
    return artefact


@pytest.fixture
def key(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A key of GnuPG, in a home of its own whose path is short enough for the agent's socket."""
    with tempfile.TemporaryDirectory(dir="/tmp", ignore_cleanup_errors=True) as home:
        monkeypatch.setenv("GNUPGHOME", home)
        made = ("--quick-generate-key", "release@example.com", "ed25519", "sign", "never")
        release.run("gpg", "--batch", "--passphrase", "", *made)
        yield "release@example.com"
        release.run("gpgconf", "--kill", "all")


@pytest.mark.skipif(not shutil.which("gpg"), reason="GnuPG is not installed")
def test_the_artefact_is_installed_although_this_checkout_is_the_same_collection_and_its_signature_is_verified(
    tmp_path: Path, key: str
) -> None:
    artefact = small_collection(tmp_path)
    installed = tmp_path / "collections/ansible_collections/storefront/runbook"
    assert (installed / "FILES.json").exists()
    signed = signature.sign(artefact, key, release.run)
    assert not (tmp_path / "MANIFEST.json").exists()
    signature.verify(signed, key, tmp_path / "collections", tmp_path, release.run)
    for file, words in (("README.md", "modified content"), ("MANIFEST.json", "no successful signatures")):
        content = (installed / file).read_text()
        (installed / file).write_text(content + " ")
        with pytest.raises(release.Refused, match=words):
            signature.verify(signed, key, tmp_path / "collections", tmp_path, release.run)
        (installed / file).write_text(content)


REQUIREMENTS = "# what the modules need\nrequests>=2.31          # the vendors' APIs\n"


def test_the_bill_of_materials_has_each_package_that_the_modules_need() -> None:
    lock = (release.ROOT / "requirements-dev.lock").read_text()
    written = sbom.bill("1.2.3", "ab" * 32, 1_700_000_000, REQUIREMENTS, lock)
    assert written == sbom.bill("1.2.3", "ab" * 32, 1_700_000_000, REQUIREMENTS, lock)
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(written) is None
    bill = json.loads(written)
    assert bill["metadata"]["component"]["hashes"] == [{"alg": "SHA-256", "content": "ab" * 32}]
    names = {one["name"]: one for one in bill["components"]}
    assert set(names) == {"requests", "certifi", "charset-normalizer", "idna", "urllib3"}
    assert all(one["version"] and one["externalReferences"][0]["hashes"] for one in names.values())
    edges = {edge["ref"].partition("@")[0]: edge.get("dependsOn", []) for edge in bill["dependencies"]}
    assert [one.partition("@")[0] for one in edges["pkg:generic/storefront.runbook"]] == ["pkg:pypi/requests"]
    assert len(edges["pkg:pypi/requests"]) == 4


def test_the_bill_of_materials_of_this_checkout_has_all_its_requirements() -> None:
    texts = [(release.ROOT / name).read_text() for name in ("requirements.txt", "requirements-dev.lock")]
    bill = json.loads(sbom.bill("1.2.3", "ab" * 32, 1_700_000_000, *texts))
    names = {one["name"] for one in bill["components"]}
    assert {one.name.lower() for one in sbom.direct(texts[0])} <= names
    assert not names & {"pytest", "ansible-core", "starlette"}
