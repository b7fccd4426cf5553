# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where plan and apply meet Ansible: check mode, diff, errors, secrets, the lease."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.core import module as core
from ansible_collections.storefront.runbook.plugins.module_utils.core import options
from ansible_collections.storefront.runbook.plugins.module_utils.core.errors import ApiError, LeaseHeld, LeaseLost
from ansible_collections.storefront.runbook.plugins.module_utils.core.plan import Plan
from ansible_collections.storefront.runbook.plugins.module_utils.core.redact import secrets_of_url

from tests.unit.support import run_module

SPEC = {"colour": {"type": "str", "default": "green"}, "token": {"type": "str", "no_log": True}, "url": {"type": "str"}}


class Shop:
    """A vendor with one thing to set. ``calls`` has what happened, in order."""

    def __init__(self, colour: str = "blue") -> None:
        self.colour = colour
        self.calls: list[str] = []

    def build_client(self, params: dict[str, Any], runtime: core.Runtime) -> Shop:
        self.runtime = runtime
        self.calls.append("build")
        return self

    def plan(self, params: dict[str, Any], client: Any) -> Plan:
        self.calls.append("plan")
        result = {"deployment": {"id": None}, "said": f"token {params['token']}"}
        return Plan(
            {"colour": self.colour, "size": None},
            {"colour": params["colour"], "size": None},
            todo={"colour": params["colour"]},
            result=result,
        )

    def apply(self, plan: Plan, client: Any) -> dict[str, Any]:
        self.calls.append("apply")
        self.colour = plan.todo["colour"]
        return {"deployment": {"id": "dpl_1"}}

    def guard(self, params: dict[str, Any]) -> Shop:
        self.calls.append("guard")
        return self

    def heartbeat(self) -> None:
        self.calls.append("heartbeat")

    def before_write(self, seconds: float) -> float:
        return seconds

    def note(self, text: str) -> None:
        self.calls.append(f"note {text}")

    def close(self) -> None:
        self.calls.append("close")

    def run(
        self,
        *,
        check: bool = False,
        plan: Callable[..., Plan] | None = None,
        params: dict[str, Any] | None = None,
        **options: Any,
    ) -> dict[str, Any]:
        module = ModuleType("toy")
        given = {"guard": self.guard, **options}
        steps = (self.build_client, plan or self.plan, self.apply)
        module.main = lambda: core.run(SPEC, *steps, **given)  # type: ignore[attr-defined]
        return run_module(module, params or {}, check=check)


@pytest.fixture
def shop() -> Shop:
    return Shop()


def test_a_change_is_applied_after_the_lease_was_renewed(shop: Shop) -> None:
    result = shop.run()
    assert shop.calls == ["guard", "build", "plan", "heartbeat", "apply", "close"]
    assert (result["changed"], result["deployment"], result["failed"]) == (True, {"id": "dpl_1"}, False)
    assert result["elapsed"] >= 0


def test_the_second_run_changes_nothing(shop: Shop) -> None:
    shop.run()
    shop.calls.clear()
    assert shop.run()["changed"] is False
    assert shop.calls == ["guard", "build", "plan", "close"]


def test_check_mode_predicts_and_neither_applies_nor_touches_the_lease(shop: Shop) -> None:
    result = shop.run(check=True)
    assert shop.calls == ["build", "plan", "close"]
    assert shop.runtime.check_mode
    assert (result["changed"], result["deployment"], shop.colour) == (True, {"id": None}, "blue")


def test_the_diff_shows_what_plan_gave_and_no_unset_field(shop: Shop) -> None:
    assert shop.run(check=True)["diff"] == {"before": {"colour": "blue"}, "after": {"colour": "green"}}


def test_a_diff_may_be_text(shop: Shop) -> None:
    result = shop.run(plan=lambda params, client: Plan("a\n", "b\n", todo={"colour": "x"}))
    assert result["diff"] == {"before": "a\n", "after": "b\n"}


def test_what_does_not_exist_yet_is_skipped_with_the_reason(shop: Shop) -> None:
    result = shop.run(check=True, plan=lambda params, client: Plan({}, {}, skipped="there is no deployment yet"))
    assert (result["skipped"], result["skip_reason"], result["changed"]) == (True, "there is no deployment yet", False)


def test_an_error_becomes_a_failed_task_with_its_details_and_what_was_found_out(shop: Shop) -> None:
    def plan(params: dict[str, Any], client: Any) -> Plan:
        error = ApiError("Acme said no. Ask again.", code="no", status=409, request_id=None, retryable=False)
        error.result = {"previous": {"id": "dpl_0"}}
        raise error

    result = shop.run(plan=plan)
    assert (result["failed"], result["msg"], result["previous"]) == (True, "Acme said no. Ask again.", {"id": "dpl_0"})
    assert result["error"] == {
        "kind": "api",
        "message": "Acme said no. Ask again.",
        "code": "no",
        "status": 409,
        "retryable": False,
    }
    assert shop.calls[-1] == "close"


def test_a_lease_that_another_holds_stops_it_before_anything_is_read(shop: Shop) -> None:
    def guard(params: dict[str, Any]) -> Shop:
        raise LeaseHeld("held by alice")

    assert shop.run(guard=guard)["error"]["kind"] == "lease_held"
    assert shop.calls == []


