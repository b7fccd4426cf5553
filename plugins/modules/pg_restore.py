#!/usr/bin/python
# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Restores a PostgreSQL database from a backup, beside the live one, and swaps it in."""

from __future__ import annotations

DOCUMENTATION = r"""
module: pg_restore
short_description: Restore a PostgreSQL database from a backup and swap it in
version_added: 1.0.0
author:
  - Contributors to storefront.runbook (@storefront)
description:
  - Restores a backup into a new database beside the live one, verifies it, counts what the live one holds that the backup does not, and gives the new one
    the live name. Nothing is ever restored over the live database.
  - The swap is one statement on the server. Whenever the module is killed, either the old or the new database is in place under the live name; the next
    run tells which, and finishes or clears up.
  - The database that was live is kept under a name such as C(shop@before-20260202T090000Z) and can be put back with O(state=undone).
  - What could stop it is looked for first, in check mode as well. The backup is fetched and decoded, its checksums compared, its extensions and roles looked
    for on the server, and the rights of the user in O(database_url) probed.
  - Settings, grants, comment, locale and owner of the database, which a dump does not hold, are copied from the live one.
extends_documentation_fragment:
  - storefront.runbook.lease
  - storefront.runbook.restoring
  - storefront.runbook.store
attributes:
  check_mode:
    description: Can run in check mode and predict what would change. It fetches and checks the backup.
    support: full
  diff_mode:
    description: Shows what changes.
    support: full
options:
  database_url:
    description:
      - URL of the live database as Prisma writes it, past a connection pooler. Never shown or logged, nor in the arguments or the environment of a program.
      - Its user has to own the database, and to have the right to create databases and to end the sessions in it. It need not be a superuser.
      - The environment variable E(DATABASE_URL) is used when it is not set.
    type: str
    required: true
  state:
    description:
      - V(staged) restores the backup beside the live database, verifies it and counts what would be lost. Nothing else changes.
      - V(restored) swaps it in, and stages it first when that was not done. Nothing is done when the live database was already made from this backup.
      - V(undone) puts the database back that was live before, while it is kept.
      - V(dropped) drops the databases that are past their time, and those that were staged and never swapped in.
    type: str
    choices: [staged, restored, undone, dropped]
    required: true
  backup:
    description:
      - Name of the backup in the store, or V(latest) for the newest one of this database.
    type: str
  file:
    description:
      - A file that C(pg_dump --format=custom) wrote, compressed by zstd or not, instead of a backup in the store.
    type: path
  sha256:
    description:
      - SHA-256 that O(file) must have.
    type: str
  approve:
    description:
      - Name of the live database, for V(restored) and V(undone). Without it nothing is swapped, and the module fails telling what would be lost.
    type: str
  swap:
    description:
      - V(rename) gives the restored database the live name. Its user has to own the live one, to create databases and to end its sessions.
      - V(url) gives it a name of its own, RV(restore.serves), which the variables of every service have to be changed to afterwards. The database that is left
        is fenced - sessions of its user can only read there from then on, so that no write is lost in it; O(state=undone) lifts that.
      - V(auto) is V(rename) where the rights suffice and V(url) elsewhere; RV(restore.swap_reason) tells why.
    type: str
    choices: [auto, rename, url]
    default: rename
  target_url:
    description:
      - URL of another database, on any server, that takes the live one's place; it implies O(swap=url). The backup is restored into it, in one transaction, so
        it has to be empty and owned by its user. Needed again with O(state=undone). Never shown or logged.
    type: str
  adopt:
    description:
      - Whether the database in O(target_url) is taken as it is, such as an instance that the vendor restored to a point in time. It is verified and
        compared, and no backup is needed.
    type: bool
    default: false
  maintenance_database:
    description:
      - Another database on the same server to be connected to, since nobody may be connected to a database while it is renamed.
    type: str
    default: postgres
  keep:
    description:
      - Hours for which the database that was live can be put back. It is dropped by O(state=dropped) only.
    type: float
    default: 168.0
  lock_timeout:
    description:
      - Seconds to wait for writers' transactions to end before the last count. Writers wait meanwhile.
    type: float
    default: 10.0
  wait_timeout:
    description:
      - Seconds that the whole may take.
    type: float
    default: 7200.0
notes:
  - What is lost is counted by comparing each row of both databases, while no writer can write. It sees every row that differs, and large objects. It does
    not see how often a row was changed, a change that was changed back, or the position of a sequence.
  - A backup is decoded into an unnamed file below E(TMPDIR), which needs room for the whole database without its indexes.
seealso:
  - module: storefront.runbook.pg_backup
  - module: storefront.runbook.pg_proof
"""

