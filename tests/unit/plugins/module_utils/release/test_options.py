# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Nothing gets past preflight: each variable left out, mistyped, of another shape, empty or not filled in."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.release import options, placeholders
from ansible_collections.storefront.runbook.plugins.module_utils.release.variable_names import OPTIONS, OWN, RUN

from tests import documents

PLAYBOOKS = Path(__file__).parents[5] / "playbooks"
NAMES = sorted(path.name.removesuffix(".meta.yml") for path in PLAYBOOKS.glob("*.meta.yml"))
PAGE = (PLAYBOOKS.parent / "docs" / "inventory.md").read_text(encoding="utf-8")
DOCUMENTED = re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE)
SECRET = "hunter2-and-more"
LINES = 160


SPECS: dict[str, options.Entries] = {playbook: documents.options(playbook) for playbook in NAMES}
WHOLE: dict[str, Any] = {
    "approval_key": "~/.ssh/id_ed25519",
    "surfaces": ["database", "backend", "frontend", "edge"],
    "source_path": "../shop",
    "store": "s3://bucket/shop",
    "database_url": f"postgresql://shop:{SECRET}@db.internal/shop",
    "database_migrate_runner": "builtin",
    "backend_token": SECRET,
    "backend_project": "5a1b9c3e-1111-4222-8333-444455556666",
    "backend_environment": "6a1b9c3e-1111-4222-8333-444455556666",
    "backend_url": "https://api.shop.internal",
    "backend_units": [{"name": "api", "service": "one"}, {"name": "worker", "kind": "worker", "service": "two"}],
    "frontend_token": SECRET,
    "frontend_project": "prj_1",
    "frontend_url": "https://shop.internal",
    "edge_token": SECRET,
    "edge_zone": "shop.internal",
    "refresh_target": "staging",
    "refresh_store": "s3://bucket/production",
    "refresh_database_url": f"postgresql://refresh:{SECRET}@production.internal/shop",
    "refresh_rules": [{"table": "Product", "keep": "all"}],
    "refresh_key": SECRET * 2,
}
CHOSEN = {
    "release": "v1.1.0",
    "backup": "latest",
    "to": "v1.0.0",
    "dest": "ops",
    "app": "../shop",
    "maintenance_state": True,
    "scale": {"api": 3},
}
SURFACES = {
    "migrate": ["database"],
    "backups": ["database"],
    "prove": ["database"],
    "database": ["database"],
    "backup": ["database"],
}


def wrong(
    playbook: str,
    values: dict[str, Any],
    *,
    more: dict[str, Any] | None = None,
    commanded: tuple[str, ...] = (),
    read: tuple[str, ...] = (),
) -> list[str]:
    """Return the problems of a run with these variables; ``more`` are variables that are not declared."""
    run = {name: value for name, value in CHOSEN.items() if playbook in RUN[name] and name not in values}
    values = {name: value for name, value in {**run, **values}.items() if value is not LEFT_OUT}
    surfaces = SURFACES.get(playbook) or options.moved(
        options.asked(values.get("surfaces")), bool(values.get("edge_zone"))
    )
    if playbook == "restore":
        surfaces = [surface for surface in surfaces if surface in ("database", "backend")]
    given = options.Given(playbook, surfaces, values, names=[*values, *(more or {})], read=read, commanded=commanded)
    return options.wrong(SPECS[playbook], given)


LEFT_OUT = object()


def spec_of(playbook: str, name: str) -> dict[str, Any]:
    return next(dict(options_[name]) for options_ in SPECS[playbook].values() if name in options_)


@pytest.mark.parametrize("playbook", NAMES)
def test_a_whole_inventory_without_any_option_passes(playbook: str) -> None:
    assert wrong(playbook, WHOLE) == []


def answer_fits(playbook: str, name: str, problems: list[str]) -> bool:
    """Whether a run without this variable asks for it, or passes where it has a default."""
    # a restore needs no edge: without it, another way holds the shop
    if spec_of(playbook, name).get("required") and not (playbook == "restore" and name.startswith("edge_")):
        return any(problem.startswith((f"{name} is missing", f"{name} is empty")) for problem in problems)
    needed = {"source_path", "backup"}
    if "backend" in SPECS[playbook]:
        needed |= {"backend_project", "backend_environment"}
    deploys = name != "source_path" or playbook in ("deploy", "preflight", "migrate")
    asked = name in needed and deploys and not (name == "backup" and playbook != "restore")
    return bool(problems) == asked


