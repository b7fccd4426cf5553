# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files of a folder as they are uploaded. A link that leads out of the folder is refused, even one that
appears while the folder is read.
"""

from __future__ import annotations

import errno
import hashlib
import io
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, NoReturn, TypeAlias

from ..core.errors import ConfigError
from .ignore import Ignored, nothing_ignored

SMALL = 1 << 20  # bytes; a smaller file is read in one piece
# the modes that git records, so that the umask of the machine has no effect
REGULAR, EXECUTABLE, LINK = 0o100644, 0o100755, 0o120777
KINDS = {stat.S_IFSOCK: "socket", stat.S_IFIFO: "named pipe", stat.S_IFCHR: "device", stat.S_IFBLK: "device"}

Identity: TypeAlias = tuple[int, ...]


@dataclass(frozen=True)
class SourceFile:
    """``path`` is relative, with slashes; ``size`` in bytes; ``executable`` as in git; ``link`` is the target of a link
    that is uploaded as a link.

    ``seen`` identifies the file that was listed: a file that was replaced before it is read is refused.
    """

    path: str
    absolute: str
    size: int
    executable: bool
    link: str | None = None
    seen: Identity = ()

    @property
    def mode(self) -> int:
        if self.link is not None:
            return LINK
        return EXECUTABLE if self.executable else REGULAR

    def open(self) -> BinaryIO:
        """Open the data that is uploaded: the content, or the target of a link. Raises ConfigError."""
        if self.link is not None:
            return io.BytesIO(self.link.encode())
        try:
            raw = _Watched(os.open(self.absolute, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC), self)
        except OSError as problem:
            raise _unreadable(self.absolute, problem) from None
        raw.check()
        return io.BufferedReader(raw)

    def read(self) -> bytes:
        with self.open() as stream:
            return stream.read()

    def sha1(self) -> str:
        if self.size < SMALL:
            return hashlib.sha1(self.read(), usedforsecurity=False).hexdigest()
        with self.open() as stream:
            return hashlib.file_digest(stream, "sha1").hexdigest()  # type: ignore[arg-type]


class _Watched(io.FileIO):
    """Checks before and after the read that the file is still the one that was listed. Raises ConfigError."""

    def __init__(self, descriptor: int, file: SourceFile) -> None:
        super().__init__(descriptor, "rb")
        self._file = file

    def check(self) -> None:
        if self._file.seen and _identity(os.fstat(self.fileno())) != self._file.seen:
            self.close()
            _refuse_change(self._file.absolute)

    def readinto(self, buffer: Any) -> int:
        count = super().readinto(buffer)
        if not count:
            self.check()
        return count

    def readall(self) -> bytes:
        content = super().readall()
        self.check()
        return content


def list_files(
    root: Path, ignored: Ignored = nothing_ignored, *, keep_links: bool = False, within: Path | None = None
) -> list[SourceFile]:
    """Return every file to upload, sorted by path. Raises ConfigError for a file that cannot be uploaded and that
    ``ignored`` does not leave out.

    Links to files are followed and links to folders are refused; with ``keep_links`` both are uploaded as links. No
    link may lead out of ``within``, which is ``root`` by default.
    """
    return sorted(_walk(root, ignored, keep_links, (within or root).resolve()), key=lambda file: file.path)


def one_file(root: Path, path: str) -> SourceFile | None:
    """Return the file or link at ``path`` below ``root``, without following links; None for a folder.
    Raises ConfigError.
    """
    absolute, inside = f"{root}/{path}", root.resolve()
    try:
        found = os.lstat(absolute)
    except OSError as problem:
        raise _unreadable(absolute, problem) from None
    if not Path(absolute).parent.resolve().is_relative_to(inside):
        _refuse_outside(absolute)
    return None if stat.S_ISDIR(found.st_mode) else _describe(path, absolute, found, True, inside)


def _walk(root: Path, ignored: Ignored, keep_links: bool, inside: Path) -> Iterator[SourceFile]:
    waiting: list[tuple[str, str, Identity]] = [(str(root), "", ())]
    while waiting:
        folder, below, seen = waiting.pop()
        for name, found, leads_to_folder in _entries(folder, seen):
            absolute, is_folder = f"{folder.rstrip('/')}/{name}", stat.S_ISDIR(found.st_mode)
            if ignored(absolute, is_folder or (leads_to_folder and not keep_links)):
                continue
            if not name.isascii():
                _refuse_name(name, folder)
            if is_folder:
                waiting.append((absolute, f"{below}{name}/", _identity(found)[:2]))
            else:
                yield _describe(below + name, absolute, found, keep_links, inside)


def _entries(folder: str, seen: Identity) -> list[tuple[str, os.stat_result, bool]]:
    """Return the name of each entry, its status, and whether it is a link to a folder. ``seen`` identifies
    the folder that was listed.
    """
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | (os.O_NOFOLLOW if seen else 0))
        try:
            if seen and _identity(os.fstat(descriptor))[:2] != seen:
                _refuse_change(folder)
            with os.scandir(descriptor) as entries:
                return [
                    (entry.name, entry.stat(follow_symlinks=False), entry.is_symlink() and _leads_to_folder(entry))
                    for entry in entries
                ]
        finally:
            os.close(descriptor)
    except OSError as problem:
        raise ConfigError(
            f"The folder {folder} cannot be read: {problem.strerror}. Correct its permissions, or leave it out.",
            code="unreadable_folder",
        ) from None


def _leads_to_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a circle of links
        return False


def _identity(found: os.stat_result) -> Identity:
    return (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)


def _describe(path: str, absolute: str, found: os.stat_result, keep_links: bool, inside: Path) -> SourceFile:
    if stat.S_ISLNK(found.st_mode):
        target = _target(absolute, inside, must_exist=not keep_links)
        if keep_links:
            link = _kept(absolute, inside)
            return SourceFile(path, absolute, len(link.encode()), False, link=link)
        absolute, found = str(target), target.stat()
    if not stat.S_ISREG(found.st_mode):
        kind = KINDS.get(stat.S_IFMT(found.st_mode), "special file")
        raise ConfigError(
            f"{absolute} is a {kind}, which cannot be uploaded. Remove it, or leave it out.", code="special_file"
        )
    return SourceFile(path, absolute, found.st_size, bool(found.st_mode & stat.S_IXUSR), seen=_identity(found))


def _target(link: str, inside: Path, must_exist: bool) -> Path:
    """Return the final target of a link. Raises ConfigError."""
    try:
        target, exists = Path(link).resolve(strict=True), True
    except (FileNotFoundError, NotADirectoryError):
        target, exists = Path(link).resolve(), False
    except (OSError, RuntimeError) as problem:
        if isinstance(problem, OSError) and problem.errno != errno.ELOOP:
            raise _unreadable(link, problem) from None
        raise ConfigError(
            f"{link} is part of a loop of links. Correct it, or leave it out.", code="link_loop"
        ) from None
    if must_exist and target.is_dir():
        raise ConfigError(
            f"{link} is a link to a folder. Replace it with the folder, or leave it out.", code="link_to_folder"
        )
    if not target.is_relative_to(inside):
        _refuse_outside(link)
    if must_exist and not exists:
        raise ConfigError(
            f"{link} is a link to {target}, which does not exist. Correct it, or leave it out.", code="broken_link"
        )
    return target


def _kept(absolute: str, inside: Path) -> str:
    """Return the target of a link as it is written. A link that is uploaded as a link must reach its target
    inside the upload too.
    """
    link = os.readlink(absolute)  # noqa: PTH115
    _refuse_name(link, absolute)
    leads = os.path.normpath(Path(absolute).parent.resolve().relative_to(inside) / link)
    if leads.startswith(("/", "../")) or leads == "..":
        _refuse_outside(absolute)
    return link


def _refuse_name(name: str, where: str) -> None:
    try:
        name.encode()
    except UnicodeEncodeError:
        raw = name.encode(errors="surrogateescape")
        raise ConfigError(
            f"{where} has a file whose name is not UTF-8: {raw!r}. Rename it, or leave it out.", code="file_name"
        ) from None


def _refuse_outside(link: str) -> NoReturn:
    raise ConfigError(
        f"{link} is a link out of the source folder. Make it a relative link to a target in the folder, replace it with"
        " the file, or leave it out.",
        code="link_outside",
    )


def _refuse_change(path: str) -> NoReturn:
    raise ConfigError(
        f"{path} changed while it was read. Run the play again when nothing writes to the folder.",
        code="changed_file",
        retryable=True,
    )


def _unreadable(path: str, problem: OSError) -> ConfigError:
    if isinstance(problem, FileNotFoundError):
        return ConfigError(
            f"{path} does not exist any more. Run the play again when nothing writes to the folder.",
            code="changed_file",
            retryable=True,
        )
    return ConfigError(
        f"{path} cannot be read: {problem.strerror}. Correct its permissions, or leave it out.", code="unreadable_file"
    )
