# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Time for the table of faults: what is slept between two tries passes at once, and what a vendor takes is waited for as ever."""

from __future__ import annotations

import time
from types import SimpleNamespace

import botocore.endpoint
import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.core import wait
from ansible_collections.storefront.runbook.plugins.module_utils.core.http import ApiClient
from ansible_collections.storefront.runbook.plugins.module_utils.platforms import railway, render, slack

MOMENT = 0.002  # seconds


class Hurry:
    """A clock that is put forward by what was not slept, so that deadlines are reached without waiting for them."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        return time.monotonic() + self.ahead

    def sleep(self, seconds: float) -> None:
        slept = min(seconds, MOMENT)
        time.sleep(slept)
        self.ahead += seconds - slept


def hurry(patch: pytest.MonkeyPatch) -> None:
    """Let clients try again at once; the double shows at once what it made, so looks for it are short."""
    clock = Hurry()
    assert {"sleep", "clock"} <= set(ApiClient.__init__.__kwdefaults__)
    patch.setattr(ApiClient.__init__, "__kwdefaults__", {**ApiClient.__init__.__kwdefaults__, "sleep": clock.sleep, "clock": clock})
    patch.setattr(slack.Slack.__init__, "__kwdefaults__", {**slack.Slack.__init__.__kwdefaults__, "sleep": clock.sleep})
    brief = tuple((lambda seconds: time.sleep(min(seconds, 0.02))) if value is time.sleep else value for value in wait.Waiter.__init__.__defaults__)
    patch.setattr(wait.Waiter.__init__, "__defaults__", brief)
    patch.setattr(botocore.endpoint, "time", SimpleNamespace(sleep=clock.sleep))
    for platform in (railway, render):
        patch.setattr(platform, "LOOK", 0.05)
    patch.setattr(render, "QUEUED", 0.3)
