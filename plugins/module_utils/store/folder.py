# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A store in a folder that every controller shares: a lock around compare and rename."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from time import monotonic
from time import sleep as system_sleep

from ..core.deadline import nothing
from ..core.errors import ConfigError, RunbookError, Unreachable
from .base import CHUNK, Conflict, Guarded, Permit, StoredObject, Unfinished, unguarded
from .folder_files import LOCK_TIMEOUT, PARTIAL, WRITE, FolderWriter, make_folder, sync
from .s3_limits import SMALL, too_large


class FolderStore(Guarded):
    """Stores each object as a file that only its owner can read. Names with a leading dot are internal and
    never listed.
    """

    def __init__(
        self,
        root: str,
        *,
        before_write: Permit | None = unguarded,
        sleep: Callable[[float], None] = system_sleep,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        super().__init__(before_write)
        self.root = Path(root)
        self._sleep, self._clock = sleep, clock

    def describe(self) -> str:
        return self.root.as_uri()

    def path(self, name: str) -> Path:
        """Return the path of the object ``name``."""
        inside = PurePosixPath(name)
        if inside.is_absolute() or ".." in inside.parts or not inside.parts:
            raise ConfigError(
                f"{name!r} is not a valid name for an object in {self.describe()}. Use a relative path without '..'."
            )
        return self.root / inside

    def get(self, key: str) -> tuple[bytes, str] | None:
        with self.named_errors("read"):
            try:
                if self.path(key).is_file() and self.path(key).stat().st_size > SMALL:
                    raise too_large(f"{key} in {self.describe()}", SMALL)
                data = self.path(key).read_bytes()
            except FileNotFoundError:
                return None
        return data, _etag(data)

    def put_if_absent(self, key: str, data: bytes) -> str:
        return self._put(key, data, None)

    def put_if_match(self, key: str, data: bytes, etag: str) -> str:
        return self._put(key, data, etag)

    def list(self, prefix: str = "") -> list[StoredObject]:
        with self.named_errors("read"):
            found = []
            for path in (self.root / prefix.rpartition("/")[0]).rglob("*"):
                key = path.relative_to(self.root)
                if (
                    key.as_posix().startswith(prefix)
                    and path.is_file()
                    and not any(part.startswith(".") for part in key.parts)
                ):
                    stat = path.stat()
                    found.append(StoredObject(key.as_posix(), stat.st_size, datetime.fromtimestamp(stat.st_mtime, UTC)))
        return sorted(found, key=lambda item: item.key)

    def delete(self, key: str) -> None:
        self.permit(WRITE)
        with self.named_errors("write"):
            path = self.path(key)
            path.unlink(missing_ok=True)
            if path.parent.is_dir():
                sync(path.parent)

    def time(self) -> float | None:
        """Return the time of an unnamed file that is written in the store; on a network share this is the
        server's time.
        """
        parent = next(folder for folder in (self.root, *self.root.parents) if folder.is_dir())
        try:
            with tempfile.TemporaryFile(dir=parent, buffering=0) as file:
                file.write(b".")
                return os.fstat(file.fileno()).st_mtime
        except OSError:
            return None

    def open_writer(self, key: str, expected: int = 0) -> FolderWriter:
        return FolderWriter(self.path(key), self.permit, self.named_errors)

    def read(self, key: str, tick: Callable[[], None] = nothing) -> Iterator[bytes]:
        with self.named_errors("read"), self.path(key).open("rb") as stream:
            while piece := stream.read(CHUNK):
                yield piece

    def unfinished(self, prefix: str) -> Sequence[Unfinished]:
        found = []
        for path in sorted(self.root.rglob(f".*{PARTIAL}")):
            key = path.with_name(path.name.removeprefix(".").removesuffix(PARTIAL)).relative_to(self.root).as_posix()
            if key.startswith(prefix):
                found.append(Unfinished(key, path, datetime.fromtimestamp(path.stat().st_mtime, UTC)))
        return found

    def discard(self, left: Unfinished) -> None:
        self.permit(WRITE)
        left.handle.unlink(missing_ok=True)

    def refuse_public(self, warn: Callable[[str], None]) -> None:
        """Do nothing: only the owner of a file can read it."""

    def close(self) -> None:
        pass

    def _put(self, key: str, data: bytes, etag: str | None) -> str:
        path = self.path(key)
        seconds = self.permit(WRITE)
        with self.named_errors("write"):
            make_folder(path.parent)
            with self._locked(min(LOCK_TIMEOUT, seconds)):
                found = self.get(key)
                if (found[1] if found else None) != etag:
                    raise Conflict(
                        f"{key} in {self.describe()} was written by another process in the meantime. Run the play"
                        " again."
                    )
                # The lock is held, so the file that a killed writer left under this name can be overwritten.
                fresh = path.with_name(f".{path.name}.new")
                with open(fresh, "wb", opener=lambda name, flags: os.open(name, flags, 0o600)) as stream:
                    stream.write(data)
                    stream.flush()
                    os.fsync(stream.fileno())
                fresh.replace(path)
                sync(path.parent)
        return _etag(data)

    @contextmanager
    def _locked(self, seconds: float) -> Iterator[None]:
        give_up = self._clock() + seconds
        descriptor = os.open(self.root / ".lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            while True:
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if self._clock() > give_up:
                        raise Unreachable(
                            f"{self.describe()} stayed locked for {seconds:g} s: a process that writes to it hangs. "
                            f"Find it with fuser {self.root}/.lock and end it.",
                            code="store_locked",
                            retryable=True,
                        ) from None
                    self._sleep(0.01)
            yield
        finally:
            os.close(descriptor)  # this also releases the lock

    @contextmanager
    def named_errors(self, verb: str) -> Iterator[None]:
        """Convert the system's errors to this collection's; ``verb`` is the failed action."""
        try:
            yield
        except OSError as error:
            word = errno.errorcode.get(error.errno or 0, "EIO")
            if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
                raise ConfigError(
                    f"This user may not {verb} the store {self.describe()}: {error.strerror}. Change the folder's owner"
                    " or store.",
                    code=word,
                ) from None
            if error.errno in (errno.ENOTDIR, errno.EEXIST, errno.EISDIR):
                raise ConfigError(f"The store {self.describe()} is not a folder. Correct store.", code=word) from None
            raise RunbookError(
                f"Could not {verb} the store {self.describe()}: {error.strerror}. Check its disk.", code=word
            ) from None


def _etag(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
