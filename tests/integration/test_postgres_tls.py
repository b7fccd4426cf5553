# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Connections over TLS to a real PostgreSQL by every option of Prisma's URL: what is verified, with what,
and what is said when it does not fit.
"""

from __future__ import annotations

import datetime
import signal
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.core.errors import RunbookError
from ansible_collections.storefront.runbook.plugins.module_utils.postgres.connection import connect, direct
from ansible_collections.storefront.runbook.plugins.module_utils.postgres.programs import find_tool, libpq_access
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    pkcs12,
)
from cryptography.x509.oid import NameOID

from sandbox.cloud.server import free_port
from sandbox.process import wait_until
from sandbox.storefront import Sandbox
from sandbox.unprivileged import unprivileged

DAY = datetime.timedelta(days=1)


class Authority:
    """Signs certificates; its own is in ``path``."""

    def __init__(self, folder: Path, name: str) -> None:
        self.key, self.name, self.path = ec.generate_private_key(ec.SECP256R1()), _name(name), folder / f"{name}.pem"
        self.certificate = self._sign(
            self.name, self.key.public_key(), x509.BasicConstraints(ca=True, path_length=None)
        )
        self.path.write_bytes(self.certificate.public_bytes(Encoding.PEM))

    def issue(self, name: str, *hosts: str) -> tuple[Any, x509.Certificate]:
        key = ec.generate_private_key(ec.SECP256R1())
        names = x509.SubjectAlternativeName([x509.DNSName(host) for host in hosts or (name,)])
        return key, self._sign(_name(name), key.public_key(), names)

    def _sign(self, subject: x509.Name, key: Any, extension: x509.ExtensionType) -> x509.Certificate:
        now = datetime.datetime.now(datetime.UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self.name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
        )
        builder = (
            builder.not_valid_before(now - DAY).not_valid_after(now + DAY).add_extension(extension, critical=False)
        )
        return builder.sign(self.key, hashes.SHA256())


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


class Server:
    """A PostgreSQL whose certificate is for ``localhost``; ``url`` takes a host and options."""

    def __init__(self, port: int, folder: Path, authority: Authority, other: Authority, *, tls: bool) -> None:
        self.port, self.folder, self.authority, self.other, self.tls = port, folder, authority, other, tls

    def url(self, options: str, *, user: str = "shop", host: str = "localhost") -> str:
        names = {
            "CA": self.authority.path,
            "OTHER": self.other.path,
            "P12": self.folder / "shop.p12",
            "BAD": self.folder / "other.p12",
        }
        for word, path in names.items():
            options = options.replace(f"{{{word}}}", str(path))
        return f"postgresql://{user}:hunter2@{host}:{self.port}/postgres?{options}"


@pytest.fixture(scope="module", params=["tls", "plain"])
def either(
    request: pytest.FixtureRequest, sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """A server with TLS, and one without."""
    yield from _serve(
        Path(sandbox.state["postgres"]["bin"]), tmp_path_factory.mktemp("tls"), tls=request.param == "tls"
    )


@pytest.fixture(scope="module")
def server(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with TLS."""
    yield from _serve(Path(sandbox.state["postgres"]["bin"]), tmp_path_factory.mktemp("tls"), tls=True)


