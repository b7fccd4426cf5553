# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The operator's screen as a terminal, a pipe, a log file and ansible-runner show it, and every way in
which a run can end badly.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import ansible_runner
import pexpect
import pyte
import pytest
import yaml

from conftest import COLLECTIONS, ROOT

HERE = Path(__file__).parent / "operator"
SECRET = "s3cr3t-of-the-shop"
LEASED: list[dict[str, Any]] = [{"ansible.builtin.set_fact": {"release_lease": "t", "release_unfinished": {}}}]
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")


def begin(step: str) -> dict[str, Any]:
    return {"ansible.builtin.set_fact": {"release_step": {"name": step}}}


def end() -> dict[str, Any]:
    return {"ansible.builtin.set_fact": {"release_step": {}}}


def report(outcome: str = "released", **facts: Any) -> dict[str, Any]:
    message = {
        "storefront": "{{ inventory_hostname }}",
        "kind": "deploy",
        "outcome": outcome,
        "message": "",
        "notes": [],
        "release": "v1.1.0",
        **facts,
    }
    return {"ansible.builtin.debug": {"msg": message}}


class Desk:
    """A folder with a playbook called deploy.yml, and ways to run it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.gate = folder / "gate"
        self.hosts("shop")

    def hosts(self, *names: str, **variables: Any) -> None:
        inventory = {
            "storefronts": {"hosts": dict.fromkeys(names), "vars": {"ansible_connection": "local", **variables}}
        }
        (self.folder / "hosts.yml").write_text(yaml.safe_dump(inventory))

    def write(self, *tasks: dict[str, Any], **play: Any) -> None:
        whole = {"hosts": "storefronts", "gather_facts": False, "tasks": list(tasks), **play}
        (self.folder / "deploy.yml").write_text(yaml.safe_dump([whole]))

    def works(self, says: str = "deploying", gate: bool = True, **more: Any) -> dict[str, Any]:
        return {"works": {"says": says, **({"gate": str(self.gate)} if gate else {}), **more}}

    def environment(self, **more: str) -> dict[str, str]:
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("ANSIBLE_", "LC_", "LANG", "COLUMNS", "NO_COLOR"))
        }
        ours = {
            "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
            "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS),
            "ANSIBLE_ACTION_PLUGINS": str(HERE / "action"),
            "ANSIBLE_CALLBACK_PLUGINS": str(HERE / "callback"),
            "LANG": "C.UTF-8",
            "TERM": "xterm",
        }
        return {**kept, **ours, **more}

    def argv(self, *options: str) -> list[str]:
        return ["ansible-playbook", "deploy.yml", "-i", "hosts.yml", "-e", "release=v1.1.0", *options]

    def run(self, *options: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run it without a terminal; what goes to the standard error is in the output, as in a CI log."""
        given = self.environment(COLUMNS="80", **environment)
        return subprocess.run(
            self.argv(*options),
            cwd=self.folder,
            env=given,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )

    def terminal(self, *options: str, columns: int = 80, **environment: str) -> Terminal:
        return Terminal(self.argv(*options), self.folder, self.environment(**environment), columns)


def hang_up_ends() -> None:
    """A closed terminal ends what runs in it, also where these tests run under nohup."""
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


class Terminal:
    """A pseudo-terminal of 60 lines on which a playbook runs, and what it shows."""

    def __init__(self, argv: list[str], folder: Path, environment: dict[str, str], columns: int) -> None:
        self.screen = pyte.Screen(columns, 60)
        self.stream = pyte.ByteStream(self.screen)
        self.raw = b""
        self.child = pexpect.spawn(
            argv[0],
            argv[1:],
            cwd=folder,
            env=environment,
            dimensions=(60, columns),
            timeout=60,
            preexec_fn=hang_up_ends,
        )

    def rows(self) -> list[str]:
        return [row.rstrip() for row in self.screen.display if row.strip()]

    def until(self, sees: Callable[[], Any]) -> None:
        """Read until something is on the screen."""
        give_up = time.monotonic() + 60
        while not sees():
            assert time.monotonic() < give_up, self.rows()
            self._read(0.2)

    def shows(self, text: str) -> None:
        self.until(lambda: any(text in row for row in self.rows()))

    def end(self) -> int:
        """Read to the end and return the exit code; a signal is negative."""
        give_up = time.monotonic() + 60
        while self._read(1):
            assert time.monotonic() < give_up, self.rows()
        self.child.close()
        return self.child.exitstatus if self.child.exitstatus is not None else -(self.child.signalstatus or 0)

    def _read(self, seconds: float) -> bool:
        try:
            got = self.child.read_nonblocking(65536, seconds)
        except pexpect.TIMEOUT:
            return True
        except pexpect.EOF:
            return False
        self.raw += got
        self.stream.feed(got)
        return True


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


