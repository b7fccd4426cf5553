# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Durations, sizes, counts and times on the screen: written as on the pages that modules make."""

from __future__ import annotations

from ...module_utils.core.amounts import age, clock, date, duration, local_times, moment, number, size, whole

__all__ = ["age", "clock", "date", "duration", "local_times", "moment", "number", "size", "whole"]