@pytest.mark.parametrize("playbook", NAMES)
def test_a_variable_that_is_left_out_is_asked_for_or_has_a_default(playbook: str) -> None:
    names = [name for entry in SPECS[playbook].values() for name in entry]
    answers = {name: wrong(playbook, {**WHOLE, name: LEFT_OUT}) for name in names}
    unfit = [f"{name}: {problems}" for name, problems in answers.items() if not answer_fits(playbook, name, problems)]
    assert not unfit, "\n".join(unfit)


@pytest.mark.parametrize("name", DOCUMENTED)
def test_each_variable_of_the_page_is_recognised_when_it_is_mistyped(name: str) -> None:
    last, middle = len(name) - 1, len(name) // 2
    typed = (
        {
            *(name[:at] + name[at + 1 :] for at in (1, middle, last)),  # a letter is left out
            *(name[:at] + name[at] + name[at:] for at in (0, middle, last)),  # doubled
            # swapped with its neighbour
            *(name[:at] + name[at + 1] + name[at] + name[at + 2 :] for at in (0, middle) if at < last),
            *(name[:at] + "q" + name[at + 1 :] for at in (middle, last)),  # replaced
            name.upper(),
            name.replace("_", ""),
            name.replace("_", "-"),
        }
        - {*OPTIONS, *OWN, ""}
    )
    found = wrong("deploy", WHOLE, more=dict.fromkeys(typed, 1), commanded=tuple(typed) if name in RUN else ())
    suggested = re.compile(r"(\S+) is not a variable of this collection: did you mean ")
    named = [match[1] if (match := suggested.match(problem)) else problem for problem in found]
    assert sorted(named) == sorted(typed)


def test_a_mistyped_name_is_suggested() -> None:
    (problem,) = wrong("deploy", WHOLE, more={"verify_wait_timout": 5})
    assert (
        problem
        == "verify_wait_timout is not a variable of this collection: did you mean verify_wait_timeout? Nothing in the"
        " inventory reads it"
    )


@pytest.mark.parametrize(
    "name",
    [
        "shop_domain",
        "region",
        "vault_frontend_tokn",
        "ansible_user",
        "awx_job_id",
        "__mine",
        "ticket",
        "team",
        "domain",
        "port",
    ],
)
def test_a_variable_of_somebodys_own_passes(name: str) -> None:
    assert wrong("deploy", WHOLE, more={name: 1}, commanded=(name,)) == []


def test_a_variable_with_our_prefix_passes_when_the_inventory_reads_it() -> None:
    assert wrong("deploy", WHOLE, more={"frontend_domain": "shop.internal"}, read=("frontend_domain",)) == []
    (problem,) = wrong("deploy", WHOLE, more={"frontend_colour": "blue"})
    assert "frontend_colour is not a variable of this collection" in problem
    assert "does not begin with frontend_" in problem


def test_what_the_playbooks_set_is_no_stranger() -> None:
    assert wrong("deploy", WHOLE, more=dict.fromkeys(OWN, 1)) == []


WRONG_SHAPES: dict[str, list[Any]] = {
    **{"str": [["a"], {"a": 1}], "path": [["a"], {"a": 1}], "int": ["many", [1], 1.5], "float": ["soon", [1]]},
    "bool": ["maybe", ["yes"], 2],
}
WRONG_SHAPES |= {"dict": ["a text", ["a"], 5], "list": [{"a": 1}]}


@pytest.mark.parametrize(
    "name", [name for entry in SPECS["deploy"].values() for name in entry if name not in ("surfaces", "rollout")]
)
def test_each_variable_of_another_shape_is_refused(name: str) -> None:
    spec = spec_of("deploy", name)
    kind = spec.get("type", "str")
    for value in WRONG_SHAPES[kind]:
        problems = [problem for problem in wrong("deploy", {**WHOLE, name: value}) if problem.startswith(name)]
        assert problems, (name, value)
        assert len(problems[0]) < LINES * 4
    if spec.get("choices"):
        near = str(spec["choices"][0]) + "x"
        (problem,) = (
            wrong("deploy", {**WHOLE, name: near})
            if name != "backend_platform"
            else wrong("deploy", {**WHOLE, name: "railwayx"})
        )
        assert "did you mean" in problem


