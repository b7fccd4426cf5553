# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Why a connection came to nothing before its request left: what was wrong with TLS, or with a proxy, and
what to do about it.
"""

from __future__ import annotations

import re
import ssl
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

with suppress(ImportError):  # core.http reports it to run()
    from urllib3.util.ssl_match_hostname import CertificateError

from .deadline import IN_HANDSHAKE, IN_PROXY_HANDSHAKE, IN_TUNNEL, phase_of
from .tls_inspect import names_of, peer_certificate, speaks_http

EXPIRED, NOT_YET_VALID, REVOKED, WRONG_NAMES = 10, 9, 23, (62, 64)  # OpenSSL's X509_V_ERR_*
UNKNOWN_AUTHORITY = {2: "", 7: "", 18: " (it is self-signed)", 19: " (self-signed)", 20: "", 21: "", 24: "", 27: ""}
WEAK = (66, 67, 68)
NOT_TLS = {
    "WRONG_VERSION_NUMBER",
    "HTTP_REQUEST",
    "RECORD_LAYER_FAILURE",
    "PACKET_LENGTH_TOO_LONG",
    "UNKNOWN_PROTOCOL",
    "INVALID_RECORD_TYPE",
}
NOTHING_SHARED = re.compile(
    r"PROTOCOL_VERSION|UNSUPPORTED_PROTOCOL|NO_PROTOCOLS|HANDSHAKE_FAILURE|NO_SHARED_CIPHER|NO_CIPHERS|INSUFFICIENT_SECURITY|TOO_SMALL"
)
CLIENT_CERTIFICATE = re.compile(
    r"CERTIFICATE_REQUIRED|ALERT_(BAD_CERTIFICATE|CERTIFICATE_\w+|UNKNOWN_CA|ACCESS_DENIED)"
)


@dataclass(frozen=True)
class Trouble:
    """``reason`` goes into a sentence, ``advice`` is one or two; ``retry`` says whether the same may
    succeed in a moment.
    """

    code: str
    reason: str
    advice: str
    retry: bool = False


CLOSED = Trouble(
    "tls_closed",
    "the TLS handshake was closed before it was complete",
    "Try again; if it happens again, check that the port speaks TLS, and any firewall or proxy in between.",
    retry=True,
)
TIMEOUT = Trouble(
    "tls_timeout",
    "the TLS handshake was not complete in time",
    "Try again; if it happens again, check that the port speaks TLS, and any firewall in between.",
    retry=True,
)
SHARED = Trouble(
    "tls_version",
    "the server and this machine have no TLS version or cipher in common",
    "Let the server, or a proxy in between, speak TLS 1.2 or newer.",
)
CERTIFICATE_WANTED = Trouble(
    "tls_client_certificate",
    "the server asks for a client certificate, or refuses ours",
    "Give an address that asks for none: modules send no certificate.",
)


def trouble(error: BaseException, url: str, bundle: str = "REQUESTS_CA_BUNDLE") -> Trouble | None:
    """Return what was wrong with TLS or a proxy; None for anything else, such as a connection that broke after the
    handshake.

    ``bundle`` is the variable by which the client finds the authorities that it trusts.
    """
    for cause in _chain(error):
        phase = phase_of(cause)
        if phase == IN_TUNNEL and (refusal := re.search(r"Tunnel connection failed: (\d{3})", str(cause))):
            return _tunnel(int(refusal[1]), url)
        if phase == IN_PROXY_HANDSHAKE:
            return _of_proxy(_of(cause, url, bundle, inspect=False) or CLOSED)
        if isinstance(cause, CertificateError):  # of urllib3, where botocore lets it compare the names
            return _wrong_name(url, getattr(cause, "_peer_cert", None))
        of_tls = isinstance(cause, ssl.SSLError) or (phase == IN_HANDSHAKE and isinstance(cause, OSError))
        if of_tls and (found := _of(cause, url, bundle, inspect=True)):
            return found
    return None


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Give an error and all that it was made of: requests, urllib3 and botocore wrap each other's, each in
    its own way.
    """
    seen: list[int] = []
    todo: list[object] = [error]
    while todo:
        one = todo.pop(0)
        if isinstance(one, BaseException) and id(one) not in seen:
            seen.append(id(one))
            yield one
            of_botocore = getattr(one, "kwargs", None) or {}
            todo += [
                *one.args,
                getattr(one, "reason", None),
                getattr(one, "original_error", None),
                of_botocore.get("error"),
                one.__cause__,
                one.__context__,
            ]


