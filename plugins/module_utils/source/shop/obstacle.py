# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the sandbox cannot run although the platform can. The project is written anyway."""

from __future__ import annotations

from dataclasses import dataclass

from ...core.errors import ConfigError


@dataclass(frozen=True)
class Obstacle:
    """``cause`` is a sentence without its full stop that begins with ``file``; ``remedy`` is what the sandbox needs."""

    file: str
    cause: str
    remedy: str
    code: str

    def refusal(self) -> ConfigError:
        return ConfigError(f"{self.cause}. {self.remedy}", code=self.code, file=self.file)
