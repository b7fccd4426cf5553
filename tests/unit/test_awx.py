# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""AWX's data fits the playbooks: every token has a credential, every answer of a survey is checked, nothing prompts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.release import argument_spec

from tests import documents

ROOT = Path(__file__).parents[2]
DATA = ROOT / "extensions" / "awx" / "data"
# Mappings have no field in a credential type: they are kept in the inventory's vault.
IN_THE_VAULT = {"verify_headers", "verify_journey_secrets", "notify_otlp_headers", "variable_values"}
# What every option of text accepts, so that no answer can be of a wrong type.
WRONG = {"int": "soon", "float": "soon", "bool": "perhaps", "dict": "a text"}


def data(name: str, key: str) -> Any:
    return documents.document(DATA / f"{name}.yml")[key]


def specs(playbook: str) -> dict[str, dict[str, Any]]:
    return {name: spec for entry in documents.options(playbook).values() for name, spec in entry.items()}


PLAYBOOKS = sorted(path.name.removesuffix(".meta.yml") for path in (ROOT / "playbooks").glob("*.meta.yml"))
TEMPLATES = data("job_templates", "controller_templates")


def questions() -> Iterator[tuple[str, dict[str, Any]]]:
    for template in TEMPLATES:
        for question in template.get("survey_spec", {}).get("spec", ()):
            yield template["playbook"].removesuffix(".yml"), question


def test_every_playbook_has_a_job_template() -> None:
    assert {template["playbook"] for template in TEMPLATES} == {f"{name}.yml" for name in PLAYBOOKS if name != "init"}


def test_every_secret_has_a_credential_that_gives_it() -> None:
    secret = {name for playbook in PLAYBOOKS for name, spec in specs(playbook).items() if spec.get("no_log")}
    types = data("credential_types", "controller_credential_types")
    given = {name for one in types for name in one["injectors"]["extra_vars"]}
    assert secret - given == IN_THE_VAULT
    assert all(field["secret"] for one in types for field in one["inputs"]["fields"])


def test_no_question_asks_for_a_secret_or_a_path() -> None:
    asked = [specs(playbook)[question["variable"]] for playbook, question in questions()]
    assert [spec for spec in asked if spec.get("no_log") or spec["type"] == "path"] == []


@pytest.mark.parametrize(("playbook", "question"), list(questions()), ids=lambda value: str(value)[:40])
def test_an_answer_is_checked_by_the_playbook(playbook: str, question: dict[str, Any]) -> None:
    name = question["variable"]
    spec = specs(playbook)[name]
    if "default" in question:
        assert list(argument_spec.wrong(name, spec, question["default"])) == []
    if question["type"] == "text" and not question["required"]:
        assert list(argument_spec.wrong(name, spec, "")) == [], "AWX gives an empty text for what is not answered"
    wrong = "no such choice" if spec.get("choices") else WRONG.get(spec["type"])
    if wrong:
        assert [problem for problem in argument_spec.wrong(name, spec, wrong) if name in problem]


def test_every_name_that_the_data_refers_to_is_created() -> None:
    names = {template["name"] for template in TEMPLATES}
    nodes = data("workflows", "controller_workflows")[0]["simplified_workflow_nodes"]
    used = {node["unified_job_template"] for node in nodes if "unified_job_template" in node}
    used |= {schedule["unified_job_template"] for schedule in data("schedules", "controller_schedules")}
    assert used <= names
    mail = {one["name"] for one in data("base", "controller_notifications")}
    assert {name for template in TEMPLATES for name in template["notification_templates_error"]} <= mail


def test_no_playbook_prompts() -> None:
    files = [*(ROOT / "playbooks").rglob("*.yml"), *(ROOT / "roles").rglob("tasks/*.yml")]
    prompting = [
        str(path) for path in files if any(word in path.read_text() for word in ("vars_prompt", "builtin.pause:"))
    ]
    assert prompting == []
