# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where backups, the lease and the ledger live: small objects that are written on a condition, in S3 or in a folder."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any, Protocol, cast
from urllib.parse import unquote, urlsplit

from ..core.errors import ConfigError, RunbookError
from ..core.urls import refuse_credentials, refuse_plain_http


class Conflict(RunbookError):
    """The condition of a write did not hold: somebody else wrote first. A write whose answer was lost and that is tried again ends like this too."""

    kind = "conflict"


Permit = Callable[[float], float]


def unguarded(seconds: float) -> float:
    """Stand for ``Lease.before_write`` where no lease guards a write.

    That is so for the lease itself, for the probe that proves that a store can keep one, and for a record that its own run takes back.
    """
    return seconds


class Guarded:
    """What the stores share: every write first asks ``before_write``, which is the lease's; without it the store only reads."""

    def __init__(self, before_write: Permit | None) -> None:
        self._before_write = before_write

    def describe(self) -> str:
        raise NotImplementedError

    def permit(self, seconds: float) -> float:
        """Ask for a write that may take ``seconds``; return the seconds that it may take. Raises LeaseLost."""
        if not self._before_write:
            raise RunbookError(
                f"{self.describe()} was opened for reading only, so nothing was written to it. This is a fault of the collection: please report it.",
                code="read_only",
            )
        return self._before_write(seconds)


@dataclass(frozen=True)
class Entry:
    """An object of the store: ``size`` in bytes, ``modified`` in UTC."""

    key: str
    size: int
    modified: datetime


class Store(Protocol):
    """Keys are relative to the store's prefix, with slashes. An etag names one content of one object. Each write asks the lease first: see Guarded."""

    def describe(self) -> str:
        """Return the store's address as an operator would write it, without any secret."""

    def get(self, key: str) -> tuple[bytes, str] | None:
        """Return an object's (content, etag), None when there is none."""

    def put_if_absent(self, key: str, data: bytes) -> str:
        """Write a new object and return its etag. Raises Conflict when there is one."""

    def put_if_match(self, key: str, data: bytes, etag: str) -> str:
        """Replace the object that still has this etag and return the new one. Raises Conflict when it has another, or is gone."""

    def list(self, prefix: str = "") -> list[Entry]:
        """Return the objects whose key begins with ``prefix``, sorted by key."""

    def delete(self, key: str) -> None:
        """Remove an object; one that is not there is no error."""

    def time(self) -> float | None:
        """Return the store's own time in seconds since 1970, going by its last answer; None where it does not tell."""

    def close(self) -> None:
        """Let go of connections."""


def preload() -> None:
    """Prepare for a bucket once for all modules: see plugins/callback/preload.py."""
    from . import s3 as store_s3

    store_s3.preload()


def open_store(params: Mapping[str, Any], before_write: Permit | None = None) -> Store:
    """Return the store that a module's ``store*`` options name; nothing is asked of it yet. Raises ConfigError.

    It only reads, unless ``before_write`` says whether, and for how long, a write may be under way: ``Runtime.permit`` of the module.

    A writer of large objects streams by itself: an ``S3Store`` has ``client``, ``bucket`` and ``key(name)``, a ``FolderStore`` has ``path(name)``, and
    both have ``named_errors(verb)`` to do it in.
    """
    address = params.get("store")
    if not address:
        raise ConfigError("No store is named. Set store to s3://bucket/prefix.", code="no_store")
    try:
        parts = urlsplit(address)
    except ValueError:
        raise _bad_address() from None
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ConfigError(
            "The address in store holds more than a bucket and a prefix. Give credentials as store_access_key and store_secret_key, "
            "an endpoint as store_endpoint_url.",
            code="bad_store",
        )
    if parts.scheme == "s3" and parts.netloc:
        _refuse_unsafe_endpoint(params)
        from .s3 import S3Store

        return S3Store(
            parts.netloc,
            parts.path.strip("/"),
            endpoint_url=params.get("store_endpoint_url"),
            access_key=params.get("store_access_key"),
            secret_key=params.get("store_secret_key"),
            region=params.get("store_region"),
            before_write=before_write,
        )
    if parts.scheme == "file" and not parts.netloc and parts.path.strip("/"):
        if not params.get("store_is_shared"):
            raise ConfigError(
                f"The store {address} is a folder of this machine, so another controller would not see its lease. "
                "Use s3://bucket/prefix, or set store_is_shared: true if every controller sees this very folder.",
                code="store_not_shared",
            )
        from .folder import FolderStore

        return FolderStore(unquote(parts.path), before_write=before_write)
    raise _bad_address()


ENDPOINTS = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")  # botocore's variables, in its order


def _refuse_unsafe_endpoint(params: Mapping[str, Any]) -> None:
    found = {"store_endpoint_url": params.get("store_endpoint_url"), **{name: os.environ.get(name) for name in ENDPOINTS}}
    option, endpoint = next(((option, address) for option, address in found.items() if address), ("", ""))
    refuse_credentials(endpoint, option, "Credentials are store_access_key and store_secret_key.")
    refuse_plain_http(endpoint, option, "what is stored, signed with its credentials,", bool(params.get("allow_plain_http")))


def open_later(params: Mapping[str, Any], before_write: Permit | None = None) -> Store:
    """Return what ``open_store`` does, but open a bucket only once it is asked: that takes longer than all else in a task that has nothing to change."""
    if not str(params.get("store")).startswith("s3://"):
        return open_store(params, before_write)
    _refuse_unsafe_endpoint(params)
    return cast(Store, _Later(params, before_write))


class _Later:
    def __init__(self, params: Mapping[str, Any], before_write: Permit | None) -> None:
        self._params, self._before_write = params, before_write

    @cached_property
    def _store(self) -> Store:
        return open_store(self._params, self._before_write)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


def _bad_address() -> ConfigError:
    return ConfigError("The address in store is neither s3://bucket/prefix nor file:///path. Correct store.", code="bad_store")


def prove_conditional_writes(store: Store) -> None:
    """Prove with a probe object, removed again, that the store refuses a write whose condition does not hold. Raises ConfigError.

    Without this two deploys could both believe that they hold the lease: many S3 services take such a write and ignore its condition.
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
            f"{store.describe()} is a store without conditional writes: it took a write that it had to refuse, so it cannot keep a lease. "
            "Set store to a service that honours If-None-Match and If-Match, such as AWS S3, Cloudflare R2 or MinIO.",
            code="no_conditional_writes",
        )


def _probe(store: Store, key: str) -> str:
    try:
        return store.put_if_absent(key, b"1")
    except Conflict:  # nobody else knows the key: it is written by a try whose answer was lost
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
