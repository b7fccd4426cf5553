# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The software bill of materials of the artefact, in CycloneDX's JSON: the collection, and each Python package that its
modules need, with the version and the hashes that its tests ran with.
"""

from __future__ import annotations

import re
import uuid
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, metadata, requires
from pathlib import Path
from typing import Any

from cyclonedx.model import ExternalReference, ExternalReferenceType, HashAlgorithm, HashType, Property, XsUri
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.license import DisjunctiveLicense
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

NAME = "storefront.runbook"
HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")


def direct(requirements: str) -> list[Requirement]:
    """Return the lines of a requirements.txt."""
    lines = [line.partition(" #")[0].strip() for line in requirements.splitlines()]
    return [Requirement(line) for line in lines if line and not line.startswith("#")]


def locked(lock: str) -> dict[str, tuple[str, list[str]]]:
    """Return (version, hashes) by package from a lock file, of the line that applies to this Python."""
    found: dict[str, tuple[str, list[str]]] = {}
    for entry in re.split(r"\n(?=[^\s#])", lock):
        pin = None if entry.startswith("#") else Requirement(entry.partition("\\")[0].strip())
        if pin and (pin.marker is None or pin.marker.evaluate()):
            found[canonicalize_name(pin.name)] = (str(pin.specifier).removeprefix("=="), HASH.findall(entry))
    return found


def needs(wanted: Requirement) -> list[Requirement]:
    """Return what an installed package needs for the extras that are wanted of it."""
    try:
        listed = [Requirement(line) for line in requires(wanted.name) or []]
    except PackageNotFoundError:
        raise SystemExit(f"{wanted.name} is not installed. Run make setup.") from None
    extras = ["", *wanted.extras]
    return [one for one in listed if not one.marker or any(one.marker.evaluate({"extra": extra}) for extra in extras)]


def component(name: str, version: str, hashes: list[str]) -> Component:
    """Return a Python package; each of its hashes is one of its distributions on PyPI."""
    about: Any = metadata(name)  # its type declares no get
    licence = about.get("License-Expression") or about.get("License") or ""
    files = [HashType(alg=HashAlgorithm.SHA_256, content=one) for one in hashes]
    page = XsUri(f"https://pypi.org/project/{name}/{version}/")
    return Component(
        name=name,
        version=version,
        purl=PackageURL("pypi", name=name, version=version),
        bom_ref=f"pkg:pypi/{name}@{version}",
        licenses=[DisjunctiveLicense(name=licence)] if 0 < len(licence) <= 100 else [],  # some have its whole text
        external_references=[
            ExternalReference(type=ExternalReferenceType.DISTRIBUTION, url=page, hashes=[one]) for one in files
        ],
    )


def bill(version: str, sha256: str, seconds: int, requirements: str, lock: str) -> str:
    """Return the bill of an artefact as JSON. It is the same for the same artefact: ``seconds``, since 1970, is the
    time of its commit. Raises KeyError for a package that is not in the lock.
    """
    pinned = locked(lock)
    collection = Component(
        name=NAME,
        version=version,
        type=ComponentType.APPLICATION,
        bom_ref=f"pkg:generic/{NAME}@{version}",
        purl=PackageURL("generic", name=NAME, version=version),
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=sha256)],
        licenses=[DisjunctiveLicense(id="GPL-3.0-or-later")],
        properties=[Property(name="requirement", value=str(one)) for one in direct(requirements)],
    )
    bom = Bom(serial_number=uuid.uuid5(uuid.NAMESPACE_URL, f"{NAME}@{version}#{sha256}"))
    bom.metadata.component, bom.metadata.timestamp = collection, datetime.fromtimestamp(seconds, UTC)
    known: dict[str, Component] = {}

    def add(parent: Component, wanted: list[Requirement]) -> None:
        children, new = [], []
        for one in wanted:
            key = canonicalize_name(one.name)
            if key not in known:
                known[key] = component(key, *pinned[key])
                new.append(one)
            children.append(known[key])
        bom.register_dependency(parent, children)
        for one in new:
            add(known[canonicalize_name(one.name)], needs(one))

    add(collection, direct(requirements))
    bom.components.update(known.values())
    return JsonV1Dot6(bom).output_as_string(indent=1)


def write(artefact: Path, version: str, sha256: str, seconds: int, tree: Path) -> Path:
    """Write the bill beside the artefact, and return its path."""
    texts = [(tree / file).read_text() for file in ("requirements.txt", "requirements-dev.lock")]
    file = artefact.with_name(artefact.name.removesuffix(".tar.gz") + ".cdx.json")
    file.write_text(bill(version, sha256, seconds, *texts))
    return file
