# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The example shop's page, as it was deployed, in Lighthouse."""

from __future__ import annotations

from ansible_collections.storefront.runbook.plugins.modules import lighthouse_audit

from tests import browsers
from tests.unit.support import run_module


def test_the_example_shop_scores_above_90(shop, tmp_path):
    # On a busy machine the score of performance varies, so it is given room here.
    thresholds = {"performance": 50, "accessibility": 90, "best-practices": 90, "seo": 90}
    result = run_module(
        lighthouse_audit,
        {
            "url": shop.at["frontend_url"],
            "thresholds": thresholds,
            "runs": 1,
            "reports": str(tmp_path),
            "browser": str(browsers.browser()),
            "lighthouse": str(browsers.lighthouse()),
            "browser_arguments": ["--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1"],
        },
    )
    assert result["answers"][0]["outcome"] == "passed", result
