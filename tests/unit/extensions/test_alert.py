# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter that reads alerts of Sentry and Alertmanager, and the rulebook that answers them."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml
from ansible_collections.storefront.runbook.extensions.eda.plugins.event_filter.alert import main

from conftest import ROOT

KNOWN = {"shop-frontend": "shop", "production": "shop", "7": "shop"}


def alertmanager(status: str = "firing", **labels: str) -> dict[str, Any]:
    alert = {"status": status, "labels": {"alertname": "Errors", "severity": "critical", **labels}}
    more = {"annotations": {"summary": "5 % of the requests fail"}, "generatorURL": "https://prom.example/graph?g0=1"}
    return {"payload": {"version": "4", "status": status, "alerts": [{**alert, **more}]}}


def sentry(action: str = "critical", **metric: Any) -> dict[str, Any]:
    data = {"metric_alert": {"projects": ["shop-frontend"], **metric}, "description_title": "Crash free rate"}
    return {"payload": {"action": action, "data": {**data, "web_url": "https://sentry.example/1"}}}


def test_an_alert_of_alertmanager_names_its_storefront() -> None:
    event = main(alertmanager(environment="production"), KNOWN)
    assert event["alert"] == {
        **{"source": "Alertmanager", "storefront": "shop", "name": "5  of the requests fail", "severity": "critical"},
        **{"url": "https://prom.example/graph?g0=1", "firing": True, "why": ""},
    }
    assert event["meta"]["hosts"] == "shop"


@pytest.mark.parametrize(
    "event",
    [
        sentry(),
        sentry("warning"),
        {"payload": {"action": "triggered", "data": {"event": {"project": 7, "level": "error", "title": "x"}}}},
        {"payload": {"action": "created", "data": {"issue": {"project": {"slug": "shop-frontend"}, "title": "x"}}}},
        {"payload": {"action": "triggered", "data": {"event": {"tags": [["environment", "production"]]}}}},
    ],
)
def test_an_alert_of_sentry_names_its_storefront(event: dict[str, Any]) -> None:
    found = main(event, KNOWN)["alert"]
    assert (found["source"], found["storefront"], found["firing"]) == ("Sentry", "shop", True)


@pytest.mark.parametrize(
    "event",
    [
        alertmanager("resolved", environment="production"),
        sentry("resolved"),
        alertmanager(environment="all"),
        alertmanager(storefront="shop:&other"),
        sentry(projects=["elsewhere"]),
        sentry(projects="shop-frontend"),
        {"payload": {"alerts": ["x"]}},
        {"payload": {"alerts": []}},
        {"payload": {"action": "critical", "data": {"metric_alert": None, "event": 5, "issue": []}}},
        {"payload": "text"},
        {},
    ],
)
def test_what_is_over_or_of_no_known_storefront_is_no_alert(event: dict[str, Any]) -> None:
    found = main(event, KNOWN)
    assert not found["alert"]["firing"]
    assert found["alert"]["storefront"] in ("", "shop")


def test_the_storefronts_may_be_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALERTS_STOREFRONTS", "production=shop, 7 = other,")
    assert main(alertmanager(environment="production"))["alert"]["storefront"] == "shop"
    assert main(alertmanager(storefront="7"))["alert"]["storefront"] == "other"
    monkeypatch.setenv("ALERTS_STOREFRONTS", "production")
    with pytest.raises(ValueError, match="name=host"):
        main(sentry())


def test_text_of_an_alert_cannot_be_a_template() -> None:
    event = alertmanager(environment="production", severity="{{ lookup('pipe', 'id') }}")
    event["payload"]["alerts"][0]["annotations"]["summary"] = "{% raw %}{{ x }}\n" + "y" * 500
    found = main(event, KNOWN)["alert"]
    assert not set("{}%#\n") & set(found["name"] + found["severity"])
    assert len(found["name"]) <= 200