@pytest.mark.parametrize(
    "name", [name for entry in SPECS["deploy"].values() for name, spec in entry.items() if spec.get("no_log")]
)
def test_a_secret_is_never_quoted(name: str) -> None:
    spec = spec_of("deploy", name)
    values = [{SECRET: SECRET}, [SECRET]] if spec["type"] == "str" else [SECRET, [SECRET]]
    for value in [*values, f"TODO {SECRET}", f"postgresql://FILL_IN:{SECRET}@db/shop", f"db/{SECRET}"]:
        assert SECRET not in " ".join(wrong("deploy", {**WHOLE, name: value})), value


@pytest.mark.parametrize(
    ("units", "expected"),
    [
        (
            [{"name": "api", "sevice": "one"}],
            ["has no key sevice: did you mean service?", "backend_units[0] (api).service is missing"],
        ),
        ([{"name": "api", "service": "one", "knd": "web"}], ["has no key knd: did you mean kind?"]),
        (
            [{"name": "api", "service": "one", "kind": "wokrer"}],
            ["must be one of web, worker, cron", "did you mean worker?"],
        ),
        ([{"service": "one"}], ["backend_units[0].name is missing"]),
        (["api"], ["backend_units[0] must be a mapping with the keys name"]),
        ("api", ["backend_units must be a list whose items have the keys name"]),
        ({"api": "one"}, ["backend_units must be a list"]),
        ([], ["backend_units is empty"]),
        ([{"name": "api", "service": "one"}, {"name": "api", "service": "two"}], ["2 units have the name api"]),
        ([{"name": "api", "service": "one"}, {"name": "worker", "service": "one"}], ["2 units have the service one"]),
        ([{"name": "frontend", "service": "one"}], ["must not be named frontend"]),
        ([{"name": "api", "service": None}], ["backend_units[0] (api).service is empty"]),
        ([{"name": "api", "service": "FILL_IN_id"}], ["backend_units is still to be filled in (FILL_IN_id)"]),
    ],
)
def test_every_key_of_a_unit_is_checked(units: Any, expected: list[str]) -> None:
    problems = wrong("deploy", {**WHOLE, "backend_units": units})
    assert len(problems) == len(expected) or len(expected) == 2, problems
    for words in expected:
        assert words in " ".join(problems), problems


def test_a_unit_without_a_kind_is_a_web_server() -> None:
    units = options.units(SPECS["deploy"], WHOLE)
    assert [unit["kind"] for unit in units] == ["web", "worker"]


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("frontend_url", "shop.internal", "frontend_url must begin with https:// or http://: https://shop.internal"),
        ("backend_url", "//api.shop.internal", "backend_url must begin with https:// or http://"),
        ("frontend_url", "htps://shop.internal", "frontend_url must begin with https:// or http://"),
        ("database_url", "mysql://a:b@c/d", "database_url must begin with postgresql:// or postgres://"),
        ("database_url", "db.internal/shop", "database_url must begin with postgresql:// or postgres://"),
        ("store", "bucket/shop", "store must begin with s3:// or file://: s3://bucket/shop"),
        (
            "frontend_api_url",
            "127.0.0.1:80",
            "frontend_api_url must begin with https:// or http://: https://127.0.0.1:80",
        ),
    ],
)
def test_an_address_without_its_scheme_is_named_with_all_other_problems(name: str, value: str, expected: str) -> None:
    problems = wrong("deploy", {**WHOLE, name: value, "backend_token": ""})
    assert problems[-1] == expected or expected in problems
    assert any(problem.startswith("backend_token is empty") for problem in problems)


