# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""SARIF of other scanners: what counts as a finding, what is not an answer about the commit, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.checks import (
    committed_secrets,
    dependencies,
    exports,
    sarif_input,
)
from ansible_collections.storefront.runbook.plugins.module_utils.checks.check import Context
from ansible_collections.storefront.runbook.plugins.module_utils.core.options import validated

COMMIT, OTHER = "a" * 40, "b" * 40
RULES = [
    {"id": "CVE-1", "defaultConfiguration": {"level": "error"}},
    {"id": "CVE-2", "defaultConfiguration": {"level": "note"}},
]
PLACE = {
    "physicalLocation": {
        "artifactLocation": {"uri": "apps/api/.env"},
        "region": {"startLine": 3, "snippet": {"text": "KEY=hunter2hunter2"}},
    }
}


def run(*results: Any, tool: str = "Trivy", commit: str | None = COMMIT, **more: Any) -> dict[str, Any]:
    made = {"tool": {"driver": {"name": tool, "rules": RULES}}, "results": list(results), **more}
    if commit:
        made["versionControlProvenance"] = [{"repositoryUri": "https://git.example/shop", "revisionId": commit}]
    return made


def result(**more: Any) -> dict[str, Any]:
    return {"ruleId": "CVE-1", "message": {"text": "hunter2hunter2 was found"}, "locations": [PLACE], **more}


@pytest.fixture
def file(tmp_path: Path) -> Callable[..., str]:
    def write(*runs: Any, text: str | bytes | None = None) -> str:
        path = tmp_path / "scan.sarif"
        log = json.dumps({"version": "2.1.0", "runs": list(runs)}) if text is None else text
        path.write_bytes(log if isinstance(log, bytes) else log.encode())
        return str(path)

    return write


def options(file: str, module: Any = dependencies, **given: Any) -> dict[str, Any]:
    read, problems = validated(module.OPTIONS, {"sarif": [file], **given})
    assert problems == []
    return read


def read(file: str, commit: str = COMMIT, **given: Any) -> sarif_input.Scan:
    chosen = options(file, **given)
    assert sarif_input.wrong(chosen) == []
    return sarif_input.read(chosen, commit)


def ids(scan: sarif_input.Scan) -> list[str]:
    return [one.rule for one in scan.findings]


@pytest.mark.parametrize(
    ("one", "counts"),
    [
        (result(), True),
        (result(level="note"), False),
        (result(level="none"), False),
        (result(level="warning"), True),
        (result(ruleId="CVE-2"), False),
        (result(ruleId="CVE-2", level="error"), True),
        (result(ruleId="unknown"), True),
        ({"ruleIndex": 1, "message": {"text": "x"}}, False),
        ({"ruleIndex": 0, "message": {"text": "x"}}, True),
        ({"rule": {"id": "CVE-2"}, "message": {"text": "x"}}, False),
        ({"message": {"text": "x"}}, True),
        (result(kind="pass"), False),
        (result(baselineState="absent"), False),
        (result(baselineState="unchanged"), True),
        (result(suppressions=[{"kind": "external"}]), False),
        (result(suppressions=[{"kind": "external", "status": "accepted"}]), False),
        (result(suppressions=[{"kind": "external", "status": "rejected"}]), True),
        (result(suppressions=[{"kind": "external", "status": "underReview"}]), True),
        (result(suppressions=[]), True),
    ],
)
def test_a_result_counts_by_its_level_its_rule_and_its_suppressions(file: Any, one: Any, counts: bool) -> None:
    assert bool(read(file(run(one))).findings) is counts


def test_the_level_of_the_option_decides(file: Any) -> None:
    path = file(run(result(level="note"), result(level="warning"), result(level="error")))
    counts = {level: len(read(path, sarif_level=level).findings) for level in ("note", "warning", "error")}
    assert counts == {"note": 3, "warning": 2, "error": 1}


def test_a_finding_shows_its_rule_and_place_and_neither_message_nor_snippet(file: Any) -> None:
    context = Context(commit=COMMIT, release="v1.1.0")
    for module in (dependencies, committed_secrets):
        answer = module.ask(context, options(file(run(result())), module))
        assert answer.outcome == "failed"
        assert "CVE-1 in apps/api/.env:3" in answer.answered
        assert "hunter2" not in str(answer)


@pytest.mark.parametrize("module", [dependencies, committed_secrets])
def test_a_scan_of_this_commit_without_findings_passes(file: Any, module: Any) -> None:
    answer = module.ask(Context(commit=COMMIT), options(file(run()), module))
    assert (answer.outcome, answer.answered) == ("passed", "Trivy found none")
    assert answer.facts["sarif"]["names_the_commit"] is True


@pytest.mark.parametrize(
    ("one", "said"),
    [
        (run(commit=OTHER), "Trivy scanned bbbbbbbbbbbb, and not aaaaaaaaaaaa"),
        (run(commit="main"), "scanned main"),
        (run(commit="aaaa"), "scanned aaaa"),
        (run(invocations=[{"executionSuccessful": False}]), "did not end well"),
        (run(results=None), "did not scan"),
        (run(externalPropertyFileReferences={"results": [{"location": {"uri": "x"}}]}), "results in other files"),
    ],
)
@pytest.mark.parametrize("module", [dependencies, committed_secrets])
def test_what_is_no_answer_about_the_commit_could_not_be_asked(file: Any, module: Any, one: Any, said: str) -> None:
    answer = module.ask(Context(commit=COMMIT), options(file(one), module))
    assert answer.outcome == "could_not_be_asked"
    assert said in answer.answered