RULEBOOK = (ROOT / "extensions/eda/rulebooks/alerts.yml").read_text()
(RULESET,) = yaml.safe_load(RULEBOOK)
# The keys that ansible-rulebook 1.3 knows, of those that a rulebook of ours may need. It needs Java to say so itself.
KEYS = {
    "ruleset": {"name", "hosts", "sources", "rules", "gather_facts"},
    "source": {"name", "filters", "eda.builtin.webhook"},
    "webhook": {
        "host",
        "port",
        "token",
        "hmac_secret",
        "hmac_algo",
        "hmac_header",
        "hmac_format",
        "certfile",
        "keyfile",
    },
    "rule": {"name", "condition", "actions", "throttle", "enabled"},
    "throttle": {"once_within", "group_by_attributes"},
    "run_playbook": {"name", "extra_vars", "retries", "delay", "verbosity", "set_facts"},
}


def test_the_rulebook_diagnoses_first_and_names_the_alert_to_the_rollback() -> None:
    (rule,) = RULESET["rules"]
    runs = [action["run_playbook"] for action in rule["actions"]]
    assert [run["name"] for run in runs] == ["storefront.runbook.diagnose", "storefront.runbook.rollback"]
    assert runs[1]["extra_vars"]["alert"]
    assert rule["throttle"]["group_by_attributes"] == ["event.alert.storefront"]
    assert all({"token", "hmac_secret"} & source["eda.builtin.webhook"].keys() for source in RULESET["sources"])


def test_the_rulebook_has_only_keys_that_ansible_rulebook_knows() -> None:
    used: dict[str, list[dict[str, Any]]] = {
        "ruleset": [RULESET],
        "source": RULESET["sources"],
        "rule": RULESET["rules"],
    }
    used["webhook"] = [source["eda.builtin.webhook"] for source in used["source"]]
    used["throttle"] = [rule["throttle"] for rule in used["rule"]]
    actions = [action for rule in used["rule"] for action in rule["actions"]]
    assert all(list(action) == ["run_playbook"] for action in actions)
    used["run_playbook"] = [action["run_playbook"] for action in actions]
    for part, parts in used.items():
        for one in parts:
            assert one.keys() <= KEYS[part], part
    for throttle in used["throttle"]:
        assert throttle.keys() == KEYS["throttle"], "once_within needs group_by_attributes"
        assert re.fullmatch(r"\d+ (seconds?|minutes?|hours?|days?)", throttle["once_within"])


def test_the_conditions_and_variables_of_the_rulebook_are_what_the_filter_gives() -> None:
    given = main(alertmanager(environment="production"), KNOWN)["alert"]
    read = set(re.findall(r"event\.alert\.(\w+)", RULEBOOK))
    assert read
    assert read <= given.keys()
    comparison = r"event(\.\w+)+ == (true|false|\d+|\"[^\"]*\")"
    for rule in RULESET["rules"]:
        assert re.fullmatch(rf"{comparison}( (and|or) {comparison})*", rule["condition"])


def test_the_playbooks_of_the_rulebook_exist_and_have_the_variables_that_they_get() -> None:
    for action in RULESET["rules"][0]["actions"]:
        run = action["run_playbook"]
        name = run["name"].removeprefix("storefront.runbook.")
        assert (ROOT / f"playbooks/{name}.yml").exists()
        specs = yaml.safe_load((ROOT / f"playbooks/{name}.meta.yml").read_text())["argument_specs"]
        options = specs["run"]["options"]
        assert run.get("extra_vars", {}).keys() <= options.keys(), name
        plays = yaml.safe_load((ROOT / f"playbooks/{name}.yml").read_text())
        assert RULESET["hosts"] in [play.get("hosts") for play in plays]
    for source in RULESET["sources"]:
        for one in source["filters"]:
            (filtering,) = one
            filtering = filtering.removeprefix("storefront.runbook.")
            assert (ROOT / f"extensions/eda/plugins/event_filter/{filtering}.py").exists()


def test_a_variable_of_the_rulebook_has_a_default_or_is_explained() -> None:
    explained = (ROOT / "extensions/eda/README.md").read_text()
    for name, rest in re.findall(r"{{ (alerts_\w+)([^}]*)}}", RULEBOOK):
        assert "default(" in rest or f"{name}:" in explained, name
