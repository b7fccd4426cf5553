# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was asked and answered, and what of it the vendors' contracts do not allow.

An exchange is kept once per form: the same operation, status and shape, with the words in it (states, kinds) but
without what differs each time (ids, times, numbers, texts). Forms are kept in a file and judged when somebody asks, so
that nothing is slower for it and a killed double forgets nothing.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from graphql import build_schema, parse, validate
from starlette.requests import Request
from starlette.responses import Response

from ..state import CHECKOUT
from .contracts import FORM, PREFIXES, Contract, refused

BROKEN = 499  # the connection was broken: there was no answer

# What the double serves although the contract does not have it.
OUTSIDE = {
    ("vercel", r"/v6/deployments"): "v6 and v7 have the same parameters and items; clients in use still call v6",
    ("vercel", r"/v9/projects/[^/]+/rollback/[^/]+"): "the vendor's own CLI calls it; the contract has /v1",
    ("vercel", r"/v3/now/deployments/[^/]+/events"): "the vendor's own CLI calls it; the contract has /v3/deployments",
    ("vercel", r"/v1/teams"): "the vendor's own CLI calls it; the contract has /v2",
    ("vercel", r"/teams/[^/]+"): "the vendor's own CLI calls it; the contract has /v2",
    (
        "railway",
        r"/project/[^/]+/environment/[^/]+/up",
    ): "the upload of the vendor's own CLI; the contract is GraphQL only",
    (
        "cloudflare",
        r"/client/v4/graphql",
    ): "the analytics API has a schema of its own, which is not among the contracts",
    ("slack", r"/api/conversations.replies"): "documented by the vendor; the contract has five operations only",
}


# how the user agent of Vercel's own client begins; it sends more than the contract has, and the vendor takes it
OWN_CLIENT = "vercel "


def contracts() -> Path | None:
    """Return the folder with the vendors' contracts, the repository's own unless RUNBOOK_CONTRACTS names
    another; None where it is not there.
    """
    folder = Path(os.environ.get("RUNBOOK_CONTRACTS") or CHECKOUT / "tests" / "contract" / "documents")
    return folder if folder.is_dir() else None


