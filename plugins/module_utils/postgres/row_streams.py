# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Streams of (key, content) from two databases, compared without holding either of them."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import suppress
from typing import Any

with suppress(ImportError):  # postgres.py reports it
    from psycopg2 import sql

from .connection import query

BATCH = 20000  # rows of 128 bytes


def fetched(connection: Any, statement: Any) -> Generator[Any, None, None]:
    """Give the rows of a statement without holding them all."""
    query(connection, sql.SQL("DECLARE compared CURSOR WITH HOLD FOR {}").format(statement))
    try:
        while rows := query(connection, f"FETCH {BATCH} FROM compared"):
            yield from rows
    finally:
        query(connection, "CLOSE compared")


def count(left: Iterator[tuple[str, str]], right: Iterator[tuple[str, str]]) -> dict[str, int]:
    """Count what differs between two streams of (key, content) in the same order."""
    counted = {"inserted": 0, "updated": 0, "deleted": 0}
    here, there = next(left, None), next(right, None)
    while here or there:
        if there is None or (here and here[0] < there[0]):
            counted["inserted"] += 1
            here = next(left, None)
        elif here is None or there[0] < here[0]:
            counted["deleted"] += 1
            there = next(right, None)
        else:
            counted["updated"] += here[1] != there[1]
            here, there = next(left, None), next(right, None)
    return counted
