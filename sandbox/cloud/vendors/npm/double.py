# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The audit service of npm's registry: the advisories that it knows of the packages that it is asked about.

npm publishes no contract of it. The shapes are those that npm sends and reads.
"""

from __future__ import annotations

import gzip
import json
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Router

from ...vendor import Refusal, Vendor

ADVISORIES: dict[str, list[dict[str, Any]]] = {
    "minimist": [
        {
            "id": 1097678,
            "url": "https://github.com/advisories/GHSA-xvch-5gv4-984h",
            "title": "Prototype Pollution in minimist",
            "severity": "critical",
            "vulnerable_versions": "<1.2.6",
            "cwe": ["CWE-1321"],
            "cvss": {"score": 9.8, "vectorString": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"},
        }
    ]
}


class Npm(Vendor):
    name = "npm"
    public = False

    def app(self) -> Router:
        return Router([self.route("POST", "/-/npm/v1/security/advisories/bulk", "advisories", self.advisories)])

    def refusal(self, status: int, code: str, message: str, **more: Any) -> Refusal:
        return Refusal(status, {"error": message})

    def authorize(self, request: Request) -> None:
        """The public registry asks for no token."""

    def writes(self, request: Request, operation: str) -> bool:
        return False

    def _storefront(self, request: Request, body: bytes) -> str | None:
        return None

    async def advisories(self, request: Request) -> Response:
        """Answer ``{name: [version]}``, which npm sends compressed, with ``{name: [advisory]}``."""
        body = await request.body()
        try:
            text = gzip.decompress(body) if request.headers.get("content-encoding") == "gzip" else body
            asked = {str(name): [str(one) for one in versions] for name, versions in json.loads(text).items()}
        except (OSError, ValueError, AttributeError, TypeError):
            raise self.refusal(400, "", "Bad Request") from None
        return JSONResponse({name: found for name in asked if (found := _of(name, asked[name]))})


def _of(name: str, versions: list[str]) -> list[dict[str, Any]]:
    return [
        one
        for one in ADVISORIES.get(name, [])
        if any(_numbers(version) < _numbers(one["vulnerable_versions"].lstrip("<")) for version in versions)
    ]


def _numbers(version: str) -> list[int]:
    return [int(part) for part in version.partition("-")[0].split(".") if part.isdigit()]
