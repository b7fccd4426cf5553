# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Cloudflare's Workers: a script of an account, and the routes of a zone that lead requests to it."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ...core.errors import ApiError, ConfigError
from .client import Cloudflare

COMPATIBILITY_DATE = "2025-01-01"  # of the runtime; an older one keeps a script working as it was tested
MAIN = "worker.mjs"
NO_SUCH_WORKER = "10007"
PERMISSIONS = "Give it the permissions Account: Workers Scripts: Edit and Zone: Workers Routes: Edit."
OF_ACCOUNT = {"id": str, "account?": {"id?": str}}
ROUTE = {"id": str, "pattern": str, "script?": str}
BINDING = {"name": str, "type?": str, "text?": str}


@dataclass(frozen=True)
class Route:
    """``script`` is None for a route on which no Worker runs."""

    id: str
    pattern: str
    script: str | None


@dataclass(frozen=True)
class Script:
    """A module Worker: its source, texts that it imports by name, plain variables and secret ones."""

    source: str
    texts: Mapping[str, str]
    variables: Mapping[str, str]
    secrets: Mapping[str, str]

    def form(self) -> tuple[bytes, str]:
        """Return the body of the upload and its content type."""
        bindings = [
            *({"type": "plain_text", "name": name, "text": text} for name, text in self.variables.items()),
            *({"type": "secret_text", "name": name, "text": text} for name, text in self.secrets.items()),
        ]
        metadata = {"main_module": MAIN, "compatibility_date": COMPATIBILITY_DATE, "bindings": bindings}
        parts = [("metadata", "application/json", json.dumps(metadata), False)]
        parts += [(MAIN, "application/javascript+module", self.source, True)]
        parts += [(name, "text/plain", text, True) for name, text in self.texts.items()]
        boundary = uuid.uuid4().hex
        body = b"".join(_part(boundary, *part) for part in parts) + f"--{boundary}--\r\n".encode()
        return body, f"multipart/form-data; boundary={boundary}"


def _part(boundary: str, name: str, kind: str, text: str, is_file: bool) -> bytes:
    file = f'; filename="{name}"' if is_file else ""
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"{file}\r\nContent-Type: {kind}\r\n\r\n'
    return head.encode() + text.encode() + b"\r\n"


class Workers(Cloudflare):
    """The client of Cloudflare with the calls for Workers."""

    def account_of(self, zone_id: str) -> str:
        """Return the id of the account that has a zone. Raises ConfigError where the token may not read it."""
        account = (self._call("GET", f"/zones/{zone_id}", OF_ACCOUNT).get("account") or {}).get("id")
        if not account:
            raise ConfigError(
                "Cloudflare did not report the account of the zone. Set account to its id, or give the token the"
                " permission Zone: Zone: Read.",
                code="unknown_account",
            )
        return account

    def variables(self, account: str, name: str) -> dict[str, str] | None:
        """Return the plain variables of a script; None where there is no such script."""
        try:
            settings = self._call(
                "GET", f"/accounts/{account}/workers/scripts/{name}/settings", {"bindings?": [BINDING]}
            )
        except ApiError as error:
            if error.code == NO_SUCH_WORKER or error.is_missing:
                return None
            raise self._unpermitted(error) from None
        bindings = settings.get("bindings") or []
        return {binding["name"]: binding["text"] for binding in bindings if binding.get("text") is not None}

    def upload(self, account: str, name: str, script: Script) -> None:
        """Create a script, or replace it."""
        body, kind = script.form()
        path = f"/accounts/{account}/workers/scripts/{name}"
        self._permitted("PUT", path, ({}, None), data=body, headers={"Content-Type": kind})

    def routes(self, zone_id: str) -> list[Route]:
        """Return the routes of a zone."""
        listed = self._permitted("GET", f"/zones/{zone_id}/workers/routes", [ROUTE])
        return [Route(route["id"], route["pattern"], route.get("script") or None) for route in listed]

    def create_route(self, zone_id: str, pattern: str, script: str) -> None:
        """Create a route. Where the answer of an earlier try was lost, the route may be there already."""
        body = {"pattern": pattern, "script": script}
        try:
            self._permitted("POST", f"/zones/{zone_id}/workers/routes", ({}, None), json=body, idempotent=True)
        except ApiError:
            if not any((route.pattern, route.script) == (pattern, script) for route in self.routes(zone_id)):
                raise

    def delete_route(self, zone_id: str, route_id: str) -> None:
        """Delete a route; one that is not there any more was deleted by an earlier try."""
        try:
            self._permitted("DELETE", f"/zones/{zone_id}/workers/routes/{route_id}", ({}, None))
        except ApiError as error:
            if not error.is_missing:
                raise

    def _permitted(self, method: str, path: str, shape: Any, **request: Any) -> Any:
        try:
            return self._call(method, path, shape, **request)
        except ApiError as error:
            raise self._unpermitted(error) from None

    @staticmethod
    def _unpermitted(error: ApiError) -> ApiError:
        if error.status == 403:
            error.advise(f"The token may not edit Workers. {PERMISSIONS}")
        return error
