# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Encryption of streams with age: to public keys where backups are made, with a secret key where they are
read. See age-encryption.org/v1.
"""

from __future__ import annotations

import queue
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

try:
    import pyrage

    PYRAGE_ERROR: str | None = None
except ImportError as error:  # named when something is to be encrypted: all else does without
    PYRAGE_ERROR = str(error)

from ..core.errors import ConfigError, RunbookError

SECRET_KEY = "AGE-SECRET-KEY-"  # noqa: S105  how every one begins
BATCH = 1 << 18  # bytes handed on at once; pyrage writes 8 KiB at a time
AHEAD = 8  # batches that are decrypted before somebody asks for them


def parse_recipients(recipients: Sequence[str]) -> list[Any]:
    """Return public keys for ``encrypt``. Raises ConfigError that names what is none."""
    _need_library()
    keys = []
    for text in recipients:
        if SECRET_KEY in text.upper():
            raise ConfigError(
                "recipients holds a secret key of age, which does not belong there. Treat it as disclosed: create a"
                " new one with age-keygen, and give its public key.",
                code="bad_recipient",
            )
        try:
            keys.append(pyrage.x25519.Recipient.from_str(text.strip()))
        except pyrage.RecipientError:
            raise ConfigError(
                f"{text!r} in recipients is not a public key of age. Give what age-keygen prints as public key: it"
                " begins with age1.",
                code="bad_recipient",
            ) from None
    return keys


def parse_identity(text: str) -> list[Any]:
    """Return the secret keys in ``text``, the content of a file of age-keygen or a key alone. Raises
    ConfigError, which does not show it.
    """
    _need_library()
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    try:
        keys = [pyrage.x25519.Identity.from_str(line) for line in lines]
    except pyrage.IdentityError:
        keys = []
    if not keys:
        raise ConfigError(
            f"identity holds no secret key of age. Give what age-keygen wrote: a line that begins with {SECRET_KEY}1.",
            code="bad_identity",
        )
    return keys


def public_keys(identities: Sequence[Any]) -> list[str]:
    return [str(identity.to_public()) for identity in identities]


def encrypt(pieces: Iterable[bytes], write: Callable[[bytes], object], recipients: Sequence[Any]) -> None:
    """Encrypt a stream in bounded memory. Raises what ``pieces`` and ``write`` raise."""
    reader, writer = _Reader(pieces), _Writer(write)
    try:
        pyrage.encrypt_io(reader, writer, list(recipients))
    except Exception:  # pyrage turns every exception of ours into one of its own
        raise reader.failure or writer.failure or RunbookError("Encryption with age failed.") from None
    writer.flush_rest()


def decrypt(pieces: Iterable[bytes], identities: Sequence[Any]) -> Iterator[bytes]:
    """Give the plain text of a stream, decrypted in a thread of its own a little ahead.

    Raises what ``pieces`` raises, ConfigError when no identity fits and RunbookError when it was changed or cut; so its
    end alone makes it whole.
    """
    ready: queue.Queue[bytes | BaseException | None] = queue.Queue(AHEAD)
    unwanted = threading.Event()

    def hand_on(batch: bytes | BaseException | None) -> None:
        while not unwanted.is_set():
            try:
                ready.put(batch, timeout=0.2)
                return
            except queue.Full:
                continue
        raise EOFError  # nobody reads any more

    def work() -> None:
        end: BaseException | None = None
        try:
            _decrypt(pieces, hand_on, identities)
        except BaseException as error:  # raised again where the plain text is read
            end = error
        if not unwanted.is_set():
            hand_on(end)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        while (batch := ready.get()) is not None:
            if isinstance(batch, BaseException):
                raise batch
            yield batch
    finally:
        unwanted.set()
        thread.join()


def _decrypt(pieces: Iterable[bytes], hand_on: Callable[[bytes], None], identities: Sequence[Any]) -> None:
    reader, writer = _Reader(pieces), _Writer(hand_on)
    try:
        pyrage.decrypt_io(reader, writer, list(identities))
    except Exception as error:
        failure = reader.failure or writer.failure
        if not failure and "No matching keys" in str(error):
            failure = ConfigError("identity is not the secret key of any of its recipients.", code="wrong_identity")
        raise failure or RunbookError("It was changed or cut after it was encrypted.", code="damaged") from None
    writer.flush_rest()


class _Reader:
    """What pyrage reads from."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces, self._rest = iter(pieces), memoryview(b"")
        self.failure: BaseException | None = None

    def read(self, size: int) -> bytes:
        try:
            while not self._rest:
                self._rest = memoryview(next(self._pieces))
        except StopIteration:
            return b""
        except BaseException as error:
            self.failure = error
            raise
        taken, self._rest = self._rest[:size], self._rest[size:]
        return bytes(taken)


class _Writer:
    """What pyrage writes to."""

    def __init__(self, write: Callable[[bytes], object]) -> None:
        self._write, self._batch = write, bytearray()
        self.failure: BaseException | None = None

    def write(self, data: bytes) -> int:
        self._batch += data
        if len(self._batch) >= BATCH:
            self.flush_rest()
        return len(data)

    def flush(self) -> None:
        """pyrage calls it; what is left goes out at the end."""

    def flush_rest(self) -> None:
        batch, self._batch = bytes(self._batch), bytearray()
        try:
            if batch:
                self._write(batch)
        except BaseException as error:
            self.failure = error
            raise


def _need_library() -> None:
    if PYRAGE_ERROR:
        raise ConfigError(
            f"Encrypted backups need the Python library pyrage, which {sys.executable} does not have. Install it: pip"
            " install 'pyrage>=1.3'.",
            code="missing_library",
        )
