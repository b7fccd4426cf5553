# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a journey consists of: ordered steps as data, in the words of Hurl (https://hurl.dev)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

READING = ("GET", "HEAD", "OPTIONS")
METHODS = (*READING, "POST", "PUT", "PATCH", "DELETE")


@dataclass(frozen=True)
class Query:
    """Where a value is in an answer. ``kind`` is a key of ``queries.KINDS``, ``expression`` its argument.

    ``attribute`` is an HTML attribute of the elements that a CSS selector finds. With ``count`` the value is the number
    of matches.
    """

    kind: str
    expression: Any = None
    attribute: str | None = None
    count: bool = False

    def __str__(self) -> str:
        shown = self.kind if self.expression is None else f"{self.kind} {self.expression}"
        attribute = f" attribute {self.attribute}" if self.attribute else ""
        return f"{shown}{attribute}{' count' if self.count else ''}"


@dataclass(frozen=True)
class Capture:
    """A value that later steps use as ``${name}``. A secret one is masked in everything that is reported."""

    name: str
    query: Query
    secret: bool = False


@dataclass(frozen=True)
class Assertion:
    """What the value of a query has to be. ``predicate`` is a key of ``predicates.PREDICATES``."""

    query: Query
    predicate: str
    value: Any = None
    negated: bool = False


@dataclass(frozen=True)
class Request:
    """``url`` is a path below the URL of ``site``, or an address of a declared host. Texts may hold ``${name}``."""

    url: str
    site: str = ""
    method: str = "GET"
    query: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, Any] = field(default_factory=dict)
    cookies: Mapping[str, Any] = field(default_factory=dict)
    basic_auth: Mapping[str, Any] = field(default_factory=dict)
    form: Mapping[str, Any] | None = None
    json: Any = None
    body: str | None = None


@dataclass(frozen=True)
class Options:
    """``retry`` is the number of further tries, ``retry_interval`` and ``delay`` are seconds. Redirects are followed
    with ``location`` only.
    """

    retry: int = 0
    retry_interval: float = 1.0
    delay: float = 0.0
    location: bool = False
    max_redirects: int = 10


@dataclass(frozen=True)
class Action:
    """What a browser does: ``open`` a page, ``fill`` a field, ``click`` an element, ``expect`` a text or an element."""

    kind: str
    target: str
    value: str | None = None


@dataclass(frozen=True)
class Step:
    """A request, or the actions of a browser. ``status`` are the expected codes; without any, a 2xx is expected."""

    name: str
    request: Request
    options: Options = field(default_factory=Options)
    status: Sequence[int] = ()
    captures: Sequence[Capture] = ()
    asserts: Sequence[Assertion] = ()
    actions: Sequence[Action] = ()
    reads: bool = False

    @property
    def writes(self) -> bool:
        """Whether it may change the shop: by its method, or by a field that a browser fills or an element it clicks."""
        if self.reads:
            return False
        if self.actions:
            return any(action.kind in ("fill", "click") for action in self.actions)
        return self.request.method not in READING


@dataclass(frozen=True)
class Journey:
    """``cleanup`` runs before the steps, for what a killed run has left, and after them, however they ended."""

    name: str
    steps: Sequence[Step]
    cleanup: Sequence[Step] = ()
    variables: Mapping[str, Any] = field(default_factory=dict)
    places: Sequence[str] = ()

    @property
    def writes(self) -> bool:
        return any(step.writes for step in self.steps)
