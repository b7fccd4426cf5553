# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An approval: a signed in-toto statement of somebody that a release may go out, with its commit, its migrations and
an end.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from ..core.json_text import loads
from ..migrations.history import read_folder
from ..source.checkout import checkout, resolve
from ..store.documents import misfit, time_with_zone
from . import tree
from .check import Context
from .statement import STATEMENT

PREDICATE = "https://github.com/storefront-runbook/storefront.runbook/approval/v1"
SYSTEMS = ("ssh", "awx", "github")
SHAPE = {
    "_type": lambda word: word == STATEMENT,
    "predicateType": lambda word: word == PREDICATE,
    "subject": [{"name": str, "digest": {"gitCommit": str}}],
    "predicate": {
        "storefront": str,
        "release": str,
        "migrations": dict,
        "by": str,
        "system": lambda word: word in SYSTEMS,
        "at": time_with_zone,
        "expires": time_with_zone,
        "emergency?": (str, None),
        "comment?": (str, None),
    },
}


@dataclass(frozen=True)
class Subject:
    """What is approved: a release's commit with its migrations, each with its checksum."""

    storefront: str
    release: str
    commit: str
    migrations: Mapping[str, str] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """The name of the request, the same in every run for this subject."""
        body = [self.storefront, self.release, self.commit, dict(self.migrations)]
        return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()[:12]

    @property
    def shown(self) -> str:
        return f"{self.release} ({self.commit[:7]})"


@dataclass(frozen=True)
class Approval:
    """A statement as it was read. ``by`` is the approver's identity at ``system``."""

    subject: Subject
    by: str
    system: str
    at: datetime
    expires: datetime
    emergency: str = ""
    comment: str = ""


def subject_of(params: Mapping[str, Any]) -> Subject:
    """Return what a release consists of, by its checkout. Raises ConfigError."""
    commit = resolve(params["path"], params["commit"] or params["release"])
    root = "/".join(part for part in (params["root_directory"].strip("/"), params["migrations"].strip("/")) if part)
    known = tree.names(Context(commit=commit, path=params["path"]))
    migrations: dict[str, str] = {}
    if any(name.startswith(f"{root}/") for name in known):
        with checkout(params["path"], commit, params["root_directory"]) as source:
            found = read_folder(source.root / params["migrations"], root)
        migrations = {one.name: one.checksum for one in found}
    return Subject(params["storefront"], params["release"], commit, migrations)


def stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def write(approval: Approval) -> bytes:
    """Return the statement as canonical JSON."""
    what = approval.subject
    predicate = {
        **{"storefront": what.storefront, "release": what.release, "migrations": dict(what.migrations)},
        **{"by": approval.by, "system": approval.system},
        **{"at": stamp(approval.at), "expires": stamp(approval.expires)},
        **{"emergency": approval.emergency or None, "comment": approval.comment or None},
    }
    subject = [{"name": f"{what.storefront}@{what.release}", "digest": {"gitCommit": what.commit}}]
    body = {"_type": STATEMENT, "subject": subject, "predicateType": PREDICATE, "predicate": predicate}
    return json.dumps(body, sort_keys=True, separators=(",", ":")).encode()


def read(payload: bytes) -> Approval:
    """Return an approval. Raises ValueError with what is wrong with it."""
    try:
        body = loads(payload)
    except ValueError:
        raise ValueError("it is not JSON") from None
    wrong = misfit(body, SHAPE)
    if wrong or len(body["subject"]) != 1:
        raise ValueError(wrong or "it is not about one release")
    content = body["predicate"]
    commit = str(body["subject"][0]["digest"]["gitCommit"])
    return Approval(
        Subject(content["storefront"], content["release"], commit, content["migrations"]),
        content["by"],
        content["system"],
        datetime.fromisoformat(content["at"]),
        datetime.fromisoformat(content["expires"]),
        content.get("emergency") or "",
        content.get("comment") or "",
    )
