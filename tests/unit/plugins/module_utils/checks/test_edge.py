# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""CORS, rate limit and TLS, asked of real servers on this machine."""

from __future__ import annotations

import datetime
import http.server
import ipaddress
import ssl
import threading
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.checks import certificates, cors, rate_limit
from ansible_collections.storefront.runbook.plugins.module_utils.checks.check import Context
from ansible_collections.storefront.runbook.plugins.module_utils.core.errors import RunbookError, Unreachable
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

SHOP = "https://shop.example"
NOW = datetime.datetime(2026, 3, 3, 12, tzinfo=datetime.UTC)
Respond = Callable[[str, Any], tuple[int, dict[str, str]]]


class Server:
    """Answers as ``respond(method, headers)`` says, and remembers what was asked."""

    def __init__(self, respond: Respond, context: ssl.SSLContext | None = None) -> None:
        self.asked: list[tuple[str, Any]] = []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                outer.asked.append((self.command, self.headers))
                status, headers = respond(self.command, self.headers)
                self.send_response(status)
                for name, value in {**headers, "Content-Length": "0"}.items():
                    self.send_header(name, value)
                self.end_headers()

            do_GET = do_POST = do_OPTIONS = do_HEAD = answer

            def log_message(self, *words: Any) -> None:
                pass

        class Quiet(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def get_request(self) -> Any:
                sock, address = super().get_request()
                sock.settimeout(10)
                return (
                    context.wrap_socket(sock, server_side=True, do_handshake_on_connect=False) if context else sock
                ), address

            def handle_error(self, *words: Any) -> None:
                pass

        self.server = Quiet(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}/api"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True)
        self.thread.start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.fixture
def serve() -> Iterator[Callable[..., Server]]:
    running: list[Server] = []

    def start(respond: Respond, context: ssl.SSLContext | None = None) -> Server:
        running.append(Server(respond, context))
        return running[-1]

    yield start
    for server in running:
        server.close()


def ask(module: ModuleType, **given: Any) -> tuple[str, str]:
    options = {**{name: spec.get("default") for name, spec in module.OPTIONS.items()}, **given}
    context = Context(now=NOW)
    assert module.missing(options) == ""
    assert module.wrong(options, context) == []
    answer = module.ask(context, options)
    return answer.outcome, answer.answered


# CORS


def api(
    *, allows: Callable[[str], bool] = lambda origin: origin == SHOP, status: int = 204, **more: str | None
) -> Respond:
    """An API as it should be, but for the headers in ``more``: one that is None is left out."""

    def respond(method: str, asked: Any) -> tuple[int, dict[str, str]]:
        origin = asked.get("Origin", "")
        headers: dict[str, str | None] = {"Vary": "Origin"}
        if allows(origin):
            headers["Access-Control-Allow-Origin"] = origin
            headers["Access-Control-Allow-Headers"] = "Content-Type, Authorization"
            headers["Access-Control-Allow-Methods"] = "GET, POST, DELETE"
            headers["Access-Control-Max-Age"] = "600"
            headers |= {name.replace("_", "-"): value for name, value in more.items()}
        return (status if method == "OPTIONS" else 200), {
            name: value for name, value in headers.items() if value is not None
        }

    return respond


def ask_cors(server: Server, **given: Any) -> tuple[str, str]:
    return ask(cors, cors_url=server.url, **{"allowed_origins": [SHOP], **given})


def test_an_api_that_only_the_shop_may_ask_passes(serve: Any) -> None:
    server = serve(api())
    assert ask_cors(server, max_age=600, method="DELETE") == (
        "passed",
        "https://shop.example may ask it, 4 foreign origins may not",
    )
    preflights = [headers for method, headers in server.asked if method == "OPTIONS"]
    assert preflights[0]["Access-Control-Request-Method"] == "DELETE"
    assert {headers["Origin"] for headers in preflights} >= {
        SHOP,
        "https://attacker.example",
        "https://shop.example.attacker.example",
        "null",
    }


@pytest.mark.parametrize(
    ("allows", "origin"),
    [
        (lambda origin: True, "https://attacker.example"),
        (lambda origin: origin.startswith(SHOP), "https://shop.example.attacker.example"),
        (lambda origin: origin.endswith("shop.example"), "https://not-shop.example"),
        (lambda origin: origin in (SHOP, "null"), "null"),
        (lambda origin: origin in (SHOP, "https://old.example"), "https://old.example"),
    ],
)
def test_an_api_that_allows_a_foreign_page_is_a_no(serve: Any, allows: Any, origin: str) -> None:
    outcome, answered = ask_cors(serve(api(allows=allows)), foreign_origins=["https://old.example"])
    assert outcome == "failed"
    assert f"the preflight allows the foreign origin {origin}" in answered


def test_an_api_that_allows_everybody_is_a_no(serve: Any) -> None:
    outcome, answered = ask_cors(serve(api(allows=lambda origin: True, Access_Control_Allow_Origin="*")))
    assert outcome == "failed"
    assert "(any origin)" in answered


def test_a_foreign_page_that_only_the_answer_allows_is_a_no(serve: Any) -> None:
    def respond(method: str, headers: Any) -> tuple[int, dict[str, str]]:
        return api(allows=lambda origin: method == "GET" or origin == SHOP)(method, headers)

    assert "an answer allows the foreign origin" in ask_cors(serve(respond))[1]


@pytest.mark.parametrize(
    ("made", "given", "said"),
    [
        (
            {"allows": lambda origin: False},
            {},
            "https://shop.example is not allowed (Access-Control-Allow-Origin is missing)",
        ),
        ({"status": 403}, {}, "the preflight request of https://shop.example was answered 403"),
        ({}, {"method": "PATCH"}, "may not send PATCH"),
        ({"Access_Control_Allow_Headers": "content-type"}, {}, "may not send the headers authorization"),
        ({"Access_Control_Allow_Headers": "*"}, {}, "may not send the headers authorization"),
        ({}, {"credentials": True}, "may not send credentials"),
        ({"Access_Control_Allow_Credentials": "true"}, {}, "may send credentials, which credentials: false excludes"),
        ({}, {"max_age": 601}, "the preflight is kept for 600 seconds, and not for 601"),
        ({"Access_Control_Max_Age": None}, {"max_age": 1}, "the preflight is kept for no seconds"),
        ({"Vary": "Accept-Encoding"}, {}, "the answer lacks Vary: Origin"),
    ],
)
def test_an_api_that_the_shop_cannot_ask_is_a_no(
    serve: Any, made: dict[str, Any], given: dict[str, Any], said: str
) -> None:
    outcome, answered = ask_cors(serve(api(**made)), **given)
    assert outcome == "failed"
    assert said in answered


def test_credentials_pass_where_they_are_wanted(serve: Any) -> None:
    assert ask_cors(serve(api(Access_Control_Allow_Credentials="true")), credentials=True)[0] == "passed"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"cors_url": "shop.example"}, "is not an address"),
        ({"cors_url": "https://user:pw@shop.example/api"}, "holds credentials"),
        ({"allowed_origins": ["https://shop.example/"]}, "is not an origin"),
        ({"allowed_origins": ["*"]}, "is not an origin"),
        ({"foreign_origins": [SHOP]}, "is both allowed and foreign"),
    ],
)
def test_wrong_origins_and_addresses_are_refused(given: dict[str, Any], said: str) -> None:
    options = {
        **{name: spec.get("default") for name, spec in cors.OPTIONS.items()},
        "cors_url": "https://api.shop.example",
        "allowed_origins": [SHOP],
        **given,
    }
    assert said in "; ".join(cors.wrong(options, Context()))
    assert "pw" not in "; ".join(cors.wrong(options, Context())).replace("pw@", "") or "credentials" in said


