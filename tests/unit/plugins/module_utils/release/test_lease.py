# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The deploy lease: one holder at a time, who stops when it is lost."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.core.errors import (
    ApiError,
    ConfigError,
    LeaseHeld,
    LeaseLost,
    Unreachable,
)
from ansible_collections.storefront.runbook.plugins.module_utils.release.lease import PATIENCE, Lease, guard, take
from ansible_collections.storefront.runbook.plugins.module_utils.release.lease_document import iso, read, timestamp
from ansible_collections.storefront.runbook.plugins.module_utils.store.folder import FolderStore

from tests.unit.memory_store import MemoryStore
from tests.unit.support import Clock

TTL = 100.0
MARGIN = 5.0


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def anna(store, clock) -> Lease:
    return taken(store, clock, "anna@host", release="v1.1.0")


def taken(store, clock: Clock, holder: str, **options) -> Lease:
    lease, _unused = take(store, holder=holder, ttl=TTL, clock=clock, **options)
    return Lease(store, lease.token, clock=clock, sleep=clock.sleep)


def document(store) -> dict:
    return json.loads(store.objects["lease.json"])


def test_the_first_lease_names_its_holder_its_release_and_its_deadline(store, clock):
    lease, loser = take(store, holder="anna@host", release="v1.1.0", ttl=TTL, clock=clock)
    assert loser is None
    assert document(store) == {
        "schema": 1,
        "state": "held",
        "token": lease.token,
        "fence": 1,
        "holder": "anna@host",
        "release": "v1.1.0",
        "reason": None,
        "acquired_at": iso(clock.now),
        "deadline": iso(clock.now + TTL),
        "ttl": TTL,
        "journal": {},
    }


def test_the_store_is_proven_before_a_lease_is_taken(store, clock):
    store.ignored = {"If-None-Match", "If-Match"}
    with pytest.raises(ConfigError, match="without conditional writes"):
        take(store, holder="anna", clock=clock)
    assert store.objects == {}


def test_a_lease_that_is_held_says_by_whom_for_what_until_when_and_what_to_do(store, anna, clock):
    with pytest.raises(LeaseHeld) as held:
        take(store, holder="ben", clock=clock)
    message = str(held.value)
    assert f"held by anna@host for the release v1.1.0 since {iso(clock.now)}, until {iso(clock.now + TTL)}" in message
    assert "-e break_lease=<reason>" in message
    assert held.value.details["holder"] == "anna@host"
    assert document(store)["token"] == anna.token


def test_of_many_who_take_it_at_once_one_gets_it(tmp_path):
    store, rivals = FolderStore(str(tmp_path)), 8
    start = Barrier(rivals)

    def attempt(number: int) -> str | None:
        start.wait()
        try:
            return take(store, holder=str(number))[0].token
        except LeaseHeld:
            return None

    with ThreadPoolExecutor(rivals) as pool:
        tokens = [token for token in pool.map(attempt, range(rivals)) if token]
    assert tokens == [read(store)[0]["token"]]


def test_somebody_who_was_quicker_between_look_and_write_keeps_it(store, clock):
    quicker = []
    store.before_lease = lambda: quicker.append(take(store, holder="ben", clock=clock)[0])
    with pytest.raises(LeaseHeld, match="held by ben"):
        take(store, holder="anna", clock=clock)
    assert document(store)["token"] == quicker[0].token


def test_a_lost_answer_does_not_lock_the_taker_out(store, clock):
    store.lost_answers = 1
    lease, loser = take(store, holder="anna", ttl=TTL, clock=clock)
    assert (document(store)["token"], document(store)["fence"], loser) == (lease.token, 1, None)


def test_a_lease_that_was_given_back_is_free_and_counts_on(store, anna, clock):
    assert anna.release() is True
    lease, loser = take(store, holder="ben", clock=clock)
    assert (loser, document(store)["fence"], document(store)["token"]) == (None, 2, lease.token)


def test_nobody_takes_over_until_a_margin_after_the_deadline(store, anna, clock):
    clock.now += TTL + MARGIN - 0.1
    with pytest.raises(LeaseHeld):
        take(store, holder="ben", clock=clock)


def test_a_takeover_after_the_deadline_names_the_holder_that_lost_it(store, anna, clock):
    since = iso(clock.now)
    anna.renew({"step": "backend.release"})
    clock.now += TTL + MARGIN
    lease, loser = take(store, holder="ben", clock=clock)
    assert loser == {"holder": "anna@host", "release": "v1.1.0", "since": since, "journal": {"step": "backend.release"}}
    assert document(store)["journal"] == {"step": "backend.release"}, "what did not end has still to be settled"
    assert lease.document == document(store)


