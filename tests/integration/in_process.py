# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plays of the probes in tests/integration/probes, and of single modules, run in process or as ordinary modules."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from conftest import COLLECTIONS, ROOT

PROBES = ROOT / "tests/integration/probes"
TOKEN = "tok-s3cr3t-0815"
WAYS = ["in process", "ordinary"]


class _Dumper(yaml.SafeDumper):
    """Writes Ansible's tags."""


@dataclass(frozen=True)
class Tagged:
    tag: str
    text: str


def _text(dumper: Any, value: str) -> Any:
    """A string that Ansible takes as it is."""
    return (
        dumper.represent_scalar("!unsafe", value, style='"')
        if "{{" in value or "{%" in value
        else dumper.represent_str(value)
    )


class _PlainDumper(_Dumper):
    """Writes options of a module that are not templates."""


_PlainDumper.add_representer(str, _text)
_Dumper.add_representer(Tagged, lambda dumper, value: dumper.represent_scalar(value.tag, value.text))


@dataclass(frozen=True)
class Ran:
    rc: int
    stdout: str
    log: str
    events: list[dict[str, Any]]

    @property
    def results(self) -> dict[str, dict[str, Any]]:
        """The last result of each task, by its name."""
        return {event["task"]: event["result"] for event in self.events if event["event"] != "retry"}

    @property
    def progress(self) -> list[str]:
        return [line for line in self.stdout.splitlines() if line.startswith(".. ")]


def probe(name: str, do: str, **options: Any) -> dict[str, Any]:
    """A task that runs the probe; what is no option of it is a keyword of the task."""
    arguments = {
        key: options.pop(key) for key in ("data", "token", "number", "flag", "place", "inner") if key in options
    }
    return {"name": name, "test.probes.probe": {"do": do, **arguments}, **options}


def play(*tasks: dict[str, Any], hosts: str = "one", **keywords: Any) -> dict[str, Any]:
    return {"name": "Probe", "hosts": hosts, "gather_facts": False, **keywords, "tasks": list(tasks)}


class Book:
    """A playbook in a folder of its own, with four local hosts."""

    def __init__(self, folder: Path, *plays: dict[str, Any], **variables: Any) -> None:
        self.folder = folder
        folder.mkdir(exist_ok=True)
        hosts = {
            "all": {
                "hosts": dict.fromkeys(("one", "two", "three", "four")),
                "vars": {
                    "ansible_connection": "local",
                    "token": "{{ lookup('ansible.builtin.env', 'PROBE_TOKEN') }}",
                    **variables,
                },
            }
        }
        (folder / "hosts.yml").write_text(yaml.dump(hosts, Dumper=_Dumper))
        (folder / "play.yml").write_text(yaml.dump(list(plays), Dumper=_Dumper, sort_keys=False))

    def command(self, *words: str) -> list[str]:
        return [
            str(Path(sys.executable).parent / "ansible-playbook"),
            "-i",
            str(self.folder / "hosts.yml"),
            str(self.folder / "play.yml"),
            *words,
        ]

    def environment(self, **more: str) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}
        return {
            **kept,
            "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
            "ANSIBLE_COLLECTIONS_PATH": f"{COLLECTIONS}:{PROBES}",
            "ANSIBLE_CALLBACKS_ENABLED": "test.probes.results,storefront.runbook.preload",
            "ANSIBLE_STDOUT_CALLBACK": "default",
            "ANSIBLE_LOG_PATH": str(self.folder / "ansible.log"),
            "ANSIBLE_PYTHON_INTERPRETER": sys.executable,
            "RESULTS": str(self.folder / "results"),
            "PROBE_TOKEN": TOKEN,  # and not in the inventory, of which Ansible shows lines beside an error
            **more,
        }

    def run(self, way: str = "in process", *words: str, **environment: str) -> Ran:
        """Run it to its end."""
        for name in ("results", "ansible.log"):
            (self.folder / name).unlink(missing_ok=True)
        argv = self.command("-e", f"runbook_in_process={str(way == 'in process').lower()}", *words)
        done = subprocess.run(
            argv,
            env=self.environment(**environment),
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        log = self.folder / "ansible.log"
        return Ran(done.returncode, done.stdout, log.read_text() if log.exists() else "", self.events())

    def start(self, way: str = "in process", *words: str) -> subprocess.Popen:
        """Start it in a session of its own, its output in the file ``printed``."""
        argv = self.command("-e", f"runbook_in_process={str(way == 'in process').lower()}", *words)
        with (self.folder / "printed").open("w") as printed:
            return subprocess.Popen(
                argv,
                env=self.environment(),
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=printed,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def printed(self) -> str:
        return (self.folder / "printed").read_text()

    def events(self) -> list[dict[str, Any]]:
        kept = self.folder / "results"
        return [json.loads(line) for line in kept.read_text().splitlines()] if kept.exists() else []


def run_in_play(name: str, params: Mapping[str, Any], way: str, *, check: bool, diff: bool) -> dict[str, Any]:
    """Run a module of the collection as the only task of a play and return its result as ``run_module`` does."""
    with tempfile.TemporaryDirectory(prefix="play-") as folder:
        book = Book(Path(folder))
        task = {"name": name, f"storefront.runbook.{name}": jsonlike(params), "check_mode": check, "diff": diff}
        (book.folder / "play.yml").write_text(yaml.dump([play(task)], Dumper=_PlainDumper, sort_keys=False))
        ran = book.run(
            way, ANSIBLE_STDOUT_CALLBACK="test.probes.results", ANSIBLE_CALLBACKS_ENABLED="storefront.runbook.preload"
        )
        assert ran.events, ran.stdout
        event, result = ran.events[-1]["event"], ran.events[-1]["result"]
    result.pop("exception", None)
    kept = {key: value for key, value in result.items() if not key.startswith("_ansible_")}
    warnings = [
        warning["event"]["msg"] if isinstance(warning, dict) else warning for warning in kept.pop("warnings", [])
    ]
    return {**kept, "failed": event != "ok", "warnings": warnings}


def jsonlike(value: Any) -> Any:
    """Return what YAML can hold of options: paths as text, tuples as lists."""
    return json.loads(json.dumps(value, default=str))


def until(question: Callable[[], Any], what: str, seconds: float = 60) -> Any:
    """Return the first true answer."""
    give_up = time.monotonic() + seconds
    while not (answer := question()):
        assert time.monotonic() < give_up, f"not within {seconds:g} s: {what}"
        time.sleep(0.02)
    return answer


def pid_in(file: Path) -> int:
    return until(lambda: file.exists() and file.read_text(), f"the probe writes {file.name}") and int(file.read_text())


def runs(pid: int) -> bool:
    """Whether a process still runs; a zombie does not."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


def end(process: subprocess.Popen) -> None:
    """Leave nothing of a play behind that a test has started."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
