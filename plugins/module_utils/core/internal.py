# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Unforeseen errors: what can be reported about one without revealing a secret."""

from __future__ import annotations

from types import TracebackType

from .errors import InternalError

# begins the path of each of our files, wherever the collection is installed
OURS = __file__.rpartition("module_utils")[0]
ISSUES = "https://github.com/storefront-runbook/storefront.runbook/issues"


def internal(error: BaseException) -> InternalError:
    """Return the error to fail with. It names the type and the place of ``error``, not its text, which may
    hold anything.
    """
    what, where = type(error).__name__, place_of(error.__traceback__)
    return InternalError(
        f"This collection failed unexpectedly: {what} at {where}. Your settings are probably not the cause. Nothing"
        " more was done; run it again, and if it happens again, report this line, the name of the task and the"
        f" versions of storefront.runbook and ansible-core at {ISSUES}.",
        code=what,
        place=where,
        retryable=False,
    )


def place_of(traceback: TracebackType | None) -> str:
    """Return file and line where our own code was last."""
    place = "an unknown place"
    while traceback:
        path = traceback.tb_frame.f_code.co_filename
        if path.startswith(OURS):
            place = f"plugins/{path.removeprefix(OURS)}:{traceback.tb_lineno}"
        traceback = traceback.tb_next
    return place
