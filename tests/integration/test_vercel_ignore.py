# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is left out of an upload to Vercel, held against the library that Vercel's own client asks, and
against the client.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TextIO, cast

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.platforms.vercel.ignore import IGNORED, layers
from ansible_collections.storefront.runbook.plugins.module_utils.source.files import list_files
from ansible_collections.storefront.runbook.plugins.module_utils.source.ignore import ignored

from sandbox.tools import node_bin
from tests.integration.vercel_client import LOCKED, install

Judge = Callable[[str, list[str]], Any]
FOLDERS = ("a", "b", "src", "node_modules", "[a]", "b ", "é", "A.b", ".next")
NAMES = (
    *(
        "a",
        "b",
        "A",
        "abc",
        "a.b",
        ".env",
        ".env.local",
        ".env.x.local",
        "!a",
        "#a",
        "*",
        "x]",
        "a b",
        "b ",
        "-",
        "\\",
        "^",
        "é",
        "É",
        "ſ",
        "😀",
    ),
    *("$a", "(b)", "\ufeffa"),
)
ATOMS = (
    *"aabbAc/.*?!#\\[]-^ \t(){}$+|,",
    *(
        "**",
        "**",
        "**/",
        "/**",
        "/**/",
        "***",
        "[a-c]",
        "[!a]",
        "[^b]",
        "[]a]",
        "[a",
        "[a*]",
        "[?]",
        "[c-a]",
        "[a/b]",
        "\\ ",
        "\\*",
        "\\!",
        "\\#",
        "\\[a]",
        "src",
    ),
    *("node_modules", ".env", ".local", "é", "É", "ſ", "K", "😀", "\ufeff", "\r"),
)


@pytest.fixture(scope="module")
def judge() -> Iterator[Judge]:
    """Ask the library for the paths that it leaves out; the answer is {error} where it fails."""
    argv = [str(node_bin() / "node"), str(LOCKED / "ignored.js"), str(install().parents[3])]
    with subprocess.Popen(
        argv,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        env={"PATH": os.environ["PATH"]},
    ) as process:
        questions, answers = cast(TextIO, process.stdin), cast(TextIO, process.stdout)

        def ask(text: str, paths: list[str]) -> Any:
            questions.write(json.dumps({"text": text, "paths": paths}) + "\n")
            questions.flush()
            return json.loads(answers.readline())

        yield ask
        questions.close()


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two hundred files whose names are those that patterns stumble over."""
    root, chance = tmp_path_factory.mktemp("tree"), random.Random(4)
    for _unused in range(200):
        file = root.joinpath(*chance.choices(FOLDERS, k=chance.randint(0, 3)), chance.choice(NAMES))
        if not file.exists() and not any(folder.is_file() for folder in file.parents):
            file.parent.mkdir(parents=True, exist_ok=True)
            file.touch()
    return root


def walked(root: Path, left_out: set[str]) -> list[str]:
    """Return the files that the client's walk comes to."""
    found = [path.relative_to(root) for path in root.rglob("*") if path.is_file()]
    return sorted(str(path) for path in found if not left_out & {str(path), *map(str, path.parents)})


def patterns(seed: int) -> str:
    chance = random.Random(seed)
    lines = [
        chance.choice(("", "", "!")) + "".join(chance.choices(ATOMS, k=chance.randint(1, 6)))
        for _unused in range(chance.randint(1, 5))
    ]
    if chance.random() < 0.3:
        lines.append("!" + chance.choice(lines).removeprefix("!"))
    return chance.choice(("\n", "\n", "\r\n")).join(lines)


def agrees(judge: Judge, root: Path, text: str) -> bool:
    """Compare what is kept. Where the library fails, the file must be refused."""
    (root / ".vercelignore").write_text(text, encoding="utf-8", newline="")
    everything = [str(path.relative_to(root)) for path in root.rglob("*")]
    theirs = judge("\n".join(IGNORED) + "\n" + text, everything)
    try:
        ours = [file.path for file in list_files(root, ignored(layers(root, root, git=False)), keep_links=True)]
    except Exception as problem:
        return "Vercel's client cannot read" in str(problem) and ("error" in theirs or "-\\" in text)
    return "error" not in theirs and ours == walked(root, set(theirs))


@pytest.mark.parametrize("part", [0, 1, 2, *(pytest.param(part, marks=pytest.mark.long) for part in range(3, 10))])
def test_it_leaves_out_what_the_clients_library_leaves_out(judge: Judge, tree: Path, part: int) -> None:
    # which the client takes off itself
    texts = [text for text in map(patterns, range(part * 150, part * 150 + 150)) if "\n./" not in f"\n{text}"]
    assert [text for text in texts if not agrees(judge, tree, text)] == []


@pytest.mark.parametrize(
    "text",
    [
        "",
        "!.env.local",
        "!node_modules",
        "!node_modules\nnode_modules/*\n!node_modules/a",
        "node_modules/*\n!node_modules",
        "/*\n!/src",
        "/*\n!/src/",
        "src/\n!src/a",
        "src/**\n!src/**/a",
        "**/a\n!src/a",
        "\ufeff*.b\na",
        "A\n!a",
        "*\n!\n",
        "a   \nb\\ \n",
        "\\!a\n\\#a\n# a comment\n\n   \n",
        ".*\n!.env",
        "!.next\n.next/a",
        "*a*b*c*d*e*f",
    ],
)
def test_the_cases_that_people_write(judge: Judge, tree: Path, text: str) -> None:
    assert agrees(judge, tree, text)
