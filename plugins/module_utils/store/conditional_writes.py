# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Prove that a store honours conditional writes, which the lease depends on."""

from __future__ import annotations

import uuid
from typing import Any

from ..core.errors import ConfigError
from .base import Conflict, Store


def prove_conditional_writes(store: Store) -> None:
    """Prove with a temporary object that the store refuses a write whose condition does not hold. Raises ConfigError.

    Many S3 services accept such a write and ignore its condition. Then two deploys could both believe that they hold
    the lease.
    """
    key = f"probe/{uuid.uuid4()}"
    first = _probe(store, key)
    try:
        refused = [_refused(lambda: store.put_if_absent(key, b"2"))]
        if refused[0]:
            store.put_if_match(key, b"3", first)
            refused.append(_refused(lambda: store.put_if_match(key, b"4", first)))
    finally:
        store.delete(key)
    if not all(refused):
        raise ConfigError(
            f"{store.describe()} is a store without conditional writes: it accepted a write that it had to refuse, so"
            " it cannot hold a lease. Set store to a service that honours If-None-Match and If-Match, such as AWS S3,"
            " Cloudflare R2 or MinIO.",
            code="no_conditional_writes",
        )


def _probe(store: Store, key: str) -> str:
    try:
        return store.put_if_absent(key, b"1")
    except Conflict:  # the key is random, so an earlier try wrote it and its answer was lost
        found = store.get(key)
        if found is None:
            raise
        return found[1]


def _refused(write: Any) -> bool:
    try:
        write()
    except Conflict:
        return True
    return False
