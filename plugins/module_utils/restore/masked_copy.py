# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A proven backup of production as a masked backup for staging: restored into a scratch database, masked and checked
there, backed up into staging's store, and dropped.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from contextlib import ExitStack, closing, suppress
from typing import Any

from ..backup import request
from ..backup.archive import choose_proven
from ..backup.job import Job
from ..backup.manifest import Manifest, folder, read_catalogue
from ..core.errors import ConfigError, RunbookError, WaitTimeout
from ..core.plan import Plan
from ..core.progress import report
from ..core.wait import Waiter
from ..masking.mask import mask, preview
from ..masking.rules import read_rules, refuse, refuse_bad_key
from ..migrations import history
from ..postgres.connection import connect, direct, parse_url
from ..postgres.identity import refuse_same_address, refuse_same_database, same_server
from ..release.lease_document import KEY as LEASE
from ..store.base import Permit
from ..store.open import open_store
from . import proof as trial
from .scratch_database import ScratchServer, drop_left, find_scratch_server, left_by_killed_runs

PREFIX = "masked/"
PRODUCTION, STAGING = "source.database_url", "database_url"
NEVER = "A refresh replaces its target, so it never runs against production. Nothing was changed."
# How pg_backup writes what was masked.
SHAPE = {"release": None, "format": None, "level": None, "verify": "checksum", "count_limit": 1 << 32, "prefix": PREFIX}


