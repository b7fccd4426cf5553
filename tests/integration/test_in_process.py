# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Modules in a fork of the worker: the results of an ordinary module, every way to die, signals, progress, secrets."""

from __future__ import annotations

import os
import pty
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import ansible_runner
import pytest

from tests.integration.in_process import TOKEN, WAYS, Book, Ran, Tagged, end, pid_in, play, probe, runs, until

SECRET = "{{ token }}"
VAULTED = """\
$ANSIBLE_VAULT;1.1;AES256
61336531303061383039326130363264306361353636303662336637633234616337316436353436
6230663437656264666335393136336262663231313637380a616265616331313661323861333531
39393963343666616364383035363163336639313065353362366466653262303838656266393666
3239323337613836610a353339643133616137636335653031656433386233623463346361373861
3265
"""
DYING = {
    "segfault": ("segfault", 0, "was ended by SIGSEGV"),
    "SIGKILL": ("killed", 9, "was ended by SIGKILL before it gave a result. The system may have run out of memory"),
    "SIGABRT": ("killed", 6, "was ended by SIGABRT"),
    "SIGTERM": ("killed", 15, "was ended by SIGTERM"),
    "os._exit": ("hard_exit", 7, "ended with exit code 7 and gave no result."),
    "os._exit(0)": ("hard_exit", 0, "ended with exit code 0 and gave no result."),
    "sys.exit": ("leave", 3, "ended with exit code 3 and gave no result."),
    "sys.exit(text)": ("leave_with_text", 0, "ended with exit code 1 and gave no result."),
    "text that is not JSON": ("silent", 0, "ended with exit code 0 and gave no result."),
}


def everything() -> list[dict[str, Any]]:
    """A task for each thing in which the two ways could differ."""
    loop = {"loop": [1, 2, 3]}
    return [
        probe(
            "options",
            "echo",
            data={"a": 1, "b": ["x", True], "c": "{{ 'tem' ~ 'plated' }}"},
            token=SECRET,
            number="5",
            inner={"name": "n", "key": SECRET},
        ),
        probe(
            "strange options",
            "echo",
            data={1: "a", "": "b", "ü😀": "x\u2028", "f": 1.0, "n": None, "big": 123456789012345678901234567890},
        ),
        probe("vaulted options", "echo", data={"nested": ["{{ vaulted }}"]}, token="{{ vaulted }}"),
        probe("a vaulted option", "echo", data="{{ vaulted }}"),
        probe("an unsafe option", "echo", data="{{ unsafe }}", register="unsafe_result"),
        probe("an unsafe result used again", "echo", data="{{ unsafe_result.options.data }}"),
        probe("a date", "echo", data="{{ day }}"),
        probe("no_log", "echo", data=SECRET, token=SECRET, no_log=True),
        probe("no_log and failed", "fail", token=SECRET, no_log=True),
        probe("no_log and a warning", "warn", number=77, no_log=True),
        probe(
            "surroundings",
            "surroundings",
            environment={"FROM_TASK": "task", "TMPDIR": "{{ playbook_dir }}", "TZ": "Asia/Tokyo", "NUMBER": 5},
        ),
        probe("check", "surroundings", check_mode=True, diff=True),
        probe("a warning", "warn", number=1),
        probe("the same warning", "warn", number=1),
        probe("no warning", "echo"),
        probe("a warning each", "warn", number="{{ item }}", **loop),
        probe("failed", "fail", token=SECRET),
        probe("a wrong option", "echo", token=SECRET)
        | {"test.probes.probe": {"do": "echo", "nosuch": 1, "token": SECRET}},
        probe("an option of a wrong type", "echo", number="many", token=SECRET),
        probe("odd results", "odd", register="odd"),
        {
            "name": "odd results used again",
            "ansible.builtin.debug": {
                "msg": "{{ odd.template }} {{ odd.date | type_debug }} {{ odd.table }} {{ probed }}"
            },
        },
        probe("noise", "noisy"),
        probe("large", "large"),
        probe("command", "command"),
        probe("temporary files", "temporary", place="{{ playbook_dir }}/temporary"),
        probe("loop", "{{ item }}", loop=["soil", "surroundings", "surroundings"], environment={"FROM_TASK": "task"}),
        probe("retries", "fail", retries=2, delay=0, until="tried is succeeded", register="tried"),
        probe("until", "surroundings", retries=2, delay=0, until="once.calls == 1", register="once"),
        probe("failed_when", "fail", failed_when=False),
        probe("failed_when of a result", "echo", number=4, failed_when="given.options.number == 4", register="given"),
        probe("changed_when", "echo", changed_when=True),
        probe("delegated", "echo", delegate_to="two"),
        probe("delegated to localhost", "echo", delegate_to="localhost"),
        probe("async", "echo", **{"async": 60, "poll": 1}),
        probe("a dead one", "killed", number=9, failed_when=False),
        probe("an exit", "leave", number=3, token=SECRET),
    ]


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Ran]:
    """The play of everything, run both ways."""
    folder = tmp_path_factory.mktemp("both")
    (folder / "password").write_text("probe-password\n")
    defaults = {"test.probes.probe": {"number": 41}}
    all_of_it = play(*everything(), ignore_errors=True, module_defaults=defaults, environment={"FROM_PLAY": "play"})
    book = Book(
        folder,
        all_of_it,
        vaulted=Tagged("!vault", VAULTED),
        unsafe=Tagged("!unsafe", "{{ 1 + 1 }}"),
        day=Tagged("tag:yaml.org,2002:timestamp", "2026-01-31"),
    )
    return {way: book.run(way, ANSIBLE_VAULT_PASSWORD_FILE=str(folder / "password")) for way in WAYS}


