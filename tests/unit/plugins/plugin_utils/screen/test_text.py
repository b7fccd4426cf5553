# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Text that fits its columns, whatever is in it."""

from __future__ import annotations

import pytest
from ansible_collections.storefront.runbook.plugins.plugin_utils.screen import amounts
from ansible_collections.storefront.runbook.plugins.plugin_utils.screen.page import Line, Page
from ansible_collections.storefront.runbook.plugins.plugin_utils.screen.text import (
    clean,
    columns,
    cut,
    log_tail,
    plain,
    wrap,
)


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07text", "text"),
        ("a\rb", "a\nb"),
        ("beep\x07\x00\x08", "beep"),
        ("abc\u202edef", "abcdef"),
        ("a\tb", "a   b"),
        ("\x9b31mc1", "31mc1"),
        ("\x1b[?25lhidden", "hidden"),
    ],
)
def test_control_characters_never_reach_the_screen(text, seen):
    assert clean(text) == seen


@pytest.mark.parametrize(
    ("text", "width"), [("abc", 3), ("日本", 4), ("e\u0301", 1), ("", 0), ("🚀", 2), ("a\u200d", 1)]
)
def test_a_text_is_measured_in_columns(text, width):
    assert columns(text) == width


@pytest.mark.parametrize(
    "text",
    [
        "a plain sentence that continues for a while",
        "日本語" * 30,
        "x" * 200,
        "https://yourstore.com/" + "y" * 100,
        "e\u0301" * 90,
    ],
)
@pytest.mark.parametrize("width", [8, 20, 79])
def test_no_line_is_wider_than_it_may_be_and_no_character_is_lost(text, width):
    lines = wrap(text, width)
    assert max(map(columns, lines)) <= width
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")
    assert columns(cut(text, width)) <= width


def test_ascii_is_ascii():
    assert plain("api v1 · größe … \u201cx\u201d ✔ 日") == 'api v1 | grosse ... "x" + ?'.replace("grosse", "gro?e")


@pytest.mark.parametrize("width", [40, 80, 120, 500])
def test_a_row_has_its_time_at_the_right_edge(width):
    rows = Page(width, prefix="shop-1 | ").lines(Line("word " * 40, "verify the public site", "2 min 05 s"))
    assert all(columns(row) <= min(width, 120) for row in rows)
    assert all(row.startswith("shop-1 |") for row in rows)
    assert any(row.endswith("2 min 05 s") for row in rows)


def test_a_time_that_is_wider_than_a_narrow_terminal_continues_on_another_line():
    rows = Page(40, prefix="books | ").lines(Line("Deploy v1.1.0 to books", time="Tue 1 Dec 00:24 UTC, by root on vm"))
    assert rows == ["books | Deploy v1.1.0 to books", "books | Tue 1 Dec 00:24 UTC, by root on", "books | vm"]


@pytest.mark.parametrize("folder", ["playbooks", f"/runner/{'a-long-name/' * 8}playbooks"])
def test_a_command_that_needs_two_lines_can_be_copied(folder):
    command = f"ansible-playbook {folder}/deploy.yml -i inventories/production -e release=v1.2.3"
    rows = Page(60).lines(Line(command, "next", command=True))
    assert rows[0] == "  next"
    joined = " ".join(row.strip().removesuffix("\\").strip() for row in rows[1:])
    assert joined == command
    assert all(row.endswith("\\") for row in rows[1:-1])
    assert not rows[-1].endswith("\\")


def test_the_end_of_a_log_is_short_and_readable():
    log = "\n".join(
        [
            "first",
            *(f"line {number}" for number in range(20)),
            *['{"level":40,"msg":"down","service":"payments"}'] * 7,
            "{broken",
            '{"no": "message"}',
        ]
    )
    tail = log_tail(log)
    assert len(tail) == 15
    assert tail[-3:] == ["7 x down: payments", "{broken", '{"no": "message"}']


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (8.32, "8.3 s"),
        (99.94, "99.9 s"),
        (99.96, "1 min 40 s"),
        (125, "2 min 05 s"),
        (300, "5 min"),
        (3720, "1 h 02 min"),
        (7200, "2 h"),
        (-1, "0.0 s"),
        (None, ""),
        ("x", ""),
    ],
)
def test_durations(seconds, text):
    assert amounts.duration(seconds) == text


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (628, "628 B"),
        (4229, "4.2 kB"),
        (312_000_000, "312 MB"),
        (1_079_001_088, "1.1 GB"),
        (999_900, "1.0 MB"),
        (10**16, "10000 TB"),
        (None, ""),
    ],
)
def test_sizes(count, text):
    assert amounts.size(count) == text


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 tries"), (1, "1 try"), (1.0, "1 try"), (2.5, "2.5 tries"), (2014, "2,014 tries"), ("no", "no tries")],
)
def test_a_count_stands_before_the_noun_that_it_takes(count, text):
    assert amounts.number(count, "try", "tries") == text


def test_a_plural_without_a_form_of_its_own_ends_in_s():
    assert (amounts.number(1, "file"), amounts.number(3, "file")) == ("1 file", "3 files")


def test_a_line_keeps_the_spaces_at_its_beginning():
    assert wrap("    id: dpl_1\n  - a value of two lines", 20) == ["    id: dpl_1", "  - a value of two", "lines"]
    assert wrap("      " + "x" * 30, 20)[0] == "x" * 20


def test_the_cells_of_a_row_move_together_where_the_screen_is_too_narrow_for_their_columns():
    row = Line(f"{'api':<11}v1.1.0   9 min    healthy, 43 ms, 1 replica{' ' * 30}ok", indent=2, hang=11, cells=True)
    assert Page(120).lines(row) == [f"  {row.text}"]
    assert Page(80).lines(row) == ["  api        v1.1.0   9 min   healthy, 43 ms, 1 replica   ok"]
    log = Line(f"panic:{' ' * 8}at main.js{' ' * 70}line 7", indent=2, hang=2)
    assert f"panic:{' ' * 8}at main.js" in Page(80).lines(log)[0]


def test_a_narrow_terminal_has_the_text_below_its_label():
    note = Line("migrations: not rehearsed: database_rehearse is off", "open")
    assert Page(40).lines(note) == ["  open", "    migrations: not rehearsed:", "    database_rehearse is off"]
    step = Line("312 MB, encrypted, verified, and stored", "back up the database", "18.4 s")
    assert Page(40).lines(step)[0] == "  back up the database            18.4 s"
    assert Page(40).lines(Line("reached", "promote", "4.1 s"))[1:] == ["    reached"]
    assert Page(80).lines(Line("reached", "promote", "4.1 s")) == [f"  {'promote':<24}reached{'4.1 s':>47}"]
