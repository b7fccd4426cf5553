# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""migrations/pending.py: pending migrations as they are shown."""

from __future__ import annotations

from ansible_collections.storefront.runbook.plugins.module_utils.migrations.migration import Migration
from ansible_collections.storefront.runbook.plugins.module_utils.migrations.pending import (
    as_text,
    described,
    judge_pending,
)

BROKEN = Migration("1_broken", "SELEC 1;")
MIXED = Migration("2_mixed", "CREATE INDEX i ON item (a);\nDROP TABLE old;\n\n")


def test_the_diff_has_the_classes_the_findings_and_the_sql() -> None:
    pending = [BROKEN, MIXED]
    assert (
        as_text(described(pending, judge_pending(pending), "m"), pending)
        == """\
1_broken (contract, unknown)
-- line 1: PostgreSQL's parser cannot read it: syntax error at or near "SELEC" (unknown)
SELEC 1;
2_mixed (contract, destructive, long_lock)
-- line 1: builds an index on item, and nobody can write to it until it is done; CREATE INDEX CONCURRENTLY as a file's only statement lets them (long_lock)
-- line 2: drops the table old (destructive)
CREATE INDEX i ON item (a);
DROP TABLE old;
"""  # noqa: E501
    )


def test_a_finding_names_its_file() -> None:
    pending = [BROKEN, MIXED]
    _broken, mixed = described(pending, judge_pending(pending), "prisma/migrations")
    assert {reason["file"] for reason in mixed["reasons"]} == {"prisma/migrations/2_mixed/migration.sql"}


def test_the_applied_migrations_show_what_exists() -> None:
    applied = Migration("0_init", "CREATE TABLE item (a int);\nCREATE INDEX i ON item (a);\n")
    dropped = Migration("1_drop", "DROP INDEX i;")
    assert [judge_pending([dropped], earlier)[0].classes for earlier in ([applied], [])] == [["expand"], ["contract"]]