EXAMPLES = r"""
- name: Restore the newest backup beside the live database
  storefront.runbook.pg_restore:
    database_url: "{{ vault_database_url }}"
    store: s3://storefront-backups/shop
    backup: latest
    state: staged
  register: staged

- name: Swap it in
  storefront.runbook.pg_restore:
    database_url: "{{ vault_database_url }}"
    store: s3://storefront-backups/shop
    backup: "{{ staged.restore.backup }}"
    state: restored
    approve: shop

- name: Have the vendor's point-in-time instance take its place
  storefront.runbook.pg_restore:
    database_url: "{{ vault_database_url }}"
    target_url: "{{ vault_instance_url }}"
    adopt: true
    state: restored
    approve: shop

- name: Put the database from before back
  storefront.runbook.pg_restore:
    database_url: "{{ vault_database_url }}"
    state: undone
    approve: shop
"""

RETURN = r"""
restore:
  description: What is or would be in place. What is not known before it is done is null.
  returned: success, and where an approval is missing
  type: dict
  contains:
    database:
      description: Name of the live database.
      type: str
      sample: shop
    backup:
      description: Name of the backup.
      type: str
      sample: shop-20260202T090000.123Z-v1.1.0
    swap:
      description: How it is put in place, V(rename) or V(url).
      type: str
      sample: rename
    swap_reason:
      description: Why that is V(url), null for V(rename).
      type: str
      sample: shop lacks the right to create databases
    serves:
      description: Name of the database that services have to be connected to, which is another one than before with V(url).
      type: str
      sample: shop@restored-20260202T100312Z
    left_out:
      description:
        - What the restored database lacks. Owners and grants with the reason, such as roles that the server lacks, with V(url) only; and what the backup
          does not carry, such as subscriptions.
      type: list
      elements: str
      sample: ['owners and grants: the server lacks the roles reader', 'subscriptions: orders_of_the_warehouse']
    already:
      description: Whether the live database is what was asked for, so that nothing is done.
      type: bool
      sample: false
    staged:
      description: Name of the restored database before it is swapped in.
      type: str
      sample: shop@incoming-20260202T100000Z
    kept:
      description: Name of the database that was live.
      type: str
      sample: shop@before-20260202T100312Z
    kept_until:
      description: Until when it can be put back, in UTC.
      type: str
      sample: '2026-02-09T10:03:12+00:00'
    expected_seconds:
      description: How long a restore of this backup took when it was proven, null when it never was.
      type: float
      sample: 41.2
    verified:
      description: What was looked at after the restore; see RV(storefront.runbook.pg_proof#module:proof).
      type: dict
      sample: {tables: 9, rows: 900123, compared: 9, constraints: {foreign_keys: 7}, not_validated: [], load_seconds: 32.1}
    losses:
      description:
        - For each table how many rows of the live database the other one does not have (C(inserted)), has otherwise (C(updated)), and still has
          (C(deleted)).
      type: dict
      sample: {public.order: {inserted: 3, updated: 1, deleted: 0}}
    lost_rows:
      description: The sum of RV(restore.losses), null where it was not counted.
      type: int
      sample: 4
    sequences:
      description: Each sequence that would give out numbers again, with the last number that the C(live) database and the C(other) one gave out.
      type: dict
      sample: {public.order_id_seq: {live: 30214, other: 30211}}
    not_counted:
      description:
        - Names of what may differ and is not in RV(restore.losses), by kind. C(materialized_views) are filled anew from the tables, and C(foreign_tables) have
          their rows elsewhere. C(closed_tables) are tables that this user may not read, and
          C(closed_large_objects) numbers of large objects. C(unheld_tables) are tables of extensions that are counted, but to
          which others could write until the swap.
      type: dict
      sample: {materialized_views: [public.sold]}
    held_seconds:
      description: For how long writers had to wait, from before the last count to the end of the swap.
      type: float
      sample: 0.31
    shut_seconds:
      description: For how long the database was shut.
      type: float
      sample: 0.04
dropped:
  description: Names of the databases that were dropped.
  returned: with O(state=dropped)
  type: list
  elements: str
"""

