# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The checklist: a row for each check. Its file has OPTIONS, ``ask(context, options)``, and ``missing`` and ``wrong`` where it needs them."""

from __future__ import annotations

from . import (  # fmt: skip
    deploy_window,
)
from .check import GATE, row

CHECKS = (row("C19", deploy_window, "The deploy window is open", GATE, yields=True),)
