# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""pg_proof in process, with servers that are faked: when a backup is proven, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import contextmanager, nullcontext
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.backup.archive import Archive
from ansible_collections.storefront.runbook.plugins.module_utils.restore import proof as trial
from ansible_collections.storefront.runbook.plugins.module_utils.restore import scratch_database
from ansible_collections.storefront.runbook.plugins.module_utils.restore.scratch_database import ScratchServer
from ansible_collections.storefront.runbook.plugins.modules import pg_proof

from tests.unit.support import run_module

URL = "postgresql://shop:hunter22@db.example/shop"
SCRATCH = "postgresql://prover:hunter33@other.example/postgres"
MANIFEST = {"name": "sale", "sha256": "abc", "database": "shop", "database_size": 1000}
VERIFIED = {
    "tables": 9,
    "rows": 90,
    "compared": 0,
    "constraints": {},
    "not_validated": [],
    "analyze_seconds": 0.5,
    "verify_seconds": 0.25,
}

Prove = Callable[..., dict[str, Any]]


@pytest.fixture
def kept() -> list[dict[str, Any]]:
    """The proofs in the store."""
    return []


@pytest.fixture
def prove(kept: list[dict[str, Any]], tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Prove:
    @contextmanager
    def fetched(*_: Any, **_frozen: Any) -> Any:
        yield Archive(MANIFEST, "/dev/null")

    @contextmanager
    def scratch(place: ScratchServer, name: str, heartbeat: Any, *_locale: Any) -> Any:
        yield place.server, ["shop@scratch-20260101T000000Z"]

    connection = SimpleNamespace(close=lambda: None)
    monkeypatch.setattr(trial, "connect", lambda database, **_: connection)
    monkeypatch.setattr(trial, "query", lambda *_: [("15.20",)])
    monkeypatch.setattr(scratch_database, "connect", lambda database, **_: connection)
    monkeypatch.setattr(scratch_database, "refuse_without_rights", lambda *_: None)
    monkeypatch.setattr(pg_proof, "choose", lambda store, name, prefix, database, warn: MANIFEST)
    monkeypatch.setattr(pg_proof, "proofs", lambda *_: kept)
    monkeypatch.setattr(trial, "keep_proof", lambda store, proof, prefix, now: kept.insert(0, proof))
    monkeypatch.setattr(trial, "fetch", fetched)
    monkeypatch.setattr(trial, "scratch", scratch)
    monkeypatch.setattr(
        trial, "open_backup", lambda *_, **__: nullcontext(SimpleNamespace(read_globals=lambda: {"database": {}}))
    )
    monkeypatch.setattr(trial.rights, "withheld", lambda *_: [])
    monkeypatch.setattr(
        trial.load,
        "fit_for_trial",
        lambda *_: (SimpleNamespace(path="pg_restore"), ["the server lacks the roles reader"]),
    )
    monkeypatch.setattr(trial.load, "loads_frozen", lambda *_: False)
    monkeypatch.setattr(trial.load, "load", lambda *_, **options: None)
    monkeypatch.setattr(trial.verify, "verify", lambda *_: dict(VERIFIED))
    monkeypatch.delenv("DATABASE_URL", raising=False)

    def call(*, check: bool = False, **params: Any) -> dict[str, Any]:
        given = {"store": tmp_path.as_uri(), "store_is_shared": True, "scratch_url": SCRATCH, **params}
        return run_module(pg_proof, {key: value for key, value in given.items() if value is not None}, check=check)

    return call


def test_a_proof_is_predicted_made_once_and_made_again_when_that_is_asked_for(
    prove: Prove, kept: list[dict[str, Any]]
) -> None:
    predicted = prove(check=True)
    assert (predicted["changed"], predicted["proof"]["rows"], kept) == (True, None, [])
    made = prove()
    assert made["diff"] == {
        "before": {"backup": "sale", "proven": "never"},
        "after": {"backup": "sale", "proven": "now"},
    }
    assert (
        made["proof"]["rows"],
        made["proof"]["sha256"],
        made["proof"]["separate_server"],
        made["proof"]["unproven"],
    ) == (
        90,
        "abc",
        True,
        ["owners and grants: the server lacks the roles reader"],
    )
    assert (made["proof"]["seconds"]["analyze"], made["leftovers"]) == (0.5, ["shop@scratch-20260101T000000Z"])
    assert (prove()["changed"], len(kept)) == (False, 1)
    assert (prove(again=True)["changed"], len(kept)) == (True, 2)


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"store": None}, "missing required arguments: store"),
        ({"scratch_url": None}, "Set scratch_url to a database on another server"),
        ({"scratch_url": "mysql://x/y"}, "scratch_url begins with 'mysql'"),
        ({"scratch_url": f"{SCRATCH}?pgbouncer=true"}, "scratch_url goes through a connection pooler"),
        (
            {"scratch_url": None, "same_server": True, "database_url": URL, "same_server_limit": 10},
            "same_server_limit allows 10",
        ),
        ({"jobs": 0}, "jobs is 0"),
        ({"identity": "not a key"}, "identity holds no secret key of age"),
        ({"identity": "a key", "identity_file": "/none"}, "mutually exclusive"),
    ],
)
def test_bad_input_is_refused_before_anything_is_done(
    prove: Prove, kept: list[dict[str, Any]], params: dict[str, Any], said: str
) -> None:
    result = prove(**params)
    assert result["failed"]
    assert said in result["msg"]
    assert "hunter" not in repr(result)
    assert kept == []
