# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compiles each Jinja template once in a run.

A task runs in a fork of the controller, and what the fork has compiled ends with it: a deploy compiles more than two
thousand templates, of which some five hundred differ. Here a fork leaves them to the controller, and the next forks
inherit them.
"""

from __future__ import annotations

import contextlib
import fcntl
import marshal
import os
import zlib
from types import CodeType
from typing import Any

from jinja2 import Environment

# What decides, besides the source, what Jinja generates.
SETTINGS = (
    *("block_start_string", "block_end_string", "variable_start_string", "variable_end_string"),
    *("comment_start_string", "comment_end_string", "line_statement_prefix", "line_comment_prefix"),
    *("trim_blocks", "lstrip_blocks", "newline_sequence", "keep_trailing_newline", "optimized", "autoescape"),
)
SIZE = 4  # bytes of a number in the file: before an entry stand its length and its checksum

Key = tuple[Any, ...]


class CompiledTemplates:
    """The templates of a run that are compiled. Create it in the controller, before it forks.

    The file is in memory only: a template may hold a secret.
    """

    def __init__(self) -> None:
        self._known: dict[Key, CodeType] = {}
        self._controller = os.getpid()
        self._read = 0  # bytes of the file
        self._file = os.memfd_create("templates")
        fcntl.fcntl(self._file, fcntl.F_SETFL, os.O_APPEND)

    def get(self, key: Key) -> CodeType | None:
        return self._known.get(key)

    def add(self, key: Key, code: CodeType) -> None:
        """Remember a template; in a fork, leave it to the controller, too."""
        self._known[key] = code
        if os.getpid() != self._controller:
            entry = marshal.dumps((key, code))
            numbers = (len(entry), zlib.crc32(entry))
            with contextlib.suppress(OSError):  # no memory is left for it
                os.write(self._file, b"".join(number.to_bytes(SIZE, "big") for number in numbers) + entry)

    def collect(self) -> None:
        """Take what the forks have left. Behind an entry that a killed fork did not finish, nothing is read."""
        left = os.pread(self._file, os.fstat(self._file).st_size - self._read, self._read)
        at = 0
        while at < len(left):
            start = at + 2 * SIZE
            length, checksum = (int.from_bytes(left[place : place + SIZE], "big") for place in (at, at + SIZE))
            entry = left[start : start + length]
            if len(entry) < length or zlib.crc32(entry) != checksum:
                break
            key, code = marshal.loads(entry)  # noqa: S302  only forks of this process can write there
            self._known[key] = code
            at = start + length
        self._read += at


def compile_once() -> CompiledTemplates | None:
    """Compile Ansible's templates once from now on. None where no file can be in memory only (macOS)."""
    if not hasattr(os, "memfd_create"):
        return None
    compiled, compiles = CompiledTemplates(), Environment.compile

    def look_up(environment: Environment, source: Any, *args: Any, **options: Any) -> Any:
        key = None if args or options else key_of(environment, source)
        if key is None:
            return compiles(environment, source, *args, **options)
        code = compiled.get(key)
        if code is None:
            code = compiles(environment, source)
            compiled.add(key, code)
        return code

    Environment.compile = look_up  # type: ignore[method-assign, assignment]
    return compiled


def key_of(environment: Environment, source: Any) -> Key | None:
    """Return what decides how a template is compiled; None where that is not known: for templates of other programs,
    and for those with a backslash, which Ansible escapes in some places only.
    """
    kind = type(environment)
    ansibles = kind.__module__.startswith("ansible.") and not callable(environment.autoescape)
    if not ansibles or not isinstance(source, str) or "\\" in source:
        return None
    settings = [getattr(environment, name) for name in SETTINGS]
    return (str(source), f"{kind.__module__}.{kind.__qualname__}", *settings, *environment.extensions)
