# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""docs/runbook: what each page shows is what its command prints. UPDATE_DOCS=1 writes it."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from conftest import COLLECTIONS, ROOT
from molecule.conftest import Shop, back_to

OUTPUT = re.compile(
    r"<!-- output(?: exit code (?P<code>\d+))? -->\n```console\n\$ (?P<command>.*)\n(?P<shown>(?:.*\n)*?)```\n<!-- end",
)
PAGES = [page for page in sorted((ROOT / "docs/runbook").glob("*.md")) if OUTPUT.search(page.read_text())]
DAY = re.compile(r"(Mon|Tue|Wed|Thu|Fri|Sat|Sun) \d")
LABEL = re.compile(r" {2}(\S+)| ?(?:\d+\.) (.{12})|(\w+)")


@pytest.fixture(scope="module")
def live(released: None, sandbox: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """v1.1.0 is live over v1.0.0, and somebody has listed its products, so that Redis has a key."""
    back_to(sandbox, "released")
    shop = Shop(sandbox, "shop", tmp_path_factory.mktemp("pages"))
    requests.get(f"{shop.at['backend_url']}/api/products", timeout=10).raise_for_status()
    yield shop
    back_to(sandbox, "released")


def run(shop: Shop, command: str) -> tuple[int, str]:
    """Run a page's command in the folder of the collection, as a reader does."""
    environment = {
        **os.environ,
        "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS),
        "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
        "SANDBOX_NAME": shop.sandbox.name,
        "LC_ALL": "C.UTF-8",
        "COLUMNS": "100",
    }
    done = subprocess.run(
        shlex.split(command),
        env=environment,
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, "".join(f"{line.rstrip()}\n" for line in done.stdout.strip("\n").splitlines())


def rows(text: str) -> list[str]:
    """The beginning of each row: what is the same whenever a page is printed, and on any machine. Where the name of the
    machine is long, the day has a row of its own.
    """
    lines = [line for line in text.splitlines() if not DAY.match(line)]
    return [next(group for group in found.groups() if group) for line in lines if (found := LABEL.match(line))]


@pytest.mark.parametrize("page", PAGES, ids=[page.stem for page in PAGES])
def test_a_page_shows_what_its_commands_print(live: Shop, page: Path) -> None:
    text = page.read_text()
    for block in list(OUTPUT.finditer(text)):
        code, printed = run(live, block["command"])
        assert code == int(block["code"] or 0), printed
        if os.environ.get("UPDATE_DOCS"):
            text = text.replace(
                block[0], block[0].replace(f"{block['command']}\n{block['shown']}", f"{block['command']}\n{printed}")
            )
            page.write_text(text)
        else:
            assert rows(block["shown"]) == rows(printed)


def test_the_index_lists_every_page() -> None:
    listed = set(re.findall(r"\((\S+\.md)\)", (ROOT / "docs/runbook/README.md").read_text()))
    assert listed == {page.name for page in (ROOT / "docs/runbook").glob("*.md")} - {"README.md"}