@pytest.mark.parametrize(
    "text",
    [
        *(
            "FILL_IN",
            "prj_FILL_IN",
            "CHANGE_ME",
            "change-me",
            "changeme",
            "TODO",
            "TODO: ask Bob",
            "xxx",
            "XXXX",
            "sk_xxxxxxxx",
            "<your token>",
            "REPLACE_ME",
        ),
        *("https://example.com", "https://api.example.com/v1", "ops@example.org", "YOUR_PROJECT_ID", "FIXME", "TBD"),
        *("todo", "Todo: ask", "tbd", "fixme", "replace-me", "ReplaceMe", "SET_ME", "fill-in", "fill me in", "n/a"),
        *("your-token-here", "your_token", "your token here", "your-project-id", "yourtoken", "token-goes-here"),
        *("insert-token-here", "INSERT_HERE", "enter your token", "placeholder", "REDACTED", "dummy", "to be defined"),
        *("${TOKEN}", "$TOKEN", "%TOKEN%", "{token}", "#{TOKEN}", "__TOKEN__", "[your token]", "(your token)"),
        *("prj_...", "sk-…", "...", "???", "***", "age1xxxx", "team_<id>", "00000000-0000-0000-0000-000000000000"),
        *(
            "https://<your-shop>.com",
            "https://<your-store>.vercel.app/x",
            "https://your-shop.com",
            "s3://<bucket>/shop",
        ),
        *("s3://your-bucket/shop", "https://shop.your-company.com", "postgresql://user:password@host:5432/db"),
        *("postgresql://USER:PASSWORD@HOST:PORT/DATABASE", "postgresql://u:<password>@db.internal/x"),
        *("postgresql://u:${DB_PASSWORD}@db.internal/x", "postgresql://u:changeme@db.internal/x"),
    ],
)
def test_what_is_still_to_be_filled_in_is_found(text: str) -> None:
    assert placeholders.found("frontend_project", text), text
    assert placeholders.found("frontend_project", [{"deep": text}])


@pytest.mark.parametrize(
    "text",
    [
        "shop.example",
        "prj_x1",
        "xx",
        "max",
        "https://shop.internal",
        "example.community",
        "todo-list",
        "exchange-men",
        "my-example.company",
        "Foxxx",
        *("https://www.todoist.com", "https://your-look-for-less.de", "https://yourstore-outlet.co.uk", "TOKEN"),
        *("p4ss<w>ord", "https://fillmein.shop", "https://shop.internal/reset-token", "/webhooks/*", "(?P<id>\\d+)"),
        *("postgresql://shop:s3cr3t@postgres.railway.internal:5432/railway?schema=public", "https://hostname.shop"),
    ],
)
def test_what_is_no_placeholder_passes(text: str) -> None:
    assert placeholders.found("frontend_project", text) == []


