# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The variables that a release names, against those of its units."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.checks import environment
from ansible_collections.storefront.runbook.plugins.module_utils.checks.dotenv import Needed, by_example, by_schema
from ansible_collections.storefront.runbook.plugins.module_utils.core.errors import ConfigError

EXAMPLE = """
# What the API needs
DATABASE_URL=postgresql://user:password@localhost:5432/shop
JWT_SECRET="your-secret-here"   # as by openssl rand
export PORT=4000
SMTP_URL=          # optional
# SENTRY_DSN=
"""
KEY = "digest-key"


def variables(platform: str = "railway", **values: str) -> list[dict[str, Any]]:
    return [{"name": name, "digest": environment.DIGESTS[platform](KEY, name, value)} for name, value in values.items()]


GOOD = {"DATABASE_URL": "postgresql://live", "JWT_SECRET": "0b1c2d", "PORT": "4000"}


def unit(name: str = "api", **more: Any) -> dict[str, Any]:
    made = {key: spec.get("default") for key, spec in environment.UNIT.items()}
    return {
        **made,
        "name": name,
        "platform": "railway",
        "root_directory": "apps/backend",
        "variables": variables(**GOOD),
        **more,
    }


def ask(repository: Any, *units: dict[str, Any], files: dict[str, str] | None = None, **more: Any) -> tuple[str, str]:
    commit = repository.commit({"apps/backend/.env.example": EXAMPLE} if files is None else files)
    options = {"units": list(units), "digest_key": KEY, "may_equal_staging": [], **more}
    context = repository.context(commit)
    assert environment.wrong(options, context) == []
    answer = environment.ask(context, options)
    assert "live" not in str(answer.facts)
    return answer.outcome, answer.answered


def test_an_example_says_what_is_needed_and_what_is_optional() -> None:
    assert by_example(EXAMPLE) == [
        Needed("DATABASE_URL", "postgresql://user:password@localhost:5432/shop"),
        Needed("JWT_SECRET", "your-secret-here"),
        Needed("PORT", "4000"),
        Needed("SMTP_URL", "", optional=True),
        Needed("SENTRY_DSN", "", optional=True),
    ]


def test_a_sentence_in_a_comment_names_nothing() -> None:
    assert by_example("# Set A=1 to see more\n# see https://example.com/?a=b\n") == []


def test_a_schema_says_it_too() -> None:
    schema = '{"properties": {"A": {"type": "string", "examples": ["changeme"]}, "B": {}}, "required": ["A", "C"]}'
    assert by_schema(schema) == [Needed("A", "changeme"), Needed("B", optional=True), Needed("C")]


def test_a_unit_that_has_all_passes(repository: Any) -> None:
    assert ask(repository, unit()) == ("passed", "api has all that apps/backend/.env.example names")


def test_each_unit_that_lacks_one_is_reported(repository: Any) -> None:
    lacking = variables(PORT="4000", JWT_SECRET="x1")
    outcome, answered = ask(repository, unit("api", variables=lacking), unit("worker", variables=[]))
    assert outcome == "failed"
    assert (
        answered
        == "api lacks DATABASE_URL, which apps/backend/.env.example names; worker lacks DATABASE_URL, JWT_SECRET, PORT,"
        " which apps/backend/.env.example names"
    )


def test_a_variable_may_be_optional_for_one_unit(repository: Any) -> None:
    lacking = [one for one in variables(**GOOD) if one["name"] != "PORT"]
    assert ask(repository, unit(variables=lacking, optional=["PORT"]))[0] == "passed"


def test_a_variable_whose_digest_is_not_known_is_set(repository: Any) -> None:
    assert ask(repository, unit(variables=[{"name": name, "digest": None} for name in GOOD]))[0] == "passed"


@pytest.mark.parametrize("platform", ["railway", "render", "vercel"])
@pytest.mark.parametrize("value", ["your-secret-here", "changeme", "", "TODO"])
def test_a_placeholder_is_found_by_its_digest(repository: Any, platform: str, value: str) -> None:
    values = variables(platform, **{**GOOD, "JWT_SECRET": value})
    assert ask(repository, unit(platform=platform, variables=values)) == (
        "failed",
        "JWT_SECRET of api is still a placeholder",
    )


def test_a_usual_value_of_the_example_is_none(repository: Any) -> None:
    assert ask(repository, unit(variables=variables(**{**GOOD, "PORT": "4000"})))[0] == "passed"


def test_the_examples_own_database_is_a_placeholder(repository: Any) -> None:
    values = variables(**{**GOOD, "DATABASE_URL": "postgresql://user:password@localhost:5432/shop"})
    assert ask(repository, unit(variables=values)) == ("failed", "DATABASE_URL of api is still a placeholder")


def test_a_secret_with_the_value_of_staging_is_reported(repository: Any) -> None:
    staging = variables(**{**GOOD, "DATABASE_URL": "postgresql://staging"})
    assert ask(repository, unit(staging=staging)) == ("failed", "JWT_SECRET of api has the value of staging")
    assert ask(repository, unit(staging=staging), may_equal_staging=["JWT_SECRET"])[0] == "passed"


def test_what_is_no_secret_may_be_the_same_as_in_staging(repository: Any) -> None:
    values = variables(**GOOD, NEXT_PUBLIC_STRIPE_KEY="pk", LOG_LEVEL="info")
    staging = variables(PORT="4000", NEXT_PUBLIC_STRIPE_KEY="pk", LOG_LEVEL="info")
    assert ask(repository, unit(variables=values, staging=staging))[0] == "passed"


def test_vercel_lists_the_variables_of_all_environments(repository: Any) -> None:
    values = [
        {**one, "environments": ["preview"] if one["name"] == "PORT" else ["production", "preview"]}
        for one in variables("vercel", **GOOD)
    ]
    assert ask(repository, unit(platform="vercel", variables=values)) == (
        "failed",
        "api lacks PORT, which apps/backend/.env.example names",
    )


def test_without_an_example_there_is_nothing_to_compare(repository: Any) -> None:
    assert ask(repository, unit(), files={"a": "1"})[0] == "not_configured"
    assert ask(repository, unit(example="env.txt"), files={"a": "2"}) == (
        "failed",
        "the release has no env.txt, which names the variables of api",
    )


def test_a_schema_of_the_environment_is_read(repository: Any) -> None:
    files = {"env.schema.json": '{"properties": {"STRIPE_KEY": {}}, "required": ["STRIPE_KEY"]}'}
    assert ask(repository, unit(schema="env.schema.json"), files=files) == (
        "failed",
        "api lacks STRIPE_KEY, which env.schema.json names",
    )


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"properties": []}', '{"properties": {}, "required": "A"}'])
def test_a_schema_that_is_none_cannot_be_asked(repository: Any, text: str) -> None:
    with pytest.raises(ConfigError, match="is not a JSON Schema"):
        ask(repository, unit(schema="env.schema.json"), files={"env.schema.json": text})


def test_wrong_units_are_refused(repository: Any) -> None:
    options = {"units": [unit(example="a", schema="b", variables=[{"digest": "x"}])]}
    assert len(environment.wrong(options, repository.context("a" * 40))) == 2
    assert environment.missing({"units": []})
