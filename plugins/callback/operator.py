# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
name: operator
type: stdout
short_description: What an operator needs to see of a run
description:
  - Shows what is about to happen, one line for each step with what it did and its time, a failure once with the end of
    the vendor's log, and last the outcome,
    what is live and the next command.
  - A terminal shows a live line while a step runs; elsewhere a line is printed every 30 seconds.
  - With C(-v) Ansible's own output comes first, as the P(ansible.builtin.default#callback) callback prints it.
  - If the callback itself fails, Ansible's own output takes over.
extends_documentation_fragment:
  - default_callback
  - result_format_callback
requirements:
  - set as stdout callback in the configuration
"""

import atexit
import functools
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path, PurePath
from typing import Any

from ansible import constants, context
from ansible.plugins.callback.default import CallbackModule as Default

from ..plugin_utils.compiled import read_compiled

read_compiled()  # what follows, too

from ..plugin_utils.screen import files, pages, terminal
from ..plugin_utils.screen.ansible_facts import (
    about_run,
    checks_the_inventory,
    event_of,
    expected_hosts,
    given_to_run,
    imported_playbook,
    learn_secrets,
    wants_json,
)
from ..plugin_utils.screen.failure import message_of
from ..plugin_utils.screen.page import Line
from ..plugin_utils.screen.run import Run
from ..plugin_utils.screen.screen import Screen
from ..plugin_utils.screen.secrets import Mask
from ..plugin_utils.screen.text import clean

STOPS = {
    signal.SIGINT: "INTERRUPTED",
    signal.SIGTERM: "STOPPED by SIGTERM",
    signal.SIGHUP: "STOPPED by SIGHUP",
}
LAST = "v2_playbook_on_stats"  # our last words are the outcome, so Ansible's own recap comes before them


def ours(method: Callable[..., None]) -> Callable[..., None]:
    """Run our method; Ansible's own as well with -v, and instead of it once ours has failed."""

    @functools.wraps(method)
    def call(self: Any, *args: Any, **kwargs: Any) -> None:
        own = functools.partial(getattr(super(CallbackModule, self), method.__name__), *args, **kwargs)
        begins = bool(self._display.verbosity) and method.__name__ == LAST
        if begins:
            own()
        if not self._failed:
            try:
                method(self, *args, **kwargs)
            except Exception as error:  # a fault of the screen must not change what the play does
                self._give_up(error)
        if (self._failed or self._display.verbosity) and not begins:
            own()

    return call


