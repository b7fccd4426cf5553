# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Signed documents: DSSE envelopes, signed and verified by ssh-keygen, so that the keys people have already will do.

What is signed is the envelope's pre-authentication encoding, in a namespace of this collection: a signature made for
anything else does not verify here.
"""

from __future__ import annotations

import base64
import binascii
import json
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ..core.errors import ConfigError, RunbookError
from ..core.json_text import loads
from ..core.process import run
from ..store.documents import misfit

NAMESPACE = "storefront.runbook"
TYPE = "application/vnd.in-toto+json"
SHAPE = {"payload": str, "payloadType": str, "signatures": [{"keyid": str, "sig": str}]}
QUIET = {"SSH_ASKPASS_REQUIRE": "never", "DISPLAY": ""}  # a key with a passphrase must fail, and not ask


def encoded(payload: bytes) -> bytes:
    """Return what is signed: DSSE's pre-authentication encoding."""
    return b"DSSEv1 %d %s %d %s" % (len(TYPE), TYPE.encode(), len(payload), payload)


def wrap(payload: bytes, signing_key: str | None, namespace: str = NAMESPACE) -> bytes:
    """Return an envelope, signed where a key is given. Raises ConfigError."""
    signatures = [sign(payload, signing_key, namespace)] if signing_key else []
    body = {"payload": base64.b64encode(payload).decode(), "payloadType": TYPE, "signatures": signatures}
    return (json.dumps(body, indent=1, sort_keys=True) + "\n").encode()


def sign(payload: bytes, signing_key: str, namespace: str = NAMESPACE) -> dict[str, str]:
    """Sign with a private key, or with the public one of a key that ssh-agent has. Raises ConfigError."""
    path = _file(signing_key)
    made = run(
        ["ssh-keygen", "-Y", "sign", "-q", "-f", str(path), "-n", namespace],
        stdin=encoded(payload),
        env=QUIET,
        check=False,
        timeout=60,
    )
    if made.returncode != 0:
        raise ConfigError(
            f"ssh-keygen could not sign with {path}: {made.stderr.strip()[-300:]}. Give a private key of ssh without a"
            " passphrase, readable by its owner only, or the public key of one that ssh-agent has.",
            code="cannot_sign",
        )
    shown = run(["ssh-keygen", "-l", "-f", str(path)], env=QUIET, check=False, timeout=60).stdout.split()
    return {"keyid": shown[1] if len(shown) > 1 else "", "sig": base64.b64encode(made.stdout.encode()).decode()}


def _file(signing_key: str, what: str = "signing key") -> Path:
    """Return the file of a key. Raises ConfigError, which never shows the key itself."""
    if "\n" in signing_key or "-----" in signing_key:
        raise ConfigError(
            "signing_key holds a key, and not the path of its file. Write the key to a file that only its owner can"
            " read, and replace the key, since it may be in a log by now.",
            code="no_signing_key",
        )
    path = Path(signing_key).expanduser()
    if not path.is_file():
        raise ConfigError(f"There is no {what} at {path}. Correct signing_key.", code="no_signing_key")
    return path


def public_key(signing_key: str) -> str:
    """Return the public key that belongs to a key file: its type and its base64. Raises ConfigError."""
    path = _file(signing_key, "key")
    beside = path if path.suffix == ".pub" else Path(f"{path}.pub")
    if beside.is_file():
        words = beside.read_text(errors="replace").split()
        why = "it holds no public key"
    else:
        shown = run(["ssh-keygen", "-y", "-P", "", "-f", str(path)], env=QUIET, check=False, timeout=60)
        words, why = shown.stdout.split(), shown.stderr.strip()[-300:]
    if len(words) < 2:
        raise ConfigError(
            f"{beside if beside.is_file() else path} is not a key of ssh that can be read: {why}. Give a private key of"
            " ssh without a passphrase, readable by its owner only, or the public key of one that ssh-agent has.",
            code="bad_signing_key",
        )
    return " ".join(words[:2])


def unwrap(data: bytes) -> tuple[bytes, list[dict[str, Any]]]:
    """Return the payload and the signatures of an envelope. Raises ValueError with what is wrong with it."""
    try:
        body = loads(data)
    except ValueError:
        raise ValueError("it is not JSON") from None
    if wrong := misfit(body, SHAPE):
        raise ValueError(wrong)
    if body["payloadType"] != TYPE:
        raise ValueError(f"its payload is {body['payloadType'][:60]!r}, and no in-toto statement")
    try:
        return base64.b64decode(body["payload"], validate=True), body["signatures"]
    except (binascii.Error, ValueError):
        raise ValueError("its payload is not base64") from None


def signers(
    payload: bytes, signatures: Sequence[dict[str, Any]], allowed: Sequence[str], namespace: str = NAMESPACE
) -> list[str]:
    """Return who signed, of those in ``allowed``: lines of an allowed_signers file, such as "alice
    ssh-ed25519 AAAA…".
    """
    return _owners(
        signatures, allowed, lambda who, people, signature: _verifies(who, people, signature, payload, namespace)
    )


def owners(signatures: Sequence[dict[str, Any]], allowed: Sequence[str]) -> list[str]:
    """Return the owners of the keys that signed, whether the signatures fit or not."""
    return _owners(signatures, allowed, lambda *files: True)


def _owners(
    signatures: Sequence[dict[str, Any]], allowed: Sequence[str], fits: Callable[[str, Path, Path], bool]
) -> list[str]:
    found: list[str] = []
    if not allowed or not signatures:
        return found
    with tempfile.TemporaryDirectory(prefix="storefront-") as folder:
        people, signature = Path(folder, "allowed_signers"), Path(folder, "sig")
        people.write_text("\n".join(allowed) + "\n")
        for one in signatures:
            try:
                signature.write_bytes(base64.b64decode(one["sig"], validate=True))
            except (binascii.Error, ValueError):
                continue
            found += [
                who for who in _principals(people, signature) if who not in found and fits(who, people, signature)
            ]
    return found


def _principals(people: Path, signature: Path) -> list[str]:
    asked = run(
        ["ssh-keygen", "-Y", "find-principals", "-s", str(signature), "-f", str(people)], check=False, timeout=60
    )
    return asked.stdout.split() if asked.returncode == 0 else []


def _verifies(who: str, people: Path, signature: Path, payload: bytes, namespace: str) -> bool:
    words = ["ssh-keygen", "-Y", "verify", "-f", str(people), "-I", who, "-n", namespace, "-s", str(signature)]
    return run(words, stdin=encoded(payload), check=False, timeout=60).returncode == 0


class Tampered(RunbookError):
    """A document of the store is not the one that was written."""

    kind = "tampered"
