# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""backup/encryption.py: what is encrypted to a public key opens with its secret key alone, as a whole or not at all."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator

import pyrage
import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.backup import encryption
from ansible_collections.storefront.runbook.plugins.module_utils.core.errors import ConfigError, LeaseLost, RunbookError

SECRET = os.urandom(3_000_000)


@pytest.fixture(scope="module")
def identity() -> pyrage.x25519.Identity:
    return pyrage.x25519.Identity.generate()


def encrypted(*identities: pyrage.x25519.Identity, content: bytes = SECRET) -> bytes:
    written = bytearray()
    encryption.encrypt(
        [content[:1_000_001], b"", content[1_000_001:]],
        written.extend,
        encryption.parse_recipients([str(one.to_public()) for one in identities]),
    )
    return bytes(written)


def pieces(content: bytes) -> Iterator[bytes]:
    for start in range(0, len(content), 100_000):
        yield content[start : start + 100_000]


def test_it_comes_back_as_it_went(identity: pyrage.x25519.Identity) -> None:
    sealed = encrypted(identity)
    assert SECRET[:1000] not in sealed
    assert pyrage.decrypt(sealed, [identity]) == SECRET  # so that age itself opens it
    assert b"".join(encryption.decrypt(pieces(sealed), [identity])) == SECRET


def test_each_of_its_recipients_opens_it(identity: pyrage.x25519.Identity) -> None:
    another = pyrage.x25519.Identity.generate()
    sealed = encrypted(identity, another, content=b"rows")
    assert (
        b"".join(encryption.decrypt([sealed], [identity]))
        == b"".join(encryption.decrypt([sealed], [another]))
        == b"rows"
    )


def test_another_key_does_not_open_it_and_is_not_shown(identity: pyrage.x25519.Identity) -> None:
    other = pyrage.x25519.Identity.generate()
    with pytest.raises(ConfigError, match="not the secret key of any of its recipients") as refused:
        list(encryption.decrypt(pieces(encrypted(identity)), [other]))
    assert str(other) not in str(refused.value)


@pytest.mark.parametrize("how", ["cut", "flipped", "nothing", "nonsense"])
def test_what_was_changed_or_cut_is_reported(identity: pyrage.x25519.Identity, how: str) -> None:
    sealed = bytearray(encrypted(identity))
    sealed[1_500_000] ^= how == "flipped"
    content = {"cut": bytes(sealed[:-1000]), "flipped": bytes(sealed), "nothing": b"", "nonsense": b"no age file"}[how]
    with pytest.raises(RunbookError, match="changed or cut") as damaged:
        list(encryption.decrypt(pieces(content), [identity]))
    assert damaged.value.details["code"] == "damaged"


def lost() -> Iterator[bytes]:
    yield b"rows"
    raise LeaseLost("it is gone")


def full(_data: bytes) -> None:
    raise OSError(28, "No space left on device")


def test_what_stopped_the_reader_or_the_writer_is_reported_as_it_was(identity: pyrage.x25519.Identity) -> None:
    recipients = [identity.to_public()]
    with pytest.raises(LeaseLost, match="it is gone"):
        encryption.encrypt(lost(), lambda _data: None, recipients)
    with pytest.raises(OSError, match="No space left"):
        encryption.encrypt([SECRET], full, recipients)
    with pytest.raises(LeaseLost, match="it is gone"):
        list(encryption.decrypt(lost(), [identity]))


def test_who_stops_reading_leaves_no_thread(identity: pyrage.x25519.Identity) -> None:
    before = threading.active_count()
    content = encryption.decrypt(pieces(encrypted(identity, content=SECRET * 2)), [identity])
    next(content)
    content.close()
    assert threading.active_count() == before


def test_a_key_file_is_read_with_its_comments(identity: pyrage.x25519.Identity) -> None:
    text = f"# created: 2026-02-02\n# public key: {identity.to_public()}\n\n{identity}\n"
    assert encryption.public_keys(encryption.parse_identity(text)) == [str(identity.to_public())]


@pytest.mark.parametrize("text", ["", "# public key only\n", "hunter22-hunter22", "AGE-SECRET-KEY-1HUNTER22"])
def test_what_is_not_a_secret_key_is_refused_and_not_shown(text: str) -> None:
    with pytest.raises(ConfigError, match="identity holds no secret key of age") as refused:
        encryption.parse_identity(text)
    assert "hunter22" not in str(refused.value).lower()


def test_a_missing_library_is_named_with_its_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encryption, "PYRAGE_ERROR", "No module named 'pyrage'")
    with pytest.raises(ConfigError, match="pip install 'pyrage"):
        encryption.parse_recipients(["age1"])
