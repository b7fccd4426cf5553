# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""JSON and pages in any charset, over a real socket."""

from __future__ import annotations

import codecs
import json
import socket
from contextlib import AbstractContextManager

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.core.charset import in_utf8
from ansible_collections.storefront.runbook.plugins.module_utils.core.errors import ApiError
from ansible_collections.storefront.runbook.plugins.module_utils.core.http import ApiClient
from ansible_collections.storefront.runbook.plugins.module_utils.core.wait import Waiter
from ansible_collections.storefront.runbook.plugins.module_utils.platforms.vercel.states import parse_error
from ansible_collections.storefront.runbook.plugins.module_utils.site.checks import Check
from ansible_collections.storefront.runbook.plugins.module_utils.site.probe import Prober

from tests.unit.rude_server import rude_server
from tests.unit.support import Clock

TEXT = '{"error": {"code": "naïve", "message": "Zürich ist zu"}}'
BODIES = {
    "UTF-8": (TEXT.encode(), "application/json"),
    "a byte-order mark": (codecs.BOM_UTF8 + TEXT.encode(), "application/json"),
    "a mark against what is claimed": (codecs.BOM_UTF8 + TEXT.encode(), "application/json; charset=iso-8859-1"),
    "UTF-16 with a mark": (TEXT.encode("utf-16"), "application/json"),
    "UTF-16 without one": (TEXT.encode("utf-16-be"), "application/json"),
    "UTF-16 as claimed": (TEXT.encode("utf-16-le"), "application/json; charset=utf-16le"),
    "UTF-32": (TEXT.encode("utf-32"), "application/vnd.api+json"),
    "Latin-1": (TEXT.encode("latin-1"), "application/json;charset=ISO-8859-1"),
    "Windows-1252": (TEXT.encode("cp1252"), 'text/json; charset="windows-1252"'),
    "an unknown charset": (TEXT.encode(), "application/json; charset=klingon"),
    "no type": (codecs.BOM_UTF8 + TEXT.encode(), ""),
}


def answering(status: bytes, body: bytes, kind: str) -> AbstractContextManager[str]:
    def behave(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(
            b"HTTP/1.1 %s\r\nContent-Type: %s\r\nContent-Length: %d\r\nConnection: close\r\n\r\n"
            % (status, kind.encode(), len(body))
            + body
        )

    return rude_server(behave)


@pytest.mark.parametrize("name", BODIES)
def test_json_is_read_whatever_its_charset(name: str) -> None:
    with answering(b"200 OK", *BODIES[name]) as address:
        read = ApiClient("Vendor", address, headers={}).json("GET", "/", shape={"error": {"code": str, "message": str}})
    assert read == json.loads(TEXT)


@pytest.mark.parametrize("name", BODIES)
def test_so_is_a_refusal(name: str) -> None:
    with (
        answering(b"400 Bad Request", *BODIES[name]) as address,
        pytest.raises(ApiError, match="Zürich ist zu") as caught,
    ):
        ApiClient("Vercel", address, headers={}, parse_error=parse_error).request("GET", "/")
    assert caught.value.code == "naïve"


@pytest.mark.parametrize("name", BODIES)
def test_so_is_what_a_probe_asks(name: str, clock: Clock) -> None:
    with answering(b"200 OK", *BODIES[name]) as address:
        check = Check("Home", address, contains="Zürich", json={"error.code": "naïve"})
        (result,) = Prober(Waiter(timeout=0, interval=1, sleep=clock.sleep, clock=clock)).run([check])
    assert result.outcome == "healthy", result.reasons


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"\xff\xfe\x00", "image/png"),
        (b"plain", "text/plain"),
        (b"\xff\xfe\x00", "application/json"),
        (b"\xe4", "application/json"),
        (b"", "application/json"),
    ],
)
def test_what_is_not_text_of_another_charset_stays_as_it_is(body: bytes, kind: str) -> None:
    assert in_utf8(body, kind) is None
