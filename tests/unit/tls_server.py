# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Servers on 127.0.0.1 that speak TLS with certificates made for a test, and proxies that refuse."""

from __future__ import annotations

import contextlib
import datetime
import ipaddress
import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.unit.rude_server import Behaviour, rude_server

NOW = datetime.datetime.now(datetime.UTC)
DAY = datetime.timedelta(days=1)


@dataclass
class Authority:
    """A certificate authority; ``file`` holds its certificate."""

    folder: Path
    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @classmethod
    def made(cls, folder: Path) -> Authority:
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Test authority")])
        made = cls(
            folder,
            key,
            _built(
                name, name, key, key, (NOW - 30 * DAY, NOW + 30 * DAY), x509.BasicConstraints(ca=True, path_length=None)
            ),
        )
        made.file.write_bytes(made.certificate.public_bytes(serialization.Encoding.PEM))
        return made

    @property
    def file(self) -> Path:
        return self.folder / "authority.pem"

    def issue(self, *names: str, begins: datetime.datetime = NOW - DAY, ends: datetime.datetime = NOW + DAY) -> Path:
        """Return a file with the key and the certificate of a server for ``names``."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
        alternative = x509.SubjectAlternativeName([_named(name) for name in names])
        certificate = _built(
            subject,
            self.certificate.subject,
            key,
            self.key,
            (begins, ends),
            x509.BasicConstraints(ca=False, path_length=None),
            alternative,
        )
        return self._kept(key, certificate)

    def self_signed(self, name: str) -> Path:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        plain = x509.BasicConstraints(ca=False, path_length=None)
        return self._kept(
            key,
            _built(
                subject, subject, key, key, (NOW - DAY, NOW + DAY), plain, x509.SubjectAlternativeName([_named(name)])
            ),
        )

    def _kept(self, key: ec.EllipticCurvePrivateKey, certificate: x509.Certificate) -> Path:
        file = self.folder / f"{certificate.serial_number}.pem"
        pem = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        file.write_bytes(pem + certificate.public_bytes(serialization.Encoding.PEM))
        return file


def _named(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _built(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    signer: ec.EllipticCurvePrivateKey,
    dates: tuple[datetime.datetime, datetime.datetime],
    *extensions: x509.ExtensionType,
) -> x509.Certificate:
    builder = x509.CertificateBuilder(issuer, subject, key.public_key(), x509.random_serial_number(), *dates)
    # Python 3.13 and later asks for these, as the rules for certificates do.
    identifiers = [
        x509.SubjectKeyIdentifier.from_public_key(key.public_key()),
        x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()),
    ]
    for extension in [*extensions, *identifiers, _usage(extensions)]:
        builder = builder.add_extension(extension, critical=isinstance(extension, x509.BasicConstraints))
    return builder.sign(signer, hashes.SHA256())


def _usage(extensions: tuple[x509.ExtensionType, ...]) -> x509.KeyUsage:
    signs = any(isinstance(extension, x509.BasicConstraints) and extension.ca for extension in extensions)
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs,
        crl_sign=signs,
        encipher_only=False,
        decipher_only=False,
    )


def context_of(file: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context


@contextlib.contextmanager
def tls_server(context: ssl.SSLContext, behave: Behaviour) -> Iterator[str]:
    """Serve ``behave`` over TLS; give the server's address."""

    def serve(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as sock:
            behave(sock)

    with rude_server(serve) as address:
        yield address.replace("http://", "https://")


def proxy(answer: bytes) -> Behaviour:
    """A proxy that answers CONNECT so."""

    def behave(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(answer)

    return behave
