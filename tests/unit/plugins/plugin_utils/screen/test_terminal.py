# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The live line, and what a screen is."""

from __future__ import annotations

import errno
import io
import os
import tempfile
import threading
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.storefront.runbook.plugins.plugin_utils.screen import doing, terminal
from ansible_collections.storefront.runbook.plugins.plugin_utils.screen.page import Page
from ansible_collections.storefront.runbook.plugins.plugin_utils.screen.terminal import EVERY, Live

from tests.unit.plugins.plugin_utils.screen.recorded import BEGAN, run_of
from tests.unit.plugins.plugin_utils.screen.test_run import at, begun


class Stream(io.StringIO):
    """A stream that may be a terminal, with an encoding."""

    def __init__(self, terminal: bool = True, encoding: str = "utf-8") -> None:
        super().__init__()
        self._terminal, self._encoding = terminal, encoding

    def isatty(self) -> bool:
        return self._terminal

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return self._encoding


class Display:
    """Ansible's Display, as far as it is used."""

    def __init__(self, stream: io.StringIO) -> None:
        self._lock = threading.RLock()
        self.stream = stream

    def display(self, msg: str, color: str | None = None) -> None:
        self.stream.write(msg + "\n")


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def live_on(stream: Any, clock: Clock, alive: bool = True) -> Live:
    live = Live(
        Display(stream),
        lambda notes, now: f"release api {notes.get('shop', '')}".strip(),
        lambda notes, now: [f"still at it: {notes.get('shop', 'nothing')}"],
        alive=alive,
        stream=stream,
        clock=clock,
    )
    live.display.display = live._show  # as start() does, without its thread
    return live


def test_the_live_line_is_erased_before_anything_is_printed(clock):
    stream = Stream()
    live = live_on(stream, clock)
    live.tick(clock.now)
    live.display.display("a whole line")
    assert stream.getvalue() == "\r\x1b[Krelease api\r\x1b[Ka whole line\n"
    live.tick(clock.now)
    live.stop()
    assert stream.getvalue().endswith("\r\x1b[Krelease api\r\x1b[K")
    live.tick(clock.now)
    assert stream.getvalue().endswith("\r\x1b[K")
    live.display.display("Ansible's own again")
    assert stream.getvalue().endswith("\r\x1b[KAnsible's own again\n")


def test_progress_becomes_the_live_lines_text_and_is_not_printed(clock):
    stream = Stream()
    live = live_on(stream, clock)
    live.display.display(".. shop: deploying")
    assert stream.getvalue() == "\r\x1b[Krelease api deploying"
    live.forget("shop")
    live.tick(clock.now)
    assert stream.getvalue().endswith("\r\x1b[Krelease api")


def test_a_line_of_a_module_that_stays_is_printed_at_once(clock):
    stream = Stream()
    live = live_on(stream, clock)
    live.tick(clock.now)
    live.display.display(":: shop: 12:00:01 api it failed: yes")
    assert stream.getvalue() == "\r\x1b[Krelease api\r\x1b[K12:00:01 api it failed: yes\n"


@pytest.mark.parametrize("text", ["...", ".. no host", "..shop: x", "see .. shop: x"])
def test_what_only_looks_like_progress_is_printed(clock, text):
    stream = Stream()
    live_on(stream, clock).display.display(text)
    assert stream.getvalue() == f"{text}\n"


def test_without_a_terminal_there_is_a_line_every_30_seconds(clock):
    stream = Stream(terminal=False)
    live = live_on(stream, clock, alive=False)
    live.display.display(".. shop: 12 MB")
    for _second in range(int(3 * EVERY)):
        clock.now += 1
        live.tick(clock.now)
    assert stream.getvalue() == "still at it: 12 MB\n" * 3


def test_a_line_that_cannot_be_drawn_ends_nothing(clock):
    stream = Stream()
    live = live_on(stream, clock)
    live.describe = lambda notes, now: str(1 / 0)
    with pytest.raises(ZeroDivisionError):
        live.tick(clock.now)
    live.display.display("a whole line")
    assert stream.getvalue() == "a whole line\n"


def test_several_storefronts_share_the_live_line():
    runs = {}
    for name in ("shop-1", "shop-2"):
        runs[name] = run_of(storefront=name, several=True)
        for event in begun("backend.release"):
            runs[name].take(event)
    text = doing.live(runs, {"shop-2": "deploying"}, BEGAN + 22)
    assert text == "shop-1: release the backend (12 s); shop-2: release the backend, deploying (12 s)"
    runs["shop-1"].end(bad=False)
    assert doing.live(runs, {}, BEGAN + 22).startswith("shop-2 | release the backend")


