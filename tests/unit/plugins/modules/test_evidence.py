# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""evidence_record and evidence_info in process: a folder as the store, and keys of ssh."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.checks import envelope
from ansible_collections.storefront.runbook.plugins.modules import evidence_info, evidence_record, release_record
from junitparser import JUnitXml

from tests.unit.support import run_module

COMMIT, OTHER = "a" * 40, "b" * 40


def answer(identity: str, outcome: str, **more: Any) -> dict[str, Any]:
    made = {
        "id": identity,
        "name": f"check_{identity}",
        "title": "Is it so?",
        "asked": "is it <so>?",
        "answered": f"it {outcome}",
        "outcome": outcome,
    }
    return {
        **made,
        "stops": outcome == "failed",
        "commit": COMMIT,
        "at": "2026-03-03T15:42:13Z",
        "seconds": 0.2,
        **more,
    }


ANSWERS = [
    answer("C1", "passed"),
    answer("C2", "failed", answered='"<script>" & \x00 failed'),
    answer("C10", "waived", by="bob", reason="internal"),
    answer("C14", "due_later"),
    answer("C16", "could_not_be_asked", stops=True),
]


@pytest.fixture
def store(tmp_path: Path) -> dict[str, Any]:
    return {"store": f"file://{tmp_path}/store", "store_is_shared": True}


@pytest.fixture
def keys(tmp_path: Path) -> dict[str, str]:
    """Private keys of two people, by name."""
    made = {}
    for name in ("alice", "mallory"):
        path = tmp_path / name
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", path], check=True)
        made[name] = str(path)
    return made


def signer(keys: dict[str, str], name: str = "alice", options: str = "") -> list[str]:
    return [
        " ".join(
            part for part in (f"{name}@shop.example", options, Path(f"{keys[name]}.pub").read_text().strip()) if part
        )
    ]


def record(store: dict[str, Any], *, check: bool = False, **params: Any) -> dict[str, Any]:
    what = {
        "storefront": "shop",
        "release": "v1.1.0",
        "commit": COMMIT,
        "verdict": "no_go",
        "answers": ANSWERS,
        "started_by": "alice",
    }
    return run_module(evidence_record, {**store, **what, **params}, check=check)


def info(store: dict[str, Any], *, check: bool = False, **params: Any) -> dict[str, Any]:
    return run_module(evidence_info, {**store, "release": "v1.1.0", **params}, check=check)


def file_of(store: dict[str, Any], key: str) -> Path:
    return Path(store["store"].removeprefix("file://"), key)


def test_what_was_recorded_is_shown_and_verified(store: dict[str, Any]) -> None:
    predicted = record(store, check=True)
    assert (predicted["changed"], predicted["key"]) == (True, None)
    done = record(store)
    assert done["key"].startswith("evidence/v1.1.0/20260303T154213Z-gate-")
    (one,) = info(store)["evidence"]
    assert (one["key"], one["commit"], one["verdict"], one["point"], one["signed_by"]) == (
        done["key"],
        COMMIT,
        "no_go",
        "gate",
        [],
    )
    assert [item["id"] for item in one["answers"]] == ["C1", "C2", "C10", "C14", "C16"]


def test_the_same_answers_are_recorded_once(store: dict[str, Any]) -> None:
    first = record(store)
    again = record(store)
    assert (again["changed"], again["key"]) == (False, first["key"])
    assert record(store, point="staged", verdict="go", answers=ANSWERS[:1])["changed"]
    assert len(info(store)["evidence"]) == 2


def test_it_is_an_in_toto_statement_about_the_commit(store: dict[str, Any]) -> None:
    payload, _signatures = envelope.unwrap(file_of(store, record(store)["key"]).read_bytes())
    statement = json.loads(payload)
    assert statement["_type"] == "https://in-toto.io/Statement/v1"
    assert statement["predicateType"] == "https://in-toto.io/attestation/test-result/v0.1"
    assert statement["subject"] == [{"name": "shop@v1.1.0", "digest": {"gitCommit": COMMIT}}]
    predicate = statement["predicate"]
    assert (predicate["result"], predicate["passedTests"], predicate["warnedTests"], predicate["failedTests"]) == (
        "FAILED",
        ["C1"],
        ["C10"],
        ["C2", "C16"],
    )


@pytest.mark.parametrize(("answers", "result"), [(ANSWERS[:1], "PASSED"), ([*ANSWERS[:1], ANSWERS[2]], "WARNED")])
def test_a_waiver_makes_it_a_warning(store: dict[str, Any], answers: list[Any], result: str) -> None:
    payload, _signatures = envelope.unwrap(
        file_of(store, record(store, answers=answers, verdict="go")["key"]).read_bytes()
    )
    assert json.loads(payload)["predicate"]["result"] == result