from collections.abc import Mapping
from contextlib import ExitStack, closing
from datetime import UTC, datetime, timedelta
from typing import Any

from ansible.module_utils.common.parameters import env_fallback

from ..module_utils.backup.archive import Archive, choose, fetch, fetch_file, proofs
from ..module_utils.backup.manifest import folder
from ..module_utils.backup.reader import ZSTANDARD_ERROR
from ..module_utils.backup.request import read_identity, secret_keys
from ..module_utils.core.errors import ConfigError, WaitTimeout
from ..module_utils.core.module import Plan, Runtime, run
from ..module_utils.core.options import lease_options, restoring_options
from ..module_utils.core.redact import secrets_of_url
from ..module_utils.core.wait import Waiter
from ..module_utils.postgres import databases
from ..module_utils.postgres.connection import PSYCOPG2_ERROR, connect, direct
from ..module_utils.postgres.drop_database import drop
from ..module_utils.postgres.row_diff import Losses, total
from ..module_utils.release.lease import guard
from ..module_utils.restore import load, replace_live, rights, url_swap, verify
from ..module_utils.restore.scope import left_out
from ..module_utils.restore.target import RestoreTarget
from ..module_utils.store.open import open_store

FIELDS = ("staged", "kept", "kept_until", "expected_seconds", "verified", "losses", "lost_rows", "sequences", "not_counted", "held_seconds", "shut_seconds")


def argument_spec() -> dict[str, Any]:
    return {
        **lease_options(),
        "database_url": {"type": "str", "required": True, "no_log": True, "fallback": (env_fallback, ["DATABASE_URL"])},
        "state": {"type": "str", "required": True, "choices": ["staged", "restored", "undone", "dropped"]},
        "backup": {"type": "str"},
        "file": {"type": "path"},
        "sha256": {"type": "str"},
        **restoring_options(),
        "approve": {"type": "str"},
        "swap": {"type": "str", "choices": ["auto", "rename", "url"], "default": "rename"},
        "target_url": {"type": "str", "no_log": True},
        "adopt": {"type": "bool", "default": False},
        "maintenance_database": {"type": "str", "default": "postgres"},
        "keep": {"type": "float", "default": 168.0},
        "lock_timeout": {"type": "float", "default": 10.0},
        "wait_timeout": {"type": "float", "default": 7200.0},
    }


class Client:
    """The live database, its server and the store; ``held`` is let go of at the end."""

    def __init__(self, params: dict[str, Any], runtime: Runtime) -> None:
        self.live = direct(params["database_url"], remedy="database_url")
        self.target = direct(params["target_url"], option="target_url", remedy="target_url") if params["target_url"] else None
        self.prefix, self.identity = folder(params["prefix"]), read_identity(params)
        self.held = ExitStack()
        self.close = self.held.close
        self.store: Any = open_store(params) if params["store"] or params["backup"] else None  # a file needs none
        if self.store:
            self.held.callback(self.store.close)
        self.warn, self.check_mode, self.state = runtime.warn, runtime.check_mode, params["state"]
        self._waiter = Waiter(timeout=params["wait_timeout"], beat=runtime.beat)
        self._began = self._waiter.clock()

    def beat(self) -> None:
        self._waiter.check("the restore")
        if self._waiter.clock() - self._began > self._waiter.timeout:
            raise WaitTimeout(f"It was not done after {self._waiter.timeout:g} s (wait_timeout), and the live database is as it was. Give it more time.")


def plan(params: dict[str, Any], client: Client) -> Plan:
    refuse(params, client.live.name)
    site = replace_live.inspect_server(client.live, params["maintenance_database"], client.beat, client.held)
    if not site.present.open:
        client.warn(f"{client.live.name} accepts no connections, as a crash of its server in a swap leaves it. It is opened again.")
    if params["state"] == "undone" and site.present.note.get("state") == "serving":  # the URL is that of what a restore has put there
        client.live = databases.beside(client.live, site.present.note["of"])
        site = replace_live.inspect_server(client.live, params["maintenance_database"], client.beat, client.held)
    way: tuple[str, str | None] = ("rename", None)
    if params["state"] != "dropped":
        way = replace_live.choose_swap(site, params["swap"], elsewhere=bool(client.target), undo=params["state"] == "undone")
    shown: dict[str, Any] = {
        "database": client.live.name,
        "backup": None,
        "swap": way[0],
        "swap_reason": way[1],
        "already": False,
        "left_out": [],
        **dict.fromkeys(FIELDS),
    }
    shown["serves"] = client.live.name
    todo = {"params": params, "site": site, "shown": shown, "now": datetime.now(UTC)}
    if way[0] == "url":
        todo["place"] = RestoreTarget(site, client.target, params["adopt"], client.beat)
        return (plan_going_back if params["state"] == "undone" else plan_going)(todo, client)
    return {"staged": plan_restore, "restored": plan_restore, "undone": plan_undo, "dropped": plan_drop}[params["state"]](todo, client)


