# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Asks the public site, for the checks of its edge: once, within a bounded time, and never on a redirect
with secret headers.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing, suppress
from typing import Any
from urllib.parse import urlsplit

with suppress(ImportError):  # core.http reports why to run()
    import requests

from ..core.errors import ConfigError, RunbookError
from ..core.http_errors import unreachable
from ..core.transport import TooLarge, exchange, make_session
from ..core.urls import refuse_plain_http
from ..site.checks import Answer as Page
from ..site.checks import Check as Probe
from ..site.checks import blocked_by

OPTIONS: dict[str, dict[str, Any]] = {
    "live": {"type": "bool", "default": True},
    "headers": {"type": "dict", "default": {}, "no_log": True},
    "timeout": {"type": "float", "default": 10.0},
    "allow_plain_http": {"type": "bool", "default": False},
}
MOST = 1 << 20  # bytes of an answer; none of them is shown


class Blocked(RunbookError):
    """Something else than the site answered."""

    kind = "probe_blocked"


def ask(
    method: str, url: str, options: Mapping[str, Any], headers: Mapping[str, str] | None = None, **content: Any
) -> requests.Response:
    """Return the site's answer. Raises Unreachable, Blocked and ConfigError."""
    secret = {name: str(value) for name, value in options["headers"].items()}
    if secret:
        refuse_plain_http(url, "url", "a secret header", options["allow_plain_http"])
    with closing(make_session(secret)) as session:
        try:
            answer = exchange(
                session,
                method,
                url,
                seconds=options["timeout"],
                most=MOST,
                headers={**secret, **(headers or {})},
                **content,
            )
        except TooLarge:
            raise ConfigError(f"{method} {shown(url)} answers more than {MOST} bytes. Choose another path.") from None
        except requests.RequestException as error:
            raise unreachable("The site", shown(url), method, error, options["timeout"]) from None
    blocked = blocked_by(Probe("edge", url), Page(url, answer.status_code, answer.headers, answer.text, False, 0))
    if blocked:
        raise Blocked(f"{method} {shown(url)}: {blocked}.")
    return answer


def shown(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def url_problem(option: str, url: str) -> str:
    """Say what is wrong with an address; empty where nothing is."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return f"{option} is not an address: its host or its port is wrong"
    if parts.scheme not in ("http", "https") or not parts.hostname or port == 0:
        return (
            f"{option} is not an address: it begins with https://"
            if "@" in url
            else f"{option} {url!r} is not an address: it begins with https://"
        )
    return f"{option} holds credentials: give them as headers" if parts.username or parts.password else ""