def test_a_changed_byte_fails_wherever_it_is(store: dict[str, Any], keys: dict[str, str]) -> None:
    key = record(store, signing_key=keys["alice"])["key"]
    file, allowed = file_of(store, key), signer(keys)
    whole = file.read_bytes()
    for place in range(0, len(whole), len(whole) // 23):
        file.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        result = info(store, allowed_signers=allowed)
        assert (result["failed"], result["error"]["kind"]) == (True, "tampered"), place
    for cut in (whole[:-1], whole + b"\n", b""):
        file.write_bytes(cut)
        assert info(store)["failed"]
    file.write_bytes(whole)
    assert info(store, allowed_signers=allowed)["evidence"][0]["signed_by"] == ["alice@shop.example"]


def test_a_change_with_a_key_that_fits_it_fails_by_its_signature(store: dict[str, Any], keys: dict[str, str]) -> None:
    """Anyone who may write to the store can name a file as he likes; he cannot sign it."""
    file = file_of(store, record(store, signing_key=keys["alice"])["key"])
    payload, signatures = envelope.unwrap(file.read_bytes())
    body = json.loads(file.read_bytes())
    import base64

    from ansible_collections.storefront.runbook.plugins.module_utils.checks.evidence_store import key_of

    body["payload"] = base64.b64encode(payload.replace(b"no_go", b"go")).decode()
    forged = json.dumps(body).encode()
    file.unlink()
    target = file_of(store, key_of(forged, "v1.1.0", "gate", "2026-03-03T15:42:13Z"))
    target.write_bytes(forged)
    assert not info(store)["failed"]  # without signers it is unknown
    assert "nobody who is allowed to has signed it" in info(store, allowed_signers=signer(keys))["msg"]
    assert signatures


@pytest.mark.parametrize(
    ("who", "allowed", "said"),
    [
        (None, "alice", "it is not signed"),
        ("mallory", "alice", "nobody who is allowed to has signed it"),
        ("alice", "mallory", "nobody who is allowed to has signed it"),
    ],
)
def test_evidence_of_nobody_who_may_sign_is_refused(
    store: dict[str, Any], keys: dict[str, str], who: str | None, allowed: str, said: str
) -> None:
    record(store, signing_key=keys[who] if who else None)
    assert said in info(store, allowed_signers=signer(keys, allowed))["msg"]
    assert not info(store, allowed_signers=signer(keys, allowed), must_be_signed=False)["failed"]


@pytest.mark.parametrize("options", ['valid-before="20200101"', 'namespaces="git"'])
def test_a_key_that_ended_or_is_for_something_else_counts_for_nothing(
    store: dict[str, Any], keys: dict[str, str], options: str
) -> None:
    record(store, signing_key=keys["alice"])
    assert info(store, allowed_signers=signer(keys, options=options))["failed"]


def test_a_signature_for_another_namespace_counts_for_nothing(keys: dict[str, str]) -> None:
    made = subprocess.run(
        ["ssh-keygen", "-Y", "sign", "-q", "-f", keys["alice"], "-n", "git"],
        input=envelope.encoded(b"{}"),
        capture_output=True,
        check=True,
    )
    import base64

    signature = {"keyid": "", "sig": base64.b64encode(made.stdout).decode()}
    assert envelope.signers(b"{}", [signature], signer(keys)) == []
    assert envelope.signers(b"{}", [envelope.sign(b"{}", keys["alice"])], signer(keys)) == ["alice@shop.example"]
    assert envelope.signers(b"{ }", [envelope.sign(b"{}", keys["alice"])], signer(keys)) == []
    assert envelope.signers(b"{}", [{"keyid": "", "sig": "no base64"}, {"keyid": "", "sig": ""}], signer(keys)) == []


def test_evidence_of_another_commit_is_none(store: dict[str, Any]) -> None:
    record(store)
    result = info(store, commit=OTHER)
    assert (result["failed"], result["error"]["code"]) == (True, "no_evidence")
    assert "only of aaaaaaa, and none of bbbbbbb" in result["msg"]
    assert not info(store, commit=COMMIT)["failed"]


def test_evidence_of_another_release_proves_nothing_here(store: dict[str, Any]) -> None:
    key = record(store, release="v1.0.0")["key"]
    target = file_of(store, key.replace("v1.0.0", "v1.1.0"))
    target.parent.mkdir(parents=True)
    target.write_bytes(file_of(store, key).read_bytes())
    assert "it is evidence of v1.0.0" in info(store)["msg"]


def test_there_may_be_none(store: dict[str, Any]) -> None:
    assert info(store)["error"]["code"] == "no_evidence"


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"answers": [answer("C1", "passed", commit=OTHER)]}, "are for another commit"),
        ({"answers": [{"id": "C1"}]}, "Give its answers as they are"),
        ({"answers": [answer("C1", "almost")]}, "outcome"),
        ({"answers": []}, "Give its answers as they are"),
        ({"commit": "v1.1.0"}, "full SHA"),
        ({"signing_key": "/nowhere/key"}, "There is no signing key"),
        ({"signing_key": "-----BEGIN OPENSSH PRIVATE KEY-----\nb3Bl"}, "holds a key, and not the path of its file"),
    ],
)
def test_what_is_no_evidence_is_not_recorded(store: dict[str, Any], params: dict[str, Any], said: str) -> None:
    result = record(store, **params)
    assert (result["failed"], result["error"]["kind"]) == (True, "config")
    assert said in result["msg"]


