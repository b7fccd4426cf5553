# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a person reads is plain English: no message, page, comment or test name has a phrase of tests/phrases.txt."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TypeGuard

import pytest

ROOT = Path(__file__).parents[2]
PHRASES = [
    (re.compile(pattern), instead)
    for pattern, _arrow, instead in (
        line.partition(" => ")
        for line in (ROOT / "tests/phrases.txt").read_text().splitlines()
        if line and not line.startswith("#")
    )
]

# Everything that a person reads, less what others wrote or what has the phrases as its data.
ROOMS = (
    "plugins", "roles", "playbooks", "inventories", "docs", "sandbox", "molecule", "tests", "changelogs/fragments",
    "meta", ".github", "CONTRIBUTING.md", "README.md", "SECURITY.md", "Makefile", "conftest.py", "setup.sh",
)  # fmt: skip
LEFT_OUT = (
    "docs/build",
    "tests/contract/documents",  # the vendors' own words
    "tests/unit/test_language.py",
    "sandbox/shop",  # a project of its own
)
SUFFIXES = {".md", ".py", ".yml", ".sh", ".js", ".mjs", ".ts", ".tsx", ".html", ".j2", ""}
# Words that no name in the code has. Those of tests may name a message as said.
NAMES = re.compile(r"(?:^|_)(told|said|shall|beat|looks?|anew|whoever)(?:_|$)")
NAMED_IN_TESTS = {"said", "_said"}
NAMED = {"look_up", "look_for", "looked_up", "lookup"}


def files(room: str) -> list[str]:
    there = ROOT / room
    listed = [there] if there.is_file() else sorted(there.rglob("*"))
    return [
        path
        for file in listed
        if file.is_file()
        and file.suffix in SUFFIXES
        and "__pycache__" not in file.parts
        and "node_modules" not in file.parts
        for path in [file.relative_to(ROOT).as_posix()]
        if not path.startswith(LEFT_OUT)
    ]


def texts(source: str, nodes: Iterable[ast.AST]) -> Iterator[tuple[int, str]]:
    """Yield what a person reads in a Python file, with its line: strings, comments and the names of tests."""
    yield from strings(nodes)
    if rejected(marked(source)):  # to take a file apart is slow, and few have a phrase in what follows a #
        yield from comments(source)
    yield from ((node.lineno, node.name.replace("_", " ")) for node in nodes if is_test(node))


def is_test(node: ast.AST) -> TypeGuard[ast.FunctionDef]:
    return isinstance(node, ast.FunctionDef) and node.name.startswith("test_")


def marked(source: str) -> str:
    """Return what follows a # in the lines of a Python file: its comments, and strings that have a #."""
    last, text = 0, ""
    for row, line in enumerate(source.splitlines(), 1):
        before, mark, after = line.partition("#")
        if mark:
            continues = not before.strip() and row == last + 1
            text += (" " if continues else " | ") + after.lstrip("# ")
            last = row
    return text


def comments(source: str) -> Iterator[tuple[int, str]]:
    """Yield the comments of a Python file: lines of comments below each other are one text."""
    last, text = 0, ""
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            row, alone = token.start[0], token.line.lstrip().startswith("#")
            if not (alone and row == last + 1):
                yield last, text
                text = ""
            text += " " + token.string.lstrip("# ")
            last = row if alone else 0
    yield last, text


def names(nodes: Iterable[ast.AST]) -> Iterator[tuple[int, str]]:
    """Yield the names that a file gives to functions, classes, arguments and variables."""
    for node in nodes:
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                if not is_test(node):  # its name is a sentence, and is read as one
                    yield node.lineno, name
            case ast.arg(arg=name):
                yield node.lineno, name
            case ast.Name(id=name, ctx=ast.Store()) | ast.Attribute(attr=name, ctx=ast.Store()):
                yield node.lineno, name


def parts(tree: ast.AST) -> list[ast.AST]:
    """Return a node and all below it, as ast.walk does, in less time."""
    found: list[ast.AST] = []
    level = [tree]
    while level:
        found += level
        level = [child for node in level for value in vars(node).values() for child in _nodes(value)]
    return found


def _nodes(value: object) -> list[ast.AST]:
    return [item for item in (value if isinstance(value, list) else [value]) if isinstance(item, ast.AST)]


def strings(nodes: Iterable[ast.AST]) -> Iterator[tuple[int, str]]:
    """Yield the strings among nodes. The parts of an f-string are one string, so that a phrase is found
    across them.
    """
    for node in nodes:
        if isinstance(node, ast.JoinedStr):
            pieces = (str(part.value) if isinstance(part, ast.Constant) else "…" for part in node.values)
            yield node.lineno, "".join(pieces)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, node.value


def rejected(text: str) -> list[str]:
    """Return each phrase of the list in a text, with what stands around it and what to write instead."""
    line = " ".join(text.split())
    hits = [(hit, instead) for pattern, instead in PHRASES for hit in pattern.finditer(line)]
    return [f"…{line[max(0, hit.start() - 40) : hit.end() + 40]}… → {instead}" for hit, instead in hits]


def test_each_room_exists():
    assert [path for path in (*ROOMS, *LEFT_OUT[1:]) if not (ROOT / path).exists()] == []


def hits(path: str) -> list[str]:
    """Return the rejected phrases of a file and, of the code, the rejected names."""
    content = (ROOT / path).read_text()
    if not path.endswith(".py"):
        return [f"{path}: {hit}" for hit in rejected(content)]
    nodes = parts(ast.parse(content))
    found = [f"{path}:{line}: {hit}" for line, text in texts(content, nodes) for hit in rejected(text)]
    allowed = NAMED_IN_TESTS if path.startswith(("tests/", "molecule/")) else set()
    return found + [
        f"{path}:{line}: the name {name}" for line, name in names(nodes) if is_rejected(name) and name not in allowed
    ]


def is_rejected(name: str) -> bool:
    return bool(NAMES.search(name)) and name.strip("_") not in NAMED


@pytest.mark.parametrize("room", ROOMS)
def test_no_file_of_a_room_has_a_rejected_phrase_or_a_rejected_name(room):
    found = [hit for path in files(room) for hit in hits(path)]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    "source",
    [
        '"""Whoever holds the lease."""',
        'f"{x} was built, and it goes\\n    on: {y}"',
        "f'{x or f\"{y} told\"}'",
        'raise E(f"it te" f"lls {x}")',
    ],
)
def test_a_phrase_is_found_in_docstrings_and_f_strings(source):
    assert any(rejected(text) for _line, text in strings(parts(ast.parse(source))))


def test_code_is_not_read_as_a_text():
    assert not any(rejected(text) for _line, text in strings(parts(ast.parse("told = shall(anew)  # in vain"))))


def test_comments_are_read_across_lines_and_names_where_they_are_given():
    source = "# it goes\n# on\nx = 1\n\ndef told(said):\n    self._look = 1\n"
    assert [text.strip() for _line, text in comments(source) if rejected(text)] == ["it goes on"]
    assert rejected(marked(source))
    assert [name for _line, name in names(parts(ast.parse(source))) if NAMES.search(name)] == ["told", "said", "_look"]