def test_a_site_that_does_not_answer_cannot_be_asked() -> None:
    with pytest.raises(Unreachable):
        ask(cors, cors_url="http://127.0.0.1:1/", allowed_origins=[SHOP])


def test_a_challenge_in_between_is_no_answer_of_the_site(serve: Any) -> None:
    with pytest.raises(RunbookError, match="Cloudflare challenge"):
        ask_cors(serve(lambda method, headers: (403, {"cf-mitigated": "challenge"})))


def test_secret_headers_reach_the_site(serve: Any) -> None:
    server = serve(api())
    ask_cors(server, headers={"X-Bypass": "secret"})
    assert all(headers["X-Bypass"] == "secret" for _method, headers in server.asked)


@pytest.mark.parametrize("module", [cors, rate_limit, certificates])
def test_nothing_is_asked_of_a_site_that_is_not_live_yet(module: ModuleType) -> None:
    given: dict[str, Any] = {
        "cors_url": "http://127.0.0.1:1/",
        "allowed_origins": [SHOP],
        "rate_limit_url": "http://127.0.0.1:1/",
        "hosts": ["shop.example"],
    }
    assert (
        ask(module, live=False, **{name: value for name, value in given.items() if name in module.OPTIONS})[0]
        == "not_applicable"
    )


# The rate limit


