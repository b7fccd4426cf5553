# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Evidence in the store: a file for each statement, written once. Its key holds the digest of its bytes, so that a
changed byte shows even without a signature, and the ledger has the key, so that it cannot be replaced.

evidence/<release>/<time>-<point>-<sha256>.json
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from ..release import ledger_history
from ..release.checklist import STATEMENT
from ..store.base import Conflict, Store
from . import envelope, statement
from .answer import PASSED

PREFIX = "evidence/"
KEY = re.compile(r"evidence/[^/]+/\d{8}T\d{6}Z-[a-z]+-([0-9a-f]{64})\.json")


@dataclass(frozen=True)
class Evidence:
    """A statement of the store. ``problem`` says why it proves nothing; ``statement`` is empty where it
    cannot even be read.
    """

    key: str
    statement: Mapping[str, Any] = field(default_factory=dict)
    signed_by: Sequence[str] = ()
    problem: str = ""

    @property
    def predicate(self) -> Mapping[str, Any]:
        return self.statement["predicate"] if self.statement else {}


def key_of(data: bytes, release: str, point: str, at: str) -> str:
    return f"{_beginning(release, point, at)}{hashlib.sha256(data).hexdigest()}.json"


def _beginning(release: str, point: str, at: str) -> str:
    moment = datetime.fromisoformat(at).astimezone(UTC)
    return f"{PREFIX}{quote(release, safe='')}/{moment:%Y%m%dT%H%M%SZ}-{point}-"


def find(store: Store, payload: bytes, release: str, point: str, at: str) -> str | None:
    """Return the key of evidence with this payload, however it is signed; None when there is none."""
    for entry in store.list(_beginning(release, point, at)):
        found = store.get(entry.key)
        with suppress(ValueError):
            if found and envelope.unwrap(found[0])[0] == payload:
                return entry.key
    return None


def write(store: Store, key: str, data: bytes) -> None:
    """Write evidence. Its key names its content, so one that is there already is the same."""
    with suppress(Conflict):
        store.put_if_absent(key, data)


def read_all(store: Store, release: str, allowed: Sequence[str], *, must_be_signed: bool) -> list[Evidence]:
    """Return every piece of evidence of a release, the oldest first, and say of each whether it is whole
    and who signed it.
    """
    keys = [entry.key for entry in store.list(f"{PREFIX}{quote(release, safe='')}/")]
    return [_read(store, key, release, allowed, must_be_signed) for key in keys]


def removed(store: Store, release: str, found: Sequence[Evidence]) -> list[Evidence]:
    """Return the evidence of a release that the ledger names and the store no longer has."""
    records = ledger_history.read(store, ledger_history.MOST).records
    named = [
        str(item.get("answered"))
        for record in records
        if record.get("release") == release
        for item in record.get("evidence") or []
        if item.get("name") == STATEMENT
    ]
    there = {one.key for one in found}
    problem = "the ledger names it, and it is gone: it was removed, or replaced by another"
    return [Evidence(key, problem=problem) for key in dict.fromkeys(named) if key not in there]


def _read(store: Store, key: str, release: str, allowed: Sequence[str], must_be_signed: bool) -> Evidence:
    found = store.get(key)
    if found is None:
        return Evidence(key, problem="it was removed")
    data, named = found[0], KEY.fullmatch(key)
    if named is None or hashlib.sha256(data).hexdigest() != named[1]:
        return Evidence(
            key, problem="it was changed after it was written: its content is not the one that its key names"
        )
    try:
        payload, signatures = envelope.unwrap(data)
        body = statement.read(payload)
    except ValueError as error:
        return Evidence(key, problem=f"it is damaged: {error}")
    signed_by = envelope.signers(payload, signatures, allowed)
    return Evidence(key, body, signed_by, _problem(body, release, signatures, signed_by, must_be_signed))


def _problem(
    body: Mapping[str, Any], release: str, signatures: Sequence[Any], signed_by: Sequence[str], must_be_signed: bool
) -> str:
    if body["predicate"]["release"] != release:
        return f"it is evidence of {body['predicate']['release']}"
    if must_be_signed and not signed_by:
        return "nobody who is allowed to has signed it" if signatures else "it is not signed"
    return ""


def lines(found: Sequence[Evidence]) -> list[str]:
    """Return what an operator reads of evidence: a line for each statement, and for each answer in it that
    did not pass.
    """
    shown = []
    for one in found:
        answers = one.predicate["answers"]
        passed = sum(answer["outcome"] == PASSED for answer in answers)
        signed = f"signed by {', '.join(one.signed_by)}" if one.signed_by else "no signature was verified"
        commit = statement.commit_of(one.statement)[:7]
        shown.append(
            f"{one.predicate['at']} {one.predicate['point']} of {commit}: {one.predicate['verdict']}, {passed} of"
            f" {len(answers)} passed, {signed}"
        )
        shown += [
            f"  {answer['id']} {answer['outcome']}: {answer['answered']}"
            for answer in answers
            if answer["outcome"] != PASSED
        ]
    return shown