def _of(cause: BaseException, url: str, bundle: str, inspect: bool) -> Trouble | None:
    if isinstance(cause, ssl.SSLCertVerificationError):
        return _certificate(cause, url, bundle, inspect)
    in_handshake = phase_of(cause) is not None
    if isinstance(cause, TimeoutError):
        return TIMEOUT if in_handshake else None
    if isinstance(cause, ssl.SSLEOFError | ssl.SSLZeroReturnError | ConnectionError):
        return CLOSED if in_handshake else None
    word = getattr(cause, "reason", None)
    if not isinstance(word, str):
        return CLOSED if in_handshake else None
    if word in NOT_TLS and in_handshake:
        return _not_tls(url, inspect)
    if CLIENT_CERTIFICATE.search(word):
        return CERTIFICATE_WANTED
    if not in_handshake:
        return None
    if word == "TLSV1_UNRECOGNIZED_NAME":
        host = urlsplit(url).hostname
        return Trouble(
            "tls_wrong_name",
            f"the server knows no site named {host}",
            "Correct the address, or add the name where the server's sites are set up.",
        )
    return (
        SHARED
        if NOTHING_SHARED.search(word)
        else replace(CLOSED, reason=f"the server ended the TLS handshake ({word.lower()})", retry=False)
    )


def _certificate(cause: ssl.SSLCertVerificationError, url: str, bundle: str, inspect: bool) -> Trouble:
    code = getattr(cause, "verify_code", None)
    if code in WRONG_NAMES:
        return _wrong_name(url, peer_certificate(url, bundle) if inspect else None)
    if code in (EXPIRED, NOT_YET_VALID):
        return _dates(code, (peer_certificate(url, bundle) if inspect else None) or {})
    if code in UNKNOWN_AUTHORITY:
        return Trouble(
            "tls_unknown_authority",
            f"its certificate is from an authority that this machine does not trust{UNKNOWN_AUTHORITY[code]}",
            f"Where it is your own authority's, or that of a proxy that inspects TLS, set {bundle} to a file with that"
            " authority's certificate and the public ones. Else let the server send its intermediate certificates too,"
            " and do not trust this address before you know why.",
        )
    if code == REVOKED:
        return Trouble(
            "tls_revoked",
            "its certificate is revoked",
            "Have a new certificate issued, and find out why the old one was revoked.",
        )
    if code in WEAK:
        return Trouble(
            "tls_weak",
            "its certificate has a key or a signature that is too weak",
            "Have a new certificate issued, with RSA of 2048 bits or ECDSA.",
        )
    return Trouble(
        "tls_certificate",
        f"its certificate was not accepted ({getattr(cause, 'verify_message', 'for no reason given')})",
        "Correct the certificate of the server.",
    )


def _wrong_name(url: str, certificate: dict[str, object] | None) -> Trouble:
    names, host = names_of(certificate), urlsplit(url).hostname
    held = f"its certificate is for {names}, not for {host}" if names else f"its certificate is not for {host}"
    return Trouble("tls_wrong_name", held, "Correct the address, or have the certificate issued for this name as well.")


def _dates(code: int, certificate: dict[str, object]) -> Trouble:
    word, key = ("expired", "notAfter") if code == EXPIRED else ("is not valid before", "notBefore")
    date = certificate.get(key)
    at = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(ssl.cert_time_to_seconds(str(date)))) if date else ""
    here = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime())
    reason = (
        f"its certificate {word}{' on' if code == EXPIRED else ''} {at}"
        if at
        else f"its certificate {'has expired' if code == EXPIRED else 'is not valid yet'}"
    )
    remedy = "Renew the certificate" if code == EXPIRED else "Wait, or have it issued again"
    return Trouble(
        "tls_expired" if code == EXPIRED else "tls_not_yet_valid",
        reason,
        f"{remedy}. This machine's clock says {here}: if that is wrong, set it.",
    )


def _not_tls(url: str, inspect: bool) -> Trouble:
    if inspect and speaks_http(url):
        return Trouble(
            "tls_plain_http",
            "the port speaks plain HTTP, not TLS",
            "Correct the address: give the port that speaks TLS, or http:// for this one.",
        )
    return Trouble(
        "tls_none",
        "the port does not speak TLS",
        "Correct the address: give the port that speaks TLS, and check any proxy in between.",
    )


def _tunnel(status: int, url: str) -> Trouble:
    where = urlsplit(url)
    host = f"{where.hostname}:{where.port or 443}"
    if status == 407:
        return Trouble(
            "proxy_login",
            "the proxy asks for a user and a password (407)",
            "Put them into HTTPS_PROXY, percent-encoded: http://user:password@host:port.",
        )
    if status in (401, 403):
        return Trouble(
            "proxy_refused",
            f"the proxy does not allow {host} ({status})",
            "Have it allowed by the proxy's operator, or name the host in NO_PROXY.",
        )
    reason = f"the proxy could not connect to {host} ({status})"
    return Trouble(
        "proxy_failed",
        reason,
        "Check that the proxy reaches this host, or name the host in NO_PROXY.",
        retry=status >= 500,
    )


def _of_proxy(inner: Trouble) -> Trouble:
    advice = "Check HTTPS_PROXY: it begins with http:// where the proxy itself speaks plain HTTP."
    return Trouble(
        "proxy_tls",
        f"TLS with the proxy failed: {inner.reason}",
        f"{advice} {inner.advice}" if inner.code == "tls_unknown_authority" else advice,
        inner.retry,
    )