def limited(after: int, status: int = 429) -> Respond:
    count, lock = [0], threading.Lock()

    def respond(method: str, headers: Any) -> tuple[int, dict[str, str]]:
        with lock:
            count[0] += 1
            return (200, {}) if count[0] <= after else (status, {"Retry-After": "60"})

    return respond


def test_a_burst_that_meets_a_limit_passes_and_stops_there(serve: Any) -> None:
    server = serve(limited(10))
    outcome, _answered = ask(rate_limit, rate_limit_url=server.url, burst=500)
    assert outcome == "passed"
    assert len(server.asked) < 30


def test_a_burst_that_meets_none_is_a_no_and_is_bounded(serve: Any) -> None:
    server = serve(limited(1000))
    assert ask(rate_limit, rate_limit_url=server.url, burst=20) == (
        "failed",
        "20 requests were answered, and none was limited",
    )
    assert len(server.asked) == 20


@pytest.mark.parametrize("status", [500, 502, 503])
def test_a_site_that_breaks_under_the_burst_is_left_alone(serve: Any, status: int) -> None:
    server = serve(limited(3, status))
    outcome, answered = ask(rate_limit, rate_limit_url=server.url, burst=500)
    assert outcome == "failed"
    assert f"it answered {status}" in answered
    assert len(server.asked) < 30


def test_a_refusal_of_another_kind_is_no_limit(serve: Any) -> None:
    assert ask(rate_limit, rate_limit_url=serve(limited(0, 401)).url, burst=10)[0] == "failed"


def test_a_body_is_posted(serve: Any) -> None:
    server = serve(limited(2))
    ask(
        rate_limit,
        rate_limit_url=server.url,
        rate_limit_method="POST",
        rate_limit_body={"email": "nobody@shop.example"},
    )
    assert {method for method, _headers in server.asked} == {"POST"}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"burst": 501}, "give 2 to 500"),
        ({"burst": 1}, "give 2 to 500"),
        ({"rate_limit_body": {}}, "POST"),
        ({"rate_limit_url": "/login"}, "is not an address"),
    ],
)
def test_a_burst_is_bounded(given: dict[str, Any], said: str) -> None:
    options = {
        **{name: spec.get("default") for name, spec in rate_limit.OPTIONS.items()},
        "rate_limit_url": "https://api.shop.example/login",
        **given,
    }
    assert said in "; ".join(rate_limit.wrong(options, Context()))


# TLS


