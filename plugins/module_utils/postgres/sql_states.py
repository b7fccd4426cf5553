# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What to do about an error of PostgreSQL, by its SQLSTATE and by what a restore prints of it."""

from __future__ import annotations

import re

# By the whole SQLSTATE or its class, the first two characters. From PostgreSQL's documentation, appendix A.
ADVICE = {
    "42501": "Grant the user in the URL the right that is named.",
    "28": "Check the user in the URL and how the server lets it in (pg_hba.conf).",
    "53100": "Make room on the disk of the server.",
    "53200": (
        "The server has no memory left for it: raise max_locks_per_transaction if its message is about locks,"
        " otherwise give it more memory or lower work_mem."
    ),
    "53300": "End sessions of the server, or raise its max_connections.",
    "53400": "Raise the limit of the server that is named.",
    "54": "It exceeds a limit of PostgreSQL itself: make what is named smaller.",
    "55P03": "Another session holds a lock on it: wait for that one or end it, then run the play again.",
    "55006": "A session uses it: end that session, then run the play again.",
    "57014": (
        "A time limit of the server or an administrator ended it: raise statement_timeout, or ask who cancelled it."
    ),
    "57": "The server ended the session or is stopping: wait until it is up, then run the play again.",
    "40": "It conflicted with another transaction: run the play again.",
    "42883": "The server lacks a function: it is older than this needs, or an extension is not installed.",
    "42P01": (
        "A relation is missing: run the play again where a migration runs at this time, else check which database the"
        " URL names."
    ),
    "25006": "The server or the session is read-only: give the URL of the primary.",
    "08": "The connection was lost: check the network and the server's log, then run the play again.",
    "58": "The server reported an error of its operating system: read its log before anything else.",
    "XX": "It is an internal error or damaged data: read the server's log before anything else.",
}
OTHERWISE = "Read the server's log."
# A dump is restored with an empty search_path, so a function finds by its bare name only what is in pg_catalog.
MISSING = re.compile(
    r'(?:relation|function|type|operator) .+ does not exist|(?:relation|function|type) ".+" does not exist'
)
WITHIN = re.compile(r"(?:PL/pgSQL|SQL) function (.+?)(?: line \d+| statement \d+| during \w+)")


def advice(state: str | None) -> str:
    """Return what to do about a SQLSTATE."""
    return ADVICE.get(state or "") or ADVICE.get((state or "")[:2]) or OTHERWISE


def restore_advice(words: str) -> str | None:
    """Return what to do about the words with which a restore failed, None where they say all."""
    within = WITHIN.search(words)
    if MISSING.search(words) and within:
        name = re.sub(r"\(.*", "", within[1])
        return (
            f"The function {name} names something without its schema, and a restore has an empty search_path. In the"
            f" live database: ALTER FUNCTION {within[1]} SET search_path = public (or the schemas that it uses), then"
            " make another backup."
        )
    return None