def _serve(bin_: Path, folder: Path, *, tls: bool) -> Iterator[Server]:
    authority, other = Authority(folder, "our-authority"), Authority(folder, "another-authority")
    key, certificate = authority.issue("localhost")
    for name, (own_key, own) in {"shop": authority.issue("shop"), "other": other.issue("shop")}.items():
        sealed = pkcs12.serialize_key_and_certificates(b"shop", own_key, own, None, BestAvailableEncryption(b"sesame"))
        (folder / f"{name}.p12").write_bytes(sealed)
    prefix, data = unprivileged(folder, bin_ / "initdb"), folder / "data"
    subprocess.run(
        [*prefix, str(bin_ / "initdb"), "-D", str(data), "--auth=trust", "--no-sync", "--username=admin"],
        cwd=folder,
        check=True,
        capture_output=True,
    )
    (data / "server.crt").write_bytes(certificate.public_bytes(Encoding.PEM))
    (data / "server.key").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    (data / "server.key").chmod(0o600)
    (data / "ca.crt").write_bytes(authority.path.read_bytes())
    subprocess.run(
        ["chown", "--reference", str(data / "PG_VERSION"), *map(str, data.glob("*.crt")), str(data / "server.key")],
        check=True,
    )
    certs = "hostssl all carded all trust clientcert=verify-ca\n" if tls else ""
    (data / "pg_hba.conf").write_text(
        f"{certs}host all carded all reject\nhost all all all trust\nlocal all all trust\n"
    )
    port = free_port()
    settings = {"port": port, "listen_addresses": "127.0.0.1", "unix_socket_directories": str(folder), "fsync": "off"}
    settings |= {"ssl": "on", "ssl_ca_file": "ca.crt"} if tls else {}
    argv = [
        *prefix,
        str(bin_ / "postgres"),
        "-D",
        str(data),
        *(f"--{name}={value}" for name, value in settings.items()),
    ]
    with (folder / "log").open("wb") as log, subprocess.Popen(argv, cwd=folder, stdout=log, stderr=log) as process:
        try:
            assert wait_until(lambda: _answers(port), 60), (folder / "log").read_text()
            with (
                closing(psycopg2.connect(host="127.0.0.1", port=port, user="admin", dbname="postgres")) as admin,
                admin.cursor() as cursor,
            ):
                cursor.execute("CREATE ROLE shop LOGIN; CREATE ROLE carded LOGIN")
                admin.commit()
            yield Server(port, folder, authority, other, tls=tls)
        finally:
            process.send_signal(signal.SIGINT)


def _answers(port: int) -> bool:
    try:
        psycopg2.connect(host="127.0.0.1", port=port, user="admin", dbname="postgres", connect_timeout=2).close()
    except psycopg2.OperationalError:
        return False
    return True


def outcome(url: str) -> str:
    """``tls`` or ``plain`` where it is connected, else what is said."""
    try:
        with closing(connect(direct(url))) as connection:
            return "tls" if connection.info.ssl_in_use else "plain"
    except RunbookError as error:
        assert "hunter2" not in str(error)
        assert "no_database" not in str(error.details)
        return str(error)


# By the options, what comes of a server with TLS and of one without. None is a refusal.
OPTIONS: dict[str, tuple[str | None, str | None]] = {
    "": ("tls", "plain"),
    "sslmode=prefer": ("tls", "plain"),
    "sslmode=disable": ("plain", "plain"),
    "sslmode=require": ("tls", None),
    "sslmode=nonsense": ("tls", "plain"),
    "sslaccept=accept_invalid_certs": ("tls", "plain"),
    "sslmode=require&sslaccept=accept_invalid_certs": ("tls", None),
    "sslmode=require&sslcert={OTHER}": ("tls", None),  # Prisma reads it and verifies nothing
    "sslmode=require&sslcert=/nowhere.pem": (None, None),
    "sslaccept=strict": (None, "plain"),
    "sslmode=prefer&sslaccept=strict": (None, "plain"),
    "sslmode=prefer&sslaccept=strict&sslcert={CA}": ("tls", "plain"),
    "sslmode=require&sslaccept=strict&sslcert={CA}": ("tls", None),
    "sslmode=require&sslaccept=strict&sslcert={OTHER}": (None, None),
    "sslmode=disable&sslaccept=strict": ("plain", "plain"),
    "sslmode=require&sslaccept=nonsense&sslcert={OTHER}": (None, None),
    "sslmode=verify-full&sslcert={CA}": ("tls", None),
    "sslmode=verify-ca&sslrootcert={CA}": ("tls", None),
    "sslmode=verify-full": (None, None),
    "channel_binding=nonsense": ("tls", "plain"),
    "channel_binding=disable": ("tls", "plain"),
    "sslmode=require&sslidentity={P12}&sslpassword=sesame": ("tls", None),
    "sslmode=require&sslidentity={P12}&sslpassword=wrong": (None, None),
    "sslmode=require&sslidentity=/nowhere.p12": (None, None),
    "connect_timeout=0&pool_timeout=0&connection_limit=1&socket_timeout=9&statement_cache_size=0": ("tls", "plain"),
    "application_name=shop&options=-c%20work_mem%3D5MB": ("tls", "plain"),
}


