# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether every public host speaks TLS as it should: a chain that is trusted, its name, days left, and no
version that is too old.
"""

from __future__ import annotations

import os
import socket
import ssl
import warnings
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

with suppress(ImportError):  # core.http gives run() the reason
    from certifi import where

from ..core.amounts import number
from ..core.tls import trouble
from .answer import Answer, failed, not_applicable, passed, unasked
from .check import Context, Options

OPTIONS: dict[str, dict[str, Any]] = {
    "live": {"type": "bool", "default": True},
    "hosts": {"type": "list", "elements": "str", "default": []},
    "days_left": {"type": "int", "default": 21},
    "oldest_tls": {"type": "str", "default": "1.2", "choices": ["1.2", "1.3"]},
    "ca_file": {"type": "path"},
    "timeout": {"type": "float", "default": 10.0},
}
ADDRESSES = 4  # of a host that are asked: each may have a certificate of its own
VERSIONS = {"1.0": ssl.TLSVersion.TLSv1, "1.1": ssl.TLSVersion.TLSv1_1, "1.2": ssl.TLSVersion.TLSv1_2}


@dataclass(frozen=True)
class Host:
    name: str
    port: int = 443

    @property
    def shown(self) -> str:
        return self.name if self.port == 443 else f"{self.name}:{self.port}"


@dataclass(frozen=True)
class Found:
    """What a host presents: ``problem`` where that is not trusted, ``silent`` where it does not answer."""

    until: datetime | None = None
    version: str = ""
    issuer: str = ""
    problem: str = ""
    silent: str = ""


def missing(options: Options) -> str:
    return "" if options["hosts"] else "set hosts to the public names"


def wrong(options: Options, context: Context) -> list[str]:
    problems = []
    for text in options["hosts"]:
        shown = text.rpartition("@")[2]  # a password before it must not show
        try:
            host = host_of(text)
            problems += [] if host.name and 0 < host.port < 65536 else [f"{shown!r} is not a host"]
        except ValueError:
            problems.append(f"{shown!r} is not a host")
    return problems + ([] if options["days_left"] >= 0 else [f"days_left is {options['days_left']}: give 0 or more"])


def host_of(text: str) -> Host:
    """Read shop.example, shop.example:8443 or an address such as https://shop.example/. Raises ValueError."""
    parts = urlsplit(text if "://" in text else f"//{text}")
    return Host(parts.hostname or "", parts.port or 443)


def ask(context: Context, options: Options) -> Answer:
    hosts = list(dict.fromkeys(host_of(text) for text in options["hosts"]))
    asked = (
        f"do {', '.join(host.shown for host in hosts)} present a certificate that is trusted, theirs and valid for"
        f" {number(options['days_left'], 'day')}?"
    )
    if not options["live"]:
        return not_applicable("nothing is live yet", asked=asked)
    problems: list[str] = []
    silent: list[str] = []
    facts: dict[str, Any] = {}
    for host in hosts:
        for address, found in _inspect(host, options):
            if found.silent:
                silent.append(f"{host.shown} ({address}): {found.silent}")
                continue
            problems += [f"{host.shown}: {problem}" for problem in _problems(host, found, context.now, options)]
            days = (found.until - context.now).days if found.until else None
            facts.setdefault(host.shown, []).append(
                {"address": address, "days_left": days, "version": found.version, "issuer": found.issuer}
            )
        for version in _too_old(options["oldest_tls"]):
            if host.shown in facts and _accepts(host, version, options):
                problems.append(f"{host.shown} still speaks TLS {version}")
    if problems:
        return failed(
            "; ".join(dict.fromkeys(problems)),
            "Renew or correct the certificate at the edge",
            asked=asked,
            facts={"hosts": facts},
        )
    if any(host.shown not in facts for host in hosts):
        return unasked("; ".join(silent), "Check the name and the port", asked=asked, facts={"hosts": facts})
    least = min(one["days_left"] for found in facts.values() for one in found)
    return passed(
        f"{number(len(hosts), 'host is', 'hosts are')} trusted for {number(least, 'day')} and more",
        asked=asked,
        facts={"hosts": facts},
    )


def _problems(host: Host, found: Found, now: datetime, options: Options) -> Iterator[str]:
    if found.problem:
        yield found.problem
    elif found.until and found.until <= now:
        yield f"its certificate ended on {found.until.date().isoformat()}"
    elif found.until and (left := (found.until - now).days) < options["days_left"]:
        yield f"its certificate has {number(left, 'day')} left, and not {options['days_left']}"


def _inspect(host: Host, options: Options) -> Iterator[tuple[str, Found]]:
    try:
        known = socket.getaddrinfo(host.name, host.port, type=socket.SOCK_STREAM)
    except OSError:
        yield host.name, Found(silent="the name does not resolve")
        return
    for address in list(dict.fromkeys(str(one[4][0]) for one in known))[:ADDRESSES]:
        yield address, _present(host, address, options)


def _present(host: Host, address: str, options: Options) -> Found:
    try:
        with socket.create_connection((address, host.port), timeout=options["timeout"]) as plain:
            return _handshake(host, plain, options)
    except OSError as error:
        return Found(silent=str(error.strerror or error))


def _handshake(host: Host, plain: socket.socket, options: Options) -> Found:
    try:
        with _context(options).wrap_socket(plain, server_hostname=host.name) as secure:
            certificate: Any = secure.getpeercert()
            until = datetime.fromtimestamp(ssl.cert_time_to_seconds(certificate["notAfter"]), UTC)
            issuer = {name: value for part in certificate.get("issuer", ()) for name, value in part}
            return Found(until, str(secure.version()), issuer.get("organizationName") or issuer.get("commonName") or "")
    except ssl.SSLError as error:
        why = trouble(error, f"https://{host.shown}/")
        return Found(problem=why.reason if why else f"TLS failed: {error.reason}")


def _context(options: Options) -> ssl.SSLContext:
    bundle = Path(
        options["ca_file"] or os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE") or where()
    )
    return ssl.create_default_context(capath=bundle) if bundle.is_dir() else ssl.create_default_context(cafile=bundle)


def _too_old(oldest: str) -> list[str]:
    return [version for version in VERSIONS if version < oldest]


def _accepts(host: Host, version: str, options: Options) -> bool:
    """Whether a host shakes hands in an old version; nothing is sent after that, and nothing that it
    presents is trusted.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # to speak an old version is the point
        context.minimum_version = context.maximum_version = VERSIONS[version]
    with suppress(ssl.SSLError):
        context.set_ciphers("ALL:@SECLEVEL=0")
    try:
        with (
            socket.create_connection((host.name, host.port), timeout=options["timeout"]) as plain,
            context.wrap_socket(plain, server_hostname=host.name) as secure,
        ):
            return secure.version() is not None
    except (OSError, ValueError):
        return False