@pytest.fixture
def good(desk: Desk) -> Desk:
    """A deploy of one step that ends well."""
    desk.write(*LEASED, begin("backend.release"), desk.works(gate=False), end(), report())
    return desk


@pytest.fixture
def waiting(desk: Desk) -> Iterator[Desk]:
    """A deploy that waits in its step until the gate opens."""
    desk.write(*LEASED, begin("backend.release"), desk.works(), end(), report())
    yield desk
    desk.gate.touch()


def test_a_line_is_alive_on_a_terminal_and_gone_afterwards(waiting):
    terminal = waiting.terminal()
    terminal.shows("release the backend     deploying 0 (")
    terminal.until(lambda: any(re.search(r"deploying 0 \([1-9]", row) for row in terminal.rows()))
    waiting.gate.touch()
    assert terminal.end() == 0
    assert not [row for row in terminal.rows() if "deploying" in row]
    assert [row for row in terminal.rows() if row.startswith("  release the backend")]
    assert any(row.startswith("RELEASED v1.1.0 in ") for row in terminal.rows())


def test_a_pipe_gets_the_same_text_as_a_terminal_without_control_characters(good):
    terminal = good.terminal()
    assert terminal.end() == 0
    done = good.run()
    assert done.returncode == 0
    assert not CONTROL.search(done.stdout)
    times = re.compile(r"\d+\.\d s|\d\d:\d\d")
    assert [times.sub("T", line).split() for line in done.stdout.splitlines() if line] == [
        times.sub("T", row).split() for row in terminal.rows()
    ]


def test_four_storefronts_at_once_never_mix_their_lines(desk):
    names = [f"shop-{number}" for number in range(1, 5)]
    desk.hosts(*names)
    desk.write(*LEASED, begin("backend.release"), desk.works(gate=False, lines=200), end(), report())
    terminal = desk.terminal(columns=100)
    assert terminal.end() == 0
    rows = terminal.rows()
    assert rows
    assert all(re.match(r"shop-[1-4] \| ", row) for row in rows), rows
    for name in names:
        assert sum(row.startswith(f"{name} | RELEASED v1.1.0") for row in rows) == 1
        assert sum(row.startswith(f"{name} |   release the backend") for row in rows) == 1


COLOUR = re.compile(rb"\x1b\[[0-9;]*m")


def test_colours_are_for_terminals_and_can_be_turned_off(desk):
    desk.write(*LEASED, begin("backend.release"), {"ansible.builtin.command": {"argv": ["false"]}})
    coloured = desk.terminal()
    plain = [desk.terminal(**turned_off) for turned_off in ({"NO_COLOR": "1"}, {"ANSIBLE_NOCOLOR": "1"})]
    assert [terminal.end() for terminal in (coloured, *plain)] == [2, 2, 2]
    assert b"\x1b[0;31m" in coloured.raw
    assert [COLOUR.findall(terminal.raw) for terminal in plain] == [[], []]
    assert b"\x1b" not in desk.run().stdout.encode()


def test_a_dumb_terminal_gets_neither_colours_nor_a_live_line(desk):
    desk.write(*LEASED, begin("backend.release"), {"ansible.builtin.command": {"argv": ["false"]}})
    dumb = desk.terminal(TERM="dumb")
    assert dumb.end() == 2
    assert b"\x1b" not in dumb.raw
    assert any("FAILED" in row for row in dumb.rows())


@pytest.mark.parametrize("environment", [{"PYTHONIOENCODING": "ascii"}, {"LANG": ""}, {"LANG": "C"}])
def test_plain_ascii_where_the_locale_has_nothing_else(desk, environment):
    desk.write(*LEASED, begin("größe"), end(), report(notes=["offen · \u201cja\u201d … 日本"]))
    done = desk.run(**environment)
    assert done.returncode == 0, done.stdout
    assert done.stdout.isascii(), done.stdout
    assert "..." in done.stdout