def test_a_reason_takes_a_live_lease_and_its_holder_stops(store, anna, clock):
    _unused, loser = take(store, holder="ben@host", release="v1.0.0", reason="the site is down", clock=clock)
    assert loser["holder"] == "anna@host"
    with pytest.raises(LeaseLost, match=r"taken by ben@host for the release v1.0.0 at .* \(the site is down\)"):
        anna.heartbeat()


def test_a_reason_is_not_kept_when_nobody_lost_the_lease(store, anna, clock):
    anna.release()
    take(store, holder="ben", reason="just in case", clock=clock)
    assert document(store)["reason"] is None


def test_the_one_who_lost_it_cannot_renew_give_back_or_write_the_journal(store, anna, clock):
    take(store, holder="ben", reason="now", clock=clock)
    before = document(store)
    with pytest.raises(LeaseLost):
        anna.renew({"step": "frontend.promote"})
    assert anna.release() is False
    assert document(store) == before


def test_a_beat_early_on_looks_and_writes_nothing(store, anna, clock):
    writes = store.writes
    clock.now += TTL / 3 - 1
    anna.heartbeat()
    assert store.writes == writes


def test_a_beat_after_a_third_of_the_time_moves_the_deadline(store, anna, clock):
    clock.now += 34
    anna.heartbeat()
    assert timestamp(document(store)["deadline"]) == clock.now + TTL


def test_a_beat_notes_at_once_which_step_the_holder_is_at(store, anna, clock):
    anna.renew({"snapshot": {"api": {"id": "1"}}, "step": "backend.release"})
    module = Lease(store, anna.token, step="frontend.stage", clock=clock)
    writes = store.writes
    module.heartbeat()
    module.heartbeat()
    assert document(store)["journal"] == {"snapshot": {"api": {"id": "1"}}, "step": "frontend.stage"}
    assert store.writes == writes + 1


def test_a_holder_who_stood_still_past_the_deadline_has_lost_it_even_if_nobody_took_it(store, anna, clock):
    anna.heartbeat()
    clock.now += TTL - MARGIN
    with pytest.raises(LeaseLost, match="expired"):
        anna.heartbeat()
    with pytest.raises(LeaseLost):
        anna.renew()


def test_a_lease_that_was_given_back_or_removed_is_lost(store, anna):
    anna.release()
    with pytest.raises(LeaseLost, match="was released at"):
        anna.heartbeat()
    store.delete("lease.json")
    with pytest.raises(LeaseLost, match="is gone"):
        anna.heartbeat()


def test_a_token_of_nobody_is_refused(store, anna, clock):
    with pytest.raises(LeaseLost, match="taken by anna@host"):
        Lease(store, "invented", clock=clock).heartbeat()


def test_a_lost_answer_does_not_lose_the_lease(store, anna):
    store.lost_answers = 1
    anna.renew({"step": "one"})
    assert document(store)["journal"] == {"step": "one"}
    store.lost_answers = 1
    anna.release()
    assert document(store)["state"] == "released"


def test_how_far_a_step_is_stays_in_the_journal_until_the_next_step(store, anna, clock):
    anna.step = "database.backup"
    anna.heartbeat()
    anna.note("40 MB stored")
    assert document(store)["journal"] == {"step": "database.backup"}
    anna.heartbeat()
    assert document(store)["journal"] == {"step": "database.backup", "progress": "40 MB stored"}
    writes = store.writes
    anna.heartbeat()
    assert store.writes == writes  # nothing new
    later = Lease(store, anna.token, step="database.migrate", clock=clock)
    later.heartbeat()
    assert document(store)["journal"] == {"step": "database.migrate"}


def test_the_journal_is_merged_key_by_key(store, anna):
    anna.renew({"snapshot": {"api": {"id": "1"}}, "step": "one"})
    anna.renew({"step": "two"})
    assert document(store)["journal"] == {"snapshot": {"api": {"id": "1"}}, "step": "two"}


def test_a_deploy_that_ended_leaves_an_empty_journal_and_another_one_all_of_it(store, anna, clock):
    anna.renew({"step": "one"})
    anna.release(unfinished=True)
    assert (document(store)["state"], document(store)["journal"]) == ("released", {"step": "one"})
    ben = taken(store, clock, "ben")
    assert document(store)["journal"] == {"step": "one"}
    ben.release()
    assert document(store)["journal"] == {}


def test_giving_back_twice_changes_nothing(store, anna):
    assert anna.release() is True
    before = document(store)
    assert anna.release() is False
    assert document(store) == before


def test_a_store_that_is_down_does_not_stop_a_holder_with_time_left(store, anna, clock):
    anna.heartbeat()
    store.down = True
    clock.now += TTL / 3 - 1
    anna.heartbeat()
    assert clock.sleeps == []


