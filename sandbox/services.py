# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The four servers of a sandbox: how each is prepared, started and checked."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import urlsplit

import psycopg2
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from . import tools
from .process import started, stop, wait_until
from .state import CACHE, CHECKOUT, SandboxError, read, write
from .unprivileged import unprivileged

ANSWER_WITHIN = 5.0  # seconds that a server has to answer a health check

_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # requests to 127.0.0.1 bypass every proxy


def call(method: str, url: str, token: str | None = None, body: Any = None, timeout: float = 60) -> Any:
    """Send a request to one of the sandbox's servers and return its JSON answer, None when that is empty."""
    headers = {"content-type": "application/json", **({"authorization": f"Bearer {token}"} if token else {})}
    data = None if body is None else json.dumps(body).encode()
    try:
        with _opener.open(urllib.request.Request(url, data, headers, method=method), timeout=timeout) as answer:
            text = answer.read()
    except urllib.error.HTTPError as error:
        with error:
            answer = error.read(2000).decode(errors="replace")
        raise SandboxError(f"{method} {url} was answered with {error.code}: {answer}") from None
    return json.loads(text) if text else None


class Server:
    """A server: its folder below the sandbox's, its log, and its ports by their names in ports.json."""

    name: ClassVar[str]
    port_names: ClassVar[tuple[str, ...]]
    stop_signal = signal.SIGTERM
    grace = 10.0  # seconds from that signal until it is killed

    def __init__(self, state: dict[str, Any], ports: dict[str, int]):
        self.state = state
        self.ports = {name: ports[name] for name in self.port_names}
        self.folder = Path(state["root"]) / self.name
        self.log = Path(state["root"]) / "log" / f"{self.name}.log"
        self.cwd = self.folder

    def prepare(self) -> None:
        """Create what the server needs before it starts."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.log.parent.mkdir(mode=0o700, exist_ok=True)
        if self.log.exists():
            self.log.replace(self.log.with_suffix(".log.1"))

    def command(self) -> list[str]:
        raise NotImplementedError

    def check(self) -> None:
        """Raise unless the server answers a real request."""
        raise NotImplementedError

    def end_orphans(self) -> None:
        """Stop the processes that the server may have left running when it was killed."""


class Postgres(Server):
    name = "postgres"
    port_names = ("postgres",)
    stop_signal = signal.SIGINT  # "fast": SIGTERM would wait until clients disconnect

    def __init__(self, state: dict[str, Any], ports: dict[str, int]):
        super().__init__(state, ports)
        self.bin = Path(state["postgres"]["bin"])
        self.data = self.folder / "data"

    def prepare(self) -> None:
        super().prepare()
        self.prefix = unprivileged(self.folder, self.bin / "initdb")
        if self.data.exists():
            # its process is gone, and another may have its number
            (self.data / "postmaster.pid").unlink(missing_ok=True)
        else:
            self._initialise()

    def _initialise(self) -> None:
        draft, password = self.folder / "draft", self.folder / "password"
        shutil.rmtree(draft, ignore_errors=True)
        password.touch(0o600)
        password.write_text(self.state["postgres"]["password"])
        shutil.chown(password, self.folder.stat().st_uid)
        options = [
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--no-locale",
            "--no-sync",
            "--username",
            self.state["postgres"]["user"],
        ]
        argv = [*self.prefix, str(self.bin / "initdb"), "-D", str(draft), "--pwfile", str(password), *options]
        done = subprocess.run(argv, cwd=self.folder, capture_output=True, text=True, check=False)
        password.unlink()
        if done.returncode != 0:
            raise SandboxError(f"PostgreSQL's initdb failed in {draft}: {(done.stderr or done.stdout).strip()[-2000:]}")
        draft.replace(self.data)

    def command(self) -> list[str]:
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": self.ports["postgres"],
            "unix_socket_directories": "",  # a socket's path may have 107 bytes only
            "max_connections": 100,
            "fsync": "off",
            "full_page_writes": "off",
            "timezone": "UTC",
            "log_timezone": "UTC",
        }
        if tools.has_library(self.bin, "pg_stat_statements"):
            settings["shared_preload_libraries"] = "pg_stat_statements"
        return [
            *self.prefix,
            str(self.bin / "postgres"),
            "-D",
            str(self.data),
            *(f"--{key}={value}" for key, value in settings.items()),
        ]

    def check(self) -> None:
        with (
            closing(
                psycopg2.connect(self.state["postgres"]["url"], connect_timeout=round(ANSWER_WITHIN))
            ) as connection,
            connection.cursor() as cursor,
        ):
            cursor.execute("SELECT 1")

    def end_orphans(self) -> None:
        """Kill the backends of a killed postmaster: each has a session of its own, and works in the
        cluster's folder.
        """
        for entry in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                if entry.joinpath("cwd").readlink() == self.data and entry.joinpath("comm").read_text() == "postgres\n":
                    pid = int(entry.name)
                    os.kill(pid, signal.SIGKILL)
                    wait_until(lambda pid=pid: started(pid) is None, 10)  # type: ignore[misc]


class Redis(Server):
    name = "redis"
    port_names = ("redis",)

    def prepare(self) -> None:
        super().prepare()
        password = urlsplit(self.state["redis"]["url"]).password
        config = self.folder / "redis.conf"
        config.touch(0o600)
        config.write_text(
            f'bind 127.0.0.1\nport {self.ports["redis"]}\nrequirepass {password}\ndatabases 64\nsave ""\nappendonly'
            " no\n"
        )

    def command(self) -> list[str]:
        return [str(tools.redis_server()), str(self.folder / "redis.conf")]

    def check(self) -> None:
        once = Retry(NoBackoff(), 0)
        with redis.Redis.from_url(self.state["redis"]["url"], socket_timeout=ANSWER_WITHIN, retry=once) as client:
            client.ping()


class S3(Server):
    name = "s3"
    port_names = ("s3",)

    def command(self) -> list[str]:
        return [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(self.ports["s3"])]

    def check(self) -> None:
        with _opener.open(f"{self.state['s3']['endpoint_url']}/moto-api/", timeout=ANSWER_WITHIN):
            pass


class Cloud(Server):
    """The double of the vendors' APIs; the shop's own processes are its children."""

    name = "cloud"
    port_names = (
        *("control", "vercel", "railway", "render", "cloudflare", "github", "slack", "sentry", "objects", "npm"),
        *("stripe", "smtp", "mail"),
    )

    def __init__(self, state: dict[str, Any], ports: dict[str, int]):
        super().__init__(state, ports)
        self.cwd = CHECKOUT
        self.config = self.folder.with_name("cloud.json")

    def prepare(self) -> None:
        super().prepare()
        config = {
            "state_dir": str(self.folder),
            "cache_dir": str(CACHE),
            "ports": self.ports,
            "s3_url": self.state["s3"]["endpoint_url"],
            "tokens": {**self.state["tokens"], "control": self.state["cloud"]["control_token"]},
            "node_bin": str(tools.node_bin()),
            "repository": self.state["shop"].get("repository") or str(self.folder.with_name("shop")),
            "online": self.state["shop"].get("online", False),
        }
        write(self.config, config)

    def command(self) -> list[str]:
        return [sys.executable, "-m", "sandbox.cloud", "--config", str(self.config)]

    def check(self) -> None:
        call(
            "GET",
            f"{self.state['cloud']['control_url']}/health",
            self.state["cloud"]["control_token"],
            timeout=ANSWER_WITHIN,
        )

    def end_orphans(self) -> None:
        for child in read(self.folder / "processes.json") or []:
            stop(child, patience=2)


# the slowest to start come first; they stop in this order too
SERVERS: tuple[type[Server], ...] = (S3, Cloud, Redis, Postgres)