class MaskedCopy:
    """The two databases and the two stores. ``held`` is closed at the end. Raises ConfigError for bad options."""

    def __init__(
        self,
        params: Mapping[str, Any],
        *,
        permit: Permit | None,
        warn: Callable[[str], None],
        heartbeat: Callable[[], None],
    ) -> None:
        self.params, self.source = params, params["source"]
        self.permit, self.warn = permit, warn
        self.rules = read_rules(params["rules"])
        refuse_bad_key(params["key"])
        trial.refuse_jobs(params["jobs"])
        self.staging = direct(params["database_url"], remedy=STAGING)
        self.production = parse_url(self.source["database_url"], PRODUCTION)
        self.prefix, self.identity = folder(self.source["prefix"]), request.read_identity(self.source)
        self.recipients = request.choose_recipients(params)
        self.held = ExitStack()
        self.close = self.held.close
        self.store = self.held.enter_context(closing(open_store(self.source, None)))
        self.target = self.held.enter_context(closing(open_store(params, permit)))
        self._waiter = Waiter(timeout=params["wait_timeout"], heartbeat=heartbeat)
        self._began = self._waiter.clock()

    def heartbeat(self) -> None:
        self._waiter.check("the masked copy")
        if self._waiter.clock() - self._began > self._waiter.timeout:
            raise WaitTimeout(
                f"The masked copy was not done after {self._waiter.timeout:g} s (wait_timeout). Staging is unchanged."
                " Increase wait_timeout."
            )

    def refuse_production(self) -> None:
        """Raise ConfigError where staging's database or store is production's, however the address is written."""
        if self._same_store():
            raise ConfigError(
                f"store is production's own, {self.store.describe()}: this is production's inventory. {NEVER}",
                code="target_is_production",
            )
        try:
            refuse_same_address(self.production, self.staging)
            with closing(connect(self.production)) as one, closing(connect(self.staging)) as other:
                refuse_same_database(one, other, STAGING, NEVER, PRODUCTION)
        except ConfigError as error:
            if error.details.get("code") == "scratch_is_production":
                raise ConfigError(
                    f"database_url leads to the production database, {self.production.describe()}. {NEVER}",
                    code="target_is_production",
                ) from None
            raise

    def _same_store(self) -> bool:
        """Whether both stores are one, also by two addresses: each lease has a token of its own."""
        if self.store.describe() == self.target.describe():
            return True
        with suppress(RunbookError):  # who reads production's backups may not be allowed to read its lease
            lease = self.store.get(LEASE)
            return lease is not None and lease[0] == (self.target.get(LEASE) or (None,))[0]
        return False

    def refuse_outside(self, place: ScratchServer) -> None:
        """Raise ConfigError for a scratch server that is staging's and not production's, since its copy is unmasked."""
        if self.params["local_server"]:
            return
        with closing(connect(place.server)) as scratch, closing(connect(self.staging)) as staging:
            if not same_server(scratch, staging):
                return
            with closing(connect(self.production)) as production:
                if same_server(scratch, production):
                    return
        raise ConfigError(
            "scratch_url is on staging's server, and the scratch copy holds customers' data until it is masked. Set"
            " scratch_url to a server within production's boundary of access.",
            code="outside_boundary",
        )

    def name(self, manifest: Manifest) -> str:
        """Return the name of the masked backup: another one for another backup, other rules or another key."""
        given = json.dumps([manifest["sha256"], self.params["rules"], self.params["large_objects"]], sort_keys=True)
        digest = hmac.new(self.params["key"].strip().encode(), given.encode(), hashlib.sha256).hexdigest()
        return f"{manifest['name']}-masked-{digest[:12]}"

    def check_rules_on_staging(self, manifest: Manifest) -> None:
        """Judge the rules by staging's tables: where its migrations are those of the backup, they have to fit."""
        with closing(connect(self.staging)) as connection:
            applied = history.inspect(connection, []).applied
        here = {"count": len(applied), "last": applied[-1] if applied else None}
        if applied and here == manifest.get("migrations"):
            refuse(preview(self.staging, self.rules, large_objects=self.params["large_objects"]))
        else:
            self.warn(
                "Staging has other migrations than the backup, so the rules are only checked once it is restored."
            )

    def plan(self) -> Plan:
        self.refuse_production()
        manifest, proof = choose_proven(self.store, self.params["backup"], self.prefix, self.production.name, self.warn)
        name = self.name(manifest)
        facts = {"size": manifest.get("database_size"), "version": manifest.get("server_version")}
        place = find_scratch_server(self.params, self.production, **facts, held=self.held, heartbeat=self.heartbeat)
        self.refuse_outside(place)
        connection = self.held.enter_context(closing(connect(place.server)))
        left = left_by_killed_runs(connection, manifest["database"])
        known = name in read_catalogue(self.target, PREFIX).names
        result = {
            "backup": name,
            "database": self.staging.name,
            "source": manifest["name"],
            "proven_at": proof["at"],
            "already": known,
        }
        before = {"masked_backup": name if known else None, "scratch": left or None}
        if not known:
            self.check_rules_on_staging(manifest)

        def create() -> dict[str, Any]:
            drop_left(connection, place, manifest["database"])
            return {"masked": {**result, **({} if known else self._create(manifest, place, name))}, "leftovers": left}

        return Plan(
            before, {"masked_backup": name, "scratch": None}, todo=create, result={"masked": result, "leftovers": left}
        )

    def _create(self, manifest: Manifest, place: ScratchServer, name: str) -> dict[str, Any]:
        options = {
            "prefix": self.prefix,
            "identity": self.identity,
            "jobs": self.params["jobs"],
            "postgres_bin": self.params["postgres_bin"],
            "heartbeat": self.heartbeat,
        }
        rules, large_objects = self.rules, self.params["large_objects"]
        with trial.restored(self.store, manifest, place, trial.announced(manifest, place), **options) as tried:
            report(f"Masking the copy of {manifest['name']}")
            done = mask(
                tried.database, rules, self.params["key"], large_objects=large_objects, heartbeat=self.heartbeat
            )
            report("Backing up the masked copy into staging's store")
            with closing(self._backup_job(name)) as job:
                job.database = tried.database
                job.plan().todo()
        return {**done, "unproven": tried.proof["unproven"]}

    def _backup_job(self, name: str) -> Job:
        given = {**self.params, **SHAPE, "name": name, "identity": None, "identity_file": None, "jobs": None}
        return Job(given, permit=self.permit, warn=self.warn, note=report, heartbeat=self.heartbeat)
