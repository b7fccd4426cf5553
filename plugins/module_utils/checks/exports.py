# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Evidence in the forms that others read: JUnit for CI, SARIF for code scanning, a page for people."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import Any
from xml.etree import ElementTree

from .answer import ATTESTED, FAILED, PASSED, UNASKED, WAIVED

Statement = Mapping[str, Any]
NAMES = {"json": "evidence.json", "junit": "junit.xml", "sarif": "evidence.sarif", "html": "evidence.html"}
SARIF = "https://json.schemastore.org/sarif-2.1.0.json"
LEVELS = {FAILED: "error", UNASKED: "error", WAIVED: "warning", ATTESTED: "note"}


def as_json(statements: Sequence[Statement]) -> str:
    return json.dumps(list(statements), indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def as_junit(statements: Sequence[Statement]) -> str:
    """A suite for each statement, a case for each check: what has no answer is skipped."""
    root = ElementTree.Element("testsuites", name="storefront.runbook")
    for one in statements:
        answers = one["predicate"]["answers"]
        counts = {"failures": [FAILED], "errors": [UNASKED]}
        suite = ElementTree.SubElement(
            root, "testsuite", name=_title(one), timestamp=one["predicate"]["at"], tests=str(len(answers))
        )
        for name, outcomes in counts.items():
            suite.set(name, str(sum(answer["outcome"] in outcomes for answer in answers)))
        suite.set("skipped", str(sum(answer["outcome"] not in (PASSED, FAILED, UNASKED) for answer in answers)))
        for answer in answers:
            case = ElementTree.SubElement(
                suite,
                "testcase",
                name=f"{answer['id']} {answer['title']}",
                classname=answer["name"],
                time=str(answer.get("seconds") or 0),
            )
            if answer["outcome"] != PASSED:
                tag = {FAILED: "failure", UNASKED: "error"}.get(answer["outcome"], "skipped")
                ElementTree.SubElement(case, tag, message=_printable(_message(answer)))
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def as_sarif(statements: Sequence[Statement]) -> str:
    """A run for each statement; a waived or attested answer is a suppressed result."""
    return (
        json.dumps(
            {"$schema": SARIF, "version": "2.1.0", "runs": [_sarif_run(one) for one in statements]},
            indent=2,
            ensure_ascii=False,
        )
        + "\n"
    )


def _sarif_run(one: Statement) -> dict[str, Any]:
    answers = one["predicate"]["answers"]
    rules = [
        {"id": answer["id"], "name": answer["name"], "shortDescription": {"text": answer["title"]}}
        for answer in answers
    ]
    return {
        "tool": {"driver": {"name": "storefront.runbook", "rules": rules}},
        "automationDetails": {"id": _title(one)},
        "versionControlProvenance": [
            {"repositoryUri": "urn:storefront", "revisionId": one["subject"][0]["digest"]["gitCommit"]}
        ],
        "results": [_sarif_result(answer) for answer in answers if answer["outcome"] in LEVELS],
    }


def _sarif_result(answer: Mapping[str, Any]) -> dict[str, Any]:
    settled = answer["outcome"] in (WAIVED, ATTESTED)
    place = {"physicalLocation": {"artifactLocation": {"uri": f"checks/{answer['name']}"}}}
    result: dict[str, Any] = {
        "ruleId": answer["id"],
        "level": LEVELS[answer["outcome"]],
        "message": {"text": _message(answer)},
        "locations": [place],
    }
    if settled:
        result["suppressions"] = [
            {"kind": "external", "justification": f"{answer.get('reason') or answer['outcome']} ({answer.get('by')})"}
        ]
    return result


PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title><style>
body {{ font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 70rem; padding: 0 1rem; }}
table {{ border-collapse: collapse; width: 100%; }} td, th {{ border-bottom: 1px solid #ddd; padding: .4rem; text-align: left; vertical-align: top; }}
.failed, .could_not_be_asked {{ color: #b00020; }} .passed {{ color: #0a6b2d; }} .waived, .attested {{ color: #8a5a00; }}
</style></head><body><h1>{title}</h1>
{suites}</body></html>
"""  # noqa: E501
SUITE = """<h2>{point}: {verdict}</h2><p>commit {commit}, {at}</p>
<table><tr><th>check</th><th>outcome</th><th>asked</th><th>answered</th><th>at</th></tr>
{rows}</table>
"""
ROW = (
    '<tr><td>{id} {title}</td><td class="{outcome}">{word}</td><td>{asked}</td><td>{answered}</td><td>{at}</td></tr>\n'
)


def as_html(statements: Sequence[Statement]) -> str:
    suites = []
    for one in statements:
        predicate = one["predicate"]
        rows = "".join(_row(answer) for answer in predicate["answers"])
        words = {name: escape(str(predicate[name])) for name in ("point", "verdict", "at")}
        suites.append(SUITE.format(rows=rows, commit=escape(one["subject"][0]["digest"]["gitCommit"]), **words))
    title = escape(f"Evidence of {statements[0]['subject'][0]['name']}" if statements else "No evidence")
    return PAGE.format(title=title, suites="".join(suites))


def _row(answer: Mapping[str, Any]) -> str:
    words = {name: escape(str(answer[name])) for name in ("id", "title", "outcome", "asked", "at")}
    return ROW.format(word=words["outcome"].replace("_", " "), answered=escape(_message(answer)), **words)


FORMS: dict[str, Callable[[Sequence[Statement]], str]] = {
    "json": as_json,
    "junit": as_junit,
    "sarif": as_sarif,
    "html": as_html,
}


def _title(one: Statement) -> str:
    return f"{one['subject'][0]['name']} {one['predicate']['point']}"


def _message(answer: Mapping[str, Any]) -> str:
    settled = (
        f" ({answer['outcome']} by {answer['by']}: {answer.get('reason') or 'no note'})" if answer.get("by") else ""
    )
    return f"{answer['answered']}{settled}"


def _printable(text: str) -> str:
    """Leave out characters that XML has no way to write."""
    return "".join(
        letter
        for letter in text
        if letter in "\t\n\r" or " " <= letter <= "\ud7ff" or "\ue000" <= letter <= "\ufffd" or letter > "\uffff"
    )
