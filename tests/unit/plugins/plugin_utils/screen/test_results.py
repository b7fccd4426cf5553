# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the screen says of a result."""

from __future__ import annotations

from ansible_collections.storefront.runbook.plugins.plugin_utils.screen.event import Event
from ansible_collections.storefront.runbook.plugins.plugin_utils.screen.results import words


def test_a_watch_is_one_line_with_its_verdict_and_its_numbers():
    rows = [
        {"what": "frontend", "measure": "errors", "against": "at the same time", "new": "0 of 120", "old": "0 of 118"},
        {"what": "frontend home", "measure": "latency", "against": "at the same time", "new": "9 ms", "old": "8 ms"},
    ]
    result = {"verdict": "good", "seconds": 600.0, "comparisons": rows}
    text = words(Event("ok", "storefront.runbook.watch_release", result), False)
    assert text == "good after 10 min, compared at the same time: frontend 0 of 120 failed, old 0 of 118"
    mixed = [*rows, {**rows[0], "what": "backend", "against": "with the time before"}]
    text = words(Event("ok", "storefront.runbook.watch_release", {**result, "comparisons": mixed}), False)
    assert text.startswith("good after 10 min: frontend")


def test_the_measurement_of_the_old_release_is_its_first_line():
    result = {"summary": "The old release was measured for 2 min: api 0 of 24 failed.\nmore"}
    text = words(Event("ok", "storefront.runbook.watch_release", result), False)
    assert text == "The old release was measured for 2 min: api 0 of 24 failed."
