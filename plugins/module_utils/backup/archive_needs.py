# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The roles and extensions that an archive takes for granted, by its table of contents.

An entry names its owner. Those who were granted something stand in the statement of an entry whose kind is known, at a
place that is known: it is read word by word, so that no name and no text in quotes is taken for a part of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from .archive_contents import Contents, Item

# The kinds for which pg_restore writes ALTER … OWNER TO; what else has an owner has that of its table.
OWNED = frozenset(
    {
        *(
            "AGGREGATE",
            "BLOB",
            "BLOB METADATA",
            "COLLATION",
            "CONVERSION",
            "DOMAIN",
            "EVENT TRIGGER",
            "FOREIGN DATA WRAPPER",
            "FOREIGN TABLE",
            "FUNCTION",
        ),
        *(
            "MATERIALIZED VIEW",
            "OPERATOR",
            "OPERATOR CLASS",
            "OPERATOR FAMILY",
            "PROCEDURAL LANGUAGE",
            "PROCEDURE",
            "PUBLICATION",
            "SCHEMA",
            "SEQUENCE",
        ),
        *("SERVER", "STATISTICS", "TABLE", "TEXT SEARCH CONFIGURATION", "TEXT SEARCH DICTIONARY", "TYPE", "VIEW"),
    }
)
NOBODY = frozenset({"PUBLIC", "CURRENT_USER", "CURRENT_ROLE", "SESSION_USER"})
WORD = re.compile(r"""("(?:[^"]|"")*")|('(?:[^']|'')*')|(\$(\w*)\$.*?\$\4\$)|([\w$]+|.)""", re.DOTALL)


@dataclass(frozen=True)
class Needs:
    """``owners`` are roles that own something in the archive, ``others`` those with a grant, a policy or a
    user mapping.
    """

    extensions: frozenset[str]
    owners: frozenset[str]
    others: frozenset[str]


def needs_of(contents: Contents) -> Needs:
    extensions: set[str] = set()
    owners: set[str] = set()
    others: set[str] = set()
    for item in contents.items:  # once: each time it is read from its file
        if item.kind == "EXTENSION":
            extensions.add(item.name)
        if item.kind in OWNED and item.owner and item.drops and not is_public(item):
            owners.add(item.owner)
        others.update(_named(item))
    return Needs(frozenset(extensions), frozenset(owners), frozenset(others))


def is_public(item: Item) -> bool:
    """Whether it is the schema that each new database has already. Up to PostgreSQL 14 it belongs to the
    superuser who made the server.
    """
    return item.kind == "SCHEMA" and item.name == "public"


def _named(item: Item) -> Iterator[str]:
    if item.kind not in ("ACL", "DEFAULT ACL", "POLICY", "USER MAPPING"):
        return
    for statement in _statements(item.makes):
        if item.kind == "POLICY":
            yield from _roles_after(statement, {"TO"}, first=True)
        elif item.kind == "USER MAPPING":
            yield from _roles_after(statement, {"FOR"}, first=True)
        else:
            # SET SESSION AUTHORIZATION; FOR ROLE
            yield from _roles_after(statement, {"AUTHORIZATION", "ROLE"}, first=True)
            yield from _roles_after(statement, {"TO", "FROM"}, first=False)


def _statements(text: str) -> Iterator[list[str]]:
    """Give the words of each statement that are outside of parentheses. A word in quotes keeps them."""
    words: list[str] = []
    depth = 0
    for found in WORD.finditer(text):
        word = found[0]
        if word in "()":
            depth += 1 if word == "(" else -1
        elif word == ";" and not depth:
            yield words
            words = []
        elif not depth and not word.isspace():
            words.append(word)
    if words:
        yield words


def _roles_after(words: list[str], keywords: Iterable[str], *, first: bool) -> Iterator[str]:
    """Give the roles that follow the first or the last of the keywords, separated by commas."""
    places = [at for at, word in enumerate(words) if word in keywords]
    if not places:
        return
    at = places[0] if first else places[-1]
    while at + 1 < len(words):
        word = words[at + 1]
        if word not in NOBODY and word != "DEFAULT":  # RESET SESSION AUTHORIZATION and SET … DEFAULT name nobody
            yield _plain(word)
        if words[at + 2 : at + 3] != [","]:
            return
        at += 2


def _plain(word: str) -> str:
    if word.startswith("'"):
        return word[1:-1].replace("''", "'")
    return word[1:-1].replace('""', '"') if word.startswith('"') else word
