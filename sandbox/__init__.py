# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The embedded default: real servers, a double of the vendors' APIs and an example shop, on 127.0.0.1."""

from __future__ import annotations