def comparable(value: Any) -> Any:
    """A result without what differs from run to run."""
    if isinstance(value, dict):
        changing = ("ansible_job_id", "results_file", "started_at", "_ansible_delegated_vars")
        return {key: comparable(inner) for key, inner in value.items() if key not in changing}
    return [comparable(inner) for inner in value] if isinstance(value, list) else value


@pytest.mark.parametrize("name", [task["name"] for task in everything()])
def test_a_result_is_that_of_an_ordinary_module(both: dict[str, Ran], name: str) -> None:
    ours, ordinary = ([comparable(event) for event in both[way].events if event["task"] == name] for way in WAYS)
    assert ours
    assert ours == ordinary


def ledger() -> list[dict[str, Any]]:
    """Tasks of the collection's own modules: reads and writes in a store, a second run, check mode and a refusal."""
    store = {"store": "file://{{ playbook_dir }}/store", "store_is_shared": True}
    units = {"frontend": {"platform": "vercel", "id": "dpl_1", "release": "v1.0.0"}}
    run = {**store, "storefront": "shop", "outcome": "released", "release": "v1.0.0", "units": units}
    record = {"storefront.runbook.release_record": {**run, "started_at": "2026-01-31T12:00:00Z"}}
    lease = {**store, "token": "{{ lease.token }}"}
    return [
        {
            "name": "take the lease",
            "storefront.runbook.deploy_lease": {**store, "state": "held", "release": "v1.0.0"},
            "register": "lease",
        },
        {"name": "record in check mode", **record, "check_mode": True, "diff": True},
        {"name": "record", **record, "diff": True},
        {"name": "record again", **record},
        {"name": "what is live", "storefront.runbook.release_info": store},
        {"name": "the figures", "storefront.runbook.release_figures": store},
        {"name": "end the lease", "storefront.runbook.deploy_lease": {**lease, "state": "released"}},
        {"name": "no such store", "storefront.runbook.release_info": {"store": "nowhere"}},
        {"name": "a wrong option", "storefront.runbook.release_info": {**store, "limit": "many"}},
    ]


