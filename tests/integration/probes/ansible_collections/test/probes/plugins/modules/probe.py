# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: probe
short_description: Do what a module may do, well or badly
description: For tests/integration/test_in_process.py.
options: {}
"""

import atexit
import os
import signal
import subprocess
import sys
import tempfile
import time
from datetime import date
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

STATE = {"calls": 0}


def echo(module):
    options = {name: module.params[name] for name in ("data", "number", "flag", "place", "inner")}
    return {"options": options, "token_length": len(module.params["token"] or "")}


def surroundings(module):
    STATE["calls"] += 1
    found = {name: os.environ.get(name) for name in ("FROM_PLAY", "FROM_TASK", "TMPDIR", "TZ")}
    umask = os.umask(0o22)
    os.umask(umask)
    return {
        **{
            "calls": STATE["calls"],
            "environment": found,
            "folder": str(Path.cwd()),
            "umask": umask,
            "temporary": tempfile.gettempdir(),
            "hour": time.localtime(0).tm_hour,
        },
        **{
            "stdin": sys.stdin.read(),
            "check": module.check_mode,
            "diff_mode": module._diff,
            "debug": module._debug,
            "arguments": len(sys.argv),
        },
    }


def soil(module):
    STATE["calls"] += 100
    os.environ["FROM_TASK"] = "soiled"
    os.chdir("/")
    os.umask(0)
    sys.argv = ["soiled"]
    module.warn("soiled")
    return {}


def warn(module):
    module.warn(f"warning {module.params['number']}")
    module.deprecate("deprecated", version="9.0.0", collection_name="test.probes")
    return {}


def odd(module):
    return {
        "text": "ü😀\u2028",
        "template": "{{ 1 + 1 }}",
        "nothing": None,
        "real": 1.5,
        "large": 123456789012345678901234567890,
        "date": date(2026, 1, 31),
        "results": [{"changed": False}],
        "stdout": "a\nb",
        "ansible_facts": {"probed": True},
        "table": {"1": "one"},
    }


def noisy(module):
    print("noise on stdout")
    print("noise on stderr", file=sys.stderr)
    subprocess.run(["echo", "noise of a program"], check=True)
    return {}


def large(module):
    return {"large": "x" * 3_000_000}


def command(module):
    code, out, err = module.run_command(["sh", "-c", "echo out; echo err >&2; exit 3"])
    return {"command": [code, out, err], "found": bool(module.get_bin_path("sh"))}


def temporary(module):
    Path(module.tmpdir, "file").write_text("x")
    kept = Path(module.params["place"])
    kept.write_text(module.tmpdir)
    atexit.register(lambda: kept.with_suffix(".exit").write_text("ran"))
    return {}


def fail(module):
    module.fail_json(msg=f"failed with {module.params['token']}", error={"kind": "api"}, kept=1)


def crash(module):
    raise ValueError(f"the token is {module.params['token']}")


def crash_in_json(module):
    return {"bad": object()}


def leave(module):
    sys.exit(module.params["number"])


def leave_with_text(module):
    sys.exit(f"the token is {module.params['token']}")


def silent(module):
    print(f"the token is {module.params['token']}")
    sys.exit(0)


def hard_exit(module):
    os._exit(module.params["number"])


def killed(module):
    os.kill(os.getpid(), module.params["number"])
    time.sleep(60)


def segfault(module):
    import ctypes

    ctypes.string_at(0)


def out_of_memory(module):
    import resource

    resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30))
    return {"memory": len(bytearray(8 << 30))}


def wait(module):
    """Say that it runs, run for long, and say that it has cleaned up."""
    place = Path(module.params["place"])
    try:
        place.write_text(str(os.getpid()))
        time.sleep(module.params["number"])
    finally:
        place.with_suffix(".cleaned").write_text("yes")
    place.with_suffix(".finished").write_text("yes")
    return {}


def stubborn(module):
    """Ignore whatever asks it to stop."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGALRM):
        signal.signal(number, signal.SIG_IGN)
    Path(module.params["place"]).write_text(str(os.getpid()))
    time.sleep(600)


def orphan(module):
    """Leave a process that holds every pipe of this one open."""
    pid = os.fork()
    if not pid:
        time.sleep(8)
        os._exit(0)
    return {"orphan": pid}


def progress(module):
    from ansible_collections.storefront.runbook.plugins.module_utils.core import progress as lines

    lines.secrets = module.no_log_values
    for number in range(module.params["number"]):
        lines.report(f"step {number}\n\x1b[31mof\x07 {module.params['token']}")
        time.sleep(module.params["data"] or 0)
    if module.params["flag"]:
        os.kill(os.getpid(), signal.SIGKILL)
    return {"shown": lines.sink is not None}


def lease(module):
    """Write a line every so often for as long as the play lives, as a module does that waits for a vendor."""
    from ansible_collections.storefront.runbook.plugins.module_utils.core.wait import Waiter

    waiter = Waiter()
    place = Path(module.params["place"])
    place.write_text(str(os.getpid()))
    while True:
        waiter.check("the probe")
        with place.with_suffix(".written").open("a") as written:
            written.write("x")
        time.sleep(0.02)


def main():
    spec = {
        "do": {"type": "str", "required": True},
        "data": {"type": "raw"},
        "token": {"type": "str", "no_log": True},
        "number": {"type": "int", "default": 0},
        "flag": {"type": "bool", "default": False},
        "place": {"type": "path"},
        "inner": {"type": "dict", "options": {"name": {"type": "str"}, "key": {"type": "str", "no_log": True}}},
    }
    module = AnsibleModule(argument_spec=spec, supports_check_mode=True)
    module.exit_json(**{"changed": False, **globals()[module.params["do"]](module)})


if __name__ == "__main__":
    main()
