# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A backup as it was asked for, and what will be done about it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from datetime import UTC, datetime
from typing import Any

from ..core.errors import ConfigError, WaitTimeout
from ..core.plan import Plan
from ..core.progress import report
from ..core.wait import Waiter
from ..postgres.connection import connect, direct
from ..postgres.programs import Tool, choose_tool, find_psql, installed
from ..store.base import Permit
from ..store.open import open_store
from . import request
from .create import Server, describe, inspect_server, make
from .dump import Progress
from .manifest import Catalogue, folder, read_catalogue, read_manifest
from .not_carried import warning

PROGRAMS = ("pg_dump", "pg_restore")
NOTE_INTERVAL = 10.0  # seconds between two notes of how far it is
# Fields of the manifest that are not known before the backup is created.
UNKNOWN = (
    "tables",
    "estimates",
    "invalid_indexes",
    "raw_size",
    "size",
    "sha256",
    "objects",
    "finished_at",
    "duration",
    "bytes_per_second",
)


class Job:
    """The database, the store, and the options of pg_backup in ``params``. Raises ConfigError."""

    def __init__(
        self,
        params: Mapping[str, Any],
        *,
        permit: Permit | None,
        warn: Callable[[str], None],
        note: Callable[[str], None],
        heartbeat: Callable[[], None],
    ) -> None:
        self.params, self.warn = params, warn
        self.database = direct(params["database_url"], remedy="database_url")
        self.store = open_store(params, permit)
        self._held = ExitStack()
        self._held.callback(self.store.close)
        self.close = self._held.close
        self.prefix = folder(params["prefix"])
        self.progress = Progress()
        self._note = note
        self._waiter = Waiter(timeout=params["wait_timeout"], heartbeat=heartbeat)
        self._began = self._noted = self._waiter.clock()

    def heartbeat(self) -> None:
        now = self._waiter.clock()
        report(f"Backup of {self.database.name}: {self.progress.described(now - self._began)}")
        if now - self._noted >= NOTE_INTERVAL:
            self._noted = now
            self._note(f"Backup of {self.database.name}: {self.progress.described(now - self._began)}")
        self._waiter.check("the backup")
        if now - self._began > self._waiter.timeout:
            raise WaitTimeout(
                f"The backup was not done after {self._waiter.timeout:g} s (wait_timeout) and was discarded. Increase"
                " wait_timeout."
            )

    def plan(self) -> Plan:
        started = datetime.now(UTC)
        name = request.choose_name(self.params, self.database.name, started)
        recipients, identity = request.choose_recipients(self.params), request.read_identity(self.params)
        if self.params["verify"] == "decode":
            request.refuse_undecodable(recipients, identity)
        if self.params["count_limit"] < 0:
            raise ConfigError(
                f"count_limit is {self.params['count_limit']}. Give a number of bytes, or 0 to count no rows."
            )
        self.store.refuse_public(self.warn)
        catalogue = read_catalogue(self.store, self.prefix)
        if name in catalogue.names:
            return self._existing(name, catalogue)
        if catalogue.leftovers:
            keys = ", ".join(left.key for left in catalogue.leftovers)
            self.warn(
                f"{self.store.describe()} has objects of failed runs, or of backups that others are creating: {keys}."
                " Delete those that nobody is writing."
            )
        connection, server, tools = self._inspect()
        shape = request.choose_shape(self.params, server.size)
        facts = {
            **describe(self.database, server, shape, recipients),
            "name": name,
            "location": f"{self.params['store'].rstrip('/')}/{self.prefix}{name}/",
            "release": self.params["release"],
            "pg_dump_version": tools["pg_dump"].version,
            "verified": self.params["verify"],
            "started_at": started.isoformat(timespec="seconds"),
        }

        def create() -> dict[str, Any]:
            manifest = make(
                connection,
                self.database,
                self.store,
                facts,
                prefix=self.prefix,
                shape=shape,
                tools=tools,
                leftovers=[left for left in catalogue.leftovers if left.name == name],
                identity=identity,
                count_limit=self.params["count_limit"],
                heartbeat=self.heartbeat,
                progress=self.progress,
            )
            return {"backup": manifest}

        after = {
            "backup": facts["location"],
            "database_size": server.size,
            "format": shape.format,
            "encryption": facts["encryption"],
        }
        return Plan(before={}, after=after, todo=create, result={"backup": {**facts, **dict.fromkeys(UNKNOWN)}})

    def _existing(self, name: str, catalogue: Catalogue) -> Plan:
        """A backup of this name is there: nothing is done. Raises ConfigError where it is damaged."""
        manifest = read_manifest(self.store, name, self.prefix, catalogue.names[name])
        damage = catalogue.damage(name, manifest)
        if damage:
            raise ConfigError(f"The backup {name} is damaged: {damage}. Choose another name.", code="damaged")
        return Plan(before={"backup": name}, after={"backup": name}, result={"backup": manifest})

    def _inspect(self) -> tuple[Any, Server, dict[str, Tool]]:
        """Inspect the server and, meanwhile, the programs on this machine. Return a connection too, which the backup
        continues to use.
        """
        with ThreadPoolExecutor(len(PROGRAMS)) as pool:
            asked = {name: pool.submit(installed, name, self.params["postgres_bin"]) for name in PROGRAMS}
            connection = self._held.enter_context(closing(connect(self.database)))
            server = inspect_server(connection, self.database)
        left_out = warning(server.not_carried)
        if left_out:
            self.warn(left_out)
        return (
            connection,
            server,
            self._choose_tools({name: answer.result() for name, answer in asked.items()}, server.major),
        )

    def _choose_tools(self, found: Mapping[str, list[Tool]], server_major: int) -> dict[str, Tool]:
        """Return pg_dump, and the pg_restore that can restore what it dumps to the same server.

        Without pg_restore a backup can be created, and not verified by decoding it.
        """
        place = self.params["postgres_bin"]
        tools = {"pg_dump": choose_tool("pg_dump", found["pg_dump"], server_major, place)}
        try:
            tools["pg_restore"] = choose_tool("pg_restore", found["pg_restore"], tools["pg_dump"].major, place)
            find_psql(tools["pg_restore"], server_major)
        except ConfigError as error:
            if self.params["verify"] == "decode":
                raise
            self.warn(f"The programs on this machine cannot restore this backup. {error}")
        return tools
