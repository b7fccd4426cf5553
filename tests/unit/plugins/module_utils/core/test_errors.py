# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""core/errors.py: each error has a word of its own and its place in the tree that is drawn."""

from __future__ import annotations

import re

from ansible_collections.storefront.runbook.plugins.module_utils.core import errors
from ansible_collections.storefront.runbook.plugins.module_utils.core.errors import ApiError, RunbookError


def test_the_drawn_tree_has_every_error() -> None:
    drawn = re.findall(r"^[├└]── (\w+)", errors.__doc__ or "", re.MULTILINE)
    assert drawn == [
        kind.__name__
        for kind in vars(errors).values()
        if isinstance(kind, type) and kind in RunbookError.__subclasses__()
    ]


def test_each_has_a_word_of_its_own() -> None:
    words = [
        RunbookError.kind,
        *(kind.kind for kind in RunbookError.__subclasses__() if kind.__module__ == errors.__name__),
    ]
    assert sorted(set(words)) == sorted(words)


def test_details_report_what_is_known_and_nothing_else() -> None:
    error = ApiError("Vercel refused it.", code="forbidden", status=403, request_id=None)
    assert error.details == {"kind": "api", "message": "Vercel refused it.", "code": "forbidden", "status": 403}
    assert (str(error), error.code, error.status, error.result) == ("Vercel refused it.", "forbidden", 403, {})


def test_what_else_is_to_be_done_is_in_the_message_and_in_the_details():
    error = ApiError("Vercel answered with 500.", status=500)
    error.advise("Run it again.")
    assert str(error) == error.details["message"] == "Vercel answered with 500. Run it again."
