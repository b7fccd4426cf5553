# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A vendor whose reads miss the write before them, or that has unknown states: a release goes out anyway."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest

from sandbox.storefront import Sandbox
from tests.integration.small_site import Site

_releases = itertools.count(1)


@pytest.fixture(scope="module")
def site(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    site = Site(sandbox, "test-drift", tmp_path_factory.mktemp("site"))
    site.release("v1.0.0")
    yield site
    site.close()


@pytest.mark.parametrize(
    ("kind", "operation"),
    [
        ("stale_read", "project"),
        ("stale_read", "promote_aliases"),
        ("stale_read", "list"),
        ("unknown_state", "project"),
        ("unknown_state", "promote_aliases"),
        ("unknown_state", "get"),
    ],
)
def test_a_release_is_live_when_the_module_says_so(site: Site, kind: str, operation: str) -> None:
    release = f"v1.0.{next(_releases)}"
    site.fault("vercel", operation, kind, times=2)
    site.release(release)
    assert min(fault["times"] for fault in site.sandbox.cloud("GET", "/faults")) < 2  # it has happened
    site.sandbox.cloud("DELETE", "/faults")
    site.purge(everything=True)
    assert site.page()[0] == release
