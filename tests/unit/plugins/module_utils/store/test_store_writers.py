# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every write to the store asks the lease first: who may write is listed here, and a new writer fails this
test until it is, too.
"""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Callable, Iterable, Iterator
from functools import cache, partial
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.core import deadline
from ansible_collections.storefront.runbook.plugins.module_utils.core.errors import LeaseLost, RunbookError
from ansible_collections.storefront.runbook.plugins.module_utils.store.base import Unfinished
from ansible_collections.storefront.runbook.plugins.module_utils.store.folder import FolderStore
from ansible_collections.storefront.runbook.plugins.module_utils.store.s3 import S3Store
from ansible_collections.storefront.runbook.plugins.module_utils.store.s3_limits import ATTEMPT
from ansible_collections.storefront.runbook.plugins.module_utils.store.s3_streams import S3Writer
from botocore.awsrequest import AWSResponse, HeadersDict

PLUGINS = Path(__file__).parents[5] / "plugins"

# What a file opens the store with. Nothing: it reads.
WRITERS = {
    "modules/evidence_record.py": {"runtime.permit"},
    "modules/lever_journal.py": {"runtime.permit"},
    "modules/maintenance_record.py": {"runtime.permit"},
    "modules/release_approval.py": {"runtime.permit"},  # one object for each approval
    "modules/release_approvals.py": {"runtime.permit"},  # the request for them
    # the turn of a verification, which needs no lease: it changes nothing that a deploy does
    "modules/watch_release.py": {"runtime.permit"},  # the state of the watch, and a decision about it
    "modules/verify_turn.py": {"None if runtime.check_mode else unguarded"},
    "module_utils/release/lease.py": {"unguarded"},  # the lease itself
    "modules/deploy_lease.py": {"None if runtime.check_mode else unguarded"},  # takes it and gives it back
    # the latter removes its own record after the lease was lost
    "modules/release_record.py": {"runtime.permit", "unguarded"},
    "module_utils/backup/job.py": {"permit"},  # pg_backup hands over its runtime.permit
    "modules/pg_backup_prune.py": {"runtime.permit"},
    "modules/pg_proof.py": {"runtime.permit"},
    # None is production's store, which is only read
    "module_utils/restore/masked_copy.py": {"None", "permit"},  # pg_masked_backup hands over its runtime.permit
    "module_utils/restore/rehearsal_copy.py": {"permit"},  # prisma_rehearse hands over its runtime.permit
    "module_utils/store/open.py": {"before_write", "self._before_write"},  # opens it for the others
}
# What reaches past the store's own methods, each of which is tested below.
INSIDE = {"module_utils/store/s3.py", "module_utils/store/folder.py", "module_utils/store/s3_streams.py"}
READS = {"module_utils/store/exposure.py": {"get_"}}  # asks for settings by names that begin like this


WORDS = re.compile("(?i)store|_later|unguarded")


@cache
def sources() -> list[tuple[str, list[ast.AST]]]:
    """Return the nodes of each file that has one of these words; the tests ask for nothing else."""
    texts = [(path.relative_to(PLUGINS).as_posix(), path.read_text()) for path in sorted(PLUGINS.rglob("*.py"))]
    return [(path, list(ast.walk(ast.parse(text)))) for path, text in texts if WORDS.search(text)]


def calls(nodes: Iterable[ast.AST], *names: str) -> Iterator[ast.Call]:
    for node in nodes:
        if isinstance(node, ast.Call) and getattr(node.func, "id", getattr(node.func, "attr", "")) in names:
            yield node


def test_who_may_write_is_listed():
    found: dict[str, set[str]] = {}
    for path, nodes in sources():
        for call in calls(nodes, "open_store", "open_later", "_Later"):
            for given in [*call.args[1:], *(keyword.value for keyword in call.keywords)]:
                found.setdefault(path, set()).add(ast.unparse(given))
    assert found == WRITERS


def test_no_store_is_made_elsewhere():
    assert {path for path, nodes in sources() if list(calls(nodes, "S3Store", "FolderStore"))} == {
        "module_utils/store/open.py"
    }


def test_only_those_who_are_listed_write_without_a_lease():
    named = {
        path for path, nodes in sources() for node in nodes if isinstance(node, ast.Name) and node.id == "unguarded"
    }
    # the default of stores that a test makes for itself
    own = {"module_utils/store/s3.py", "module_utils/store/folder.py"}
    assert named - own == {path for path, given in WRITERS.items() if any("unguarded" in text for text in given)}


def test_nobody_reaches_past_the_store():
    reached = {
        path
        for path, nodes in sources()
        for node in nodes
        if isinstance(node, ast.Attribute)
        and node.attr in ("client", "root", "path")
        and ast.unparse(node.value).rsplit(".", maxsplit=1)[-1].strip("_") == "store"
    }
    assert reached == (INSIDE - {"module_utils/store/s3.py", "module_utils/store/folder.py"}) | READS.keys()
    exposure = dict(sources())["module_utils/store/exposure.py"]
    asked = [call.args[1].value for call in calls(exposure, "_ask") if isinstance(call.args[1], ast.Constant)]
    assert asked
    assert all(str(name).startswith("get_") for name in asked)


ARGUMENTS: dict[str, tuple[Any, ...]] = {
    "put_if_absent": ("a", b"1"),
    "put_if_match": ("a", b"1", "etag"),
    "delete": ("a",),
    "open_writer": ("big",),
    "discard": (Unfinished("big", "upload-1", None),),
}
READERS = {
    "describe",
    "get",
    "list",
    "read",
    "unfinished",
    "refuse_public",
    "time",
    "close",
    "key",
    "path",
    "named_errors",
    "permit",
}


def writes(kind: type) -> set[str]:
    return {
        name for name, _unused in inspect.getmembers(kind, inspect.isfunction) if not name.startswith("_")
    } - READERS


def all_writes(kind: type) -> list[Callable[[Any], Any]]:
    return [partial(_write, name) for name in sorted(writes(kind))]


def _write(name: str, store: Any) -> Any:
    return getattr(store, name)(*ARGUMENTS[name])


def folder_store(tmp_path: Path, before_write: Any) -> FolderStore:
    return FolderStore(str(tmp_path / "store"), before_write=before_write)


def bucket(before_write: Any, sent: list[tuple[str, Any]]) -> S3Store:
    """A bucket that takes everything; ``sent`` gets each request's method and the seconds in which it has
    to be answered.
    """
    store = S3Store(
        "bucket",
        "shop",
        endpoint_url="http://127.0.0.1:1",
        access_key="a",
        secret_key="b",
        region="us-east-1",
        before_write=before_write,
    )

    class Body:
        def stream(self, **_unused: Any) -> Iterator[bytes]:
            yield b"<R><UploadId>upload-1</UploadId></R>"

    def answer(request: Any) -> AWSResponse:
        limit = deadline._current.get()
        assert limit
        sent.append((request.method, limit.left()))
        return AWSResponse(request.url, 200, HeadersDict({"ETag": '"1"'}), Body())

    store.client._endpoint.http_session.send = answer
    return store


def test_the_methods_that_write_are_known():
    assert writes(FolderStore) == writes(S3Store) == ARGUMENTS.keys()


@pytest.mark.parametrize("number", range(5))
def test_what_was_opened_without_a_lease_only_reads(tmp_path, number):
    sent: list[tuple[str, Any]] = []
    for store in (folder_store(tmp_path, None), bucket(None, sent)):
        with pytest.raises(RunbookError, match="was opened for reading only") as refused:
            all_writes(type(store))[number](store)
        assert refused.value.details["code"] == "read_only"
    assert sent == []
    assert not (tmp_path / "store").exists()


@pytest.mark.parametrize("number", range(5))
def test_no_write_starts_once_the_lease_is_lost(tmp_path, number):
    def lost(seconds: float) -> float:
        raise LeaseLost("taken by ben")

    sent: list[tuple[str, Any]] = []
    for store in (folder_store(tmp_path, lost), bucket(lost, sent)):
        with pytest.raises(LeaseLost):
            all_writes(type(store))[number](store)
    assert sent == []
    assert not (tmp_path / "store").exists()


def test_a_file_gets_its_name_only_under_the_lease(tmp_path):
    asked: list[float] = []

    def once(seconds: float) -> float:
        asked.append(seconds)
        if len(asked) > 1:
            raise LeaseLost("taken by ben")
        return seconds

    store = folder_store(tmp_path, once)
    writer = store.open_writer("big")
    writer.write(b"1")
    with pytest.raises(LeaseLost):
        writer.complete()
    writer.abort()
    assert store.list() == []


def test_each_part_of_an_upload_and_its_end_ask_the_lease():
    asked: list[float] = []

    def ask(seconds: float) -> float:
        asked.append(seconds)
        if len(asked) > 3:
            raise LeaseLost("taken by ben")
        return seconds

    sent: list[tuple[str, Any]] = []
    store = bucket(ask, sent)
    writer = S3Writer(store, "big", 8)
    writer.write(b"0123456789abcdef")
    with pytest.raises(LeaseLost):
        writer.complete()
    writer.abort()  # it is not removed either: that would be a write
    assert [method for method, _unused in sent] == ["POST", "PUT", "PUT"]
    assert asked[0] == ATTEMPT


def test_an_attempt_lasts_no_longer_than_the_lease_allows():
    sent: list[tuple[str, Any]] = []
    store = bucket(lambda seconds: 8.5, sent)
    store.put_if_absent("a", b"1")
    assert 8 < sent[-1][1] <= 8.5
    store = bucket(lambda seconds: seconds, sent)
    store.put_if_absent("a", b"1")
    assert 8.5 < sent[-1][1] <= ATTEMPT + 1, "the usual time, which is what was asked for"


def test_each_retry_asks_again(monkeypatch):
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda seconds: None)
    asked: list[float] = []

    def ask(seconds: float) -> float:
        asked.append(seconds)
        if len(asked) == 2:
            raise LeaseLost("ran out meanwhile")
        return seconds

    store = bucket(ask, [])

    def in_trouble(request: Any) -> AWSResponse:
        class Body:
            def stream(self, **_unused: Any) -> Iterator[bytes]:
                yield b"<Error><Code>SlowDown</Code></Error>"

        return AWSResponse(request.url, 503, HeadersDict(), Body())

    store.client._endpoint.http_session.send = in_trouble
    with pytest.raises(LeaseLost):
        store.put_if_absent("a", b"1")
    assert len(asked) == 2