def test_the_time_stays_on_a_live_line_whose_progress_is_long():
    run = run_of()
    for event in begun("backend.release"):
        run.take(event)
    note = f"The deployment 1fd545ce-522d-46d8-a41d-8072854ddb37 of v1.0.0 is building {'and building ' * 20}"
    text = doing.live({"shop": run}, {"shop": note}, BEGAN + 22, room=80)
    assert text.startswith("release the backend     The deployment 1fd545ce of v1.0.0 is ")
    assert text.endswith("… (12 s)")
    assert Page(80).live(text) == f"  {text}"


def test_a_step_that_is_quick_needs_no_line_without_a_terminal():
    run = run_of()
    for event in begun("backend.release"):
        run.take(event)
    assert doing.lines(run, "", BEGAN + 20) == []
    (line,) = doing.lines(run, "deploying", BEGAN + 41)
    assert (line.label, line.text) == ("release the backend", "deploying, 31 s so far")


def test_the_usual_time_stands_beside_the_elapsed_one_and_not_the_modules_own_count():
    run = run_of()
    steps = [{"name": "backend.release", "outcome": "ok", "seconds": seconds} for seconds in (38, 41, 90)]
    for event in [
        at(2, "storefront.runbook.release_info", records=[{"steps": [step]} for step in steps]),
        *begun("backend.release"),
    ]:
        run.take(event)
    note = "the deployment is building (31 s of at most 900 s)"
    assert (
        doing.live({"shop": run}, {"shop": note}, BEGAN + 41)
        == "release the backend     the deployment is building (31 s, usually 41 s)"
    )
    (line,) = doing.lines(run, note, BEGAN + 41)
    assert line.text == "the deployment is building, 31 s so far, usually 41 s"
    run.plan.services["678684f9"] = "api"
    assert "of v1.1.0 to api is building" in doing.live(
        {"shop": run}, {"shop": "the deployment of v1.1.0 to 678684f9 is building"}, BEGAN + 41
    )
    (line,) = doing.lines(run, "1 of 2 checks passed (31 s)", BEGAN + 41)
    assert line.text == "1 of 2 checks passed, 31 s so far, usually 41 s"


@pytest.mark.parametrize(
    ("environment", "encoding", "ascii"),
    [
        ({"LANG": "C.UTF-8"}, "utf-8", False),
        ({"LC_ALL": "en_US.UTF-8"}, "utf-8", False),
        ({"LC_CTYPE": "C.UTF-8"}, "utf-8", True),  # which Python sets where nothing is
        ({}, "utf-8", True),
        ({"LANG": "C"}, "utf-8", True),
        ({"LC_ALL": "POSIX", "LANG": "en_US.UTF-8"}, "utf-8", True),
        ({"LANG": "C.UTF-8"}, "ascii", True),
        ({"LANG": "C", "LC_CTYPE": "C.UTF-8"}, "utf-8", True),  # Python has set LC_CTYPE
        ({"LANG": "de_DE.UTF-8", "LC_CTYPE": "C.UTF-8"}, "utf-8", False),
        ({"LANG": "C.UTF-8"}, "no-such-encoding", True),
    ],
)
def test_ascii_where_the_locale_needs_it(monkeypatch, environment, encoding, ascii):
    monkeypatch.setattr(terminal.locale, "getencoding", lambda: "UTF-8")
    assert terminal.needs_ascii(Stream(encoding=encoding), environment) is ascii


@pytest.mark.parametrize(
    ("stream", "environment", "alive"),
    [
        (Stream(), {"TERM": "xterm"}, True),
        (Stream(), {"TERM": "dumb"}, False),
        (Stream(), {}, False),
        (Stream(terminal=False), {"TERM": "xterm"}, False),
        (Stream(), {"TERM": "xterm", "AWX_ISOLATED_DATA_DIR": "/runner/artifacts"}, False),
    ],
)
def test_a_line_lives_on_terminals_only(stream, environment, alive):
    assert terminal.interactive(stream, environment) is alive


def test_a_terminal_that_is_gone_with_its_stderr_ends_nothing(clock):
    """A warning, too, goes through Display.display; with nohup or in a session of its own the run continues."""
    with tempfile.TemporaryFile("w", buffering=1) as stream:
        live = live_on(stream, clock)
        live._write = gone
        live.display.warning = live.display.display
        live.display.display("a line")
        live.display.display("another one")
        assert Path(f"/proc/self/fd/{stream.fileno()}").readlink() == Path(os.devnull)


def gone(_text: str, *_args: object, **_options: object) -> None:
    raise OSError(errno.EIO, os.strerror(errno.EIO))
