# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which backup may stand for production in a rehearsal."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.core.errors import ConfigError
from ansible_collections.storefront.runbook.plugins.module_utils.restore import rehearsal_copy


def fresh(monkeypatch: pytest.MonkeyPatch, had: dict[str, Any] | None, *applied: str) -> Any:
    """Ask for the newest backup, which had these migrations, where production has those that are ``applied``."""
    monkeypatch.setattr(rehearsal_copy, "choose", lambda *_: {"name": "sale", "migrations": had})
    return rehearsal_copy.fresh(None, "latest", "backups/", "shop", SimpleNamespace(applied=list(applied)))


def test_one_with_the_migrations_of_production_may(monkeypatch: pytest.MonkeyPatch) -> None:
    assert fresh(monkeypatch, {"count": 2, "last": "b"}, "a", "b")["name"] == "sale"
    assert fresh(monkeypatch, None)["name"] == "sale", "nothing was ever migrated"


@pytest.mark.parametrize("had", [{"count": 1, "last": "a"}, {"count": 2, "last": "x"}, None])
def test_one_of_another_schema_may_not(monkeypatch: pytest.MonkeyPatch, had: dict[str, Any] | None) -> None:
    with pytest.raises(ConfigError, match=r"production has 2, the last one b: .* Make a new backup") as refused:
        fresh(monkeypatch, had, "a", "b")
    assert refused.value.details["code"] == "scratch_differs"
