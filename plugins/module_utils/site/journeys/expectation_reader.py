# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read what a step captures, and what it expects."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any

from ...core.errors import ConfigError
from .journey import Assertion, Capture, Query
from .names import NAME, names
from .predicates import BARE, ORDERED, PREDICATES, SYMBOLS, TEXTS, number
from .queries import ALONE, KINDS, compiled
from .words import OWN, Words, nearest


class ExpectationReader(Words):
    def status(self, data: Mapping[str, Any]) -> list[int]:
        value = data.get("status")
        codes = [] if value is None else value if isinstance(value, list) else [value]
        for code in codes:
            if isinstance(code, bool) or not isinstance(code, int) or not 100 <= code <= 599:
                self.wrong(f"expects the status {code!r}: use a number from 100 to 599, or a list of them")
        return codes

    def captures(self, step: Mapping[str, Any]) -> list[Capture]:
        found = []
        for name, item in self.mapping(step, "captures").items():
            if not NAME.fullmatch(str(name)) or name in OWN:
                self.wrong(f"captures {name!r}: choose a name of letters, digits and _, other than {', '.join(OWN)}")
            if not isinstance(item, Mapping):
                self.wrong(f"captures {name} as {item!r}: write a query, as {{jsonpath: $.token}}")
                continue
            if not isinstance(item.get("secret", False), bool):
                self.wrong(f"captures {name} with secret: {item['secret']!r}: use true or false")
            query = self.query(item, ("secret",), f"captures {name}")
            if query:
                found.append(Capture(str(name), query, item.get("secret") is True))
        return found

    def query(self, item: Mapping[str, Any], more: Collection[str], doing: str) -> Query | None:
        """Read a query out of a capture or an assertion, whose other keys are ``more``."""
        self.words(item, (*KINDS, "attribute", "count", *more), "word")
        kinds = [kind for kind in KINDS if kind in item]
        if len(kinds) != 1:
            self.wrong(f"{doing} with {len(kinds)} queries: use one of {', '.join(KINDS)}")
            return None
        (kind,) = kinds
        if kind in ALONE:
            return Query(kind)
        expression, attribute = item[kind], item.get("attribute")
        if not isinstance(expression, str) or not expression.strip():
            self.wrong(f"{doing} with {kind}: {expression!r}: write a text")
            return None
        if attribute is not None and (kind != "css" or not isinstance(attribute, str)):
            self.wrong(f"{doing} with attribute: {attribute!r}: it names an HTML attribute, beside css")
        if not isinstance(item.get("count", False), bool):
            self.wrong(f"{doing} with count: {item['count']!r}: use true or false")
        if kind == "variable" and expression not in self.known:
            near = nearest(expression, self.known)
            self.wrong(f"{doing} of the variable {expression!r}, which is not made before{near}")
        query = Query(kind, expression, attribute if isinstance(attribute, str) else None, item.get("count") is True)
        self.uses(expression, "query")
        try:
            if "${" not in expression:
                compiled(query)
        except ConfigError as error:
            self.wrong(f"{doing}: {error}")
        return query

    def assertion(self, item: Any) -> Assertion | None:
        if not isinstance(item, Mapping):
            self.wrong(f"asserts {item!r}: write a query and a predicate, as {{jsonpath: $.id, exists: true}}")
            return None
        query = self.query(item, (*PREDICATES, *SYMBOLS, "not"), "asserts")
        if query is None:
            return None
        if not isinstance(item.get("not", False), bool):
            self.wrong(f"asserts with not: {item['not']!r}: use true or false")
        given = [word for word in (*PREDICATES, *SYMBOLS) if word in item]
        own = item.get(query.kind)
        if not given and query.kind in ALONE and own not in (None, True):
            return self.judged(query, "less_or_equal" if query.kind == "duration" else "equals", own, item)
        if len(given) != 1:
            self.wrong(f"asserts {query} with {len(given)} predicates: use one, as equals, contains or exists")
            return None
        return self.judged(query, SYMBOLS.get(given[0], given[0]), item[given[0]], item)

    def judged(self, query: Query, predicate: str, value: Any, item: Mapping[str, Any]) -> Assertion:
        self.uses(value, "predicate")
        dynamic = any(True for _name in names(value))
        if predicate in BARE and value is not True:
            self.wrong(f"asserts {query} with {predicate}: {value!r}: write true, and not: true for the opposite")
        if predicate in TEXTS and not isinstance(value, str):
            self.wrong(f"asserts {query} {predicate} {value!r}: write a text")
        if predicate in ORDERED and not dynamic:
            try:
                too_small = number(value) <= 0 and query.kind == "duration"
            except ValueError:
                self.wrong(f"asserts {query} {predicate} {value!r}: write a number")
            else:
                if too_small:
                    self.wrong(f"asserts {query} {predicate} {value!r}: write milliseconds above 0")
        if predicate == "matches" and isinstance(value, str) and not dynamic:
            try:
                re.compile(value)
            except re.error as error:
                self.wrong(f"asserts {query} matches {value!r}, which is not a regular expression: {error}")
        return Assertion(query, predicate, value, item.get("not") is True)
