# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""restore/definition.py on archives of pg_dump: the table of contents and the script say the same, and
neither is held as a whole.
"""

from __future__ import annotations

import subprocess
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.backup.archive import Archive
from ansible_collections.storefront.runbook.plugins.module_utils.core.wait import nothing
from ansible_collections.storefront.runbook.plugins.module_utils.postgres.programs import find_tool
from ansible_collections.storefront.runbook.plugins.module_utils.restore import definition

from sandbox.storefront import Sandbox
from tests.integration.restored_shop import FILL, OTHER_ROLE, Shop

LARGE = 100_000  # bytes of a function
MANY = 300  # of them, so 30 MB
FUNCTIONS = f"""
DO $$ BEGIN FOR n IN 1..{MANY} LOOP
    EXECUTE format('CREATE FUNCTION f%s() RETURNS int LANGUAGE plpgsql AS %L', n, 'BEGIN RETURN 1; /* ' || repeat('x', {LARGE}) || ' */ END');
END LOOP; END $$;
CREATE TABLE parent (id int PRIMARY KEY); CREATE TABLE child (parent int REFERENCES parent);
"""  # noqa: E501


@pytest.fixture
def shop(sandbox: Sandbox, tmp_path: Path) -> Iterator[Shop]:
    shop = Shop(sandbox, "test-definition", tmp_path / "store")
    yield shop
    shop.drop()


@pytest.fixture
def dumped(shop: Shop, tmp_path: Path) -> Callable[..., Archive]:
    def dump(form: str = "custom") -> Archive:
        path = tmp_path / form
        subprocess.run(
            [f"{shop.bin}/pg_dump", f"--format={form}", f"--file={path}", shop.url_of(shop.name)], check=True
        )
        return Archive({"name": "sale"}, str(path))

    return dump


@pytest.fixture
def unknown(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Makes the shape of each archive one that is not known."""
    return lambda: monkeypatch.setattr(Archive, "contents", None)


def read(archive: Archive, shop: Shop) -> tuple[Any, bool]:
    tool = find_tool("pg_restore", 15, shop.bin)
    return definition.needs(archive, tool, nothing), definition.sorts_fast(
        definition.statements(archive, tool, nothing)
    )


@pytest.mark.parametrize("form", ["custom", "directory"])
@pytest.mark.parametrize("fast", [True, False])
def test_the_script_needs_what_the_table_of_contents_needs(
    shop: Shop, dumped: Callable[..., Archive], unknown: Callable[[], None], form: str, *, fast: bool
) -> None:
    shop.fill(FILL)
    if fast:
        shop.database.sql("DROP MATERIALIZED VIEW sold")
    archive = dumped(form)
    needs, sorted_fast = read(archive, shop)
    assert (needs.extensions, needs.owners, OTHER_ROLE in needs.others, sorted_fast) == (
        {"pg_trgm"},
        {"shop"},
        True,
        fast,
    )
    assert len(archive.contents.items) == len(list(archive.contents.items)) > 20
    unknown()
    assert read(archive, shop) == (needs, sorted_fast)


@pytest.mark.parametrize("known", [True, False])
def test_a_definition_of_thirty_megabytes_is_not_held_in_memory(
    shop: Shop, dumped: Callable[..., Archive], unknown: Callable[[], None], *, known: bool
) -> None:
    shop.database.sql(FUNCTIONS)
    archive = dumped()
    if not known:
        unknown()
    tracemalloc.start()
    try:
        assert read(archive, shop)[1] is True
        _now, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 20 * LARGE
