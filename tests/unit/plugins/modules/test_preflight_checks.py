# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""preflight_checks and the modules that ask one check, in process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from ansible_collections.storefront.runbook.plugins.modules import deploy_window, preflight_checks

from tests.unit.support import run_module

ROOT = Path(__file__).parents[4]
WINDOW: dict[str, Any] = {
    "timezone": "America/New_York",
    "windows": [{"days": ["tue", "wed", "thu"], "from": "10:00", "to": "14:00"}],
}
OPEN, CLOSED = "2026-03-03T15:00:00Z", "2026-03-03T14:59:59Z"


def preflight(**params: Any) -> dict[str, Any]:
    return run_module(preflight_checks, {"only": ["C19"], "checks": [{"id": "C19", "options": WINDOW}], **params})


def test_an_open_window_is_go() -> None:
    result = preflight(at=OPEN)
    assert (result["failed"], result["changed"], result["verdict"], result["summary"]) == (
        False,
        False,
        "go",
        "1 passed",
    )


def test_a_closed_one_fails_the_task_with_its_answers() -> None:
    result = preflight(at=CLOSED)
    assert (result["failed"], result["verdict"], result["error"]["kind"]) == (True, "no_go", "no_go")
    assert result["msg"] == result["message"]
    assert "the next opening is Tue 3 Mar 2026 10:00 EST" in result["msg"]


def test_a_closed_one_is_only_reported_where_that_is_wanted() -> None:
    result = preflight(at=CLOSED, stop=False)
    assert (result["failed"], result["verdict"], len(result["problems"])) == (False, "no_go", 1)


def test_without_any_setting_a_laptop_may_deploy() -> None:
    result = run_module(preflight_checks, {})
    assert (result["failed"], result["verdict"]) == (False, "go")
    assert {one["outcome"] for one in result["answers"]} <= {"not_configured", "not_applicable", "due_later"}


def test_wrong_settings_ask_nothing() -> None:
    result = preflight(
        checks=[
            {"id": "C99"},
            {"id": "C19", "waiver": {"by": "bob"}, "options": {"windows": [{**WINDOW["windows"][0], "to": "10:00"}]}},
        ]
    )
    assert (result["failed"], result["error"]["kind"]) == (True, "config")
    assert all(text in result["msg"] for text in ("C99", "the waiver has no reason", "never opens"))
    assert "answers" not in result


def test_an_unknown_check_in_only_is_refused() -> None:
    assert "there is no check 'C99'" in preflight(only=["C99"])["msg"]


def test_the_window_alone_gives_the_same_answer() -> None:
    assert run_module(deploy_window, {**WINDOW, "at": OPEN})["verdict"] == "go"
    closed = run_module(deploy_window, {**WINDOW, "at": CLOSED})
    assert (closed["failed"], closed["verdict"]) == (True, "no_go")
    assert (
        "never opens"
        in run_module(deploy_window, {"windows": [{"days": ["tue"], "from": "10:00", "to": "10:00"}]})["msg"]
    )


def test_an_emergency_opens_the_window_with_a_reason_and_an_approver_who_is_not_the_starter() -> None:
    emergency = {**WINDOW, "at": CLOSED, "emergency": "the checkout is down", "started_by": "alice"}
    assert run_module(deploy_window, {**emergency, "emergency_approvers": ["alice"]})["error"]["kind"] == "config"
    answer = run_module(deploy_window, {**emergency, "emergency_approvers": ["bob"]})["answers"][0]
    assert (answer["outcome"], answer["by"], answer["reason"]) == ("waived", "bob", "emergency: the checkout is down")


ADDED = '''
"""Whether the moon is full."""

from __future__ import annotations

from .answer import failed, passed

OPTIONS = {"phase": {"type": "str", "default": "new"}}


def ask(context, options):
    return passed("it is full") if options["phase"] == "full" else failed(f"it is {options['phase']}")
'''


def test_a_check_is_added_with_one_file_and_one_row(tmp_path: Path) -> None:
    """The collection as it is, but for the two."""
    collection = tmp_path / "ansible_collections" / "storefront" / "runbook"
    collection.mkdir(parents=True)
    for name in ("plugins/modules", "meta", "galaxy.yml"):
        (collection / name).parent.mkdir(exist_ok=True)
        (collection / name).symlink_to(ROOT / name)
    utils = collection / "plugins" / "module_utils"
    utils.mkdir()
    for entry in (ROOT / "plugins" / "module_utils").iterdir():
        if entry.name != "checks":
            (utils / entry.name).symlink_to(entry)
    checks = utils / "checks"
    checks.mkdir()
    for entry in (ROOT / "plugins" / "module_utils" / "checks").glob("*.py"):
        (checks / entry.name).write_text(entry.read_text())

    (checks / "moon.py").write_text(ADDED)
    register = (checks / "register.py").read_text()
    register = register.replace("from . import (", "from . import (\n    moon,", 1)
    register = register.replace("CHECKS = (", 'CHECKS = (\n    row("C99", moon, "The moon is full", GATE),', 1)
    (checks / "register.py").write_text(register)

    result = _elsewhere(
        tmp_path,
        {
            "only": ["moon"],
            "checks": [{"id": "C99", "waiver": {"by": "bob", "reason": "cloudy", "until": "2999-01-01"}}],
        },
    )
    assert [(one["id"], one["outcome"], one["answered"]) for one in result["answers"]] == [
        ("C99", "waived", "it is new")
    ]
    assert (
        _elsewhere(tmp_path, {"only": ["C99"], "checks": [{"id": "moon", "options": {"phase": "full"}}]})["verdict"]
        == "go"
    )
    assert (
        "it has no option fase" in _elsewhere(tmp_path, {"checks": [{"id": "C99", "options": {"fase": "full"}}]})["msg"]
    )


def _elsewhere(root: Path, params: dict[str, Any]) -> dict[str, Any]:
    """Run preflight_checks of the collection at ``root``, in a Python of its own."""
    script = (
        "import json, sys\n"
        "from ansible_collections.storefront.runbook.plugins.modules import preflight_checks\n"
        "from tests.unit.support import run_module\n"
        "print(json.dumps(run_module(preflight_checks, json.load(sys.stdin))))\n"
    )
    env = {
        **{name: value for name, value in os.environ.items() if name != "MODULES_RUN"},
        "PYTHONPATH": f"{root}:{ROOT}",
    }
    done = subprocess.run(
        [sys.executable, "-c", script], input=json.dumps(params), env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
