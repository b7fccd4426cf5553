# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A small double of AWX's API: what awx.awx 24.6.1 asks for while it applies our data. It keeps state, resolves names,
and refuses what AWX refuses: unknown references, surveys, injectors, schedules and workflows that are wrong.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from dateutil.rrule import rrulestr

TOKEN = "awx-token"
SECRETS = ("password", "token")
JOBS = ("projects", "job_templates", "workflow_job_templates", "inventory_sources")
# Fields that name another object, and where it is.
REFERENCES = {
    "organization": "organizations",
    "project": "projects",
    "source_project": "projects",
    "inventory": "inventories",
    "execution_environment": "execution_environments",
    "credential_type": "credential_types",
    "workflow_job_template": "workflow_job_templates",
}
DEFAULTS: dict[str, dict[str, Any]] = {
    "inventories": {"kind": "", "host_filter": None},
    "workflow_job_template_nodes": {"unified_job_template": None},
}
LINKS = ("success_nodes", "failure_nodes", "always_nodes")
QUESTIONS = ("text", "textarea", "password", "integer", "float", "multiplechoice", "multiselect")


class Refused(Exception):
    def __init__(self, status: int, problem: dict[str, Any]) -> None:
        self.status, self.problem = status, problem


class Awx:
    """The objects by kind and id. ``writes`` counts the requests that changed something."""

    def __init__(self, version: str = "24.6.1", product: str = "AWX") -> None:
        self.version, self.product, self.writes = version, product, 0
        self.kinds: dict[str, dict[int, dict[str, Any]]] = {"organizations": {1: {"id": 1, "name": "Default"}}}
        self.linked: dict[tuple[str, int, str], list[int]] = {}
        self.surveys: dict[tuple[str, int], Any] = {}
        self._last = 1

    def names(self, kind: str) -> list[str]:
        return [row["name"] for row in self.kinds.get(kind, {}).values()]

    def answer(self, method: str, path: str, query: dict[str, str], body: dict[str, Any]) -> tuple[int, Any]:
        kind, number, part = [*path.removeprefix("/api/v2/").strip("/").split("/"), "", ""][:3]
        if kind == "ping":
            return 200, {"version": self.version}
        if not number:
            return (200, self._listed(kind, query)) if method == "GET" else (201, self._create(kind, body))
        row = self.kinds.get(kind, {}).get(int(number))
        if row is None:
            raise Refused(404, {"detail": "Not found."})
        if part and kind == APPROVALS:
            raise Refused(404, {"detail": "Not found."})
        if part:
            return self._part(method, kind, row, part, body)
        if method == "PATCH":
            self._change(kind, row, body)
        return 200, self._shown(kind, row)

    def _listed(self, kind: str, query: dict[str, str]) -> dict[str, Any]:
        kinds = JOBS if kind == "unified_job_templates" else (kind,)
        wanted = {name: value for name, value in query.items() if name not in ("page_size", "order_by")}
        rows = [self._shown(one, row) for one in kinds for row in self.kinds.get(one, {}).values()]
        found = [row for row in rows if all(str(row.get(name)) == value for name, value in wanted.items())]
        return {"count": len(found), "next": None, "previous": None, "results": found}

    def _create(self, kind: str, body: dict[str, Any]) -> dict[str, Any]:
        name = "identifier" if kind == "workflow_job_template_nodes" else "name"
        unique = (name, "organization", "inventory", "workflow_job_template")
        if any(all(row.get(key) == body.get(key) for key in unique) for row in self.kinds.get(kind, {}).values()):
            raise Refused(400, {"__all__": [f"{kind} {body.get(name)} already exists."]})
        self._last += 1
        row: dict[str, Any] = {"id": self._last, **DEFAULTS.get(kind, {})}
        self._change(kind, row, body)
        self.kinds.setdefault(kind, {})[row["id"]] = row
        return self._shown(kind, row)

    def _change(self, kind: str, row: dict[str, Any], body: dict[str, Any]) -> None:
        for name, target in REFERENCES.items():
            if body.get(name) is not None and int(body[name]) not in self.kinds.get(target, {}):
                raise Refused(400, {name: [f'Invalid pk "{body[name]}" - object does not exist.']})
        for check in (_credential_type, _schedule):
            check(kind, {**row, **body})
        known = ("name", "description", "timeout") if kind == "workflow_approval_templates" else body
        self.writes += any(row.get(name) != body[name] for name in known if name in body)
        row |= {name: _masked(body[name]) for name in known if name in body}

    def _shown(self, kind: str, row: dict[str, Any]) -> dict[str, Any]:
        url = f"/api/v2/{kind}/{row['id']}/"
        related = {"survey_spec": f"{url}survey_spec/"}
        if kind == "workflow_job_template_nodes" and row["unified_job_template"] in self.kinds.get(APPROVALS, {}):
            related["unified_job_template"] = f"/api/v2/{APPROVALS}/{row['unified_job_template']}/"
        return {**row, "url": url, "type": re.sub("ies$", "y", kind).removesuffix("s"), "related": related}

    def _part(
        self, method: str, kind: str, row: dict[str, Any], part: str, body: dict[str, Any]
    ) -> tuple[int, dict[str, Any]]:
        if part == "survey_spec":
            if method == "POST":
                _survey(body)
                self.surveys[kind, row["id"]] = body
                self.writes += 1
            if method == "DELETE":
                self.surveys.pop((kind, row["id"]), None)
            return 200, self.surveys.get((kind, row["id"]), {})
        if part == "create_approval_template":
            made = self._create(APPROVALS, {name: body[name] for name in ("name", "description", "timeout")})
            row["unified_job_template"] = made["id"]
            return 201, made
        linked = self.linked.setdefault((kind, row["id"], part), [])
        if method == "GET":
            return 200, {"count": len(linked), "next": None, "results": [{"id": one} for one in linked]}
        linked.remove(body["id"]) if body.get("disassociate") else linked.append(body["id"])
        self.writes += 1
        if part in LINKS and self._reaches(row["id"], row["id"]):
            raise Refused(400, {"detail": "Cycle detected."})
        return 204, {}

    def _reaches(self, start: int, wanted: int) -> bool:
        nexts = [one for link in LINKS for one in self.linked.get(("workflow_job_template_nodes", start, link), [])]
        return wanted in nexts or any(self._reaches(one, wanted) for one in nexts)


