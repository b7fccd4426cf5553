# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One double for all tests of this folder; a storefront of its own for each."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.sandbox.cloud.double import Double, Shop

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="session")
def double(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> Iterator[Double]:
    running = Double(tmp_path_factory.mktemp("double"), cache)
    yield running
    running.close()


@pytest.fixture
def shop(double: Double) -> Iterator[Shop]:
    name = f"shop-{next(_numbers)}"
    double.tell("POST", "/delays", {"vercel": 0.01, "railway": 0.01, "promotion": 0.01})
    # the same for all: their builds are cached
    yield double.storefront(name, NEXT_PUBLIC_API_URL="https://api.shop.example")
    double.tell("DELETE", "/faults")
    double.tell("DELETE", "/delays")
    double.tell("DELETE", f"/storefronts/{name}")
