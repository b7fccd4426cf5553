# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Signs an artefact with GnuPG as ansible-galaxy verifies it: a detached signature of its MANIFEST.json, which has the
checksum of every file.
"""

from __future__ import annotations

import tarfile
from collections.abc import Callable
from pathlib import Path

Run = Callable[..., str]


def sign(artefact: Path, key: str, run: Run) -> Path:
    """Write the signature beside the artefact, and return its path. ``key`` is what GnuPG knows the secret key by."""
    signature = artefact.with_name(artefact.name.removesuffix(".tar.gz") + ".asc")
    manifest = artefact.with_name("MANIFEST.json")
    with tarfile.open(artefact) as archive:
        content = archive.extractfile("MANIFEST.json")
        assert content, "an artefact of a collection has a manifest"
        manifest.write_bytes(content.read())
    try:
        words = ("gpg", "--batch", "--yes", "--armor", "--local-user", key, "--output", str(signature))
        run(*words, "--detach-sign", str(manifest))
    finally:
        manifest.unlink()
    return signature


def fingerprint(key: str, run: Run) -> str:
    """Return the fingerprint of a key, which users compare with the published one."""
    listed = run("gpg", "--batch", "--with-colons", "--fingerprint", key)
    return next(line.split(":")[9] for line in listed.splitlines() if line.startswith("fpr:"))


def verify(signature: Path, key: str, collections: Path, scratch: Path, run: Run) -> None:
    """Verify the installed collection with the public key alone, as a user does: the signature of its manifest, and
    each file by the manifest.
    """
    keyring = scratch / "keyring.gpg"
    run("gpg", "--batch", "--yes", "--output", str(keyring), "--export", key)
    words = ("collection", "verify", "storefront.runbook", "--offline", "--collections-path", str(collections))
    signed = ("--signature", signature.as_uri(), "--keyring", str(keyring), "--required-valid-signature-count", "+1")
    home = scratch / "gnupg"
    home.mkdir(mode=0o700, exist_ok=True)  # without the trust of the one who signed
    only = {"ANSIBLE_COLLECTIONS_PATH": str(collections), "ANSIBLE_CONFIG": str(scratch / "none.cfg")}
    only["GNUPGHOME"] = str(home)
    run("ansible-galaxy", *words, *signed, cwd=scratch, **only)
