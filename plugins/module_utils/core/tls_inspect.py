# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A second connection to a server with which TLS failed, for the error's message: nothing is sent but the
TLS handshake.
"""

from __future__ import annotations

import os
import socket
import ssl
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

with suppress(ImportError):  # core.http reports it to run()
    from certifi import where
    from requests.utils import get_environ_proxies, select_proxy

SECONDS = 3.0
NO_CHECK_TIME = 0x200000  # X509_V_FLAG_NO_CHECK_TIME
NAMES = 5  # of a certificate that are listed


def peer_certificate(url: str, bundle: str) -> dict[str, Any] | None:
    """Return the certificate of a server, trusted but for its name and its dates, as ``ssl`` decodes it;
    None if there is none.
    """
    trusted = Path(os.environ.get(bundle) or os.environ.get("CURL_CA_BUNDLE") or where())
    try:
        context = (
            ssl.create_default_context(capath=trusted)
            if trusted.is_dir()
            else ssl.create_default_context(cafile=trusted)
        )
        context.check_hostname = False
        context.verify_flags |= NO_CHECK_TIME
        with _connected(url) as plain, context.wrap_socket(plain, server_hostname=urlsplit(url).hostname) as sock:
            return sock.getpeercert()
    except (OSError, ValueError):
        return None


def names_of(certificate: dict[str, Any] | None) -> str:
    """Return the names that a certificate is for."""
    names = [str(name) for kind, name in (certificate or {}).get("subjectAltName", ()) if kind in ("DNS", "IP Address")]
    more = f" and {len(names) - NAMES} more" if len(names) > NAMES else ""
    return ", ".join(names[:NAMES]) + more


def speaks_http(url: str) -> bool:
    """Whether the port answers plain HTTP."""
    try:
        with _connected(url) as sock:
            sock.sendall(
                f"HEAD / HTTP/1.1\r\nHost: {urlsplit(url).hostname}\r\nConnection: close\r\n\r\n".encode("ascii")
            )
            return sock.recv(5, socket.MSG_WAITALL) == b"HTTP/"
    except (OSError, ValueError):
        return False


def _connected(url: str) -> socket.socket:
    """Connect as the request did. Raises OSError, also for a proxy in between."""
    parts = urlsplit(url)
    if select_proxy(url, get_environ_proxies(url)):
        raise OSError("not through a proxy")
    return socket.create_connection((parts.hostname, parts.port or 443), timeout=SECONDS)