def refuse(params: dict[str, Any], live: str) -> None:
    """Raise ConfigError for what no look at the server could mend."""
    if params["adopt"] and not params["target_url"]:
        raise ConfigError("adopt is for a database that target_url names. Set that too.", code="bad_option")
    if params["target_url"] and params["swap"] == "rename" and params["state"] == "dropped":
        raise ConfigError("The database in target_url is not this module's to drop. Leave target_url out.", code="bad_option")
    if params["state"] in ("staged", "restored") and not params["adopt"] and not (params["backup"] or params["file"]):
        raise ConfigError("Nothing says what to restore. Set backup, or file; or adopt with target_url.", code="bad_option")
    for option, least in (("jobs", 1), ("keep", 0), ("lock_timeout", 0)):
        if params[option] < least:
            raise ConfigError(f"{option} is {params[option]}. Give {least} or more.")
    if params["approve"] not in (None, "", live):
        raise ConfigError(f"approve names {params['approve']}, and the live database is {live}. Look whether this is the right one.", code="not_approved")


def plan_restore(todo: dict[str, Any], client: Client) -> Plan:
    params, site, shown = todo["params"], todo["site"], todo["shown"]
    archive = client.held.enter_context(fetch_file(params["file"], params["sha256"], client.beat)) if params["file"] else None
    manifest = archive.manifest if archive else choose(client.store, params["backup"], client.prefix, client.live.name, client.warn)
    digest = manifest["sha256"]
    known = proofs(client.store, manifest, client.prefix, client.warn) if client.store and not archive else []
    shown.update(backup=manifest["name"], expected_seconds=known[0]["recovery_seconds"] if known else None)
    same = [entry for entry in site.replaced_by_present("before") if entry.note.get("sha256") == digest]
    if same:
        shown.update(already=True, kept=same[0].name, kept_until=same[0].note["kept_until"])
        return Plan(before={"database": shown["database"]}, after={"database": shown["database"]}, result={"restore": shown})
    staged = site.staged(digest)
    if not staged:
        archive = archive or fetched(client, manifest, params, site.admin)
        todo["tool"] = load.fit(site.admin, archive, params["postgres_bin"], client.beat)
        with closing(connect(client.live if site.present.open else site.server, beat=client.beat)) as inside:
            rights.refuse_without(inside, site.admin, archive)
        databases.refuse_uncopyable(site.admin, client.live.name)
        shown["left_out"] = left_out(archive)
    elif client.check_mode or client.state == "staged" or not params["approve"]:
        count(shown, replace_live.compare(site, staged))
    shown["staged"] = staged.name if staged else databases.label(client.live.name, "incoming", todo["now"])
    shown["verified"] = staged.note["verified"] if staged else None
    note = {"backup": manifest["name"], "sha256": digest}
    todo.update(archive=archive, note=note, staged=staged, kind="before")
    before = {"database": shown["database"], "staged": staged.name if staged else None}
    if client.state == "staged":
        return Plan(before=before, after={**before, "staged": shown["staged"]}, todo=todo, result={"restore": shown})
    return approved(Plan(before=before, after={"database": f"{shown['database']} from {manifest['name']}"}, todo=todo, result={"restore": shown}), client)


def fetched(client: Client, manifest: Mapping[str, Any], params: Mapping[str, Any], connection: Any) -> Archive:
    jobs = 1 if client.target else params["jobs"]  # into a database that was named it is one transaction
    frozen = load.loads_frozen(connection, manifest, params["postgres_bin"], jobs)
    return client.held.enter_context(fetch(client.store, manifest["name"], client.prefix, client.identity, client.beat, frozen=frozen))


