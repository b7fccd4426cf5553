# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""migrations/compatibility.py: which statements take data away, and which nobody can judge."""

from __future__ import annotations

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.migrations.classify import BREAKING, classify

KINDS = {
    "destructive": [
        "DROP TABLE old",
        "DROP SCHEMA s",
        "DROP TYPE t CASCADE",
        "ALTER TABLE old DROP COLUMN a",
        "ALTER TABLE old ALTER a TYPE int",
        "ALTER TABLE old ALTER a TYPE text USING left(a, 3)",
        "TRUNCATE old",
        "DELETE FROM old",
        "UPDATE old SET a = 1",
    ],
    "contract": [
        "DROP INDEX i",
        "DROP VIEW v",
        "DROP TYPE t",
        "ALTER TABLE old ALTER a TYPE text",
        "ALTER TABLE old ALTER a SET NOT NULL",
        "ALTER TABLE old RENAME a TO b",
        "CREATE UNIQUE INDEX i ON old (a)",
        "ALTER TABLE old ADD a int NOT NULL",
    ],
    "unknown": [
        "DO $$ BEGIN END $$",
        "CALL p()",
        "SELECT wipe()",
        "ALTER TABLE old ENABLE ROW LEVEL SECURITY",
        "CREATE OR REPLACE VIEW v AS SELECT 1",
    ],
}


@pytest.mark.parametrize(("kind", "script"), [(kind, script) for kind, scripts in KINDS.items() for script in scripts])
def test_a_danger_is_of_the_kind(kind: str, script: str) -> None:
    (verdict,) = classify([script])
    assert [reason.kind for reason in verdict.reasons if reason.kind in BREAKING] == [kind]