@pytest.mark.parametrize("columns", [40, 80, 200])
def test_no_line_is_wider_than_the_terminal(desk, columns):
    desk.write(
        *LEASED,
        begin("backend.release"),
        end(),
        report(notes=["a long note " * 20, "日本語" * 40, "https://yourstore.com/" + "x" * 200]),
    )
    done = subprocess.run(
        desk.argv(),
        cwd=desk.folder,
        env=desk.environment(COLUMNS=str(columns)),
        capture_output=True,
        text=True,
        check=True,
    )
    assert max(sum(2 if ord(c) > 0x2E80 else 1 for c in line) for line in done.stdout.splitlines()) <= min(columns, 120)


def test_verbose_gives_ansibles_own_output_and_ours_at_the_end(good):
    done = good.run("-v")
    assert done.returncode == 0
    assert (
        done.stdout.index("PLAY RECAP")
        < done.stdout.index("Deploy v1.1.0 to shop")
        < done.stdout.index("RELEASED v1.1.0")
    )
    assert "TASK [" in done.stdout
    assert done.stdout.count("PLAY RECAP") == 1
    assert done.stdout.rstrip().splitlines()[-1].startswith("  undo"), "our last words stay the last"


def test_ansibles_own_callback_can_be_chosen(good):
    done = good.run(ANSIBLE_STDOUT_CALLBACK="default")
    assert done.returncode == 0
    assert "PLAY RECAP" in done.stdout
    assert "Deploy v1.1.0 to shop" not in done.stdout


def test_a_log_file_has_the_same_lines(good):
    done = good.run(ANSIBLE_LOG_PATH="ansible.log")
    logged = (good.folder / "ansible.log").read_text()
    assert not CONTROL.search(logged)
    for line in done.stdout.splitlines():
        assert line.strip() in logged


def test_two_playbooks_of_one_command_have_a_screen_each(good):
    (good.folder / "rollback.yml").write_text((good.folder / "deploy.yml").read_text())
    argv = ["ansible-playbook", "deploy.yml", "rollback.yml", *good.argv()[2:]]
    done = subprocess.run(argv, cwd=good.folder, env=good.environment(), capture_output=True, text=True, check=True)
    assert (
        done.stdout.index("RELEASED v1.1.0")
        < done.stdout.index("Roll shop back")
        < done.stdout.rindex("RELEASED v1.1.0")
    )


def test_a_reader_that_leaves_changes_no_exit_code(good):
    command = f"set -o pipefail; {' '.join(good.argv())} | head -n 1"
    done = subprocess.run(
        ["bash", "-c", command], cwd=good.folder, env=good.environment(), capture_output=True, text=True, check=False
    )
    assert done.stdout.startswith("Deploy v1.1.0 to shop")
    assert "Traceback" not in done.stderr
    assert done.returncode == 0