def test_a_reason_and_what_a_page_has_to_contain_may_look_like_one() -> None:
    check = [{"name": "about", "url": "/about", "contains": "mail us at help@example.com, TODO"}]
    assert wrong("deploy", {**WHOLE, "baseline_broken": "TODO page is down", "verify_frontend_checks": check}) == []
    journey = [{"name": "register", "steps": [{"name": "fill in", "fill": {"#mail": "a@example.com"}}]}]
    found = wrong("deploy", {**WHOLE, "verify_journeys": journey, "edge_maintenance_message": "Back soon…"})
    assert not [problem for problem in found if "filled in" in problem]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (
            {"surfaces": ["backend", "fronted"]},
            (
                "surfaces: there is no surface fronted: did you mean frontend?; choose from database, backend,"
                " frontend, edge"
            ),
        ),
        ({"surfaces": []}, "surfaces is empty: name at least one of database, backend, frontend, edge"),
        ({"surfaces": {"a": 1}}, "surfaces must be a list of database, backend, frontend, edge, and is a mapping"),
        ({"release": ""}, "release is missing: name it with -e release=v1.2.3"),
        ({"release": LEFT_OUT}, "release is missing: name it with -e release=v1.2.3"),
        ({"database_migrate_runner": "platform", "surfaces": ["backend"]}, "database_migrate_runner is platform"),
        (
            {"notify_slack_token": "xoxb-1"},
            "notify_slack_channel is missing, which is needed as notify_slack_token is set",
        ),
        ({"notify_github_token": "ghp-1"}, "notify_github_repository is missing"),
        (
            {"notify_webhook_url": "https://hooks.internal/x"},
            "notify_webhook_key is missing, which is needed as notify_webhook_url is set",
        ),
        (
            {"notify_webhook_url": "http://hooks.internal/x", "notify_webhook_key": "k" * 32},
            "notify_webhook_url is plain HTTP to hooks.internal",
        ),
        ({"notify_webhook_key": "short"}, "notify_webhook_key has 5 characters and needs 32"),
        ({"notify_otlp_url": "otel:4318"}, "notify_otlp_url must begin with https:// or http://"),
        ({"notify_github_repository": "https://github.com/yourstore/shop"}, "Write owner/name, such as yourstore/shop"),
        ({"notify_github_repository": "shop"}, "notify_github_repository is 'shop'. Write owner/name"),
        ({"notify_sentry_organization": "https://sentry.io/shop"}, "notify_sentry_organization is 'https://sentry.io"),
        ({"notify_sentry_projects": ["shop", "my project"]}, "notify_sentry_projects is 'my project'. Write slugs"),
        ({"notify_slack_channel": "our channel"}, "notify_slack_channel is 'our channel'. Write its id or its name"),
        ({"notify_report_url": "https://ci:hunter2@reports.internal"}, "notify_report_url holds a user and a password"),
        ({"notify_links": [{"name": "a", "url": "javascript:alert(1)"}]}, "notify_links[0].url must begin with https"),
        ({"notify_links": [{"name": "a", "url": "https://a:b@x.test"}]}, "notify_links[0].url holds a user and a"),
        ({"notify_otlp_headers": {"api key": "s"}}, "notify_otlp_headers has the name 'api key', which no header can"),
        ({"notify_otlp_headers": {"api-key": "s\nx: y"}}, "notify_otlp_headers.api-key must be one line of ASCII text"),
        ({"notify_otlp_headers": {"api-key": ["s"]}}, "notify_otlp_headers.api-key must be one line of ASCII text"),
        ({"verify_headers": {"x-probe": ""}}, "verify_headers.x-probe must be one line of ASCII text"),
        ({"notify_timeout": 600}, "notify_timeout must be more than 0 and at most 60 seconds"),
        ({"backend_project": ""}, "backend_project is missing, which is needed as backend_platform is railway"),
        ({"verify_passes": None}, "verify_passes has no value: delete it, which means 2, or give it one"),
        ({"frontend_wait_timeout": ""}, "frontend_wait_timeout is empty: delete it"),
        ({"edge_purge": {"evrything": True}}, "edge_purge has no key evrything: did you mean everything?"),
        (
            {"verify_backend_checks": [{"name": "health", "url": "/health", "jsn": {}}]},
            "has no key jsn: did you mean json?",
        ),
        ({"database_backup_keep": {"dayly": 3}}, "database_backup_keep has no key dayly: did you mean daily?"),
    ],
)
def test_every_wrong_variable_is_named(values: dict[str, Any], expected: str) -> None:
    problems = wrong("deploy", {**WHOLE, **values})
    assert [problem for problem in problems if expected in problem], problems


@pytest.mark.parametrize(
    ("playbook", "name", "expected"),
    [
        ("rollback", "release", "name the release to go back to with -e to=<release>"),
        ("deploy", "to", "name the release with -e release=<release>"),
        ("deploy", "undo", "undo is for restore.yml, and deploy.yml does not read it: leave it out"),
    ],
)
def test_what_another_playbook_reads_is_refused_on_the_command_line(playbook: str, name: str, expected: str) -> None:
    assert [problem for problem in wrong(playbook, {**WHOLE, name: "v1"}, commanded=(name,)) if expected in problem]
    assert wrong(playbook, {**WHOLE, name: "v1"}) == [], "an inventory is shared by all playbooks"


@pytest.mark.parametrize("name", [*sorted(RUN), "refresh_backup"])
def test_a_choice_that_the_command_line_has_lost_is_refused(name: str) -> None:
    playbook = RUN.get(name, ("refresh",))[0]
    empties: tuple[Any, ...] = ("", " , ", [], None)
    for empty in empties:
        said = wrong(playbook, {**WHOLE, name: empty}, commanded=(name,))
        assert [problem for problem in said if problem.startswith(name)], empty


def test_a_question_of_awx_that_nobody_answered_is_left_out() -> None:
    assert wrong("restart", {**WHOLE, "unit": ""}, more={"awx_job_id": 7}, commanded=("unit", "awx_job_id")) == []
    assert wrong("restart", {**WHOLE, "unit": ""}) == [], "an inventory may set what a run does not choose"


def test_a_restore_says_what_it_can_do() -> None:
    (problem,) = wrong("restore", {**WHOLE, "backup": LEFT_OUT})
    assert "-e backup=latest" in problem
    assert "-e undo=true" in problem


