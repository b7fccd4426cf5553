# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ledger: what is kept of a deploy, and what a rollback goes back to."""

from __future__ import annotations

import json

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.core.errors import ConfigError
from ansible_collections.storefront.runbook.plugins.module_utils.release.ledger import (
    find,
    load,
    make,
    place,
    same,
    state_after,
    target,
    unfit,
    write,
)
from ansible_collections.storefront.runbook.plugins.module_utils.release.ledger_keys import newest_first
from ansible_collections.storefront.runbook.plugins.module_utils.store.base import Conflict

from tests.unit.memory_store import MemoryStore


def record(
    release: str,
    outcome: str = "released",
    kind: str = "deploy",
    withdrawn: str | None = None,
    units: tuple[str, ...] = ("api", "frontend"),
) -> dict:
    made = {name: {"platform": "vercel", "id": f"{name}-{release}", "release": release} for name in units}
    return make(
        {
            "storefront": "shop",
            "kind": kind,
            "outcome": outcome,
            "release": release,
            "withdrawn": withdrawn,
            "units": made,
        }
    )


def history(*records: dict) -> list[dict]:
    """The records as they are read: the newest, which is given last, first."""
    return [
        {**made, "finished_at": f"2026-01-{day:02}T00:00:00.000Z", "fence": 7, "number": day}
        for day, made in enumerate(records, 1)
    ][::-1]


def back_to(*records: dict, release: str | None = None) -> str | None:
    read = history(*records)
    index, _unused = target(read, release)
    return None if index is None else read[index]["release"]


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


def test_a_record_is_kept_under_its_place_and_id_and_found_by_its_id(store):
    made = place({**record("v1.1.0"), "finished_at": "2026-01-31T12:04:10.250Z"}, [], 7)
    assert write(store, made) == f"ledger/f00000007-0001-deploy-released-{made['id']}.json"
    assert find(store, made["id"]) == made
    assert find(store, "another") is None


def test_the_id_follows_from_what_the_record_reports():
    assert record("v1.1.0")["id"] == record("v1.1.0")["id"]
    assert record("v1.1.0")["id"] != record("v1.1.0", "rolled_back")["id"]


def test_two_records_report_the_same_whenever_they_were_finished():
    one, other = history(record("v1.1.0"), record("v1.1.0"))
    assert same(one, other)
    assert not same(one, {**other, "summary": "another"})


def test_a_record_is_never_replaced(store):
    made = history(record("v1.1.0"))[0]
    write(store, made)
    with pytest.raises(Conflict):
        write(store, {**made, "summary": "another"})
    assert [load(store, key.key) for key in newest_first(store)] == [made]


def test_a_lost_answer_is_no_conflict(store):
    store.lost_answers = 1
    write(store, history(record("v1.1.0"))[0])
    assert len(store.objects) == 1


def test_only_known_fields_are_kept_and_passwords_of_urls_are_masked():
    facts = {
        "summary": "postgresql://shop:very-secret@db/shop did not answer",
        "units": {"api": {"id": "1", "platform": "railway", "variables": {"JWT_SECRET": "very-secret"}}},
        "snapshot": {"api": {"id": "0", "token": "very-secret"}},
        "steps": [{"name": "backend.release", "outcome": "ok", "seconds": 1.5, "stdout": "very-secret"}],
        "evidence": [{"name": "health", "asked": "https://a:very-secret@shop.example", "headers": "very-secret"}],
        "database_url": "very-secret",
    }
    made = make(facts)
    assert "very-secret" not in json.dumps(made)
    assert made["units"] == {"api": {"platform": "railway", "id": "1"}}
    assert made["steps"] == [{"name": "backend.release", "outcome": "ok", "seconds": 1.5}]


def test_units_of_another_shape_are_refused():
    with pytest.raises(ConfigError, match="units must map each unit's name"):
        make({"units": {"api": "dep-1"}})


def test_a_rollback_goes_to_the_release_before_the_live_one():
    assert back_to(record("v1.0.0"), record("v1.1.0"), record("v1.2.0")) == "v1.1.0"


def test_a_release_that_was_put_back_at_once_is_no_target():
    assert back_to(record("v1.0.0"), record("v1.1.0", "rolled_back"), record("v1.2.0")) == "v1.0.0"


def test_a_release_that_was_deployed_again_is_not_its_own_predecessor():
    assert back_to(record("v1.0.0"), record("v1.1.0"), record("v1.1.0")) == "v1.0.0"


def test_a_second_rollback_stays_where_the_first_one_went_and_says_how_to_go_further():
    read = history(
        record("v1.0.0"),
        record("v1.1.0"),
        record("v1.2.0"),
        record("v1.1.0", "rolled_back", "rollback", withdrawn="v1.2.0"),
    )
    index, message = target(read)
    assert index == 0
    assert (
        message == "v1.1.0 is already live because of a rollback. To go further back, name a release: -e to=<release>."
    )


def test_a_withdrawn_release_is_no_target_until_it_is_released_again():
    withdrawn = [
        record("v1.0.0"),
        record("v1.1.0"),
        record("v1.2.0"),
        record("v1.1.0", "rolled_back", "rollback", withdrawn="v1.2.0"),
    ]
    assert back_to(*withdrawn, record("v1.1.0")) == "v1.0.0"
    assert back_to(*withdrawn, record("v1.2.0"), record("v1.3.0")) == "v1.2.0"


def test_after_an_incomplete_deploy_the_last_verified_release_is_the_target():
    read = history(record("v1.0.0"), record("v1.1.0"), record("v1.2.0", "incomplete"))
    index, message = target(read)
    assert read[index]["release"] == "v1.1.0"
    assert "deploy of v1.2.0 ended with the outcome incomplete" in message