def plan_going(todo: dict[str, Any], client: Client) -> Plan:
    """Restore or adopt a database at another address and leave the live one for it."""
    params, site, shown, place = todo["params"], todo["site"], todo["shown"], todo["place"]
    archive = client.held.enter_context(fetch_file(params["file"], params["sha256"], client.beat)) if params["file"] else None
    manifest = {"name": "adopted", "sha256": None} if params["adopt"] else archive.manifest if archive else None
    manifest = manifest or choose(client.store, params["backup"], client.prefix, client.live.name, client.warn)
    entry = place.find_restored(manifest["sha256"])
    shown["backup"] = manifest["name"]
    before = {"database": shown["database"]}
    serving = place.serving()
    if serving and serving != entry:
        raise url_swap.already_left(client.live.name)
    if entry and serving:
        shown.update(already=True, serves=entry.name, kept=client.live.name, kept_until=entry.note.get("kept_until"))
        return Plan(before={"database": entry.name}, after={"database": entry.name}, result={"restore": shown})
    if entry is None:
        with closing(connect(client.target or site.server, beat=client.beat)) as connection:
            archive = archive or fetched(client, manifest, params, connection)
            todo["tool"], reasons = load.fit_for_trial(connection, archive, params["postgres_bin"], client.beat)
            with closing(connect(client.target or (client.live if site.present.open else site.server), beat=client.beat)) as inside:
                reasons += rights.withheld(inside, connection, archive, into=bool(client.target))
            todo["ownership"] = not reasons
            if not client.target:
                databases.refuse_uncopyable(connection, client.live.name)
        shown["left_out"] = [*load.without_ownership(reasons), *left_out(archive)]
    else:
        shown["verified"] = verify.verify(place.database(entry), manifest, client.beat) if params["adopt"] and not client.check_mode else None
        shown["verified"] = entry.note.get("verified") or shown["verified"]
        if client.check_mode or client.state == "staged" or not params["approve"]:
            count(shown, url_swap.compare(client.live, place.database(entry), client.beat))
    shown["staged"] = entry.name if entry else client.target.name if client.target else databases.label(client.live.name, "incoming", todo["now"])
    todo.update(archive=archive, note={"backup": manifest["name"], "sha256": manifest["sha256"]}, staged=entry)
    if client.state == "staged":
        staged = {"staged": entry.name if entry else None}
        return Plan(before={**before, **staged}, after={**before, "staged": shown["staged"]}, todo=todo, result={"restore": shown})
    return approved(Plan(before=before, after={"database": f"{shown['staged']} from {manifest['name']}"}, todo=todo, result={"restore": shown}), client)


def plan_going_back(todo: dict[str, Any], client: Client) -> Plan:
    """Leave the database at another address for the one from before."""
    shown, place = todo["shown"], todo["place"]
    entry = place.serving()
    if entry is None:
        if not place.target and not todo["site"].of_kind("restored"):
            raise ConfigError(f"There is nothing to undo: the shop was not moved away from {client.live.name} to another address.", code="nothing_to_undo")
        shown.update(already=True, kept=place.target.name if place.target else todo["site"].of_kind("restored")[0].name)
        return Plan(before={"database": shown["database"]}, after={"database": shown["database"]}, result={"restore": shown})
    shown["backup"] = entry.note.get("backup")
    todo.update(back=entry)
    if client.check_mode or not todo["params"]["approve"]:
        count(shown, url_swap.compare(place.database(entry), client.live, client.beat))
    return approved(Plan(before={"database": entry.name}, after={"database": client.live.name}, todo=todo, result={"restore": shown}), client)


def plan_undo(todo: dict[str, Any], client: Client) -> Plan:
    site, shown = todo["site"], todo["shown"]
    kept = replace_live.undoable(site, todo["now"])
    if kept is None:
        shown["already"] = True
        return Plan(before={"database": shown["database"]}, after={"database": shown["database"]}, result={"restore": shown})
    shown["backup"] = kept.note.get("backup")
    todo.update(staged=kept, kind="undone", note={"backup": kept.note.get("backup"), "sha256": kept.note.get("sha256")})
    if client.check_mode or not todo["params"]["approve"]:
        count(shown, replace_live.compare(site, kept))
    before = {"database": f"{shown['database']} from {shown['backup']}"}
    return approved(Plan(before=before, after={"database": f"{shown['database']} as {kept.name}"}, todo=todo, result={"restore": shown}), client)