APPROVALS = "workflow_approval_templates"


def _masked(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: "$encrypted$" if key in SECRETS and one else _masked(one) for key, one in value.items()}
    return value


def _credential_type(kind: str, row: dict[str, Any]) -> None:
    if kind != "credential_types":
        return
    fields = {field["id"] for field in row["inputs"]["fields"]}
    used = set(re.findall(r"\{\{\s*([a-z_]+)", json.dumps(row["injectors"]))) - {"tower"}
    if row["kind"] not in ("cloud", "net") or used - fields or set(row["inputs"].get("required", ())) - fields:
        raise Refused(400, {"injectors": [f"{sorted(used - fields)} is undefined in the fields of {row['name']}."]})


def _schedule(kind: str, row: dict[str, Any]) -> None:
    if kind == "schedules":
        rule = row["rrule"]
        if not re.match(r"DTSTART;TZID=[\w/]+:\d{8}T\d{6} RRULE:", rule) or "INTERVAL=" not in rule:
            raise Refused(400, {"rrule": ["A valid DTSTART and INTERVAL are required in rrule."]})
        rrulestr(rule.replace(" ", "\n"), ignoretz=True)


def _survey(spec: dict[str, Any]) -> None:
    """AWX's rules for a survey."""
    names = [question["variable"] for question in spec["spec"]]
    wrong = [name for name in names if names.count(name) > 1]
    for question in spec["spec"]:
        choices, default = question.get("choices"), question.get("default")
        typed = {"integer": int, "float": (int, float)}.get(question["type"], object)
        if question["type"] not in QUESTIONS or not {"question_name", "required"} <= set(question):
            wrong.append(question["variable"])
        if question["type"].startswith("multi") and (not choices or (default and default not in choices)):
            wrong.append(question["variable"])
        if default is not None and not isinstance(default, typed):  # type: ignore[arg-type]
            wrong.append(question["variable"])
    if wrong or {"name", "description"} - set(spec):
        raise Refused(400, {"error": f"The survey is wrong: {wrong}"})


@contextmanager
def running(awx: Awx) -> Iterator[str]:
    """Serve the double; gives its address."""

    class Handler(BaseHTTPRequestHandler):
        def _serve(self) -> None:
            split = urlsplit(self.path)
            size = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(size) or b"{}")
            try:
                if "/ping/" not in self.path and self.headers.get("Authorization") != f"Bearer {TOKEN}":
                    raise Refused(401, {"detail": "Invalid token."})
                status, answer = awx.answer(self.command, split.path, dict(parse_qsl(split.query)), body)
            except Refused as refused:
                status, answer = refused.status, refused.problem
            text = b"" if status == 204 else json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("X-API-Product-Name", awx.product)
            self.send_header("X-API-Product-Version", awx.version)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_POST = do_PATCH = do_DELETE = _serve

        def log_message(self, *_args: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
