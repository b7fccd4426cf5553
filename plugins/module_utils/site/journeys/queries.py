# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read values out of an answer: by JSONPath (RFC 9535), CSS selector, regular expression, header, cookie and more."""

from __future__ import annotations

import re
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ...core.errors import ConfigError
from ...core.json_text import loads
from .journey import Query

LIBRARIES: dict[str, str | None] = {"python-jsonpath": None, "beautifulsoup4": None}
try:
    import jsonpath
except ImportError:
    LIBRARIES["python-jsonpath"] = traceback.format_exc()
try:
    import bs4
    import soupsieve
except ImportError:
    LIBRARIES["beautifulsoup4"] = traceback.format_exc()


class NotThere(Exception):
    """The answer has no such value; the text says why, and can follow ``found nothing``."""


@dataclass
class Answer:
    """An answer: ``url`` is its address after redirects, ``duration_ms`` the time to its last byte."""

    url: str
    status: int
    headers: Mapping[str, str]
    cookies: Mapping[str, str]
    text: str
    duration_ms: int
    variables: Mapping[str, Any] = field(default_factory=dict)


def compiled(query: Query) -> Any:
    """Return the compiled expression of a query. Raises ConfigError for one that can never work."""
    text = query.expression
    if query.kind == "jsonpath":
        try:
            return jsonpath.JSONPathEnvironment(strict=True).compile(text)
        except jsonpath.JSONPathError as error:
            problem = f"{text!r} is not a JSONPath: {_line(error)}. It begins with $, as $.items[0].id."
            raise ConfigError(problem) from None
    if query.kind == "css":
        try:
            return soupsieve.compile(text)
        except soupsieve.SelectorSyntaxError as error:
            raise ConfigError(f"{text!r} is not a CSS selector: {_line(error)}.") from None
    if query.kind == "regex":
        try:
            return re.compile(text)
        except re.error as error:
            raise ConfigError(f"{text!r} is not a regular expression: {error}.") from None
    return text


def _line(error: Exception) -> str:
    return str(error).splitlines()[0].rstrip(".")


def look_up(query: Query, answer: Answer) -> Any:
    """Return the value of a query: one match as it is, several as a list. Raises NotThere."""
    try:
        found = KINDS[query.kind](query, answer)
    except NotThere:
        if query.count:
            return 0
        raise
    if query.count:
        return len(found) if isinstance(found, list) else 1
    return found


def _jsonpath(query: Query, answer: Answer) -> Any:
    try:
        document = loads(answer.text)
    except ValueError:
        raise NotThere("the body is not JSON") from None
    path = compiled(query)
    found = path.findall(document)
    if not found:
        raise NotThere("the JSON has no such value")
    if query.count and not path.singular_query():
        return found
    return found[0] if len(found) == 1 else found


def _css(query: Query, answer: Answer) -> Any:
    page = bs4.BeautifulSoup(answer.text, "html.parser")
    found = compiled(query).select(page)
    if not found:
        raise NotThere("the page has no such element")
    if query.attribute is None:
        values = [" ".join(element.get_text().split()) for element in found]
    else:
        given = [element.get(query.attribute) for element in found]
        values = [" ".join(value) if isinstance(value, list) else value for value in given if value is not None]
    if not values:
        raise NotThere(f"no such element has the attribute {query.attribute}")
    return values[0] if len(values) == 1 and not query.count else values


def _regex(query: Query, answer: Answer) -> Any:
    pattern = compiled(query)
    if query.count:
        return [found[0] for found in pattern.finditer(answer.text)] or _nothing("nothing matches")
    found = pattern.search(answer.text) or _nothing("nothing matches")
    return found[pattern.groups and 1]


def _header(query: Query, answer: Answer) -> str:
    if query.expression not in answer.headers:
        raise NotThere("the answer has no such header")
    return answer.headers[query.expression]


def _cookie(query: Query, answer: Answer) -> str:
    if query.expression not in answer.cookies:
        raise NotThere("the answer sets no such cookie")
    return answer.cookies[query.expression]


def _variable(query: Query, answer: Answer) -> Any:
    return answer.variables[query.expression]


def _nothing(why: str) -> Any:
    raise NotThere(why)


KINDS: dict[str, Callable[[Query, Answer], Any]] = {
    "jsonpath": _jsonpath,
    "css": _css,
    "regex": _regex,
    "header": _header,
    "cookie": _cookie,
    "variable": _variable,
    "status": lambda query, answer: answer.status,
    "url": lambda query, answer: answer.url,
    "body": lambda query, answer: answer.text,
    "duration": lambda query, answer: answer.duration_ms,
}
ALONE = ("status", "url", "body", "duration")  # they take no expression