def test_a_store_that_is_down_is_asked_again_until_it_answers(store, anna, clock):
    anna.heartbeat()
    store.down = True
    clock.now += TTL / 2
    sleep = clock.sleep

    def recover(seconds: float) -> None:
        sleep(seconds)
        store.down = len(clock.sleeps) < 3

    anna._sleep = recover
    anna.heartbeat()
    assert len(clock.sleeps) == 3
    assert timestamp(document(store)["deadline"]) == clock.now + TTL


def test_a_store_that_stays_down_loses_the_lease_a_margin_before_its_deadline(store, anna, clock):
    anna.heartbeat()
    deadline = clock.now + TTL
    store.down = True
    clock.now += TTL / 2
    with pytest.raises(LeaseLost, match=r"could not be renewed before its deadline.*no answer"):
        anna.heartbeat()
    assert clock.now == deadline - MARGIN


def test_a_store_that_never_answered_ends_the_wait_as_unreachable(store, anna, clock):
    store.down = True
    with pytest.raises(Unreachable, match="the holder of the lease is unknown"):
        anna.heartbeat()
    assert sum(clock.sleeps) == PATIENCE


def test_an_error_that_stays_is_not_waited_for(store, anna, clock, monkeypatch):
    def fail(key):
        raise ApiError("400", retryable=False)

    monkeypatch.setattr(store, "get", fail)
    with pytest.raises(ApiError):
        anna.heartbeat()
    assert clock.sleeps == []


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"null",
        b"{}",
        b"[" * 100_000,
        b"\xff",
        b'{"schema": 2, "token": "t", "deadline": "2026-01-31T12:00:00Z"}',
    ],
)
def test_an_object_that_is_not_a_lease_is_neither_taken_nor_replaced(store, clock, data):
    store.objects["lease.json"] = data
    with pytest.raises(ConfigError, match="is not a lease that this version can read"):
        take(store, holder="anna", clock=clock)
    assert store.objects["lease.json"] == data


def test_a_module_without_a_lease_has_no_guard_and_asks_no_store():
    assert guard({"lease": None, "store": "nonsense"}) is None
    assert guard({"lease": ""}) is None


def test_a_lease_without_a_store_names_the_option():
    with pytest.raises(ConfigError, match="Set store"):
        guard({"lease": "token", "store": None})


def test_the_guard_of_a_module_asks_the_store_at_its_first_beat(tmp_path):
    held = guard(
        {"lease": "token", "lease_step": "frontend.stage", "store": tmp_path.as_uri(), "store_is_shared": True}
    )
    assert held.step == "frontend.stage"
    with pytest.raises(LeaseLost, match="is gone"):
        held.heartbeat()


def test_who_took_the_lease_and_never_heard_of_it_holds_it(store, clock, monkeypatch):
    put = store.put_if_absent

    def lose(key, data):
        put(key, data)
        if key == "lease.json":
            raise Unreachable("no answer")
        return str(hash(data))

    monkeypatch.setattr(store, "put_if_absent", lose)
    lease, _unused = take(store, holder="anna", clock=clock)
    assert document(store)["token"] == lease.token


def test_who_gave_the_lease_back_and_never_heard_of_it_has_changed_it(store, anna):
    store.lost_answers = 1
    assert anna.release() is True


def test_before_a_write_the_lease_is_renewed_where_the_write_could_outlast_it(store, anna, clock):
    assert anna.before_write(30) == 30
    writes = store.writes
    assert anna.before_write(30) == 30
    assert store.writes == writes, "enough time is left"
    clock.now += 30
    assert anna.before_write(80) == 80
    assert timestamp(document(store)["deadline"]) == clock.now + TTL


def test_a_write_may_take_no_longer_than_the_lease_lasts(store, anna, clock):
    assert anna.before_write(600) == TTL - MARGIN
    clock.now += 10
    assert anna.before_write(600) == TTL - MARGIN, "each one has all of the lease's time"


def test_nothing_is_written_with_a_lease_that_somebody_took_or_that_ran_out(store, anna, clock):
    anna.before_write(10)
    clock.now += TTL - MARGIN
    with pytest.raises(LeaseLost, match="expired"):
        anna.before_write(10)
    take(store, holder="ben", reason="now", clock=clock)
    with pytest.raises(LeaseLost, match="taken by ben"):
        anna.before_write(10)


def test_a_write_does_not_start_when_the_renewal_took_all_of_the_time(store, anna, clock):
    anna.before_write(10)
    clock.now += TTL / 2

    def slowly() -> None:
        clock.now += TTL

    store.before_lease = slowly
    with pytest.raises(LeaseLost, match="expired"):
        anna.before_write(80)


def test_out_of_the_stores_reach_a_write_may_take_what_is_left(store, anna, clock):
    anna.heartbeat()
    store.down = True
    clock.now += 20
    assert anna.before_write(10) == 10
    assert anna.before_write(90) == TTL - MARGIN - 20


