# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The vendors' own descriptions of their APIs, as a judge of requests and of answers."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest
from graphql import GraphQLSchema, build_schema
from openapi_schema_validator import OAS30Validator

FOLDER = Path(os.environ.get("RUNBOOK_CONTRACTS") or Path(__file__).parents[3] / "shared" / "contracts")


def _read(name: str) -> str:
    path = FOLDER / name
    if not path.exists():
        pytest.skip(f"{path} is not there: set RUNBOOK_CONTRACTS to the folder with the vendors' contracts.")
    return path.read_text()


def railway() -> GraphQLSchema:
    return build_schema(_read("railway.graphql"))


UNDESCRIBED = {"429", "500", "502", "503"}  # any operation may answer these, and few of the descriptions say so


class Contract:
    """One vendor's OpenAPI document."""

    def __init__(self, name: str, prefix: str = "") -> None:
        # The documents say oneOf for alternatives that overlap: what fits any of them is right.
        self.document = _with_nulls(json.loads(_read(name).replace('"oneOf"', '"anyOf"')))
        self.prefix = prefix

    def operation(self, method: str, path: str) -> dict[str, Any] | None:
        """Return the operation that a request calls; None where the document has none."""
        for template, operations in self.document["paths"].items():
            pattern = re.sub(r"\\{[^}]+\\}", "[^/]+", re.escape(template))
            if re.fullmatch(self.prefix + pattern, path) and method.lower() in operations:
                return operations[method.lower()]
        return None

    def wrong_in_request(self, request: httpx.Request) -> list[str]:
        """Return what the document does not allow in a request."""
        parts = urlsplit(str(request.url))
        operation = self.operation(request.method, parts.path)
        if operation is None:
            return [f"{request.method} {parts.path}: no such operation"]
        parameters = [self._resolve(item) for item in operation.get("parameters", [])]
        known = {item["name"] for item in parameters if item["in"] == "query"}
        wrong = [f"{name}: no such query parameter" for name, _unused in parse_qsl(parts.query) if name not in known]
        content = self._resolve(operation.get("requestBody", {})).get("content", {})
        if "application/json" in content and request.content:
            wrong += self._wrong(content["application/json"]["schema"], json.loads(request.content))
        return wrong

    def wrong_in_answer(self, answer: httpx.Response) -> list[str]:
        """Return what the document does not allow in an answer."""
        request = answer.request
        operation = self.operation(request.method, request.url.path)
        if operation is None:
            return []
        responses, status = operation["responses"], str(answer.status_code)
        described = responses.get(status) or responses.get(f"{status[0]}XX")
        if described is None:
            return [] if status in UNDESCRIBED else [f"{request.method} {request.url.path}: no such status {status}"]
        schema = self._resolve(described).get("content", {}).get("application/json", {}).get("schema")
        if schema is None:
            return []
        # Cloudflare's document asks a failure to be a success as well, which nothing can be: it is held to be a failure.
        failure = [part for part in schema.get("allOf", []) if part.get("$ref", "").endswith("common-failure")]
        schema = failure[0] if failure else schema
        return [f"{request.method} {request.url.path} {status}: {problem}" for problem in self._wrong(schema, answer.json())]

    def _wrong(self, schema: dict[str, Any], value: Any) -> list[str]:
        validator = OAS30Validator({**schema, "components": self.document.get("components", {})})
        return [_deepest(error) for error in validator.iter_errors(value)]

    def _resolve(self, item: dict[str, Any]) -> dict[str, Any]:
        while "$ref" in item:
            found: Any = self.document
            for key in item["$ref"].split("/")[1:]:
                found = found[key]
            item = found
        return item


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