def test_a_finding_in_an_older_scan_is_a_no_still(file: Any) -> None:
    assert dependencies.ask(Context(commit=COMMIT), options(file(run(result(), commit=OTHER)))).outcome == "failed"


@pytest.mark.parametrize(("commit", "bound"), [(COMMIT, True), (COMMIT[:8], True), (None, False)])
def test_a_shortened_commit_counts_and_a_missing_one_is_recorded(file: Any, commit: str | None, bound: bool) -> None:
    scan = read(file(run(commit=commit)))
    assert (scan.unusable, scan.bound) == ([], bound)


def test_only_the_tool_that_is_named_counts(file: Any) -> None:
    path = file(run(result(), tool="Trivy"), run(tool="Gitleaks"))
    assert ids(read(path, sarif_tool="Gitleaks")) == []
    assert ids(read(path)) == ["CVE-1"]
    assert read(path, sarif_tool="Snyk").unusable == ["scan.sarif has no run of Snyk"]


def test_an_accepted_finding_does_not_count(file: Any) -> None:
    entry = {"id": "CVE-1", "reason": "not reached", "until": "2999-01-01"}
    assert dependencies.ask(Context(commit=COMMIT), options(file(run(result())), ignore=[entry])).outcome == "passed"


def test_what_this_collection_exports_can_be_read(file: Any) -> None:
    answers = [{"id": "C1", "name": "ci", "title": "CI", "outcome": "failed", "answered": "e2e failed", "advice": None}]
    answers[0] |= {"asked": "?", "by": None, "reason": None, "url": None}
    statement = {
        "subject": [{"name": "shop", "digest": {"gitCommit": COMMIT}}],
        "predicate": {"answers": answers, "at": "2026-03-03T00:00:00Z", "release": "v1", "point": "gate"},
    }
    assert ids(read(file(text=exports.as_sarif([statement])))) == ["C1"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "not JSON"),
        ("{", "not JSON"),
        (b"\xff\xfe\x00", "cannot be read as text"),
        ("[" * 100000, "not JSON"),
        ("[]", "not SARIF of version 2.1.0"),
        ('{"runs": []}', "not SARIF of version 2.1.0"),
        ('{"version": "2.0.0", "runs": []}', "not SARIF of version 2.1.0"),
        ('{"version": "2.1.0"}', "no runs"),
        ('{"version": "2.1.0", "runs": []}', "no runs"),
        ('{"version": "2.1.0", "runs": {}}', "no runs"),
        ('{"version": "2.1.0", "runs": [1]}', "not an object"),
        ('{"version": "2.1.0", "runs": [{"results": []}]}', "does not name its tool"),
        ('{"version": "2.1.0", "runs": [{"tool": {"driver": {"name": " "}}}]}', "does not name its tool"),
        ('{"version": "2.1.0", "runs": [{"tool": []}]}', "does not name its tool"),
        ('{"version": "2.1.0", "runs": [{"tool": "x"}]}', "not an object"),
        ('{"version": "2.1.0", "runs": [{"tool": {"driver": {"name": "x"}}, "results": {}}]}', "is not a list"),
        ('{"version": "2.1.0", "runs": [{"tool": {"driver": {"name": "x"}}, "results": 1}]}', "is not a list"),
        (
            '{"version": "2.1.0", "runs": [{"tool": {"driver": {"name": "x"}}, "results": [1]}]}',
            "is not a list of objects",
        ),
        (
            '{"version": "2.1.0", "runs": [{"tool": {"driver": {"name": "x"}}, "results": [{"level": "fatal"}]}]}',
            "unknown level",
        ),
        (
            '{"version": "2.1.0", "runs": [{"tool": {"driver": {"name": "x"}}, "results": [{"level": {}}]}]}',
            "unknown level",
        ),
        (
            '{"version": "2.1.0", "runs": [{"tool": {"driver": {"name": "x", "rules": 3}}, "results": []}]}',
            "is not a list",
        ),
        (
            '{"version": "2.1.0", "runs": [{"tool": {"driver": {"name": "x"}}, "versionControlProvenance": {"a": 1}}]}',
            "is not a list",
        ),
    ],
)
def test_a_malformed_file_is_refused(file: Any, text: str | bytes, said: str) -> None:
    problems = sarif_input.wrong(options(file(text=text)))
    assert len(problems) == 1
    assert said in problems[0]


@pytest.mark.parametrize(
    "field", ["results", "versionControlProvenance", "invocations", "externalPropertyFileReferences"]
)
@pytest.mark.parametrize("value", [1, "x", True, [1], {"a": 1}, [[]], [{}], {}])
def test_a_field_of_another_type_is_refused_or_read_and_never_breaks(file: Any, field: str, value: Any) -> None:
    chosen = options(file({**run(), field: value}))
    if not sarif_input.wrong(chosen):
        sarif_input.read(chosen, COMMIT)


@pytest.mark.parametrize("field", ["ruleId", "ruleIndex", "rule", "kind", "locations", "suppressions", "baselineState"])
@pytest.mark.parametrize("value", [1, "x", True, None, [1], {"a": 1}, [[]], [{}], {}, -1, 99])
def test_a_field_of_a_result_of_another_type_never_hides_it(file: Any, field: str, value: Any) -> None:
    chosen = options(file(run({**result(level="error"), field: value})))
    if not sarif_input.wrong(chosen) and (field, value) != ("suppressions", [{}]):
        assert sarif_input.read(chosen, COMMIT).findings
