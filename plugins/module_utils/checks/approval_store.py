# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests and approvals in the store: an object for each, written once.

approvals/<release>/<subject>/request.json
approvals/<release>/<subject>/<time>-<by>-<sha256>.json
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any
from urllib.parse import quote

from ..core.json_text import loads
from ..store.base import Conflict, Store
from . import approval, envelope
from .approval import Approval, Subject, stamp
from .approval_judge import Given
from .approvers import NAMESPACE, Approvers

PREFIX = "approvals/"
KEY = re.compile(r"approvals/[^/]+/[0-9a-f]{12}/[^/]+-([0-9a-f]{64})\.json")


def folder_of(subject: Subject) -> str:
    return f"{PREFIX}{quote(subject.release, safe='')}/{subject.id}/"


def request(store: Store, subject: Subject, wanted: Mapping[str, Any]) -> None:
    """Write down that a deploy waits for approvals. An earlier request for the same subject stays."""
    body = {"subject": vars(subject) | {"migrations": dict(subject.migrations)}, **wanted}
    data = (json.dumps(body, indent=1, sort_keys=True) + "\n").encode()
    with suppress(Conflict):
        store.put_if_absent(f"{folder_of(subject)}request.json", data)


def requested(store: Store, subject: Subject) -> Mapping[str, Any] | None:
    """Return the request for a subject; None where no deploy waits for one."""
    found = store.get(f"{folder_of(subject)}request.json")
    if found is None:
        return None
    try:
        body = loads(found[0])
    except ValueError:
        return None
    return body if isinstance(body, Mapping) else None


def give(store: Store, one: Approval, data: bytes) -> str:
    """Write an approval and return its key."""
    digest = hashlib.sha256(data).hexdigest()
    moment = re.sub(r"[-:]", "", stamp(one.at))
    key = f"{folder_of(one.subject)}{moment}-{quote(one.by, safe='')}-{digest}.json"
    with suppress(Conflict):
        store.put_if_absent(key, data)
    return key


def given(store: Store, release: str, approvers: Approvers) -> list[Given]:
    """Return every approval of a release, those of other commits too, the oldest of each first."""
    keys = [entry.key for entry in store.list(f"{PREFIX}{quote(release, safe='')}/")]
    return [_read(store, key, approvers) for key in keys if not key.endswith("/request.json")]


def _read(store: Store, key: str, approvers: Approvers) -> Given:
    found, named = store.get(key), KEY.fullmatch(key)
    if found is None:
        return Given(None, key, problem="it was removed")
    if named is None or hashlib.sha256(found[0]).hexdigest() != named[1]:
        return Given(None, key, problem="it was changed after it was written: its content is not the one of its name")
    try:
        payload, signatures = envelope.unwrap(found[0])
        content = approval.read(payload)
    except ValueError as error:
        return Given(None, key, problem=f"it is damaged: {error}")
    lines: Sequence[str] = approvers.lines
    if not signatures:
        return Given(content, key, problem="it is not signed")
    signed_by = envelope.signers(payload, signatures, lines, NAMESPACE)
    return Given(content, key, signed_by, known=bool(signed_by or envelope.owners(signatures, lines)))
