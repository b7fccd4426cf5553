# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a journey may refer to, and how what is wrong with one is collected."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from .names import names

OWN = ("run", "place", "caller")  # names that every journey has
CONTROL = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True)
class World:
    """What journeys may refer to: the URLs of sites by their names, further hosts that may be asked, the names of
    variables and secrets, and the places at which journeys run. ``public`` has the URLs of sites for a browser.
    """

    sites: Mapping[str, str]
    hosts: Collection[str] = ()
    names: Collection[str] = ()
    places: Collection[str] = ()
    public: Mapping[str, str] = field(default_factory=dict)

    def shown(self, url: str) -> str:
        """Return the URL at which a browser shows a page of a site."""
        return self._moved(url, self.sites, self.public)

    def served(self, url: str) -> str:
        """Return the URL that a browser's request is sent to."""
        return self._moved(url, self.public, self.sites)

    def _moved(self, url: str, old: Mapping[str, str], new: Mapping[str, str]) -> str:
        """Return a URL of a site in ``old`` with its scheme and host in ``new``; another one as it is."""
        for name in self.public:
            if origin(url) == origin(old[name]):
                there = urlsplit(new[name])
                return urlsplit(url)._replace(scheme=there.scheme, netloc=there.netloc).geturl()
        return url

    def allows(self, url: str) -> bool:
        return origin(url) in {*(origin(site) for site in self.sites.values()), *(map(declared, self.hosts))}


def origin(url: str) -> str:
    """Return the host and the port that a URL asks: an origin without its scheme."""
    parts = urlsplit(url)
    port = parts.port or {"http": 80, "https": 443}.get(parts.scheme, 0)
    return f"{(parts.hostname or '').lower()}:{port}"


def declared(host: str) -> str:
    """Return a declared host as ``origin`` does; HTTPS where it names no port."""
    return origin(host if "://" in host else f"https://{host}")


class Words:
    """The data of one journey, and what is wrong with it. ``known`` are the names made so far, ``where`` is the part
    that is being read.
    """

    def __init__(self, world: World, problems: list[str], data: Any, number: int) -> None:
        self.world, self.problems, self.data = world, problems, data if isinstance(data, Mapping) else {}
        self.where = f"The journey {self.data.get('name') or f'number {number}'!r}"
        self.known = {*OWN, *world.names}
        if not isinstance(data, Mapping):
            self.wrong("has to be a mapping with a name and steps")

    def wrong(self, what: str) -> None:
        self.problems.append(f"{self.where} {what.rstrip('.')}.")

    def uses(self, data: Any, what: str) -> None:
        for name in names(data):
            if name not in self.known:
                later = " It is captured later: move that step up." if name in self._captured_anywhere() else ""
                self.wrong(f"uses ${{{name}}} in {what} before it is made{nearest(name, self.known)}.{later}")

    def _captured_anywhere(self) -> set[str]:
        steps = [item for key in ("steps", "cleanup") for item in self.data.get(key) or () if isinstance(item, Mapping)]
        return {str(name) for step in steps if isinstance(step.get("captures"), Mapping) for name in step["captures"]}

    def words(self, data: Mapping[str, Any], known: Collection[str], what: str) -> None:
        for word in data:
            if word not in known:
                self.wrong(f"has the unknown {what} {word!r}{nearest(str(word), known)}")

    def text(self, value: Any, key: str) -> None:
        if not isinstance(value, str) or not value.strip() or CONTROL.search(value):
            self.wrong(f"has no {key}: set a short text, since a failure names it")

    def mapping(self, data: Mapping[str, Any], key: str) -> Mapping[str, Any]:
        value = data.get(key)
        if value is not None and not isinstance(value, Mapping):
            self.wrong(f"has {key}: {value!r}: it has to be a mapping")
        return value if isinstance(value, Mapping) else {}

    def listed(self, data: Mapping[str, Any], key: str) -> Sequence[Any]:
        value = data.get(key)
        if value is not None and not isinstance(value, list):
            self.wrong(f"has {key}: {value!r}: it has to be a list")
        return value if isinstance(value, list) else []


def is_address(url: str) -> bool:
    return url.lower().startswith(("http://", "https://"))


def nearest(word: str, known: Collection[str]) -> str:
    """Return the known word that was probably meant, or all of a few."""
    near = difflib.get_close_matches(str(word).lower(), [str(one) for one in known], 1, 0.6)
    near = near or [one for one in known if str(one).lower() == str(word).lower()]
    if near:
        return f": did you mean {near[0]}?"
    return f": use {', '.join(sorted(map(str, known)))}" if 0 < len(known) <= 12 else ""


def strings(data: Any) -> Iterator[tuple[str, str]]:
    """Give each text in a value with the key that it stands under."""
    if isinstance(data, Mapping):
        for key, value in data.items():
            if isinstance(value, str):
                yield str(key), value
            else:
                yield from strings(value)
    elif isinstance(data, list):
        for value in data:
            yield from strings(value)
