# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Time for the table of faults: what is slept between two tries passes at once, and what a vendor takes is waited for
as usual.
"""

from __future__ import annotations

import time
from types import SimpleNamespace

import botocore.endpoint
import botocore.session
import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.core import wait
from ansible_collections.storefront.runbook.plugins.module_utils.core.http import ApiClient
from ansible_collections.storefront.runbook.plugins.module_utils.platforms import slack
from ansible_collections.storefront.runbook.plugins.module_utils.platforms.railway import client as railway
from ansible_collections.storefront.runbook.plugins.module_utils.platforms.render import client as render

MOMENT = 0.002  # seconds that a client sleeps between two tries, whatever it would have slept
TURN = 0.01  # and the most that a wait sleeps between two checks
BRIEFLY = 9 * TURN  # seconds until what was just made must be reported, on a busy machine too


class Hurry:
    """A clock that is put forward by what was to be slept. ``began`` None is one that stands still
    otherwise: so many checks fit into a time, on any machine.
    """

    def __init__(self, most: float, began: float | None) -> None:
        self.most, self.began, self.ahead = most, began, 0.0

    def __call__(self) -> float:
        return self.ahead if self.began is None else time.monotonic() - self.began + self.ahead

    def sleep(self, seconds: float) -> None:
        slept = min(seconds, self.most)
        time.sleep(slept)
        # a sum of floats must not stand still just before its end
        self.ahead += max(seconds, MOMENT) - (slept if self.began is not None else 0)


def hurry(patch: pytest.MonkeyPatch) -> None:
    """Let clients try again at once; the double shows at once what it made, so checks for it are short."""
    tries, checks = Hurry(MOMENT, time.monotonic()), Hurry(TURN, None)
    assert {"sleep", "clock"} <= set(ApiClient.__init__.__kwdefaults__)
    patch.setattr(
        ApiClient.__init__,
        "__kwdefaults__",
        {**ApiClient.__init__.__kwdefaults__, "sleep": tries.sleep, "clock": tries},
    )
    patch.setattr(slack.Slack.__init__, "__kwdefaults__", {**slack.Slack.__init__.__kwdefaults__, "sleep": tries.sleep})
    instead = {time.sleep: checks.sleep, time.monotonic: checks}
    defaults = tuple(
        instead.get(value, value) if callable(value) else value for value in wait.Waiter.__init__.__defaults__
    )
    assert checks in defaults
    patch.setattr(wait.Waiter.__init__, "__defaults__", defaults)
    session = botocore.session.Session()  # to read the service's description once
    patch.setattr(botocore.session, "Session", lambda: session)
    patch.setattr(botocore.endpoint, "time", SimpleNamespace(sleep=tries.sleep))
    for platform in (railway, render):
        patch.setattr(platform, "LISTED_WITHIN", BRIEFLY)
    patch.setattr(render, "QUEUED", 3 * BRIEFLY)