class Authority:
    """Makes certificates. ``bundle`` is its own."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.key = folder, ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Test authority")])
        own = self._builder(self.name, self.key, -30, 365).add_extension(
            x509.BasicConstraints(ca=True, path_length=None), critical=True
        )
        own = own.add_extension(x509.SubjectKeyIdentifier.from_public_key(self.key.public_key()), critical=False)
        usage = x509.KeyUsage(*(name in (5, 6) for name in range(9)))
        self.certificate = own.add_extension(usage, critical=True).sign(self.key, hashes.SHA256())
        self.bundle = folder / "authority.pem"
        self.bundle.write_bytes(self.certificate.public_bytes(serialization.Encoding.PEM))

    def _builder(self, subject: x509.Name, key: Any, begins: float, ends: float) -> x509.CertificateBuilder:
        now = datetime.datetime.now(datetime.UTC)
        made = x509.CertificateBuilder().subject_name(subject).issuer_name(self.name).public_key(key.public_key())
        made = made.serial_number(x509.random_serial_number())
        return made.not_valid_before(now + datetime.timedelta(days=begins)).not_valid_after(
            now + datetime.timedelta(days=ends)
        )

    def context(
        self, *names: str, begins: float = -2, ends: float = 60, oldest: ssl.TLSVersion = ssl.TLSVersion.TLSv1_2
    ) -> ssl.SSLContext:
        key = ec.generate_private_key(ec.SECP256R1())
        alternatives = [
            x509.IPAddress(ipaddress.ip_address(name)) if name[0].isdigit() else x509.DNSName(name) for name in names
        ]
        made = self._builder(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])]), key, begins, ends)
        made = made.add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        made = made.add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), critical=False
        )
        made = made.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        chain = self.folder / f"{names[0]}.pem"
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        chain.write_bytes(private + made.sign(self.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(chain)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            context.minimum_version = oldest
        if oldest < ssl.TLSVersion.TLSv1_2:
            context.set_ciphers("ALL:@SECLEVEL=0")
        return context


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def secure(serve: Any, authority: Authority) -> Callable[..., tuple[str, str]]:
    """Ask about a server on localhost with a certificate for these names."""

    def present(*names: str, trusted: bool = True, oldest_tls: str = "1.2", **made: Any) -> tuple[str, str]:
        server = serve(
            lambda method, headers: (200, {}), authority.context(*(names or ("localhost", "127.0.0.1")), **made)
        )
        options = {
            **{name: spec.get("default") for name, spec in certificates.OPTIONS.items()},
            "oldest_tls": oldest_tls,
        }
        options |= {
            "hosts": [f"https://127.0.0.1:{server.port}/"],
            "ca_file": str(authority.bundle) if trusted else None,
        }
        answer = certificates.ask(Context(), options)
        return answer.outcome, answer.answered.replace(str(server.port), "PORT")

    return present


def test_a_certificate_that_is_trusted_passes(secure: Any) -> None:
    assert secure() == ("passed", "1 host is trusted for 59 days and more")


def test_a_certificate_with_three_days_left_is_a_no(secure: Any) -> None:
    assert secure(ends=3.5) == ("failed", "127.0.0.1:PORT: its certificate has 3 days left, and not 21")


def test_a_certificate_that_ended_or_has_not_begun_is_a_no(secure: Any) -> None:
    outcome, answered = secure(ends=-1)
    assert (outcome, "expired" in answered) == ("failed", True)
    outcome, answered = secure(begins=1)
    assert (outcome, "not valid" in answered) == ("failed", True)


@pytest.mark.parametrize("name", ["other.example", "*.0.0.1", "127.0.0.2"])
def test_a_certificate_for_another_name_is_a_no(secure: Any, name: str) -> None:
    outcome, answered = secure(name)
    assert outcome == "failed"
    assert "not for 127.0.0.1" in answered


def test_a_certificate_of_an_unknown_authority_is_a_no(secure: Any) -> None:
    outcome, answered = secure(trusted=False)
    assert outcome == "failed"
    assert "does not trust" in answered


@pytest.mark.skipif(
    not (ssl.HAS_TLSv1 and ssl.HAS_TLSv1_1), reason="this OpenSSL speaks no old version that a server could still speak"
)
def test_a_host_that_still_speaks_an_old_version_is_a_no(secure: Any) -> None:
    assert secure(oldest=ssl.TLSVersion.TLSv1) == (
        "failed",
        "127.0.0.1:PORT still speaks TLS 1.0; 127.0.0.1:PORT still speaks TLS 1.1",
    )
    assert secure(oldest_tls="1.3") == ("failed", "127.0.0.1:PORT still speaks TLS 1.2")
    assert secure(oldest_tls="1.3", oldest=ssl.TLSVersion.TLSv1_3)[0] == "passed"


def test_a_port_that_speaks_no_tls_is_a_no(serve: Any) -> None:
    server = serve(lambda method, headers: (200, {}))
    assert ask(certificates, hosts=[f"127.0.0.1:{server.port}"])[0] == "failed"


def test_a_host_that_does_not_answer_cannot_be_asked() -> None:
    outcome, answered = ask(certificates, hosts=["127.0.0.1:1"])
    assert outcome == "could_not_be_asked"
    assert "127.0.0.1:1 (127.0.0.1)" in answered


@pytest.mark.parametrize("host", ["", "https://", "shop.example:99999", "shop.example:port"])
def test_what_is_not_a_host_is_refused(host: str) -> None:
    options = {**{name: spec.get("default") for name, spec in certificates.OPTIONS.items()}, "hosts": [host]}
    assert certificates.wrong(options, Context()) == [f"{host!r} is not a host"]
