# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What libpq needs for a connection over TLS as Prisma makes it: authorities, the client's certificate and
its key, in files that have no name.
"""

from __future__ import annotations

import socket
import ssl
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO

from ..core.errors import ConfigError
from .url import Database

try:
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, pkcs12

    CRYPTOGRAPHY_ERROR: str | None = None
except ImportError as error:
    CRYPTOGRAPHY_ERROR = str(error)

# By the name of the environment variable, for PostgreSQL's programs.
VARIABLES = {
    "sslmode": "PGSSLMODE",
    "sslrootcert": "PGSSLROOTCERT",
    "sslcert": "PGSSLCERT",
    "sslkey": "PGSSLKEY",
    "gssencmode": "PGGSSENCMODE",
    "channel_binding": "PGCHANNELBINDING",
    "target_session_attrs": "PGTARGETSESSIONATTRS",
}
# Where systems keep the public authorities. libpq is linked to a TLS library of its own, whose default is of another
# machine.
STORES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
    "/opt/homebrew/etc/ca-certificates/cert.pem",
)
NO_FILE = "/dev/null/none"  # libpq would take a file of the user's home, which Prisma does not
SSL_REQUEST = bytes((0, 0, 0, 8, 4, 210, 22, 47))


@contextmanager
def libpq_settings(database: Database) -> Iterator[tuple[dict[str, str], list[int]]]:
    """Give (libpq's settings, the descriptors of files that they name as /dev/fd/…). Raises ConfigError for
    a file that is not there or is none.
    """
    tls = database.tls
    settings = {"sslmode": "prefer", "gssencmode": "disable", **database.settings}
    with ExitStack() as held:
        files: list[IO[bytes]] = []

        def keep(content: bytes) -> str:
            file = held.enter_context(tempfile.TemporaryFile())
            file.write(content)
            file.flush()
            files.append(file)
            return f"/dev/fd/{file.fileno()}"

        authority = _read(tls.authority, "sslcert", database) if tls.authority else b""
        if settings["sslmode"].startswith("verify") and tls.plain and not _offers_tls(database):
            settings["sslmode"] = "disable"
        if settings["sslmode"].startswith("verify"):
            named = settings.get("sslrootcert")
            if named in (None, "", "system", tls.authority):
                settings["sslrootcert"] = keep(authority + b"\n" + _system_store(database, needed=not authority))
            else:
                _read(named, "sslrootcert", database)
        else:
            settings["sslrootcert"] = NO_FILE
        if tls.identity and settings["sslmode"] != "disable":
            certificate, key = _identity(database)
            settings["sslcert"], settings["sslkey"] = keep(certificate), keep(key)
        yield settings, [file.fileno() for file in files]


def _read(path: str, name: str, database: Database) -> bytes:
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        relative = (
            ""
            if Path(path).is_absolute()
            else " Give an absolute path: Prisma reads a relative one from the folder of its schema."
        )
        raise ConfigError(
            f"The file {path} ({name} in {database.option}) cannot be read: {error.strerror}.{relative}", code="tls"
        ) from None
    if name != "sslidentity" and b"-----BEGIN CERTIFICATE-----" not in content:
        raise ConfigError(
            f"The file {path} ({name} in {database.option}) holds no certificate in PEM form (-----BEGIN"
            " CERTIFICATE-----).",
            code="tls",
        )
    return content


def _system_store(database: Database, *, needed: bool) -> bytes:
    """The system's authorities, with which Prisma verifies too. SSL_CERT_FILE names another file of them."""
    for path in (ssl.get_default_verify_paths().cafile, *STORES):
        if path and Path(path).is_file():
            return Path(path).read_bytes()
    if not needed:
        return b""
    raise ConfigError(
        f"The server's certificate is to be verified (sslaccept=strict in {database.option}), and this machine has no"
        " store of authorities. Install ca-certificates, or name the authority's certificate as sslcert.",
        code="tls",
    )


def _identity(database: Database) -> tuple[bytes, bytes]:
    """The client's certificate with its chain, and its key, as PEM."""
    content = _read(database.tls.identity, "sslidentity", database)
    if CRYPTOGRAPHY_ERROR:
        raise ConfigError(
            f"sslidentity in {database.option} takes the Python library cryptography on the controller:"
            f" {CRYPTOGRAPHY_ERROR}",
            code="tls",
        )
    try:
        key, certificate, chain = pkcs12.load_key_and_certificates(content, database.tls.password.encode())
    except ValueError:
        raise ConfigError(
            f"The file {database.tls.identity} (sslidentity in {database.option}) is not a PKCS#12 file, or"
            " sslpassword is not its password.",
            code="tls",
        ) from None
    if key is None or certificate is None:
        raise ConfigError(
            f"The file {database.tls.identity} (sslidentity in {database.option}) lacks its certificate or its key.",
            code="tls",
        )
    whole = b"".join(each.public_bytes(Encoding.PEM) for each in (certificate, *chain))
    return whole, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _offers_tls(database: Database) -> bool:
    """Whether the server offers TLS at all; True where nothing answers, so that the connection's own error says why."""
    try:
        with socket.create_connection(
            (database.host, database.port), timeout=database.connect_timeout or None
        ) as asked:
            asked.sendall(SSL_REQUEST)
            return asked.recv(1) != b"N"
    except OSError:
        return True


def environment_of(settings: dict[str, str]) -> dict[str, str]:
    return {VARIABLES[name]: value for name, value in settings.items()}
