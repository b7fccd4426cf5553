# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Evidence of a release as an in-toto statement: its subject is the commit, its predicate the test-result
that others read, with every answer beside it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from ..core.json_text import loads
from ..store.documents import misfit, time_with_zone
from .answer import ATTESTED, FAILED, OUTCOMES, PASSED, UNASKED, WAIVED

STATEMENT = "https://in-toto.io/Statement/v1"
PREDICATE = "https://in-toto.io/attestation/test-result/v0.1"
RESULTS = {"go": "PASSED", "no_go": "FAILED", "inconclusive": "FAILED"}
ANSWER = {
    **dict.fromkeys(("id", "name", "title", "asked", "answered"), str),
    "outcome": lambda word: word in OUTCOMES,
    "at": time_with_zone,
    "stops": bool,
}
SHAPE = {
    "_type": lambda word: word == STATEMENT,
    "predicateType": lambda word: word == PREDICATE,
    "subject": [{"name": str, "digest": {"gitCommit": str}}],
    "predicate": {
        "result": str,
        "storefront": str,
        "release": str,
        "point": str,
        "verdict": lambda word: word in RESULTS,
        "at": time_with_zone,
        "answers": [ANSWER],
        "started_by?": (str, None),
    },
}


def make(
    *,
    storefront: str,
    release: str,
    commit: str,
    point: str,
    verdict: str,
    at: str,
    started_by: str,
    answers: Sequence[Mapping[str, Any]],
) -> bytes:
    """Return the statement as canonical JSON."""
    warned = [
        one["id"]
        for one in answers
        if one["outcome"] in (WAIVED, ATTESTED) or (one["outcome"] in (FAILED, UNASKED) and not one["stops"])
    ]
    result = "WARNED" if verdict == "go" and warned else RESULTS[verdict]
    predicate = {
        **{"result": result, "configuration": [{"name": "storefront.runbook.preflight_checks"}]},
        **{"passedTests": [one["id"] for one in answers if one["outcome"] == PASSED], "warnedTests": warned},
        **{
            "failedTests": [one["id"] for one in answers if one["stops"]],
            "storefront": storefront,
            "release": release,
            "point": point,
        },
        **{"verdict": verdict, "at": at, "started_by": started_by or None, "answers": [dict(one) for one in answers]},
    }
    subject = [{"name": f"{storefront}@{release}", "digest": {"gitCommit": commit}}]
    body = {"_type": STATEMENT, "subject": subject, "predicateType": PREDICATE, "predicate": predicate}
    return json.dumps(body, sort_keys=True, separators=(",", ":")).encode()


def read(payload: bytes) -> dict[str, Any]:
    """Return a statement. Raises ValueError with what is wrong with it."""
    try:
        body = loads(payload)
    except ValueError:
        raise ValueError("it is not JSON") from None
    wrong = misfit(body, SHAPE)
    if wrong or not body["subject"]:
        raise ValueError(wrong or "it has no subject")
    foreign = [
        one["id"] for one in body["predicate"]["answers"] if (one.get("commit") or commit_of(body)) != commit_of(body)
    ]
    if foreign:
        raise ValueError(f"its answers to {', '.join(foreign)} are for another commit")
    return body


def commit_of(statement: Mapping[str, Any]) -> str:
    return str(statement["subject"][0]["digest"]["gitCommit"])
