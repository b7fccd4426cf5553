# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which journals of the lease stop an operator's lever."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.release.levers import blocked


@pytest.mark.parametrize(
    ("kind", "journal", "stops"),
    [
        ("refresh", {}, False),
        ("refresh", {"step": "database.swap", "progress": "Backup of shop: 3 MB"}, False),  # its own, after a kill
        ("refresh", {"kind": "deploy", "release": "v1.1.0", "step": "snapshot", "snapshot": {}}, True),
        ("scale", {"snapshot": {"api": {}}}, True),
        ("deploy", {"kind": "deploy", "release": "v1.1.0"}, False),
    ],
)
def test_only_an_unfinished_deploy_or_rollback_stops_a_lever(kind: str, journal: dict[str, Any], stops: bool) -> None:
    assert bool(blocked(kind, journal)) is stops