@pytest.mark.parametrize("options", OPTIONS)
def test_an_option_means_what_prisma_means_by_it(either: Server, options: str) -> None:
    expected = OPTIONS[options][0 if either.tls else 1]
    found = outcome(either.url(options))
    assert (found if found in ("tls", "plain") else None) == expected, found


REFUSED: dict[str, tuple[dict[str, str], str]] = {
    "sslmode=prefer&sslaccept=strict": (
        {},
        "from an authority that this machine does not trust: set the authority's certificate as sslcert",
    ),
    "sslmode=require&sslaccept=strict&sslcert={OTHER}": ({}, "from an authority that this machine does not trust"),
    "sslaccept=strict&sslcert={CA}": ({"host": "127.0.0.1"}, "is for another name"),
    "sslaccept=strict&sslcert=/nowhere.pem": (
        {},
        "The file /nowhere.pem (sslcert in database_url) cannot be read: No such file or directory",
    ),
    "sslaccept=strict&sslcert=ca.pem": (
        {},
        "Give an absolute path: Prisma reads a relative one from the folder of its schema",
    ),
    "sslaccept=strict&sslcert={P12}": ({}, "holds no certificate in PEM form"),
    "sslidentity={P12}&sslpassword=wrong": ({}, "sslpassword is not its password"),
    "sslidentity={CA}&sslpassword=wrong": ({}, "is not a PKCS#12 file"),
    "sslidentity={BAD}&sslpassword=sesame": (
        {"user": "carded"},
        "The server does not trust the certificate in sslidentity",
    ),
    "sslmode=require": ({"user": "carded"}, "The server asks for a certificate: give sslidentity"),
}


@pytest.mark.parametrize("options", REFUSED)
def test_what_does_not_fit_is_named(server: Server, options: str) -> None:
    where, words = REFUSED[options]
    said = outcome(server.url(options, **where))
    assert words in said
    assert "Create it" not in said


def test_a_public_authority_is_found_in_the_store_of_the_system(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(server.authority.path))
    assert outcome(server.url("sslmode=prefer&sslaccept=strict")) == "tls"
    assert outcome(server.url("sslmode=require&sslaccept=strict&sslcert={OTHER}")) == "tls"  # Prisma trusts both
    assert "another name" in outcome(server.url("sslaccept=strict", host="127.0.0.1"))


def test_a_client_is_known_by_its_identity_and_so_are_postgresqls_programs(server: Server) -> None:
    url = server.url(
        "sslmode=require&sslaccept=strict&sslcert={CA}&sslidentity={P12}&sslpassword=sesame&application_name=shop",
        user="carded",
    )
    assert outcome(url) == "tls"
    with libpq_access(direct(url)) as access:
        said = subprocess.run(
            [find_tool("psql", 15).path, "-Atc", "SELECT current_user"],
            capture_output=True,
            text=True,
            check=False,
            **access,
        )
    assert (said.stdout, said.stderr) == ("carded\n", "")


def test_what_the_environment_has_for_libpq_is_not_taken(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGSSLMODE", "verify-full")
    monkeypatch.setenv("PGSSLROOTCERT", str(server.other.path))
    assert outcome(server.url("")) == "tls"
    assert outcome(server.url("sslmode=require")) == "tls"


def test_a_socket_takes_no_tls(server: Server) -> None:
    for options in ("", "&sslmode=require", "&sslaccept=strict"):
        assert outcome(server.url(f"host={server.folder}{options}")) == "plain"


def test_an_old_name_of_the_user_is_not_called_a_missing_database(server: Server) -> None:
    assert "There is no such user" in outcome(server.url("", user="nobody"))


def test_the_session_has_the_name_and_settings_of_the_url(server: Server) -> None:
    with (
        closing(
            connect(direct(server.url("application_name=shop&options=-c%20work_mem%3D5MB&schema=pg_catalog")))
        ) as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute("SELECT current_setting('application_name'), current_setting('work_mem'), current_schema()")
        assert cursor.fetchone() == ("shop", "5MB", "pg_catalog")
