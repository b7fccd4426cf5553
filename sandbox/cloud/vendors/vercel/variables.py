# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The variables of a project at Vercel: one name may have several values, each for environments of its own."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from ...state import Site, identifier, now

if TYPE_CHECKING:
    from ...vendor import Vendor

FIELDS = ("key", "value", "target", "type", "comment", "customEnvironmentIds")
HIDDEN = ("sensitive", "secret")


class Variables:
    def __init__(self, vendor: Vendor) -> None:
        self.vendor = vendor

    def listing(self, site: Site, decrypted: bool) -> dict[str, Any]:
        shown = [self.shown(item, decrypted) for item in site.variables]
        return {"envs": shown, "pagination": {"count": len(shown), "next": None, "prev": None}}

    def shown(self, item: dict[str, Any], decrypted: bool) -> dict[str, Any]:
        """Return a variable as the API shows it: plain ones always with their value, sensitive ones never."""
        if item["type"] in HIDDEN:
            return {**item, "value": "", "decrypted": False}
        if item["type"] == "encrypted" and not decrypted:
            return {**item, "value": hashlib.sha256(item["value"].encode()).hexdigest(), "decrypted": False}
        return {**item, "decrypted": True}

    def create(self, site: Site, wanted: dict[str, Any], upsert: bool) -> dict[str, Any]:
        """Add a variable, with ``upsert`` in place of those of its name and places. Raises a Refusal, KeyError."""
        item = {name: wanted[name] for name in ("key", "value", "type")}
        item |= {name: wanted[name] for name in ("target", "comment", "customEnvironmentIds") if name in wanted}
        if not self._where(item):
            raise KeyError("target")
        if upsert:
            site.variables = [other for other in site.variables if not self._collide(item, other)]
        self._check(site, item)
        stamps = {"createdAt": now(), "updatedAt": now(), "configurationId": None, "createdBy": None, "updatedBy": None}
        site.variables.append({"id": identifier("env_"), "target": [], **item, **stamps})
        return self.shown(site.variables[-1], decrypted=False)

    def update(self, site: Site, item: dict[str, Any], wanted: dict[str, Any]) -> dict[str, Any]:
        changed = {**item, **{name: value for name, value in wanted.items() if name in FIELDS}, "updatedAt": now()}
        if item["type"] in HIDDEN and changed["type"] not in HIDDEN:
            raise self.vendor.refusal(
                400, "bad_request", "You cannot change the type of a Sensitive Environment Variable."
            )
        self._check(site, changed)
        item.update(changed)
        return self.shown(item, decrypted=False)

    def _check(self, site: Site, item: dict[str, Any]) -> None:
        if item["type"] == "sensitive" and "development" in item.get("target", []):
            raise self.vendor.refusal(
                400, "bad_request", "You cannot set a Sensitive Environment Variable's target to development."
            )
        if any(self._collide(item, other) for other in site.variables):
            raise self.vendor.refusal(
                400, "ENV_CONFLICT", f"A variable with the name `{item['key']}` already exists for the target"
            )

    def _collide(self, item: dict[str, Any], other: dict[str, Any]) -> bool:
        return (
            item["key"] == other["key"]
            and item.get("id") != other["id"]
            and bool(self._where(item) & self._where(other))
        )

    def _where(self, item: dict[str, Any]) -> set[str]:
        return {*item.get("target", []), *item.get("customEnvironmentIds", [])}