def plan_drop(todo: dict[str, Any], client: Client) -> Plan:
    names = [entry.name for entry in replace_live.expired(todo["site"], todo["now"])]
    return Plan(before={"databases": names}, after={"databases": []}, todo={**todo, "drop": names}, result={"restore": todo["shown"], "dropped": names})


def count(shown: dict[str, Any], found: Losses) -> None:
    shown.update(losses=found.rows, lost_rows=total(found.rows), sequences=found.sequences, not_counted=found.not_counted)


def approved(intent: Plan, client: Client) -> Plan:
    """Return the plan. Raises ConfigError, telling what would be lost, when nobody approved of that."""
    shown = intent.result["restore"]
    if intent.todo["params"]["approve"]:
        return intent
    lost = "; ".join(f"{table}: {', '.join(f'{rows} {how}' for how, rows in counted.items() if rows)}" for table, counted in (shown["losses"] or {}).items())
    known = (
        "What would be lost is counted by state: staged."
        if shown["losses"] is None
        else f"{shown['lost_rows']} rows would not be what they are now ({lost or 'none'})."
    )
    if shown["sequences"]:
        known += f" Numbers that were given out since would be given out again by {', '.join(shown['sequences'])}."
    if shown["not_counted"]:
        kinds = [f"{kind.replace('_', ' ')} ({', '.join(names)})" for kind, names in shown["not_counted"].items()]
        known += f" Not counted: {'; '.join(kinds)}."
    error = ConfigError(f"Nobody approved to replace {client.live.name}. {known} Set approve: {client.live.name} to do it.", code="not_approved")
    error.result["restore"] = shown
    if client.check_mode:
        client.warn(str(error))
        return intent
    raise error


def apply(intent: Plan, client: Client) -> dict[str, Any]:
    todo, shown = intent.todo, intent.result["restore"]
    params, site, successor = todo["params"], todo["site"], todo.get("staged")
    replace_live.begin(site)
    if "place" in todo:
        return apply_going(intent, client)
    if "drop" in todo:
        for name in todo["drop"]:
            slots = drop(site.admin, site.server, name)
            if slots:
                client.warn(
                    f"{name} had subscriptions. Their slots stay with the publishers and keep WAL there: drop {', '.join(slots)} where nothing uses it."
                )
        return {}
    if successor is None:
        successor, shown["verified"] = replace_live.stage(site, todo["archive"], todo["tool"], todo["note"], name=shown["staged"], jobs=params["jobs"])
    if client.state == "staged":
        count(shown, replace_live.compare(site, successor))
        return {"restore": shown}
    options = {"kind": todo["kind"], "keep": timedelta(hours=params["keep"]), "lock_timeout": params["lock_timeout"]}
    shown["kept"], losses, seconds = replace_live.put_in_place(site, successor, todo["note"], **options)
    count(shown, losses)
    return {"restore": {**shown, **seconds, "kept_until": site.replaced_by_present(todo["kind"])[0].note["kept_until"]}}


def apply_going(intent: Plan, client: Client) -> dict[str, Any]:
    todo, shown = intent.todo, intent.result["restore"]
    params, place, entry = todo["params"], todo["place"], todo.get("staged")
    options = {"keep": timedelta(hours=params["keep"]), "lock_timeout": params["lock_timeout"]}
    if "back" in todo:
        losses, told = place.go_back(todo["back"], **options)
        count(shown, losses)
        return {"restore": {**shown, **told, "kept": todo["back"].name}}
    if entry is None:
        how = {"name": shown["staged"], "jobs": params["jobs"], "ownership": todo["ownership"]}
        entry, shown["verified"] = place.load(todo["archive"], todo["tool"], todo["note"], **how)
    if client.state == "staged":
        count(shown, url_swap.compare(client.live, place.database(entry), client.beat))
        return {"restore": shown}
    entry, losses, told = place.go(entry, todo["note"], **options)
    count(shown, losses)
    return {"restore": {**shown, **told, "serves": entry.name, "kept": client.live.name}}


def main() -> None:
    run(
        argument_spec(),
        Client,
        plan,
        apply,
        guard=guard,
        secrets=lambda params: [*secrets_of_url(params["database_url"]), *secrets_of_url(params["target_url"]), *secret_keys(params)],
        libraries={"psycopg2": PSYCOPG2_ERROR, "zstandard": ZSTANDARD_ERROR},
        mutually_exclusive=[("backup", "file"), ("identity", "identity_file")],
    )


if __name__ == "__main__":
    main()
