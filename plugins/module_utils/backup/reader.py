# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A backup read back: what pg_dump wrote, checked against the manifest on the way, and what a dump does not hold."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..core.errors import ConfigError, RunbookError
from ..core.json_text import loads
from ..core.progress import Transfer
from ..core.wait import nothing
from ..store.base import Store
from . import encryption
from .decompress import ZSTANDARD_ERROR, NotWhole, unpack
from .manifest import PREFIX, Manifest, read_manifest

__all__ = ["DUMP", "GLOBALS", "ZSTANDARD_ERROR", "OpenBackup", "open_backup"]

DUMP, GLOBALS = "dump", "globals.json"


@dataclass(frozen=True)
class OpenBackup:
    """A backup whose manifest was read. ``format`` is custom (one stream) or directory (a folder); bytes
    count only once their stream ended well.
    """

    store: Store
    manifest: Manifest
    prefix: str
    identities: Sequence[Any]
    heartbeat: Callable[[], None]

    @property
    def name(self) -> str:
        return self.manifest["name"]

    @property
    def format(self) -> str:
        return self.manifest["format"]

    def pieces(self) -> Iterator[bytes]:
        """Give what pg_dump --format=custom wrote, for the standard input of pg_restore."""
        if self.format != "custom":
            raise RunbookError(f"The backup {self.name} is a directory and no stream.")
        return self._content(self._object(DUMP))

    def save(self, folder: Path) -> Path:
        """Write the dump below ``folder``, for its owner only, and return the path for pg_restore --jobs: a file, or a
        folder.

        Nothing is overwritten. Raises RunbookError.
        """
        target = folder / self.name
        try:
            if self.format == "directory":
                target.mkdir(0o700, parents=True)
            for item in self.manifest["objects"]:
                if item["source"] != GLOBALS:
                    self._save(item, target / item["source"] if self.format == "directory" else target)
        except OSError as error:
            raise RunbookError(
                f"The backup {self.name} could not be written to {target}: {error.strerror}. Name a folder with room"
                " for it.",
                code="no_room",
            ) from None
        return target

    def _save(self, item: Mapping[str, Any], path: Path) -> None:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            for piece in self._content(item):
                file.write(piece)

    def read_globals(self) -> dict[str, Any]:
        """Return the roles, grants and settings that a dump does not hold: see postgres/globals.py."""
        return loads(b"".join(self._content(self._object(GLOBALS))))

    def verify(self) -> None:
        """Read every object as it is stored and compare it with the manifest; needs no identity. Raises
        RunbookError.
        """
        for item in self.manifest["objects"]:
            for _unused in self._stored(item):
                pass

    def _object(self, source: str) -> Mapping[str, Any]:
        return next(item for item in self.manifest["objects"] if item["source"] == source)

    def _stored(self, item: Mapping[str, Any]) -> Iterator[bytes]:
        digest, size = hashlib.sha256(), 0
        transfer = Transfer(f"Reading {item['source']} of the backup {self.name}", item["size"])
        for piece in self.store.read(f"{self.prefix}{self.name}/{item['file']}", self.heartbeat):
            digest.update(piece)
            size += len(piece)
            transfer.add(len(piece))
            self.heartbeat()
            yield piece
        if (size, digest.hexdigest()) != (item["size"], item["sha256"]):
            raise self._damaged(
                item, f"the store returns other bytes than were written ({size} of {item['size']} bytes)", "checksum"
            )

    def _content(self, item: Mapping[str, Any]) -> Iterator[bytes]:
        pieces: Any = self._stored(item)
        if self.manifest["encryption"] == "age":
            if not self.identities:
                raise ConfigError(
                    f"The backup {self.name} is encrypted to {', '.join(self.manifest['recipients'])}. Give the secret"
                    " key of one of them as identity.",
                    code="no_identity",
                )
            pieces = encryption.decrypt(pieces, self.identities)
        size = 0
        with closing(pieces):
            try:
                for plain in unpack(pieces):
                    size += len(plain)
                    yield plain
            except NotWhole:
                raise self._damaged(item, "it cannot be unpacked", "damaged") from None
            except RunbookError as error:
                if error.details.get("code") == "damaged":
                    raise self._damaged(item, "it cannot be decrypted: it was changed or cut", "damaged") from None
                raise
        if size != item["raw_size"]:
            raise self._damaged(item, f"it unpacks to {size} bytes and not {item['raw_size']}", "damaged")

    def _damaged(self, item: Mapping[str, Any], how: str, code: str) -> RunbookError:
        return RunbookError(
            f"{item['file']} of the backup {self.name} in {self.store.describe()} is damaged: {how}. Use another"
            " backup. If others are damaged too, check the store.",
            code=code,
        )


@contextmanager
def open_backup(
    store: Store,
    name: str,
    identity: str | None = None,
    *,
    prefix: str = PREFIX,
    heartbeat: Callable[[], None] = nothing,
) -> Iterator[OpenBackup]:
    """Open a backup by its name.

    ``identity`` is the secret key of age, or the content of age-keygen's file; ``verify`` does without. Raises
    ConfigError when there is no such backup, and when the identity is not of its recipients, before any of it is read.
    """
    manifest = read_manifest(store, name, prefix)
    identities = encryption.parse_identity(identity) if identity and manifest["encryption"] == "age" else []
    if identities and not set(encryption.public_keys(identities)) & set(manifest["recipients"]):
        raise ConfigError(
            f"The identity cannot open the backup {name}, which is encrypted to {', '.join(manifest['recipients'])}. "
            "Give the secret key of one of them as identity.",
            code="wrong_identity",
        )
    yield OpenBackup(store, manifest, prefix, identities, heartbeat)
