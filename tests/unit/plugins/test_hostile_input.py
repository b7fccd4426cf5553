# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What others write (documents of the store, vendors' answers and logs, files of a release, the inventory) is used or
refused, whatever it is: nothing else is raised, and nothing of it acts on a screen, in a page or in SQL.

Hypothesis tries values that it always chooses alike.
"""

from __future__ import annotations

import copy
import json
import os
import re
import unicodedata
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import quote

import pglast
import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.backup import manifest
from ansible_collections.storefront.runbook.plugins.module_utils.checks import dotenv
from ansible_collections.storefront.runbook.plugins.module_utils.core import shape
from ansible_collections.storefront.runbook.plugins.module_utils.core.errors import ConfigError, RunbookError
from ansible_collections.storefront.runbook.plugins.module_utils.core.redact import redact
from ansible_collections.storefront.runbook.plugins.module_utils.desk import logs
from ansible_collections.storefront.runbook.plugins.module_utils.migrations.classify import classify
from ansible_collections.storefront.runbook.plugins.module_utils.postgres.globals import identifier, literal
from ansible_collections.storefront.runbook.plugins.module_utils.postgres.url import parse_url
from ansible_collections.storefront.runbook.plugins.module_utils.release import (
    lease_document,
    ledger,
    ledger_keys,
    levers,
    settling,
    verify_turn,
)
from ansible_collections.storefront.runbook.plugins.module_utils.release.fleet import FleetError, fleet
from ansible_collections.storefront.runbook.plugins.module_utils.release.notices import Run, blocks, texts
from ansible_collections.storefront.runbook.plugins.module_utils.release.outcome import settling_message
from ansible_collections.storefront.runbook.plugins.module_utils.release.target import Known, choose
from ansible_collections.storefront.runbook.plugins.module_utils.source.ignore_git import GitRules
from ansible_collections.storefront.runbook.plugins.module_utils.watch import state
from ansible_collections.storefront.runbook.plugins.module_utils.watch.state import Group
from ansible_collections.storefront.runbook.plugins.plugin_utils.report.pages import of_facts
from ansible_collections.storefront.runbook.plugins.plugin_utils.screen.text import clean, log_tail, one_line
from hypothesis import configuration, given, settings
from hypothesis import strategies as st

from conftest import ROOT
from tests.unit.memory_store import MemoryStore
from tests.unit.plugins.plugin_utils.report import facts

configuration.set_hypothesis_home_dir(ROOT / ".cache/hypothesis")
settings.register_profile("always_alike", derandomize=True, deadline=None, database=None, max_examples=150)
settings.load_profile("always_alike")
pytestmark = pytest.mark.filterwarnings("ignore:Generating overly large repr")  # of a value that fails


class Long(str):
    """A text that is named by its length where a test fails."""

    def __repr__(self) -> str:
        return f"<{len(self)} characters from {self[:5]!r}>"


EVIL = [
    "{{ lookup('pipe', 'touch /tmp/owned') }}",
    "{% for x in [] %}",
    "$(touch /tmp/owned)`id`",
    '\'; DROP TABLE "User"; --',
    'x" OWNER TO public; --',
    "a\nb\r\nc\x85d\u2028e",
    "\x1b[2J\x1b]0;title\x07\x9b31m",
    "\u202eevil\u2066\u200f\u061c\ufeff\U000e0041",
    "\x00",
    "\ud800",
    "<script>alert(1)</script>",
    "<!channel> <https://evil.example|sign in>",
    "../../etc/passwd",
    Long("x" * (1 << 20)),
    Long("{" * 100_000),
    Long("[" * 100_000),
    Long('{"a":' * 100_000),
    Long("9" * 5_000),
]
hostile = st.one_of(st.sampled_from(EVIL), st.text(max_size=60))
numbers = st.one_of(st.integers(), st.floats(), st.just(10**4000))
values = st.recursive(
    st.one_of(st.none(), st.booleans(), numbers, hostile),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(hostile, inner, max_size=3)),
    max_leaves=6,
)
AT = "2026-01-31T12:00:00.000Z"
LEASE: dict[str, Any] = {
    **{"schema": 1, "state": "held", "token": "t", "fence": 3, "holder": "anna@ci", "release": "v1", "reason": None},
    **{"acquired_at": AT, "deadline": AT, "ttl": 300.0, "released_at": None},
    "journal": {
        **{"kind": "deploy", "release": "v1", "step": "backend.release", "held": True, "incompatible": ["1_add"]},
        **{"snapshot": {"api": {"id": "d1", "release": "v0"}}, "target": {"api": {"id": "d0"}}},
    },
}
WATCH: dict[str, Any] = {
    **{"schema": 1, "release": "v1", "previous": "v0", "phase": "before", "rounds": 1, "done": 1, "extended": False},
    **{"before": {"api": asdict(Group())}, "old": {}, "new": {"api": asdict(Group())}, "points": [[1, None]]},
    **{"verdict": "", "stage": 0},
}
TURN = {"token": "t", "holder": "h", "host": "x", "pid": 1, "start": 1, "deadline": AT, "state": "held"}
LEVER: dict[str, Any] = {
    **{"version": 1, "kind": "scale", "since": AT, "by": "anna", "before": {"api": {"eu": 1}}, "after": {}},
    **{"done": ["api"], "data": {"target": "a"}},
}
FLEET: dict[str, Any] = {
    **{"plugin": "storefront.runbook.storefronts", "shared": {"a": 1}, "groups": {"europe": {"b": 1}}},
    "storefronts": {"us": {"p": "us"}, "ch": {"groups": ["europe"]}},
    "waves": [{"name": "canary", "storefronts": ["ch"], "variables": {"c": 1}}, {"name": "half", "size": "50%"}],
}
RECORD: dict[str, Any] = {
    **{"schema": 1, "id": "a1", "kind": "deploy", "outcome": "released", "storefront": "shop", "release": "v1"},
    **{"commit": None, "backup": None, "withdrawn": None, "started_at": AT, "finished_at": AT, "summary": None},
    **{"migrations": None, "units": {"frontend": {"id": "dpl_1"}}, "snapshot": {}, "fence": 1, "number": 1},
}
MANIFEST: dict[str, Any] = {
    **{"schema": 1, "name": "b1", "format": "custom", "database": "shop", "release": None, "encryption": "off"},
    **{"recipients": [], "size": 1, "raw_size": 1, "sha256": "0" * 64, "database_size": 1, "server_version": "16"},
    **{"migrations": None, "verified": "checksum", "finished_at": AT},
    "objects": [{"file": "a.dump", "source": "a", "size": 1, "raw_size": 1, "sha256": "0" * 64}],
}


def places(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path of each value that is inside of a document."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield (*at, key)
        yield from places(inner, (*at, key))


def changed(document: Any, place: tuple[Any, ...], new: Any) -> Any:
    """A copy of a document in which one value is another, has another name (Renamed), or has a neighbour (Added)."""
    copied = copy.deepcopy(document)
    inner = copied
    for key in place[:-1]:
        inner = inner[key]
    if isinstance(new, Renamed | Added):
        if isinstance(inner, dict):
            inner[new.name] = inner[place[-1]] if isinstance(new, Added) else inner.pop(place[-1])
    else:
        inner[place[-1]] = new
    return copied


@dataclass
class Renamed:
    name: Any


@dataclass
class Added:
    name: Any


WRONG: list[Any] = [
    *(None, True, 0, -1, 1.5, float("nan"), 10**5000, "", "x", "..", "a\nb", "{{ 1 }}", "\x00", b"x", "9" * 5000),
    *([], ["us"], [[]], [{}], [None], {}, {"a": {}}, {1: 2}, {None: 1}, {"": 1}, {"{{ x }}": 1}, {("t",): 1}),
    *(Added("more"), Renamed("less"), Renamed(""), Renamed(None), Renamed(False), Renamed(10**5000)),
]


def everywhere(document: dict[str, Any]) -> Iterator[Any]:
    """A document with each wrong value at each place, one at a time."""
    return (changed(document, place, wrong) for place in places(document) for wrong in WRONG)


def deeply_changed(document: dict[str, Any]) -> st.SearchStrategy[Any]:
    """A document in which a value at any depth is something else, or has another name."""
    new = st.one_of(values, hostile, hostile.map(Renamed), hostile.map(Added))
    return st.builds(changed, st.just(document), st.sampled_from(list(places(document))), new)


def tampered(document: dict[str, Any]) -> st.SearchStrategy[bytes]:
    """A document of which some fields are something else, or gone; or no document at all."""
    fields = st.dictionaries(st.sampled_from(sorted(document)), st.one_of(hostile, values, st.just(...)), max_size=1)
    replaced = fields.map(lambda new: {name: item for name, item in {**document, **new}.items() if item is not ...})
    whole, deep = replaced.map(_json), deeply_changed(document).map(_json)
    return st.one_of(whole, deep, deep, hostile.map(_bytes), st.binary(max_size=40))


def _json(value: Any) -> bytes:
    with suppress(ValueError, TypeError):  # more digits than Python writes, or what JSON does not have
        return json.dumps(value).encode()
    return b"9" * 5000


def _bytes(text: str) -> bytes:
    return text.encode(errors="surrogatepass")


def stored(key: str, data: bytes) -> Any:
    store = MemoryStore()
    store.objects[key] = data
    return store


def obey(data: bytes) -> None:
    """Do with the lease that is in the store whatever a run does with it."""
    store = stored(lease_document.KEY, data)
    with suppress(RunbookError):
        document, _etag = lease_document.read(store) or (None, "")
        assert document
        lease_document.obstacle(document, store, 0.0)
        lease_document.taken_from(document)
        journal = document["journal"]
        choose(Known(live={"api": {}}, journal=journal))
        settling.moved_outside(journal, ["api"])
        settling.earlier_incompatible(journal, {"1_add": "applied"}, "")
        levers.blocked("scale", journal)
        assert settling_message(journal, forward=settling.runs_forward(journal, "v1", []))
        lease_document.still_held(document, "t", store, 0.0)


@given(tampered(LEASE))
def test_a_lease_that_was_tampered_with_is_refused_or_obeyed(data: bytes) -> None:
    obey(data)


def test_a_lease_with_a_wrong_value_at_any_place_is_refused_or_obeyed() -> None:
    for document in everywhere(LEASE):
        obey(_json(document))


def test_what_a_run_has_left_for_the_next_is_refused_or_used_with_a_wrong_value_at_any_place() -> None:
    for key, kept, read in (
        (state.STATE, WATCH, state.load),
        (levers.key("scale"), LEVER, lambda store: levers.read(store, "scale")),
        (verify_turn.TURN, TURN, lambda store: verify_turn.take(store, 60)),
    ):
        for document in everywhere(kept):
            with suppress(RunbookError):
                read(stored(key, _json(document)))


def follow(*contents: bytes) -> None:
    """Do with records of the ledger what a rollback does."""
    with suppress(ConfigError):
        records = [ledger.load(stored("ledger/a.json", data), "ledger/a.json") for data in contents]
        ledger.target(records)
        ledger.target(records, "v1")
        ledger.unfit(records)
        ledger.state_after(records, 0)


@given(tampered(RECORD), tampered(RECORD))
def test_a_record_that_was_tampered_with_is_refused_or_has_a_place_in_the_history(one: bytes, other: bytes) -> None:
    follow(one, other)


def test_a_record_and_a_manifest_with_a_wrong_value_at_any_place_are_refused_or_used() -> None:
    for document in everywhere(RECORD):
        follow(_json(document), _json(RECORD))
    for document in everywhere(MANIFEST):
        data = _json(document)
        with suppress(ConfigError):
            found = manifest.read_manifest(stored("backups/b1.json", data), "b1", size=len(data))
            assert all("/" not in item["file"] and item["file"][0] != "." for item in found["objects"])


@given(hostile)
def test_an_object_of_any_name_in_the_ledger_has_a_place_in_its_order(name: str) -> None:
    assert ledger_keys.newest_first(stored(f"ledger/{name}.json", b"")) != []


@given(tampered(MANIFEST))
def test_a_manifest_that_was_tampered_with_is_refused_or_names_files_below_its_folder(data: bytes) -> None:
    with suppress(ConfigError):
        found = manifest.read_manifest(stored("backups/b1.json", data), "b1", size=len(data))
        assert all("/" not in item["file"] and item["file"][0] != "." for item in found["objects"])


@given(hostile)
def test_a_backup_of_any_name_is_refused_and_no_other_folder_is_read(name: str) -> None:
    store = MemoryStore()
    with pytest.raises(ConfigError):
        manifest.read_manifest(store, name, size=1)
    assert all(".." not in key for key in store.reads)


ANSWER = {"id": str, "count?": int, "when": shape.TIME, "items": [{"name": str}], "more?": shape.Names(float)}


@given(st.one_of(hostile.map(_bytes), values.map(_json), st.binary(max_size=40)))
def test_an_answer_is_read_or_refused_without_a_word_of_it(body: bytes) -> None:
    try:
        shape.conform(shape.read_json(body), ANSWER)
    except shape.Mismatch as problem:
        assert len(str(problem)) < 300
    except ValueError:
        pass


@given(st.one_of(hostile, values.map(lambda value: _json(value).decode())))
def test_the_example_and_the_schema_of_an_environment_are_read_or_refused(text: str) -> None:
    assert all(re.fullmatch(r"[A-Za-z_]\w*", needed.name) for needed in dotenv.by_example(text))
    with suppress(ValueError):
        dotenv.by_schema(text)


@given(st.one_of(hostile, values.map(lambda value: _json(value).decode())))
def test_a_log_of_a_vendor_is_shown_as_plain_lines(text: str) -> None:
    logs.line_of("api", "2026-01-31T12:00:00Z", "info", text)
    for line in log_tail(text):
        assert harmless(line)


@given(hostile)
def test_nothing_acts_on_a_terminal(text: str) -> None:
    assert harmless(clean(text).replace("\n", ""))
    assert harmless(one_line(text))
    assert clean(clean(text)) == clean(text)


def harmless(text: str) -> bool:
    """Whether a terminal shows the text as it is, from left to right and on its line."""
    return not any(unicodedata.category(letter) in ("Cc", "Cf", "Cs", "Zl", "Zp") for letter in text)


@pytest.mark.parametrize("evil", EVIL[:-4])
def test_nothing_acts_in_a_page(evil: str) -> None:
    given_facts = facts.failed_deploy()
    given_facts["report"] |= {"message": evil, "release": evil}
    text = of_facts(given_facts)
    assert "<script>alert" not in text
    assert all(harmless(letter) or letter in "\n\t" for letter in text)


@given(hostile, hostile)
def test_no_name_is_a_link_or_calls_anybody_at_slack(release: str, by: str) -> None:
    run = Run(environment="shop", kind="deploy", release=release, by=by, message=by, outcome="failed")
    for text in (*texts(run).values(), json.dumps(blocks(run))):
        assert not re.search(r"<(?!https?://)", text)
        assert "<https://evil" not in text


@given(hostile.filter(lambda text: "\x00" not in text and text.isprintable() and 0 < len(text) < 1000))
def test_a_name_and_a_text_are_one_token_of_sql(text: str) -> None:
    (statement,) = pglast.parse_sql(f"COMMENT ON TABLE {identifier(text)} IS {literal(text)}")
    comment: Any = statement.stmt
    assert comment.comment == text


SQL = """CREATE ALTER DROP TABLE COLUMN INDEX CONCURRENTLY TYPE USING ADD RENAME TO SET NOT NULL DEFAULT CONSTRAINT
CHECK REFERENCES UPDATE SELECT DO EXECUTE AS ON WITH BEGIN ( ) ; , . "User" x int 1 ' $$ -- /* */ E'"""


@settings(max_examples=60)
@given(
    st.lists(st.lists(st.sampled_from(SQL.split()), max_size=14).map(" ".join) | st.sampled_from(EVIL[:8]), max_size=2)
)
def test_a_migration_of_any_text_is_judged(scripts: list[str]) -> None:
    for script, judged in zip(scripts, classify(scripts), strict=True):
        assert judged.breaking or "DROP TABLE" not in re.sub(r"--.*|'.*|\$\$.*|/\*.*", "", script, flags=re.DOTALL)


@given(hostile, st.sampled_from(["postgresql://u:{}@h/d", "postgresql://{}", "{}", "postgresql://u:p@h/d?{}=1"]))
def test_an_address_of_a_database_is_read_or_refused_without_its_password(text: str, form: str) -> None:
    secret = "S3cret" + quote(text[:40], errors="replace", safe="")
    with suppress(ConfigError):
        parse_url(form.format(text))
    try:
        parse_url(f"postgresql://u:{secret}@h:port{text}/d")
    except ConfigError as refused:
        assert secret not in str(refused)


@given(st.text(min_size=8, max_size=40), st.text(max_size=40), st.text(max_size=40))
def test_a_secret_is_masked_wherever_it_stands(secret: str, before: str, after: str) -> None:
    for form in (secret, quote(secret, safe="", errors="replace"), json.dumps(secret)[1:-1]):
        assert form not in redact(f"{before}{form}{after}", [secret]) or form in "********"


@given(st.dictionaries(st.one_of(st.sampled_from(["shared", "storefronts", "groups", "waves"]), hostile), values))
def test_a_fleet_of_any_file_is_read_or_refused(document: dict[str, Any]) -> None:
    with suppress(FleetError):
        assert fleet(document).order


def test_a_fleet_of_which_a_part_is_something_else_is_read_or_refused() -> None:
    for document in (*everywhere(FLEET), *WRONG):
        with suppress(FleetError):
            found = fleet(document)
            assert set(found.order) == set(found.storefronts)
            assert all(re.fullmatch(r"[\w.-]+", name) for name in (*found.storefronts, *found.groups))


names = st.binary(min_size=1, max_size=60).map(os.fsdecode)  # as the system gives them, whatever their encoding


@given(st.one_of(names, st.sampled_from([text for text in EVIL if len(text) < 100 and "\ud800" not in text])), names)
def test_any_file_of_ignore_rules_has_a_verdict_on_any_path(rules: str, path: str) -> None:
    assert GitRules(rules).verdict(path) in (True, False, None)


def test_nobody_decodes_json_of_others_but_by_what_refuses_each_wrong_one() -> None:
    """Python raises RecursionError, which is no ValueError, for a value that is nested too deep."""
    own = ("core/json_text.py", "store/s3.py")  # the descriptions that botocore brings along
    found = [
        str(path)
        for folder in ("module_utils", "plugin_utils")
        for path in sorted((ROOT / "plugins" / folder).rglob("*.py"))
        if "json.loads" in path.read_text() and not str(path).endswith(own)
    ]
    assert found == []