def test_what_is_given_as_text_on_the_command_line_passes() -> None:
    given = {
        "take_over": "true",
        "verify_passes": "3",
        "surfaces": "backend,frontend",
        "frontend_wait_timeout": "2.5",
        "database_gather": "locks,tables",
    }
    assert wrong("deploy", {**WHOLE, **given}) == []
    assert wrong("deploy", {**WHOLE, "database_rehearse": False}) == [], "YAML reads an off without quotes as false"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (["backend", "frontend"], ["backend", "frontend"]),
        ("backend, frontend", ["backend", "frontend"]),
        ("", []),
        (None, []),
        (5, []),
        ([" edge "], ["edge"]),
    ],
)
def test_surfaces_are_a_list_or_a_text(given: Any, expected: list[str]) -> None:
    assert options.asked(given) == expected


@pytest.mark.parametrize(
    ("named", "has_edge", "expected"),
    [
        (["frontend", "backend"], True, ["backend", "frontend", "edge"]),
        (["frontend"], False, ["frontend"]),
        (["backend"], True, ["backend"]),
        (["edge", "database"], False, ["database", "edge"]),
        (["frontned"], True, []),
    ],
)
def test_surfaces_move_in_the_order_of_a_deploy_and_the_edge_goes_with_the_frontend(
    named: list[str], has_edge: bool, expected: list[str]
) -> None:
    assert options.moved(named, has_edge) == expected


def test_a_rollback_needs_only_what_the_units_need_that_it_moves() -> None:
    needed = {
        name: value for name, value in WHOLE.items() if name.startswith(("backend_", "frontend_")) or name == "surfaces"
    }
    assert wrong("rollback", needed) == []


def test_a_refusal_lists_all_problems() -> None:
    assert options.refusal(["one", "two"], "in the way") == "Nothing was changed. 2 in the way:\n- one\n- two"


def test_a_problem_that_several_surfaces_have_is_named_once() -> None:
    unknown = "The release 'v9' is unknown: no tag has that name."
    assert (
        options.refusal([f"backend: {unknown}", f"frontend: {unknown}", "edge: no zone"], "in the way")
        == f"Nothing was changed. 2 in the way:\n- backend, frontend: {unknown}\n- edge: no zone"
    )
    assert (
        options.refusal([unknown, f"backend: {unknown}"], "in the way")
        == f"Nothing was changed. 1 in the way:\n- {unknown}"
    )
    assert (
        options.refusal(["surfaces: there is no surface x"], "to correct")
        == "Nothing was changed. 1 to correct:\n- surfaces: there is no surface x"
    )


def test_a_variable_of_the_command_line_that_nothing_reads_is_named() -> None:
    given = options.Given(
        "deploy", [], WHOLE, read=("mine",), commanded=("version", "mine", "release", "verify_passess", "ansible_user")
    )
    assert options.unread(given) == ["version"]


@pytest.mark.parametrize(
    ("watch", "text"),
    [
        ("10 min", "verify_watch must be a mapping"),
        ({"bake": 600}, "verify_watch.bake is 600, which has no unit"),
        ({"bake": "10 min", "inconclusve": "hold"}, "did you mean inconclusive"),
        ({"bake": "10 min", "inconclusive": "wait"}, "must be one of hold, extend, continue"),
        ({"bake": "10 min", "traffic": "many"}, "verify_watch.traffic must be a whole number"),
        ({"errors": "1 %"}, "verify_watch.bake is missing"),
    ],
)
def test_a_wrong_watch_is_refused(watch: Any, text: str) -> None:
    assert [problem for problem in wrong("deploy", {**WHOLE, "verify_watch": watch}) if text in problem]


def test_a_decision_about_a_watch_needs_its_reason() -> None:
    watch = {**WHOLE, "verify_watch": {"bake": "10 min"}}
    assert wrong("watch", {**watch, "decide": "continue", "decide_reason": "seen by hand"}) == []
    assert "decide_reason is missing" in " ".join(wrong("watch", {**watch, "decide": "continue"}))
    assert "decide is missing" in " ".join(wrong("watch", {**watch, "decide_reason": "seen by hand"}))


def test_a_storefront_of_a_dress_rehearsal_needs_the_inventory_of_it() -> None:
    values = {**WHOLE, "dress_rehearsal_storefront": "shop"}
    assert "dress_rehearsal is missing" in " ".join(wrong("deploy", values))
    assert wrong("deploy", {**values, "dress_rehearsal": "staging"}) == []
    assert "dress_rehearsal" in " ".join(wrong("deploy", {**WHOLE, "dress_rehearsal": {"inventory": "staging"}}))