class Exchanges:
    def __init__(self, folder: Path, contracts: Path | None) -> None:
        self.file, self.contracts = folder / "exchanges.jsonl", contracts
        self.operations: Counter[tuple[str, str, int]] = Counter()
        self._asked = folder / "operations.jsonl"  # which were asked for, for a double that is killed
        for line in self._asked.read_text().splitlines() if self._asked.exists() else ():
            vendor, name, status = json.loads(line)
            self.operations[vendor, name, status] += 1
        self._forms = (
            {json.loads(line)["form"] for line in self.file.read_text().splitlines()}
            if self.file.exists()
            else set[str]()
        )
        self._judges: dict[str, Contract | None] = {}
        self._schema: Any = None

    def note(self, vendor: str, operation: str, request: Request, body: bytes, response: Response) -> None:
        """Count an exchange, and keep it when it has a new form."""
        key = vendor, operation, response.status_code
        if key not in self.operations:
            with self._asked.open("a") as file:
                file.write(json.dumps(key) + "\n")
        self.operations[key] += 1
        # a stream has no shape of its own
        if self.contracts is None or response.status_code == BROKEN or not hasattr(response, "body"):
            return
        path, query = request.scope.get("raw_path", b"").decode() or request.url.path, request.url.query
        answer = bytes(response.body)
        kind = request.headers.get("content-type", "")
        is_form = kind.startswith(FORM)
        asked = body if "json" in kind or is_form else b""
        own_client = request.headers.get("user-agent", "").startswith(OWN_CLIENT)
        place = [part if re.fullmatch(r"[A-Za-z_.-]{1,24}|v\d+", part) else "*" for part in path.split("/")]
        names = sorted(re.findall(r"(?:^|&)([^=&]+)", query))
        pattern = (
            vendor,
            operation,
            request.method,
            response.status_code,
            place,
            names,
            own_client,
            sorted({name for name, _unused in parse_qsl(asked.decode())}) if is_form else _form(asked),
            _form(answer),
        )
        form = hashlib.sha256(json.dumps(pattern).encode()).hexdigest()[:24]
        if form in self._forms:
            return
        self._forms.add(form)
        kept = {
            "vendor": vendor,
            "operation": operation,
            "method": request.method,
            "path": path,
            "query": query,
            "status": response.status_code,
        }
        kept["own_client"] = own_client
        bodies = {"asked": base64.b64encode(asked).decode(), "answer": base64.b64encode(answer).decode()}
        with self.file.open("a") as file:
            file.write(json.dumps({"form": form, **kept, **bodies}) + "\n")

    def violations(self) -> dict[str, Any]:
        """Judge the forms that were seen: how many, and what is wrong with them."""
        if self.contracts is None:
            return {
                "checked": 0,
                "violations": [],
                "reason": "the vendors' contracts are not there: RUNBOOK_CONTRACTS names their folder",
            }
        lines = self.file.read_text().splitlines() if self.file.exists() else []
        found = [problem for line in lines for problem in self._judge(json.loads(line))]
        return {"checked": len(lines), "violations": sorted(set(found))}

    def listing(self) -> list[dict[str, Any]]:
        """Return how often each operation was asked for, by the status of the answer; what was asked for
        before the double was killed counts once.
        """
        return [
            {"vendor": vendor, "operation": name, "status": status, "times": times}
            for (vendor, name, status), times in sorted(self.operations.items())
        ]

    def _judge(self, seen: dict[str, Any]) -> Iterator[str]:
        vendor, path, status = seen["vendor"], seen["path"], seen["status"]
        if any(vendor == name and re.fullmatch(pattern, path) for name, pattern in OUTSIDE):
            return
        asked, answer = base64.b64decode(seen["asked"]), base64.b64decode(seen["answer"])
        where = f"{vendor} {seen['operation']}"
        if vendor == "railway":
            yield from (f"{where}: {problem}" for problem in self._wrong_in_document(asked) if status < 400)
            return
        if (judge := self._judge_of(vendor)) is None:
            return
        if not refused(status, answer) and not seen["own_client"]:  # what the double refused is what it should refuse
            yield from (
                f"{where}, asked: {problem}"
                for problem in judge.wrong_in_request(seen["method"], path, seen["query"], asked)
            )
        yield from (
            f"{where}, answered: {problem}" for problem in judge.wrong_in_answer(seen["method"], path, status, answer)
        )

    def _judge_of(self, vendor: str) -> Contract | None:
        if vendor not in self._judges:
            path = (self.contracts or Path()) / f"{vendor}.json"
            self._judges[vendor] = Contract(path, PREFIXES.get(vendor, "")) if path.exists() else None
        return self._judges[vendor]

    def _wrong_in_document(self, asked: bytes) -> list[str]:
        path = (self.contracts or Path()) / "railway.graphql"
        if self._schema is None and path.exists():
            self._schema = build_schema(path.read_text())
        return (
            [error.message for error in validate(self._schema, parse(json.loads(asked)["query"]))]
            if self._schema
            else []
        )


def _form(body: bytes) -> Any:
    try:
        return _shape(json.loads(body)) if body else None
    except ValueError:
        return "no JSON"


def _shape(item: Any) -> Any:
    """Return the shape of a JSON value: of a list its different items, of a text the text itself where it is a word."""
    if isinstance(item, dict):
        return {key: _shape(value) for key, value in sorted(item.items())}
    if isinstance(item, list):
        return sorted({json.dumps(_shape(part)) for part in item})
    if isinstance(item, str):
        return item if re.fullmatch(r"[A-Za-z_-]{0,24}|query.*|mutation.*", item, re.DOTALL) else "text"
    return item if item is None or isinstance(item, bool) else type(item).__name__
