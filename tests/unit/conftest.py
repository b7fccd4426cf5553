# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fixtures of the unit tests."""

from __future__ import annotations

import pytest

from tests.unit.support import Clock


@pytest.fixture
def clock() -> Clock:
    """Time that passes only when somebody sleeps."""
    return Clock()
