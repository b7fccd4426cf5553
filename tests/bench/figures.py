# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rows of docs/performance.md: a bench prints its row, and with UPDATE_DOCS=1 writes it into the page."""

from __future__ import annotations

import os
import select
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from conftest import COLLECTIONS, ROOT

PAGE = ROOT / "docs/performance.md"
BEGIN, END = "<!-- figures -->\n", "<!-- end of figures -->"
HEAD = "| what | bound | figure | tries | held | on commit | by |\n|---|---|---|---|---|---|---|\n"
TRIES = int(os.environ.get("TRIES", "3"))


def row(what: str, most: float, figures: Sequence[float], unit: str, by: str) -> int:
    """Print a row: the median and the worst of the figures, and how many are at most ``most``. Return that number."""
    held = sum(figure <= most for figure in figures)
    worst = f", worst {max(figures):.2f}" if len(figures) > 1 else ""
    cells = (
        what,
        f"≤ {most:g} {unit}",
        f"{median(figures):.2f}{worst} {unit}",
        str(len(figures)),
        str(held),
        _commit(),
    )
    line = f"| {' | '.join(cells)} | `{by}` |\n"
    print(f"\n{line}", end="")
    if os.environ.get("UPDATE_DOCS"):
        write(what, line)
    return held


def write(what: str, line: str, page: Path = PAGE) -> None:
    """Put a row into the page, in place of the one of the same name."""
    before, _begin, rest = page.read_text().partition(BEGIN)
    old, _end, after = rest.partition(END)
    rows = {one.split(" | ")[0]: f"{one}\n" for one in old.removeprefix(HEAD).splitlines()}
    rows[f"| {what}"] = line
    page.write_text("".join([before, BEGIN, HEAD, *rows.values(), END, after]))


def _commit() -> str:
    """The commit, marked as dirty where more than the page itself differs from it."""
    git = ["git", "-C", str(ROOT)]
    name = subprocess.run([*git, "rev-parse", "--short=8", "HEAD"], capture_output=True, text=True, check=True).stdout
    others = [".", f":(exclude){PAGE.relative_to(ROOT)}"]
    changed = subprocess.run([*git, "diff", "--quiet", "HEAD", "--", *others], check=False).returncode
    return f"`{name.strip()}{'-dirty' if changed else ''}`"


@dataclass(frozen=True)
class Run:
    """What a command and its child processes took: ``processor`` and ``wall`` seconds, ``memory`` in MB of the largest
    process, ``first`` the seconds until its first byte, and each line with the seconds until it came.
    """

    code: int
    processor: float
    wall: float
    memory: float
    first: float
    lines: list[tuple[float, str]]

    @property
    def text(self) -> str:
        return "\n".join(line for _at, line in self.lines)


def play(sandbox_name: str, inventory: Path, playbook: str, *options: str, callback: str = "") -> Run:
    """Run a playbook and note when each line of its output came."""
    program = str(Path(sys.executable).parent / "ansible-playbook")
    argv = [program, str(ROOT / f"playbooks/{playbook}.yml"), "-i", str(inventory), *options]
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")},
        "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
        "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS),
        "SANDBOX_NAME": sandbox_name,
        **({"ANSIBLE_STDOUT_CALLBACK": callback} if callback else {}),
    }
    began = time.perf_counter()
    process = subprocess.Popen(
        argv,
        env=environment,
        cwd=inventory,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    assert process.stdout
    first, partial = 0.0, b""
    lines: list[tuple[float, str]] = []
    with process.stdout as output:
        while True:
            select.select([output], [], [])
            read = os.read(output.fileno(), 65536)
            at = time.perf_counter() - began
            if not read:
                break
            first = first or at
            *whole, partial = (partial + read).split(b"\n")
            lines += [(at, line.decode(errors="replace")) for line in whole]
    _pid, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    memory = usage.ru_maxrss / 1000
    return Run(process.returncode, usage.ru_utime + usage.ru_stime, wall, memory, first, lines)
