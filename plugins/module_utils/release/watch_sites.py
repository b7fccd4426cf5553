# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""At which addresses a watch finds the new release and the old one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def sites(public: Mapping[str, str], released: Mapping[str, Any], before: Mapping[str, Any]) -> list[dict[str, str]]:
    """Return the sites to compare. ``public`` are their public URLs by name, ``released`` and ``before`` the deployment
    of each unit after the release and before it.

    Where a platform serves every deployment at a URL of its own, as Vercel does, both releases are asked there: the
    old one would not have the edge's cache before it otherwise.
    """
    found = []
    for name, url in public.items():
        if not url:
            continue
        new, old = _own_url(released, name), _own_url(before, name)
        beside = bool(new and old and new != old)
        found.append({"name": name, "url": new if beside else url, "old_url": old if beside else ""})
    return found


def release_of(units: Mapping[str, Any]) -> str:
    """Return the release of the units, that of the frontend where they differ; empty where none is known."""
    releases = [(units.get("frontend") or {}).get("release"), *(unit.get("release") for unit in units.values() if unit)]
    return next((str(release) for release in releases if release), "")


def last_release(records: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return what watch.yml watches: {release, units, before} of the newest record, if that is of a good deploy. Empty
    where the last run put something back, and where the ledger is empty.
    """
    newest = records[0] if records else {}
    if newest.get("kind") != "deploy" or newest.get("outcome") != "released":
        return {}
    return {"release": newest["release"], "units": newest.get("units") or {}, "before": newest.get("snapshot") or {}}


def _own_url(units: Mapping[str, Any], name: str) -> str:
    unit = units.get(name) or {}
    return str(unit.get("url") or "") if name == "frontend" and unit.get("id") else ""
