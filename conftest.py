# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What tests/ and molecule/ share: the checkout importable as the collection that it is, and a running sandbox."""

from __future__ import annotations

import gc
import os
import signal
import sys
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent
COLLECTIONS = ROOT / ".ansible" / "collections"
# one for each worker
TEST_SANDBOX = os.environ.get("SANDBOX_NAME", "test") + os.environ.get("PYTEST_XDIST_WORKER", "").replace("gw", "-")

_link = COLLECTIONS / "ansible_collections" / "storefront" / "runbook"
if not _link.exists():
    _link.parent.mkdir(parents=True, exist_ok=True)
    _link.symlink_to("../../../..")
sys.path[:0] = [str(COLLECTIONS), str(ROOT)]
# ansible-playbook is the virtual environment's
os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
os.environ["ANSIBLE_COLLECTIONS_PATH"] = str(COLLECTIONS)
# As containers and CI set them: an unbuffered Python reads a module, which comes over a pipe, byte by byte; without
# bytecode every process compiles ours again.
for _name in ("PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE"):
    os.environ.pop(_name, None)
sys.dont_write_bytecode = False
# A shell starts a background job with SIGINT ignored, and every process below inherits that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

from tests import operations


def pytest_configure(config: pytest.Config) -> None:
    operations.begin(config)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Keep the collected tests out of every garbage collection: they stay to the end, and there are thousands."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.freeze()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave out the long tests, unless they are asked for or the tables of the docs are written."""
    if not (os.environ.get("RUNBOOK_LONG") or os.environ.get("UPDATE_DOCS")):
        for item in items:
            if item.get_closest_marker("long"):
                item.add_marker(pytest.mark.skip(reason="it is long, and run by `make test-long`"))


@pytest.hookimpl(trylast=True)  # when the workers have ended, too
def pytest_sessionfinish(session: pytest.Session) -> None:
    operations.judge(session)


@pytest.fixture(scope="session")
def sandbox() -> Iterator:
    """The sandbox of the tests, up; KEEP=1 leaves it up for the next run."""
    from sandbox import lifecycle

    running = lifecycle.up(TEST_SANDBOX, say=lambda line: None)
    yield running
    operations.keep(running.cloud("GET", "/operations"))
    judged = running.cloud("GET", "/violations")  # of every exchange with the double, by the vendors' contracts
    if not os.environ.get("KEEP"):
        lifecycle.down(TEST_SANDBOX, say=lambda line: None)
    assert judged["violations"] == []
