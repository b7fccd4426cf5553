# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Open the store from a module's options. The libraries for S3 are imported only when a bucket is used."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cached_property
from typing import Any, cast
from urllib.parse import unquote, urlsplit

from ..core.errors import ConfigError
from ..core.urls import refuse_credentials, refuse_plain_http
from .base import Permit, Store


def preload() -> None:
    """Load the libraries for S3 once for all modules: see plugins/callback/preload.py."""
    from . import s3 as store_s3

    store_s3.preload()


def open_store(params: Mapping[str, Any], before_write: Permit | None = None) -> Store:
    """Return the store from a module's ``store*`` options, without contacting it. Raises ConfigError.

    It is read-only unless ``before_write`` permits writes and limits their time: ``Runtime.permit`` of the module.
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
            "The address in store has more than a bucket and a prefix. Set credentials with store_access_key and"
            " store_secret_key, and the endpoint with store_endpoint_url.",
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
                f"The store {address} is a folder on this machine, so another controller would not see its lease. "
                "Use s3://bucket/prefix, or set store_is_shared: true if every controller shares this folder.",
                code="store_not_shared",
            )
        from .folder import FolderStore

        return FolderStore(unquote(parts.path), before_write=before_write)
    raise _bad_address()


ENDPOINTS = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")  # botocore's variables, in its order


def _refuse_unsafe_endpoint(params: Mapping[str, Any]) -> None:
    found = {
        "store_endpoint_url": params.get("store_endpoint_url"),
        **{name: os.environ.get(name) for name in ENDPOINTS},
    }
    option, endpoint = next(((option, address) for option, address in found.items() if address), ("", ""))
    refuse_credentials(endpoint, option, "Set credentials with store_access_key and store_secret_key.")
    refuse_plain_http(endpoint, option, "the stored data and the signed requests", bool(params.get("allow_plain_http")))


def open_later(params: Mapping[str, Any], before_write: Permit | None = None) -> Store:
    """Like ``open_store``, but open a bucket only at its first use, since opening it takes longer than the
    rest of a task that changes nothing.
    """
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
    return ConfigError(
        "The address in store is neither s3://bucket/prefix nor file:///path. Correct store.", code="bad_store"
    )