def test_a_key_that_cannot_sign_is_reported(store: dict[str, Any], tmp_path: Path) -> None:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "a passphrase", "-f", tmp_path / "locked"], check=True)
    assert "could not sign" in record(store, signing_key=str(tmp_path / "locked"))["msg"]
    (tmp_path / "no-key").write_text("hello")
    assert "could not sign" in record(store, signing_key=str(tmp_path / "no-key"))["msg"]
    tried = record(store, signing_key=str(tmp_path / "locked"), _ansible_check_mode=True)
    assert "could not sign" in tried["msg"], "a preflight tries it"


def test_signatures_need_to_be_of_somebody(store: dict[str, Any]) -> None:
    assert info(store, must_be_signed=True)["error"]["code"] == "no_signers"


def test_evidence_that_the_ledger_names_cannot_be_removed_or_replaced(store: dict[str, Any]) -> None:
    key = record(store)["key"]
    entry = {"name": "evidence", "asked": "Where is it?", "answered": key, "outcome": "saved"}
    ledger = {"storefront": "shop", "kind": "deploy", "outcome": "released", "release": "v1.1.0", "evidence": [entry]}
    at = {"started_at": "2026-03-03T15:42:13Z", "units": {}, "snapshot": {}}
    assert not run_module(release_record, {**store, **ledger, **at})["failed"]
    assert not info(store)["failed"]
    other = record(store, verdict="go", answers=ANSWERS[:1])["key"]
    file_of(store, key).unlink()
    result = info(store)
    assert result["error"]["kind"] == "tampered"
    assert f"{key}: the ledger names it, and it is gone" in result["msg"]
    assert other not in result["msg"]


# Exports


def test_every_form_is_written_once(store: dict[str, Any], tmp_path: Path) -> None:
    record(store)
    dest = tmp_path / "reports"
    assert info(store, dest=str(dest), check=True)["changed"]
    assert not dest.exists()
    done = info(store, dest=str(dest))
    assert sorted(Path(path).name for path in done["files"]) == [
        "evidence.html",
        "evidence.json",
        "evidence.sarif",
        "junit.xml",
    ]
    assert not info(store, dest=str(dest))["changed"]

    suite = next(iter(JUnitXml.fromfile(str(dest / "junit.xml"))))
    assert (suite.tests, suite.failures, suite.errors, suite.skipped) == (5, 1, 1, 2)

    sarif = json.loads((dest / "evidence.sarif").read_text())
    results = {one["ruleId"]: one for one in sarif["runs"][0]["results"]}
    assert {name: one["level"] for name, one in results.items()} == {"C2": "error", "C10": "warning", "C16": "error"}
    assert results["C10"]["suppressions"] == [{"kind": "external", "justification": "internal (bob)"}]
    assert sarif["version"] == "2.1.0"

    page = (dest / "evidence.html").read_text()
    assert "&lt;script&gt;" in page
    assert "<script>" not in page
    assert json.loads((dest / "evidence.json").read_text())[0]["predicate"]["release"] == "v1.1.0"


def test_what_does_not_verify_is_not_exported(store: dict[str, Any], tmp_path: Path) -> None:
    file = file_of(store, record(store)["key"])
    file.write_bytes(file.read_bytes() + b" ")
    assert info(store, dest=str(tmp_path / "reports"))["failed"]
    assert not (tmp_path / "reports").exists()