def test_a_restore_of_the_database_is_no_release_and_hides_none():
    restored = record("v1.1.0", "restored", kind="restore", units=())
    assert back_to(record("v1.0.0"), restored, record("v1.1.0"), restored) == "v1.0.0"
    assert back_to(record("v1.0.0"), record("v1.1.0", "incomplete"), restored) == "v1.0.0"


def test_a_release_that_was_asked_for_is_found_by_its_newest_verified_record():
    read = history(
        record("v1.0.0"), record("v1.1.0"), record("v1.0.0"), record("v1.2.0"), record("v1.0.0", "rolled_back")
    )
    assert target(read, "v1.0.0") == (2, None)


def test_a_release_that_was_never_verified_is_no_target_and_the_message_says_so():
    index, message = target(history(record("v1.0.0"), record("v1.1.0", "rolled_back")), "v1.1.0")
    assert index is None
    assert "no verified deploy of v1.1.0" in message


def test_a_deploy_that_moved_no_unit_is_no_target():
    assert back_to(record("v1.0.0"), record("v1.1.0"), record("v1.2.0", units=())) == "v1.0.0"


@pytest.mark.parametrize(
    ("records", "said"),
    [([], "The ledger has no verified release"), ([record("v1.0.0")], "no verified release before v1.0.0")],
)
def test_without_a_target_the_message_says_why(records, said):
    index, message = target(history(*records))
    assert index is None
    assert said in message


def test_a_unit_that_a_release_did_not_move_is_as_an_older_one_left_it():
    read = history(
        record("v1.0.0"), record("v1.1.0", units=("frontend",)), record("v1.2.0", "rolled_back"), record("v1.3.0")
    )
    state = state_after(read, 2)
    assert {name: unit["id"] for name, unit in state["units"].items()} == {
        "api": "api-v1.0.0",
        "frontend": "frontend-v1.1.0",
    }
    assert (state["release"], state["since"]) == ("v1.1.0", "2026-01-02T00:00:00.000Z")


def test_a_record_comes_after_those_of_its_holder_and_of_the_holders_before(store):
    for fence, number in ((3, 1), (3, 2)):
        write(store, {**history(record(f"v1.{number}.0"))[0], "fence": fence, "number": number})
    keys = newest_first(store)
    placed = [place(record("v2.0.0"), keys, fence) for fence in (3, 4, 0)]
    assert [(made["fence"], made["number"]) for made in placed] == [
        (3, 3),
        (4, 1),
        (3, 3),
    ], "a lease that was lost does not count from the start"


def test_what_was_never_verified_or_was_withdrawn_is_unfit_until_it_is_released_again():
    records = [
        record("v1.0.0"),
        record("v1.1.0", "rolled_back"),
        record("v1.2.0"),
        record("v1.0.0", "rolled_back", "rollback", withdrawn="v1.2.0"),
    ]
    assert unfit(history(*records)) == ["v1.1.0", "v1.2.0"]
    assert unfit(history(*records, record("v1.2.0"))) == ["v1.1.0"]
    assert unfit(history(record("v1.0.0"), record("v1.0.0", "incomplete"))) == [], "it was live and well before"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"units": []}, "units is no"),
        ({"units": {"api": None}}, "api is no"),
        ({"kind": 3}, "kind has a wrong type or value"),
        ({"finished_at": "soon"}, "finished_at has a wrong type or value"),
        ({"finished_at": 5}, "finished_at has a wrong type or value"),
        ({"withdrawn": ["v1"]}, "withdrawn has a wrong type or value"),
        ({"schema": 2}, "schema has a wrong type or value"),
        ({"schema": True}, "schema has a wrong type or value"),
        ({"steps": {}}, "steps is no"),
        ({"id": None}, "id has a wrong type or value"),
    ],
)
def test_a_record_with_a_wrong_field_is_refused_by_its_name(store, change, said):
    made = history(record("v1.0.0"))[0]
    store.objects["ledger/x.json"] = json.dumps({**made, **change}).encode()
    with pytest.raises(ConfigError, match=f"ledger/x.json in .* is not a record that this version can read: {said}"):
        load(store, "ledger/x.json")


@pytest.mark.parametrize("data", [b"", b"[]", b"null", b"{}", b"[" * 100_000, b"\xff\xfe", b'"text"'])
def test_a_file_that_is_not_a_record_is_refused(store, data):
    store.objects["ledger/x.json"] = data
    with pytest.raises(ConfigError, match="is not a record that this version can read"):
        load(store, "ledger/x.json")


# As versions wrote them that ordered the ledger by time.
TIMED = {
    "ledger/20260131T120410250Z-0f3a9c51d2e7.json": {
        "schema": 1, "storefront": "shop", "kind": "deploy", "outcome": "released", "release": "v1.0.0", "commit": None, "id": "0f3a9c51d2e7",  # noqa: E501
        "started_at": "2026-01-31T12:00:00.000Z", "finished_at": "2026-01-31T12:04:10.250Z", "backup": None, "summary": None, "withdrawn": None,  # noqa: E501
        "migrations": [], "units": {"api": {"platform": "railway", "id": "d1", "release": "v1.0.0"}}, "snapshot": {}, "steps": [], "evidence": [],  # noqa: E501
    },
}  # fmt: skip


def test_a_record_of_an_earlier_version_is_read_found_and_comes_first(store):
    for key, kept in TIMED.items():
        store.objects[key] = json.dumps(kept).encode()
    write(store, history(record("v1.1.0"))[0])
    assert [load(store, key.key)["release"] for key in newest_first(store)] == ["v1.1.0", "v1.0.0"]
    assert find(store, "0f3a9c51d2e7") == TIMED["ledger/20260131T120410250Z-0f3a9c51d2e7.json"]
