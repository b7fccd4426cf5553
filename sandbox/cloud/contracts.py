# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The vendors' own descriptions of their APIs, as a judge of requests and of answers."""

from __future__ import annotations

import json
import re
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

if TYPE_CHECKING:
    from openapi_schema_validator import OAS30Validator

# any operation may answer these, and few of the descriptions say so
UNDESCRIBED = {"401", "403", "404", "429", "500", "502", "503"}
# the vendors validate these bodies too
ALSO = {"repos/create-commit-status": {"422"}, "updateOrganizationRelease": {"400"}}
FORM = "application/x-www-form-urlencoded"
# what the documents leave to their servers' URLs
PREFIXES = {"cloudflare": "/client/v4", "render": "/v1", "slack": "(?:/api)?"}


def refused(status: int, body: bytes) -> bool:
    """Return whether an answer is a refusal; Slack refuses with a 200."""
    return status >= 400 or body.replace(b" ", b"").startswith(b'{"ok":false')


class Contract:
    """One vendor's OpenAPI document."""

    def __init__(self, path: Path, prefix: str = "") -> None:
        # The documents say oneOf for alternatives that overlap: what fits any of them is right.
        self.document = _with_nulls(json.loads(path.read_text().replace('"oneOf"', '"anyOf"')))
        self.prefix = prefix
        self._validators: dict[int, tuple[Any, OAS30Validator]] = {}

    @cached_property
    def _paths(self) -> list[tuple[re.Pattern[str], dict[str, Any]]]:
        patterns = {
            template: re.sub(r"\\{[^}]+\\}", "[^/]+", re.escape(template)) for template in self.document["paths"]
        }
        # A path that is written out goes before one with a parameter in that place.
        ordered = sorted(self.document["paths"].items(), key=lambda item: item[0].count("{"))
        return [(re.compile(self.prefix + patterns[template]), operations) for template, operations in ordered]

    def operation(self, method: str, path: str) -> dict[str, Any] | None:
        """Return the operation that a request calls; None where the document has none."""
        for pattern, operations in self._paths:
            if method.lower() in operations and pattern.fullmatch(path):
                found = operations[method.lower()]
                shared = operations.get("parameters", [])  # of every method of the path
                return {**found, "parameters": [*shared, *found.get("parameters", [])]} if shared else found
        return None

    def wrong_in_request(self, method: str, path: str, query: str, body: bytes) -> list[str]:
        """Return what the document does not allow in a request. ``path`` is as it was sent, with its escapes."""
        operation = self.operation(method, path)
        if operation is None:
            return [f"{method} {path}: no such operation"]
        parameters = [self._resolve(item) for item in operation.get("parameters", [])]
        known = {item["name"] for item in parameters if item["in"] == "query"}
        wrong = [f"{name}: no such query parameter" for name, _unused in parse_qsl(query) if name not in known]
        content = self._resolve(operation.get("requestBody", {})).get("content", {})
        if "application/json" in content and body:
            wrong += self._wrong(content["application/json"]["schema"], json.loads(body))
        elif FORM in content and body:
            schema = self._resolve(content[FORM]["schema"])
            wrong += self._wrong(schema, self._of_form(schema, body))
        return wrong

    def _of_form(self, schema: dict[str, Any], body: bytes) -> dict[str, Any]:
        """Return a form as the JSON that its schema describes: names in brackets are objects, and texts have types."""
        found: dict[str, Any] = {}
        for name, value in parse_qsl(body.decode(), keep_blank_values=True):
            outer, _bracket, inner = name.rstrip("]").partition("[")
            known = self._resolve(schema.get("properties", {}).get(outer, {}))
            if inner:
                part = self._resolve(known.get("properties", {}).get(inner, {}))
                found.setdefault(outer, {})[inner] = _typed(part, value)
            else:
                found[outer] = _typed(known, value)
        return found

    def wrong_in_answer(self, method: str, path: str, status: int, body: bytes) -> list[str]:
        """Return what the document does not allow in an answer."""
        operation = self.operation(method, path)
        if operation is None:
            return []
        responses, code = operation["responses"], str(status)
        described = next((responses[status] for status in (code, f"{code[0]}XX") if status in responses), None)
        if described is None and code in UNDESCRIBED | ALSO.get(operation.get("operationId", ""), set()):
            return []
        if "default" in responses and refused(status, body):
            described = responses["default"]
        if described is None:
            return [f"{method} {path}: no such status {code}"]
        schema = self._resolve(described).get("content", {}).get("application/json", {}).get("schema")
        if schema is None:
            return []
        # Cloudflare's document asks a failure to be a success as well, which nothing can be: it is held to be a
        # failure.
        failure = [part for part in schema.get("allOf", []) if part.get("$ref", "").endswith("common-failure")]
        schema = failure[0] if failure else schema
        return [f"{method} {path} {code}: {problem}" for problem in self._wrong(schema, json.loads(body))]

    def _wrong(self, schema: dict[str, Any], value: Any) -> list[str]:
        # By its identity: the schema is kept beside its validator, so that no other can have the same.
        known = self._validators.get(id(schema))
        if known is None:
            # takes more than a second to import, which a process that judges nothing need not spend
            from openapi_schema_validator import OAS30Validator

            known = schema, OAS30Validator({**schema, "components": self.document.get("components", {})})
            self._validators[id(schema)] = known
        return [_deepest(error) for error in known[1].iter_errors(value)]

    def _resolve(self, item: dict[str, Any]) -> dict[str, Any]:
        while "$ref" in item:
            found: Any = self.document
            for key in item["$ref"].split("/")[1:]:
                found = found[key]
            item = found
        return item


def _typed(schema: dict[str, Any], text: str) -> Any:
    """Return the text of a form's field with the type that its schema wants, or as it is where it has not that type."""
    kind = schema.get("type")
    if kind == "boolean" and text in ("true", "false"):
        return text == "true"
    return int(text) if kind == "integer" and re.fullmatch(r"-?\d+", text) else text


def _with_nulls(item: Any) -> Any:
    """Return a schema whose `nullable` holds beside `enum` and `anyOf` too, as its authors mean it."""
    if isinstance(item, list):
        return [_with_nulls(part) for part in item]
    if not isinstance(item, dict):
        return item
    inner = {key: _with_nulls(value) for key, value in item.items()}
    if item.get("nullable") is True and ("enum" in item or "anyOf" in item):
        return {"anyOf": [{key: value for key, value in inner.items() if key != "nullable"}, {"enum": [None]}]}
    return inner


def _deepest(error: Any) -> str:
    """Return the problem of the alternative that came nearest."""
    while error.context:
        error = max(error.context, key=lambda inner: len(inner.absolute_path))
    return f"{'.'.join(map(str, error.absolute_path))}: {error.message[:300]}"