def test_a_full_disk_below_the_output_changes_no_exit_code(good):
    done = subprocess.run(
        ["bash", "-c", f"{' '.join(good.argv())} > /dev/full"],
        cwd=good.folder,
        env=good.environment(),
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    assert " ".join(done.stderr.split()).count("The output cannot be written any more (No space left on device)") == 1
    assert "Traceback" not in done.stderr
    assert done.returncode == 0, done.stderr


def test_a_secret_that_is_longer_than_a_line_is_masked_whole(desk):
    long = "".join(chr(97 + number % 26) for number in range(150))
    desk.hosts("shop", backend_token=long)
    desk.write(*LEASED, begin("backend.release"), {"ansible.builtin.fail": {"msg": f"{'x' * 60} {long} {long * 9}"}})
    done = desk.run()
    assert done.returncode == 2
    assert "abcdefgh" not in done.stdout


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_says_what_is_left_and_how_to_continue(waiting, number):
    terminal = waiting.terminal()
    # and its worker waits: one that is ended while it writes to Ansible's queue keeps Ansible from ending
    terminal.shows("deploying 0 (1 s)")
    os.kill(terminal.child.pid, number)
    code = terminal.end()
    assert code == (99 if number == signal.SIGINT else -number), terminal.rows()
    text = " ".join(terminal.rows())
    assert "in release the backend: nothing was put back." in text
    assert "ansible-playbook deploy.yml -i hosts.yml -e release=v1.1.0" in text
    assert "ansible-playbook rollback.yml -i hosts.yml" in text
    assert "RELEASED" not in text


@pytest.mark.long
def test_a_terminal_that_is_closed_ends_the_run_and_its_log_says_what_is_left(waiting):
    log = waiting.folder / "run.log"
    terminal = waiting.terminal(ANSIBLE_LOG_PATH=str(log))
    terminal.shows("deploying 0 (1 s)")
    terminal.child.ptyproc.fileobj.close()
    terminal.child.wait()
    assert terminal.child.signalstatus == signal.SIGHUP
    assert "STOPPED by SIGHUP in release the backend: nothing" in log.read_text()


def test_a_run_that_ignores_the_end_of_its_terminal_continues(waiting):
    argv = ["bash", "-c", 'trap "" HUP; exec "$@"', "-", *waiting.argv()]  # as nohup does
    running = subprocess.Popen(
        argv, cwd=waiting.folder, env=waiting.environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True
    )
    assert running.stdout
    begun = running.stdout.readline()
    running.send_signal(signal.SIGHUP)
    waiting.gate.touch()
    printed = running.communicate(timeout=60)[0]
    assert running.returncode == 0, begun + printed
    assert "RELEASED v1.1.0" in printed


def test_a_module_of_ansible_runs_with_the_python_of_the_controller(desk):
    for name in ("python3", *(f"python3.{minor}" for minor in range(8, 16))):  # as pyenv's commands without a version
        program = desk.folder / "bin" / name
        program.parent.mkdir(exist_ok=True)
        program.write_text("#!/bin/sh\nexit 127\n")
        program.chmod(0o755)
    desk.write(*LEASED, begin("backend.release"), {"ansible.builtin.command": {"argv": ["false"]}})
    done = desk.run(PATH=f"{desk.folder / 'bin'}:{os.environ['PATH']}")
    assert done.returncode == 2
    assert "non-zero return code" in done.stdout


def test_a_killed_controller_leaves_the_terminal_as_it_was(waiting):
    terminal = waiting.terminal()
    terminal.shows("deploying 0")
    terminal.child.kill(signal.SIGKILL)
    assert terminal.end() == -signal.SIGKILL
    assert b"\x1b[?25l" not in terminal.raw  # a cursor that is hidden stays hidden
    assert b"\x1b[?1049h" not in terminal.raw
    assert terminal.rows()[-1].startswith("  release the backend     deploying 0 (")


def test_an_interruption_before_the_lease_changed_nothing(desk):
    desk.write(desk.works("checking"), report())
    terminal = desk.terminal()
    terminal.until(lambda: (desk.folder / "deploy.yml").exists() and any("check" in row for row in terminal.rows()[1:]))
    os.kill(terminal.child.pid, signal.SIGINT)
    assert terminal.end() == 99
    assert any("INTERRUPTED before anything was changed." in row for row in terminal.rows())


def test_a_fault_of_the_screen_leaves_ansibles_own_output_and_its_exit_code(desk):
    desk.write(*LEASED, begin("backend.release"), {"ansible.builtin.fail": {"msg": "the cause"}})
    done = desk.run(ANSIBLE_STDOUT_CALLBACK="broken_screen")
    assert done.returncode == 2
    assert " ".join(done.stdout.split()).count("The operator screen failed (AttributeError") == 1
    assert "the cause" in done.stdout
    assert "PLAY RECAP" in done.stdout
    good_too = [*LEASED, begin("backend.release"), end(), report()]
    desk.write(*good_too)
    assert desk.run(ANSIBLE_STDOUT_CALLBACK="broken_screen").returncode == 0


def test_a_fault_in_the_callback_of_another_is_a_warning_and_the_deploy_continues(good):
    done = good.run(ANSIBLE_CALLBACKS_ENABLED="storefront.runbook.preload,broken_other")
    assert done.returncode == 0, done.stdout
    words = " ".join(done.stdout.split())
    assert "broken_other" in words
    assert "RELEASED v1.1.0" in words
    assert "Traceback" not in words


def test_a_log_that_cannot_be_written_is_a_warning_and_the_deploy_continues(good):
    done = good.run(ANSIBLE_LOG_PATH=str(good.folder))  # which is a folder
    assert done.returncode == 0, done.stdout
    assert "DEFAULT_LOG_PATH can not be a directory" in done.stdout
    assert "RELEASED v1.1.0" in done.stdout


def test_an_undefined_variable_is_named(desk):
    desk.write(
        *LEASED, begin("backend.release"), {"ansible.builtin.command": {"argv": ["echo", "{{ no_such_thing }}"]}}
    )
    done = desk.run()
    assert done.returncode == 2
    assert "'no_such_thing' is undefined" in " ".join(done.stdout.split())
    assert done.stdout.count("FAILED") >= 1


def test_an_unreachable_host_ends_with_exit_code_4(desk):
    desk.hosts("shop", ansible_connection="ssh", ansible_host="127.0.0.1", ansible_port=1)
    desk.write({"ansible.builtin.command": {"argv": ["true"]}})
    done = desk.run()
    assert done.returncode == 4
    assert "UNREACHABLE" in done.stdout


def before_the_first_task(desk: Desk, what: str) -> tuple[list[str], int, str]:
    """Break something, and return the options, the exit code that Ansible gives, and what has to be said."""
    desk.write(report())
    if what == "no inventory":
        return ["-i", "nowhere.yml"], 1, "nowhere.yml"
    if what == "no hosts":
        desk.hosts()
        return [], 0, "NOTHING DONE"
    if what == "a wrong limit":
        return ["--limit", "elsewhere"], 1, "elsewhere"
    if what == "syntax":
        (desk.folder / "deploy.yml").write_text("- hosts: storefronts\n  tasks: [\n")
        return [], 4, "deploy.yml"
    if what == "unknown module":
        desk.write({"storefront.runbook.nothing_of_ours": {}})
        return [], 4, "nothing_of_ours"
    if what == "vars file":
        return ["-e", "@missing.yml"], 1, "missing.yml"
    assert what == "vault"
    encrypted = "!vault |\n  $ANSIBLE_VAULT;1.1;AES256\n  6162\n"
    (desk.folder / "group_vars").mkdir()
    (desk.folder / "group_vars" / "storefronts.yml").write_text("a_token: " + encrypted)
    desk.write({"ansible.builtin.debug": {"msg": "{{ a_token }}"}})
    return [], 2, "vault"


@pytest.mark.parametrize(
    "what", ["no inventory", "no hosts", "a wrong limit", "syntax", "unknown module", "vars file", "vault"]
)
def test_a_failure_before_the_first_task_is_clear(desk, what):
    options, code, said = before_the_first_task(desk, what)
    done = (
        desk.run(*options)
        if what != "no inventory"
        else subprocess.run(
            ["ansible-playbook", "deploy.yml", *options],
            cwd=desk.folder,
            env=desk.environment(),
            capture_output=True,
            text=True,
            check=False,
        )
    )
    text = " ".join((done.stdout + (done.stderr or "")).split())
    assert done.returncode == code, text
    assert said in text
    assert "Traceback" not in text
    assert "RELEASED" not in text


def test_no_secret_is_on_the_screen_in_the_log_or_in_a_file(desk):
    desk.hosts("shop", backend_token=SECRET, database_url=f"postgresql://shop:{SECRET}@db/shop")
    log = f"a build log with {SECRET}\nand its end"
    failed = {
        "failed": True,
        "msg": f"Railway said: {SECRET} is wrong. The end of its log: {log}",
        "error": {"kind": "api", "log": log},
    }
    desk.write(
        *LEASED, begin("backend.release"), {"name": f"use {SECRET}", **desk.works(SECRET, gate=False, result=failed)}
    )
    terminal = desk.terminal(ANSIBLE_LOG_PATH="logs/ansible.log")
    (desk.folder / "logs").mkdir()
    assert terminal.end() == 2
    written = [file for file in (desk.folder / "logs").iterdir() if file.name != "ansible.log"]
    assert len(written) == 1
    assert written[0].stat().st_mode & 0o777 == 0o600
    assert "and its end" in written[0].read_text()
    assert SECRET.encode() not in terminal.raw
    for file in (desk.folder / "logs").iterdir():
        assert SECRET not in file.read_text()


def test_a_warning_is_shown_once(desk):
    warned = {"warnings": ["the variables are the old ones again"]}
    desk.write(
        *LEASED,
        begin("backend.release"),
        desk.works(gate=False, result=warned),
        desk.works(gate=False, result=warned),
        end(),
        report(),
    )
    assert desk.run().stdout.count("the variables are the old ones again") == 1


# What AWX 24 sets for a job, and gives it beside the answers of its survey.
AWX_SETS = {
    "ANSIBLE_FORCE_COLOR": "True",
    "ANSIBLE_HOST_KEY_CHECKING": "False",
    "ANSIBLE_INVENTORY_UNPARSED_FAILED": "True",
    "ANSIBLE_PARAMIKO_RECORD_HOST_KEYS": "False",
    "ANSIBLE_RETRY_FILES_ENABLED": "False",
    "AWX_HOST": "https://awx.example.com",
    "AWX_ISOLATED_DATA_DIR": "/runner/artifacts/7",
    "AWX_PRIVATE_DATA_DIR": "/tmp/awx_7",
    "INVENTORY_ID": "2",
    "JOB_ID": "7",
    "MAX_EVENT_RES": "700000",
    "PROJECT_REVISION": "5021c4c",
}
AWX_GIVES = {
    f"{prefix}_{name}": value
    for prefix in ("awx", "tower")
    for name, value in {"job_id": 7, "job_template_id": 3, "job_launch_type": "manual", "user_name": "ann"}.items()
}


@pytest.mark.parametrize(("sets", "gives"), [({}, {}), (AWX_SETS, AWX_GIVES)], ids=["alone", "as AWX runs it"])
def test_it_works_under_ansible_runner(good, sets, gives):
    events: list[dict[str, Any]] = []

    def keep(event: dict[str, Any]) -> bool:
        events.append(event)
        return True

    (good.folder / "runner").mkdir()
    runner = ansible_runner.run(
        private_data_dir=str(good.folder / "runner"),
        project_dir=str(good.folder),
        playbook=str(good.folder / "deploy.yml"),
        inventory=str(good.folder / "hosts.yml"),
        extravars={"release": "v1.1.0", **gives},
        envvars={**good.environment(), "ANSIBLE_STDOUT_CALLBACK": "storefront.runbook.operator", **sets},
        event_handler=keep,
        quiet=True,
    )
    with runner.stdout as stream:
        printed = stream.read()
    assert (runner.status, runner.rc) == ("successful", 0), printed
    assert "RELEASED v1.1.0" in printed
    assert "TASK [" not in printed
    assert "\r\x1b[K  release" not in printed
    assert {"playbook_on_start", "runner_on_ok", "playbook_on_stats"} <= {event["event"] for event in events}
    assert json.dumps(events)


PLAYBOOKS = [
    playbook
    for playbook in sorted((ROOT / "playbooks").glob("*.yml"))
    if playbook.suffixes == [".yml"] and playbook.stem != "init"  # it writes an inventory, and needs none
]


@pytest.mark.parametrize("callback", ["storefront.runbook.operator", "default"])
@pytest.mark.parametrize("playbook", PLAYBOOKS, ids=lambda playbook: playbook.stem)
def test_every_playbook_fails_where_no_storefront_is_left(desk, playbook, callback):
    desk.hosts()
    command = ["ansible-playbook", str(playbook), "-i", "hosts.yml", "-e", "release=v1.1.0"]
    environment = desk.environment(ANSIBLE_STDOUT_CALLBACK=callback)
    done = subprocess.run(
        command, cwd=desk.folder, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2, done.stdout
    assert "The inventory has no host in the group storefronts. Check -i and --limit" in " ".join(done.stdout.split())
    assert "RELEASED" not in done.stdout


@pytest.mark.parametrize(
    ("inventory", "limit", "said"),
    [
        (
            "storefronts: {}\nother: {hosts: {db: {}}}",
            None,
            "NOTHING DONE: The inventory has no host in the group storefronts.",
        ),
        (
            "storefronts: {hosts: {shop: {}}}\nother: {hosts: {db: {}}}",
            "db",
            "NOTHING DONE: --limit leaves no host of the group storefronts.",
        ),
        ("storefronts: {hosts: {shop: {}}}", "elsewhere", "elsewhere"),
        ("other: {hosts: {db: {}}}", None, "storefronts"),
        ("all: {}", None, "storefronts"),
    ],
)
def test_however_no_storefront_is_left_it_is_an_error(desk, inventory, limit, said):
    (desk.folder / "hosts.yml").write_text(inventory)
    command = [
        "ansible-playbook",
        str(ROOT / "playbooks/backups.yml"),
        "-i",
        "hosts.yml",
        *(["--limit", limit] if limit else []),
    ]
    environment = desk.environment(COLUMNS="120")
    done = subprocess.run(
        command, cwd=desk.folder, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    assert done.returncode in (1, 2), done.stdout
    assert said in done.stdout + done.stderr
    assert "Backups of" not in done.stdout