def shape(value: Any) -> Any:
    """A result whose numbers, times and ids are those of any run: their types and all words stay."""
    if isinstance(value, dict):
        return {key: shape(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [shape(inner) for inner in value]
    if isinstance(value, str):
        return re.sub(r"(?:/[^/\s]+)+/store|\b[0-9a-f]{8}(?:-[0-9a-f]+){4}\b|\b[0-9a-f]{8,}\b|\d+", "#", value)
    return value if isinstance(value, bool) or value is None else type(value).__name__


def test_the_modules_of_the_collection_answer_alike_both_ways(tmp_path: Path) -> None:
    ran = {way: Book(tmp_path / way.replace(" ", "-"), play(*ledger(), ignore_errors=True)).run(way) for way in WAYS}
    ours, ordinary = (shape(ran[way].results) for way in WAYS)
    assert ours == ordinary
    assert [event["task"] for event in ran["ordinary"].events if event["event"] != "ok"] == [
        "no such store",
        "a wrong option",
    ]
    assert (ran["ordinary"].results["record"]["changed"], ran["ordinary"].results["record again"]["changed"]) == (
        True,
        False,
    )


def test_screen_and_log_are_those_of_ordinary_modules_and_show_no_secret(both: dict[str, Ran]) -> None:
    ours, ordinary = (both[way] for way in WAYS)
    assert [re.sub(r"[A-Za-z0-9_.]*\d{6,}[\d.]*", "", line) for line in ours.stdout.splitlines()] == [
        re.sub(r"[A-Za-z0-9_.]*\d{6,}[\d.]*", "", line) for line in ordinary.stdout.splitlines()
    ]
    for ran in both.values():
        assert TOKEN not in ran.stdout + ran.log


def test_an_item_of_a_loop_finds_nothing_of_the_one_before(both: dict[str, Ran]) -> None:
    _soiled, *clean = both["in process"].results["loop"]["results"]
    assert [(item["calls"], item["environment"]["FROM_TASK"], item["arguments"]) for item in clean] == [
        (1, "task", 1),
        (1, "task", 1),
    ]
    assert "/" not in {item["folder"] for item in clean}


def test_each_warning_comes_once(both: dict[str, Ran]) -> None:
    counted = {number: both["in process"].stdout.count(f"warning {number}\n") for number in (1, 2, 3)}
    assert counted == {number: both["ordinary"].stdout.count(f"warning {number}\n") for number in (1, 2, 3)}
    assert min(counted.values()) > 0


def test_exit_handlers_run_and_temporary_files_go(both: dict[str, Ran]) -> None:
    place = Path(both["in process"].results["surroundings"]["environment"]["TMPDIR"]) / "temporary"
    assert place.with_suffix(".exit").read_text() == "ran"
    assert not Path(place.read_text()).exists()


def test_the_tokens_of_two_vendors_stay_apart(tmp_path: Path) -> None:
    groups = {
        "group/test.probes.vendor_a": {"api_token": "AAA", "api_url": "ua"},
        "group/test.probes.vendor_b": {"api_token": "BBB", "api_url": "ub"},
    }
    tasks: list[dict[str, Any]] = [
        {"name": "a", "test.probes.vendor_a": {"name": "x"}},
        {"name": "b", "test.probes.vendor_b": {}},
        {"name": "own", "test.probes.vendor_a": {"api_token": "CCC"}},
        {"name": "loop", "test.probes.vendor_b": {}, "loop": [1, 2]},
        {"name": "short", "vendor_a": {}, "collections": ["test.probes"]},
        {"name": "action", "action": "test.probes.vendor_b"},
        {"name": "local_action", "local_action": {"module": "test.probes.vendor_a"}},
    ]
    found = (
        Book(tmp_path, play(*tasks, module_defaults={**groups, "test.probes.vendor_b": {"name": "default"}}))
        .run()
        .results
    )
    tokens = {name: found[name]["api_token"] for name in ("a", "b", "own", "short", "action", "local_action")}
    assert tokens == {"a": "AAA", "b": "BBB", "own": "CCC", "short": "AAA", "action": "BBB", "local_action": "AAA"}
    assert [item["api_token"] for item in found["loop"]["results"]] == ["BBB", "BBB"]
    assert (found["a"]["api_url"], found["b"]["api_url"], found["b"]["name"]) == ("ua", "ub", "default")


@pytest.mark.parametrize("way", WAYS)
def test_a_failure_names_the_variable_that_an_option_comes_from(tmp_path: Path, way: str) -> None:
    module = "storefront.runbook.vercel_info"
    tasks: list[dict[str, Any]] = [
        {"name": "default", module: {"project": "shop"}},
        {"name": "own", module: {"project": "shop", "api_url": "{{ notify_github_api_url }}"}},
        {"name": "own as args", module: {}, "args": {"project": "shop", "api_url": "{{ notify_github_api_url }}"}},
        {"name": "no variable", module: {"project": "shop", "api_url": "ftp://nowhere"}},
    ]
    shared = {"api_token": SECRET, "api_url": "{{ frontend_api_url | default(omit) }}"}
    book = Book(
        tmp_path,
        play(*tasks, ignore_errors=True, module_defaults={"group/storefront.runbook.vercel": "{{ shared }}"}),
        shared=shared,
        frontend_api_url="ftp://nowhere",
        notify_github_api_url="ftp://nowhere",
    )
    found = {name: (result["msg"], result["error"]["message"]) for name, result in book.run(way).results.items()}
    named = ("frontend_api_url", "notify_github_api_url", "notify_github_api_url", "api_url")
    for task, variable in zip(tasks, named, strict=True):
        for message in found[task["name"]]:
            assert f" Correct {variable}: " in message, message


# Every way to die


def guarded(*tasks: dict[str, Any], **keywords: Any) -> dict[str, Any]:
    """A play whose tasks are rescued."""
    block = {
        "block": list(tasks),
        "rescue": [{"name": "rescue", "ansible.builtin.debug": {"msg": "{{ ansible_failed_result }}"}}],
        "always": [{"name": "always", "ansible.builtin.debug": {"msg": "always"}}],
    }
    return play(block, **keywords)


@pytest.mark.parametrize("way", WAYS)
def test_however_a_module_dies_rescue_and_always_run_and_the_error_is_clear(tmp_path: Path, way: str) -> None:
    plays = [guarded(probe(name, do, number=number, token=SECRET)) for name, (do, number, _said) in DYING.items()]
    ran = Book(tmp_path, *plays).run(way, "-v")
    assert ran.rc == 0, ran.stdout
    failures = [event["result"]["msg"] for event in ran.events if event["task"] == "rescue"]
    assert len(failures) == len(DYING), ran.stdout
    for failed, (_do, _number, said) in zip(failures, DYING.values(), strict=True):
        assert failed["error"]["kind"] == "internal"
        assert failed["msg"].startswith(f"test.probes.probe {said}"), failed
        assert failed["error"]["message"] == failed["msg"]
    assert len([event for event in ran.events if event["task"] == "always"]) == len(DYING)
    assert TOKEN not in ran.stdout + ran.log
    assert "Traceback" not in ran.stdout + ran.log


@pytest.mark.parametrize("hidden", [False, True], ids=["shown", "no_log"])
def test_an_exception_that_nobody_foresaw_says_where_and_never_its_text(tmp_path: Path, hidden: bool) -> None:
    tasks = [probe("crash", "crash", token=SECRET, no_log=hidden), probe("memory", "out_of_memory", no_log=hidden)]
    ran = Book(tmp_path, *(guarded(task) for task in tasks)).run("in process", "-vvv")
    assert ran.rc == 0
    crashed, exhausted = (event["result"]["msg"] for event in ran.events if event["task"] == "rescue")
    assert "failed with ValueError in crash (probe.py, line" in crashed["msg"]
    assert "failed with MemoryError in out_of_memory (probe.py, line" in exhausted["msg"]
    assert TOKEN not in ran.stdout + ran.log
    assert "Traceback" not in ran.stdout + ran.log
    if hidden:
        assert "ValueError" not in "".join(line for line in ran.stdout.splitlines() if line.startswith("fatal"))


def test_a_module_that_leaves_a_process_behind_ends_at_once(tmp_path: Path) -> None:
    ran = Book(
        tmp_path,
        play(
            probe("orphan", "orphan"),
            {"name": "after", "ansible.builtin.debug": {"msg": "{{ lookup('pipe', 'date +%s%N') }}"}},
        ),
    ).run()
    assert ran.rc == 0, ran.stdout
    assert runs(ran.results["orphan"]["orphan"]), "the play did not wait for it"


# Signals


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGKILL"])
def test_a_module_cleans_up_and_is_gone_when_its_controller_is(tmp_path: Path, name: str) -> None:
    book = Book(tmp_path, guarded(probe("wait", "wait", number=300, place=str(tmp_path / "probe"))))
    process = book.start()
    try:
        module = pid_in(tmp_path / "probe")
        process.send_signal(signal.Signals[name])
        until(lambda: not runs(module), "the module ends")
        process.wait(60)
    finally:
        end(process)
    assert (tmp_path / "probe.cleaned").exists()
    assert not (tmp_path / "probe.finished").exists()


def test_control_c_at_a_terminal_ends_all_of_it(tmp_path: Path) -> None:
    book = Book(tmp_path, guarded(probe("wait", "wait", number=300, place=str(tmp_path / "probe"))))
    pid, terminal = pty.fork()
    if not pid:
        os.execve(book.command()[0], book.command(), book.environment())
    module = pid_in(tmp_path / "probe")
    os.write(terminal, b"\x03")
    until(lambda: not runs(module), "the module ends")
    until(lambda: not drained(terminal), "the terminal is closed")
    os.waitpid(pid, 0)
    assert (tmp_path / "probe.cleaned").exists()


def drained(terminal: int) -> bytes:
    """Read what a terminal shows; nothing once it is closed."""
    try:
        return os.read(terminal, 65536)
    except OSError:
        return b""


@pytest.mark.parametrize("way", WAYS)
def test_a_killed_controller_leaves_no_module_that_writes(tmp_path: Path, way: str) -> None:
    book = Book(tmp_path, guarded(probe("lease", "lease", place=str(tmp_path / "probe"))))
    process = book.start(way)
    try:
        module = pid_in(tmp_path / "probe")
        until((tmp_path / "probe.written").exists, "it writes")
        process.kill()
        until(lambda: not runs(module), "the module ends")
    finally:
        end(process)


@pytest.mark.parametrize("way", WAYS)
def test_a_module_notices_that_ansible_runner_cancelled_the_play(tmp_path: Path, way: str) -> None:
    book = Book(tmp_path, guarded(probe("lease", "lease", place=str(tmp_path / "probe"))))
    written = tmp_path / "probe.written"
    (tmp_path / "runner").mkdir()
    run = ansible_runner.run(
        private_data_dir=str(tmp_path / "runner"),
        playbook=str(tmp_path / "play.yml"),
        inventory=str(tmp_path / "hosts.yml"),
        envvars=book.environment(),
        extravars={"runbook_in_process": way == "in process"},
        cancel_callback=written.exists,
        quiet=True,
    )
    assert (run.status, run.rc) == ("canceled", 254)
    module = pid_in(tmp_path / "probe")
    until(lambda: not runs(module), "the module ends")


@pytest.mark.parametrize("do", ["wait", "stubborn"])
def test_a_module_that_timed_out_is_gone_and_rescue_runs(tmp_path: Path, do: str) -> None:
    ran = Book(tmp_path, guarded(probe("slow", do, number=300, place=str(tmp_path / "probe"), timeout=2))).run()
    assert ran.rc == 0, ran.stdout
    assert [event["task"] for event in ran.events] == ["slow", "rescue", "always"]
    assert not runs(pid_in(tmp_path / "probe"))
    assert (tmp_path / "probe.cleaned").exists() is (do == "wait")


# Progress


def test_a_line_shows_while_the_module_still_runs(tmp_path: Path) -> None:
    book = Book(tmp_path, play(probe("slow", "progress", number=100_000, data=0.05)))
    process = book.start()
    try:
        until(lambda: ".. one: step" in book.printed(), "a line of the running module shows")
        assert process.poll() is None
        assert "PLAY RECAP" not in book.printed()
    finally:
        process.terminate()
        process.wait(60)
        end(process)


def test_lines_are_few_whole_and_without_secrets_and_the_last_one_shows(tmp_path: Path) -> None:
    ran = Book(tmp_path, play(probe("much", "progress", number=5000, token=SECRET))).run()
    assert ran.results["much"]["shown"] is True
    assert ran.progress[-1] == ".. one: step 4999 ?[31mof? ********"
    assert len(ran.progress) < 100
    assert TOKEN not in ran.stdout + ran.log


def test_neither_a_no_log_task_nor_an_ordinary_module_shows_progress(tmp_path: Path) -> None:
    hidden = Book(tmp_path / "hidden", play(probe("hidden", "progress", number=10, token=SECRET, no_log=True))).run()
    ordinary = Book(tmp_path / "ordinary", play(probe("ordinary", "progress", number=10, token=SECRET))).run("ordinary")
    assert (hidden.rc, hidden.progress, ordinary.rc, ordinary.progress) == (0, [], 0, [])


def test_a_module_that_is_killed_while_it_prints_never_hangs_the_play(tmp_path: Path) -> None:
    tasks = [probe(f"spam {number}", "progress", number=3000, flag=True) for number in range(6)]
    ran = Book(tmp_path, *(guarded(task) for task in tasks)).run()
    assert [event["result"]["msg"]["error"]["kind"] for event in ran.events if event["task"] == "rescue"] == [
        "internal"
    ] * 6


def test_lines_of_four_hosts_at_a_terminal_never_mix(tmp_path: Path) -> None:
    book = Book(tmp_path, play(probe("many", "progress", number=40, data=0.05), hosts="all"))
    pid, terminal = pty.fork()
    if not pid:
        os.execve(
            book.command()[0], book.command(), {**book.environment(), "ANSIBLE_FORCE_COLOR": "0", "COLUMNS": "200"}
        )
    shown = b""
    while part := drained(terminal):
        shown += part
    os.waitpid(pid, 0)
    lines = [line for line in shown.decode().replace("\r", "").splitlines() if "step" in line]
    assert len(lines) >= 4
    assert [
        line for line in lines if not re.fullmatch(r"\.\. (one|two|three|four): step \d+ \?\[31mof\? (None|)", line)
    ] == []


# The ordinary way


@pytest.mark.parametrize(
    ("keywords", "options", "reason"),
    [
        ({}, ["-e", "runbook_in_process=false"], "runbook_in_process is false"),
        ({}, ["-e", "runbook_in_process=no"], "runbook_in_process is false"),
        ({}, ["-e", '{"runbook_in_process": false}'], "runbook_in_process is false"),
        ({"async": 60, "poll": 1}, [], "async"),
        ({"become": True, "become_method": "su"}, [], "become"),
        (
            {"connection": "ssh"},
            ["-e", "ansible_host=127.0.0.1 ansible_port=1 ansible_connection=ssh"],
            "the connection is ssh",
        ),
        ({"vars": {"ansible_python_interpreter": "{{ 'python' ~ '2' }}"}}, [], "the interpreter is python2"),
    ],
)
def test_the_ordinary_way_is_taken_and_says_why(
    tmp_path: Path, keywords: dict[str, Any], options: list[str], reason: str
) -> None:
    book = Book(tmp_path, play(probe("probe", "echo", **keywords)))
    ran = subprocess.run(
        book.command(*options, "-vv"), env=book.environment(), cwd="/", capture_output=True, text=True, check=False
    )
    assert f"test.probes.probe runs as an ordinary module: {reason}" in ran.stdout


def test_the_python_of_another_virtual_environment_is_another_one(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "python").symlink_to(Path(sys.executable).resolve())
    book = Book(tmp_path, play(probe("other", "echo")), ansible_python_interpreter=str(tmp_path / "other" / "python"))
    ran = book.run("in process", "-vv", ANSIBLE_PYTHON_INTERPRETER="auto_silent")
    assert f"the interpreter is {tmp_path}/other/python" in ran.stdout
    same = Book(tmp_path, play(probe("same", "echo")), ansible_python_interpreter="{{ ansible_playbook_python }}").run(
        "in process", "-vv"
    )
    assert "ordinary module" not in same.stdout


@pytest.mark.parametrize("text", ["maybe", ""])
def test_a_switch_that_is_neither_true_nor_false_is_refused(tmp_path: Path, text: str) -> None:
    book = Book(tmp_path, play(probe("probe", "echo")), runbook_in_process=text)
    ran = subprocess.run(book.command(), env=book.environment(), cwd="/", capture_output=True, text=True, check=False)
    assert ran.returncode == 2
    assert f"runbook_in_process is '{text}'. Set it to true or false." in ran.stdout
