# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The checklist: a row for each check. Its file has OPTIONS, ``ask(context, options)``, and ``missing`` and ``wrong`` where it needs them."""

from __future__ import annotations

from . import (  # fmt: skip
    ci,
    deploy_window,
    named_tests,
    review,
)
from .check import GATE, row

CHECKS = (
    row("C1", ci, "CI passed on the commit", GATE, system="github"),
    row("C2", review, "Somebody else approved the change", GATE, system="github", yields=True),
    row("C12", named_tests, "The tests passed on the commit", GATE, system="github", yields=True),
    row("C19", deploy_window, "The deploy window is open", GATE, yields=True),
)