def test_a_lease_lost_after_the_plan_stops_the_write(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    def heartbeat() -> None:
        raise LeaseLost("taken over")

    monkeypatch.setattr(shop, "heartbeat", heartbeat)
    assert shop.run()["error"]["kind"] == "lease_lost"
    assert (shop.colour, shop.calls) == ("blue", ["guard", "build", "plan", "close"])


def test_a_missing_library_is_named_before_anything_is_read(shop: Shop) -> None:
    result = shop.run(libraries={"requests": None, "psycopg2": "No module named 'psycopg2'"})
    assert result["failed"]
    assert "psycopg2" in result["msg"]
    assert shop.calls == []


def test_an_option_that_ansible_refuses_is_an_error_like_any_other(shop: Shop) -> None:
    refused = shop.run(params={"colours": "red"})
    assert refused["failed"]
    assert "Unsupported parameters" in refused["msg"]
    assert refused["error"] == {"kind": "config", "code": "bad_options", "message": refused["msg"]}


def test_secrets_are_masked_in_results_failures_and_warnings(shop: Shop) -> None:
    params = {"token": "s3cret-token", "url": "postgresql://shop:hunter2%21@db.example/shop"}

    def plan(params: dict[str, Any], client: Any) -> Plan:
        shop.runtime.warn("beware of s3cret-token and hunter2!")
        raise ApiError("hunter2%21 is not hunter2!, nor s3cret-token", code="x")

    failed = shop.run(params=params, plan=plan, secrets=lambda params: secrets_of_url(params["url"]))
    passed = shop.run(params=params, secrets=lambda params: secrets_of_url(params["url"]))
    assert failed["warnings"] == ["beware of ******** and ********"]
    assert passed["said"] == "token ********"
    for secret in ("s3cret-token", "hunter2"):
        assert secret not in repr(failed)
        assert secret not in repr(passed)


def test_how_far_a_long_work_is_goes_to_the_system_log_and_to_the_lease_without_secrets(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    logged: list[str] = []
    monkeypatch.setattr(core.AnsibleModule, "log", lambda _self, text, **_: logged.append(text))

    def plan(params: dict[str, Any], client: Any) -> Plan:
        client.runtime.note("half of it, with hunter22")
        return shop.plan(params, client)

    shop.run(plan=plan, params={"token": "hunter22"})
    assert "half of it, with ********" in logged
    assert "note half of it, with ********" in shop.calls
    assert not shop.run(plan=plan, check=True)["failed"]  # where no lease is held


SECRET = "s3cret-token"


def crash(*_args: Any) -> Any:
    raise KeyError(f"{SECRET} in the text of an exception")


CRASHES: dict[str, dict[str, Any]] = {
    "build_client": {"build_client": crash},
    "guard": {"guard": crash},
    "secrets": {"secrets": crash},
    "plan": {"plan": crash},
    "apply": {"apply": crash},
    "close": {"close": crash},
    "warn": {"plan": lambda self, params, client: client.runtime.warn(7)},
    "a result that is not JSON": {"plan": lambda self, params, client: Plan({}, {}, result={"odd": object})},
    "a result that is no plan": {"plan": lambda self, params, client: None},
    "recursion": {"plan": lambda self, params, client: self.plan(self, params, client)},
}


@pytest.mark.parametrize("where", CRASHES)
def test_what_nobody_foresaw_is_an_error_of_its_own_kind_without_secrets(
    shop: Shop, where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    how = dict(CRASHES[where])
    for name in ("plan", "apply", "build_client", "close"):
        if name in how:
            monkeypatch.setattr(Shop, name, how.pop(name))
    result = shop.run(params={"token": SECRET, "url": f"https://u:{SECRET}@host"}, **how)
    assert result["failed"]
    assert result["error"]["kind"] == "internal"
    assert "plugins/module_utils/core/" in result["error"]["place"]
    assert "report this line" in result["msg"]
    assert SECRET not in repr(result)


def test_after_the_work_was_done_an_error_of_closing_leaves_it_done(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Shop, "close", crash)
    result = shop.run()
    assert (result["error"]["kind"], result["changed"], result["deployment"]) == ("internal", True, {"id": "dpl_1"})


def test_closing_never_hides_the_first_error(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    def plan(*_args: Any) -> Plan:
        raise ApiError("Acme said no.")

    monkeypatch.setattr(Shop, "close", crash)
    assert shop.run(plan=plan)["msg"] == "Acme said no."


def test_while_one_thread_renews_the_lease_another_one_does_not(shop: Shop) -> None:
    renewed: list[int] = []

    def heartbeat() -> None:
        renewed.append(1)
        renew()  # as another thread would meanwhile

    renew = core._one_at_a_time(heartbeat)
    renew()
    renew()
    assert len(renewed) == 2


def test_the_token_may_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[str, Any] = {}
    module = ModuleType("toy")
    spec = options.api_options("https://api.acme.example", "ACME_TOKEN", "ACME_OLD_TOKEN")

    def plan(params: dict[str, Any], client: Any) -> Plan:
        seen.update(params)
        return Plan({}, {})

    module.main = lambda: core.run(spec, lambda params, runtime: None, plan, lambda plan, client: None)  # type: ignore[attr-defined]
    monkeypatch.delenv("ACME_TOKEN", raising=False)
    monkeypatch.delenv("ACME_OLD_TOKEN", raising=False)
    missing = run_module(module, {})
    assert missing["failed"]
    assert "api_token" in missing["msg"]
    monkeypatch.setenv("ACME_OLD_TOKEN", "from-environment")
    assert not run_module(module, {})["failed"]
    assert (seen["api_token"], seen["api_url"]) == ("from-environment", "https://api.acme.example")
