# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The bounds of an option that is a number. A float may also be no number at all (nan), which no bound includes."""

from __future__ import annotations

from .errors import ConfigError


def refuse_outside(option: str, value: float, least: float, most: float, unit: str = "") -> None:
    """Raise ConfigError for a number below ``least`` or above ``most``."""
    if not least <= value <= most:
        raise _refusal(option, value, f"{_shown(least)} to {_shown(most)}{unit and f' {unit}'}")


def refuse_time_limit(option: str, value: float, most: float) -> None:
    """Raise ConfigError for a limit of seconds that is not a time, or longer than ``most``."""
    if not 0 < value <= most:
        raise _refusal(option, value, f"more than 0 and at most {_shown(most)} seconds")


def _refusal(option: str, value: float, right: str) -> ConfigError:
    return ConfigError(f"{option} is {_shown(value)}. Set it to {right}.", code="out_of_range")


def _shown(value: float) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