def test_a_look_that_began_while_a_thread_waited_for_its_turn_is_good_for_it_too(store, anna, monkeypatch):
    anna.heartbeat()
    read: list[str] = []
    get = store.get

    def counted(key):
        read.append(key)
        return get(key)

    monkeypatch.setattr(store, "get", counted)

    class Busy:
        """Stands for a lock that another thread holds: that one checks the lease first."""

        def __enter__(self):
            anna.read()

        def __exit__(self, *_error):
            pass

    monkeypatch.setattr(anna, "_one", Busy())
    assert anna.before_write(10) == 10
    assert len(read) == 1


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"ttl": None}, "ttl has a wrong type or value"),
        ({"ttl": float("nan")}, "ttl has a wrong type or value"),
        ({"ttl": "300"}, "ttl has a wrong type or value"),
        ({"ttl": ...}, "ttl is missing"),
        ({"deadline": "soon"}, "deadline has a wrong type or value"),
        ({"fence": "1"}, "fence has a wrong type or value"),
        ({"journal": []}, "journal has a wrong type or value"),
        ({"journal": ...}, "journal is missing"),
        ({"state": "free"}, "state has a wrong type or value"),
        ({"token": ""}, "token has a wrong type or value"),
        ({"holder": {}}, "holder has a wrong type or value"),
    ],
)
def test_a_lease_with_a_wrong_field_is_refused_by_its_name(store, anna, clock, change, said):
    changed = {name: value for name, value in {**document(store), **change}.items() if value is not ...}
    store.objects["lease.json"] = json.dumps(changed).encode()
    for use in (lambda: take(store, holder="ben", reason="now", clock=clock), anna.heartbeat, anna.release):
        with pytest.raises(ConfigError, match=f"is not a lease that this version can read: {said}"):
            use()


# As the first version wrote it.
OLD = {
    "schema": 1, "state": "held", "token": "7b1c4a52-6a41-4a6e-8f9d-0f1f6f7f3c11", "fence": 12, "holder": "deploy@ci-1 (process 4711)", "release": "v1.1.0",  # noqa: E501
    "reason": None, "acquired_at": "2026-01-31T12:00:00.000Z", "deadline": "2026-01-31T12:05:00.000Z", "ttl": 300.0,
    "journal": {"kind": "deploy", "release": "v1.1.0", "step": "backend.release", "snapshot": {"api": {"id": "d1"}}, "target": {}, "incompatible": []},  # noqa: E501
}  # fmt: skip


def test_a_lease_of_an_earlier_version_is_read_and_its_journal_kept(store, clock):
    store.objects["lease.json"] = json.dumps(OLD).encode()
    clock.now = timestamp("2026-01-31T12:05:15Z")
    _lease, loser = take(store, holder="ben", clock=clock)
    assert loser == {
        "holder": OLD["holder"],
        "release": "v1.1.0",
        "since": OLD["acquired_at"],
        "journal": OLD["journal"],
    }
    assert (document(store)["fence"], document(store)["journal"]) == (13, OLD["journal"])


def test_a_controller_whose_clock_is_ahead_takes_no_lease(store, clock):
    store.now = clock.now
    anna = taken(store, clock, "anna")
    with pytest.raises(ConfigError, match="differ by 600 s") as refused:
        take(store, holder="ben", clock=lambda: clock.now + 600)
    assert refused.value.details["code"] == "clock"
    assert document(store)["token"] == anna.token


def test_an_emergency_goes_by_the_stores_clock_and_waits_for_the_deadline_anyway(store, clock):
    store.now = clock.now
    anna = taken(store, clock, "anna")
    warnings = list[str]()

    def ahead() -> float:
        return clock.now + 600

    with pytest.raises(LeaseHeld):
        take(store, holder="ben", clock=ahead, tolerate_clock=True)
    ben, _loser = take(
        store,
        holder="ben",
        clock=ahead,
        tolerate_clock=True,
        reason="customers cannot pay",
        ttl=TTL,
        warn=warnings.append,
    )
    assert "differ by 600 s" in warnings[0]
    assert document(store)["deadline"] == iso(clock.now + TTL)
    assert ben.before_write(10) == 10
    with pytest.raises(LeaseLost):
        anna.heartbeat()


def test_a_holder_goes_by_the_stores_clock_too(store, clock):
    store.now = clock.now
    lease, _loser = take(store, holder="anna", ttl=TTL, clock=clock)
    module = Lease(store, lease.token, clock=lambda: clock.now - 3600, sleep=clock.sleep)
    module.heartbeat()
    store.now = clock.now + TTL - MARGIN
    with pytest.raises(LeaseLost, match="expired"):
        module.heartbeat()


def test_a_lease_that_was_removed_does_not_count_from_the_start(store, clock):
    store.objects["ledger/f00000041-0001-deploy-released-x.json"] = b"{}"
    take(store, holder="anna", clock=clock)
    assert document(store)["fence"] == 42
