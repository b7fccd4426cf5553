# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The browser and Lighthouse for tests: a test without them is skipped, and fails where CI asks for them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NoReturn

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.core.errors import ConfigError
from ansible_collections.storefront.runbook.plugins.module_utils.site import chromium

from conftest import ROOT

REQUIRED = "RUNBOOK_REQUIRE_CHROMIUM"  # .ci/run sets it
PROGRAMS = ROOT / ".cache" / "node" / "node_modules" / ".bin"


def browser() -> Path:
    try:
        return chromium.find()
    except ConfigError as error:
        _lacking(str(error))


def lighthouse() -> Path:
    if not (PROGRAMS / "lighthouse").exists():
        _lacking("There is no Lighthouse in .cache/node: run make setup.")
    return PROGRAMS / "lighthouse"


def _lacking(what: str) -> NoReturn:
    (pytest.fail if os.environ.get(REQUIRED) else pytest.skip)(what)
    raise AssertionError
