# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the action plugin decides: which interpreter is this one, what a missing name of core means, how a
dead module is described.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import yaml
from ansible.module_utils import basic
from ansible_collections.storefront.runbook.plugins.action import in_process

from conftest import ROOT

TRACE = """Process Process-1:
Traceback (most recent call last):
  File "/srv/collections/plugins/modules/pg_info.py", line 12, in main
    run()
  File "/srv/collections/plugins/module_utils/core/module.py", line 34, in run
    raise KeyError(token)
{last}
"""


def test_every_module_runs_in_process_and_no_action_is_redirected() -> None:
    routing = yaml.safe_load((ROOT / "meta/runtime.yml").read_text())["plugin_routing"]
    modules = sorted(path.stem for path in (ROOT / "plugins/modules").glob("*.py") if path.stem != "__init__")
    plugins = {name: "backend" if name.startswith("backend_") else "in_process" for name in modules}
    assert routing == {
        "modules": {name: {"action_plugin": f"storefront.runbook.{plugin}"} for name, plugin in plugins.items()}
    }


@pytest.mark.parametrize(
    "interpreter",
    [None, "", "auto", "auto_silent", "auto_legacy", sys.executable, str(Path(sys.executable).with_name("python"))],
)
def test_this_python(interpreter: str | None) -> None:
    assert in_process.is_this_python(interpreter)


def test_another_python(tmp_path: Path) -> None:
    (tmp_path / "python").symlink_to(Path(sys.executable).resolve())
    others = [str(tmp_path / "python"), "/usr/bin/env python3", "/nowhere/python", f"{sys.executable} -s"]
    assert [other for other in others if in_process.is_this_python(other)] == []


def test_a_name_that_this_core_lacks_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    assert in_process.missing_names() == []
    monkeypatch.delattr(basic, "_ANSIBLE_ARGS")
    assert in_process.missing_names() == ["_ANSIBLE_ARGS"]


@pytest.mark.parametrize(
    ("code", "trace", "sentence", "short"),
    [
        (-11, "", "was ended by SIGSEGV before it gave a result.", "SIGSEGV"),
        (139, "", "was ended by SIGSEGV before it gave a result.", "SIGSEGV"),
        (
            -9,
            "",
            (
                "was ended by SIGKILL before it gave a result. The system may have run out of memory: see its log"
                " (journalctl -k)."
            ),
            "SIGKILL",
        ),
        (3, "", "ended with exit code 3 and gave no result.", "3"),
        (200, "", "ended with exit code 200 and gave no result.", "200"),
        (1, "the token is tok", "ended with exit code 1 and gave no result.", "1"),
        (
            1,
            TRACE.format(last="KeyError: 'tok'"),
            (
                "failed with KeyError in run (module.py, line 34). The text of the error is not shown: it may hold"
                " secrets."
            ),
            "KeyError",
        ),
        (
            1,
            TRACE.format(last="botocore.exceptions.Odd"),
            (
                "failed with botocore.exceptions.Odd in run (module.py, line 34). The text of the error is not shown:"
                " it may hold secrets."
            ),
            "botocore.exceptions.Odd",
        ),
        (1, TRACE.format(last="two lines: tok"), "ended with exit code 1 and gave no result.", "1"),
    ],
)
def test_how_a_module_ended(code: int, trace: str, sentence: str, short: str) -> None:
    assert in_process.how_it_ended(code, trace) == (sentence, short)


def test_only_a_result_without_json_is_replaced() -> None:
    good = {"changed": True, "msg": "fine"}
    assert in_process.with_a_reason("pg_info", good) is good
    dead = {
        "changed": False,
        "module_stdout": "tok",
        "module_stderr": "tok",
        "exception": "tok",
        "msg": "MODULE FAILURE tok",
        "rc": -9,
        "warnings": ["kept"],
    }
    replaced = in_process.with_a_reason("pg_info", dead)
    assert (replaced["failed"], replaced["error"]["kind"], replaced["error"]["code"], replaced["warnings"]) == (
        True,
        "internal",
        "SIGKILL",
        ["kept"],
    )
    assert replaced["error"]["message"] == replaced["msg"]
    assert "tok" not in str(replaced)
