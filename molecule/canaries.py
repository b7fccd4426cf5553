# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Searches what a run has left for the secrets that it was given: as they are, encoded, or in part. It knows nothing of
the redactor's forms.
"""

from __future__ import annotations

import base64
import html
import json
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, quote_plus, urlsplit

from sandbox.beside import beside

PART = 12  # characters of a secret's end that give it away
PAUSE = 0.05  # seconds between two readings of all processes


def forms(secret: str) -> set[bytes]:
    """Return the forms in which a secret may appear."""
    data = secret.encode()
    encoded = {secret, secret[-PART:], quote(secret), quote(secret, safe=""), quote_plus(secret), html.escape(secret)}
    encoded |= {data.hex(), json.dumps(secret)[1:-1], repr(secret)[1:-1]}
    for before in range(3):  # base64 of a longer text differs by where the secret begins in it
        text = base64.b64encode(bytes(before) + data).decode()
        piece = text[-(-before * 8 // 6) : (before + len(data)) * 8 // 6]
        encoded |= {piece, piece.translate(str.maketrans("+/", "-_"))}
    return {form.encode() for form in encoded}


@dataclass
class Canaries:
    """The secrets of a run by name; of an address with a password it is the password."""

    secrets: Mapping[str, str]
    seen: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        values = {name: urlsplit(value).password or value for name, value in self.secrets.items()}
        assert all(len(value) > PART for value in values.values()), "a secret that is found by chance proves nothing"
        self._forms = {name: forms(value) for name, value in values.items()}

    def within(self, content: bytes, but: Iterable[str] = ()) -> list[str]:
        """Return the names of the secrets that are in it."""
        return [name for name, each in self._forms.items() if name not in but and any(form in content for form in each)]

    def below(self, folder: Path) -> list[str]:
        """Return which file below a folder has which secret, in its name or in its content."""
        files = [path for path in folder.rglob("*") if path.is_file()]
        return [
            f"{path.relative_to(folder)}: {name}"
            for path in files
            for name in self.within(str(path).encode() + path.read_bytes())
        ]

    @contextmanager
    def watching_processes(self) -> Iterator[None]:
        """Read the arguments and the environment of every process until the end of the block.

        PostgreSQL's programs take the password from their environment, and so do the shop's own processes, which stand
        for those at the vendors. No other process has a secret, and none has one in its arguments.
        """
        with beside(self._watch):
            yield

    def _watch(self, stop: threading.Event) -> None:
        while not stop.wait(PAUSE):
            for process in Path("/proc").glob("[0-9]*"):
                with suppress(OSError):  # it has ended
                    arguments = (process / "cmdline").read_bytes()
                    program = Path(arguments.split(b"\0")[0].decode(errors="replace")).name
                    self.seen |= {f"{program}, arguments: {name}" for name in self.within(arguments)}
                    found = self.within((process / "environ").read_bytes(), but=["database_url"])
                    self.seen |= {f"{program}, environment: {name}" for name in found}
