# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of the sandbox share."""

from __future__ import annotations

import tempfile
from collections import deque
from pathlib import Path

import pytest

from sandbox import state
from sandbox.cloud import server


@pytest.fixture
def no_ports_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No port is reserved, by this process or by another: the test may name the ports that it expects."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))  # for the processes that the test starts
    monkeypatch.setattr(state, "_reservations", [])
    monkeypatch.setattr(server, "_handed_out", deque(maxlen=1000))