class CallbackModule(Default):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "stdout"
    CALLBACK_NAME = "storefront.runbook.operator"

    def __init__(self) -> None:
        super().__init__()
        self._failed = False
        self._over = False
        self._began: dict[str, float] = {}
        self._pid = os.getpid()
        self._terminal = os.isatty(1)
        self._playbook = self._imported = ""
        self._checks_inventory = False
        self._screen = self._new_screen()
        self._handles = False
        atexit.register(self._leave)

    def _new_screen(self) -> Screen:
        mask = Mask()
        mask.learn_environment(os.environ)
        # which asks before each task
        alive = terminal.interactive(sys.stdout, os.environ) and not context.CLIARGS.get("step")
        return Screen(
            self._display, mask, terminal.needs_ascii(sys.stdout, os.environ), alive, held=bool(self._display.verbosity)
        )

    @ours
    def v2_playbook_on_start(self, playbook: Any) -> None:
        self._playbook = playbook._file_name
        if self._over:  # the second playbook of one command
            self._over, self._screen = False, self._new_screen()
        if not self._handles:
            self._handles = True
            for number, why in STOPS.items():
                previous = signal.getsignal(number)
                if previous != signal.SIG_IGN:  # nohup and a job in the background ask for that
                    signal.signal(number, self._interrupted(why, previous))

    @ours
    def v2_playbook_on_play_start(self, play: Any) -> None:
        self._play = play
        self._checks_inventory = checks_the_inventory(play)
        if self._checks_inventory:
            return
        self._imported = imported_playbook(play)
        self._screen.only_json = wants_json(play, self._playbook)
        self._screen.expect(expected_hosts(play))
        self._screen.start()

    @ours
    def v2_playbook_on_no_hosts_matched(self) -> None:
        self._nothing_done(
            "The inventory has no host for this play. Check -i and --limit, and the hosts of the group storefronts."
        )

    @ours
    def v2_playbook_on_no_hosts_remaining(self) -> None:
        pass

    @ours
    def v2_playbook_on_task_start(self, task: Any, is_conditional: bool) -> None:
        pass

    @ours
    def v2_playbook_on_handler_task_start(self, task: Any) -> None:
        pass

    @ours
    def v2_playbook_on_include(self, included_file: Any) -> None:
        pass

    @ours
    def v2_playbook_on_notify(self, handler: Any, host: Any) -> None:
        pass

    @ours
    def v2_runner_on_start(self, host: Any, task: Any) -> None:
        if self._checks_inventory:
            return
        name, now = host.get_name(), time.time()
        self._began[name] = now
        self._run(host).starts(task.action, now)
        self._screen.forget(name)

    @ours
    def v2_runner_on_ok(self, result: Any) -> None:
        self._take("ok", result)

    @ours
    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        self._take("ignored" if ignore_errors else "failed", result)

    @ours
    def v2_runner_on_skipped(self, result: Any) -> None:
        self._take("skipped", result)

    @ours
    def v2_runner_on_unreachable(self, result: Any) -> None:
        self._take("unreachable", result)

    @ours
    def v2_runner_item_on_ok(self, result: Any) -> None:
        self._take("ok", result, item=True)

    @ours
    def v2_runner_item_on_failed(self, result: Any) -> None:
        self._take("failed", result, item=True)

    @ours
    def v2_runner_item_on_skipped(self, result: Any) -> None:
        pass

    @ours
    def v2_runner_retry(self, result: Any) -> None:
        pass

    @ours
    def v2_runner_on_async_poll(self, result: Any) -> None:
        pass

    @ours
    def v2_runner_on_async_ok(self, result: Any) -> None:
        pass

    @ours
    def v2_runner_on_async_failed(self, result: Any) -> None:
        pass

    @ours
    def v2_on_file_diff(self, result: Any) -> None:
        event = event_of("ok", result, self._screen.mask)
        turns = event.result["results"] if isinstance(event.get("results"), list) else [event.result]
        for turn in turns:
            text = self._get_diff(turn["diff"]) if turn.get("changed") and turn.get("diff") else ""
            if text.strip():
                run = self._run(self._host(result))
                self._screen.show(run, run.differs(event, clean(text).rstrip()))

    @ours
    def v2_playbook_on_stats(self, stats: Any) -> None:
        self._over = True
        self._screen.stop()
        self._screen.release()
        self._screen.end(lambda host: bool(stats.failures.get(host) or stats.dark.get(host)))
        if self._screen.only_json:
            runs = self._screen.runs.values()
            found = next((run.facts["desk_document"] for run in runs if "desk_document" in run.facts), None)
            problem = next(
                (run.verdict or (run.failed and run.failed.why) for run in runs if run.verdict or run.failed), ""
            )
            self._screen.hand_over(pages.document(found, PurePath(self._playbook).stem, str(problem)))
            for run in runs if found is not None else ():
                if run.failed:  # such as to write the document to its file
                    self._screen.complain(f"FAILED: {run.failed_at}: {run.failed.why}")

    def _follow(self) -> None:
        """Begin another run where a page is followed by a playbook that changes something, such as a rollback."""
        if self._imported and self._screen.runs and PurePath(self._imported).stem != PurePath(self._playbook).stem:
            self._playbook = self._imported
            self._screen.runs = {}

    def _take(self, kind: str, result: Any, item: bool = False) -> None:
        if self._checks_inventory:
            if kind == "failed":
                self._nothing_done(message_of(event_of(kind, result, self._screen.mask).result))
            return
        host = self._host(result)
        if kind != "skipped":
            self._follow()
        run, now = self._run(host), time.time()
        event = event_of(
            kind, result, self._screen.mask, at=now, began=self._began.get(host.get_name(), now), item=item
        )
        if item:
            self._began[host.get_name()] = now
        for text in event.warnings:
            self._screen.show(run, run.warn(text))
        self._screen.show(run, run.take(event))

    def _nothing_done(self, why: str) -> None:
        self._over = True
        self._screen.show(None, [Line(f"NOTHING DONE: {why}", colour="red")])
        if self._screen.only_json:
            self._screen.hand_over(pages.document(None, PurePath(self._playbook).stem, why))

    @staticmethod
    def _host(result: Any) -> Any:
        return result._host  # as core 2.18 has it

    def _run(self, host: Any) -> Run:
        name = host.get_name()
        if name not in self._screen.runs:
            variables = self._play.get_variable_manager().get_vars(play=self._play, host=host)
            learn_secrets(self._screen.mask, variables)
            several = len(self._screen.hosts) > 1
            passed = given_to_run(self._playbook, self._play.get_variable_manager()._loader, self._screen.mask)
            about = about_run(self._playbook, self._play, name, variables, several, passed)
            run = Run(about, functools.partial(self._keep_log, name))
            self._screen.runs[name] = run
            self._screen.show(run, run.begin())
        return self._screen.runs[name]

    def _keep_log(self, host: str, unit: str, log: str) -> str:
        return files.keep(
            files.folder(constants.DEFAULT_LOG_PATH), host, unit, self._screen.mask(clean(log)), time.time()
        )

    def _give_up(self, error: Exception) -> None:
        """Hand over to Ansible's own callback, and warn once."""
        self._failed = True
        self._screen.stop()
        where = traceback.extract_tb(error.__traceback__)[-1]
        self._display.warning(
            f"The operator screen failed ({type(error).__name__} in {Path(where.filename).name}, line {where.lineno});"
            " Ansible's own output follows. The play continues unchanged; please report this."
        )

    def _interrupted(self, why: str, previous: Any) -> Callable[[int, Any], None]:
        """Return a handler that prints what is left, and then does what the ``previous`` handler does."""

        def handle(number: int, frame: Any) -> None:
            if os.getpid() == self._pid:  # print at once: a worker that ends while it writes can hang Ansible
                self._leave(why)
            if callable(previous):
                previous(number, frame)
                return
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)

        return handle

    def _leave(self, why: str = "STOPPED by an error") -> None:
        """Print the last lines of a run that never reached its statistics."""
        if os.getpid() != self._pid or self._over or self._failed:
            return
        self._over = True
        if self._terminal and not os.isatty(1):  # it was closed: only the log file can still be written
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        try:
            self._screen.stop()
            self._screen.release()
            self._screen.break_off(why)
            sys.stdout.flush()
        except RuntimeError:  # a signal came while this stream was written to
            os.write(1, f"\n{why}: rerun the playbook to settle what is left.\n".encode())
