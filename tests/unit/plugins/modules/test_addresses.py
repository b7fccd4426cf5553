# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each option of each module that holds an address: its password is shown nowhere, and no secret leaves
this machine in plain text.
"""

from __future__ import annotations

import json
import pkgutil
import re
from collections.abc import Iterator, Mapping
from importlib import import_module
from types import ModuleType
from typing import Any

import pytest
from ansible_collections.storefront.runbook.plugins import modules
from ansible_collections.storefront.runbook.plugins.modules import (
    edge_check,
    github_checks,
    health_check,
    pg_backup_info,
    release_info,
    slack_message,
    storefront_diagnosis,
    storefront_logs,
    storefront_releases,
    storefront_status,
)

from tests.unit.plugins.modules.test_wrong_answers import SCENARIOS
from tests.unit.support import FakeVendor, reply, run_module

SECRET = "hunter2-p@ss/word"
WRITTEN = "hunter2-p%40ss%2Fword"

# What becomes of each: "api" and "store" hold no credentials and are HTTPS; of "webhook" all is secret; "database" is
# secret as a whole; "probe" may hold a password, which is masked, and sends secrets over HTTPS; "shown" is published,
# so a password in it is masked and nothing is sent to it.
TREATMENTS = {
    "api_url": "api",
    **dict.fromkeys(("store_endpoint_url", "source.store_endpoint_url"), "store"),
    **dict.fromkeys(("webhook_url", "slack.webhook_url"), "webhook"),
    **dict.fromkeys(
        ("database_url", "direct_url", "target_url", "scratch_url", "staging_url", "staging_direct_url"), "database"
    ),
    **dict.fromkeys(("checks.url", "sites.url", "sites.old_url", "base_url", "cors_url", "rate_limit_url"), "probe"),
    **dict.fromkeys(
        (
            *(
                "redis_info:url",
                "redis_flush:url",
                "redis_login_user:url",
                "redis.url",
                "database.url",
                "database.direct_url",
            ),
            "source.database_url",
        ),
        "database",
    ),
    **dict.fromkeys(("frontend.url", "backend.url", "lighthouse_audit:url"), "probe"),
    # a page reports the others when one system's address is wrong
    **dict.fromkeys(
        ("frontend.api_url", "backend.api_url", "edge.api_url", "sentry.api_url", "slack.api_url"), "api of a page"
    ),
    **dict.fromkeys(
        (
            "operations_project:frontend_api_url",
            "operations_project:backend_api_url",
            "operations_project:edge_api_url",
        ),
        "api",
    ),
    # refused where they hold a user or a password: test_journeys.py of the integration tests
    **dict.fromkeys(("page_check:url", "performance_check:targets.url"), "refused"),
    **dict.fromkeys(
        (
            "log_url",
            "environment_url",
            "sentry_release:url",
            "changed.base_urls",
            "changed.routes.urls",
            "deploy.url",
            "maintenance_uri",
            "cf_maintenance:urls",
            "cf_maintenance:api_urls",
        ),
        "shown",
    ),
}


def every_module() -> Iterator[tuple[str, ModuleType]]:
    for found in pkgutil.iter_modules(modules.__path__):
        module = import_module(f"{modules.__name__}.{found.name}")
        if hasattr(module, "main"):  # an action has only its documentation there
            yield found.name, module


def options(spec: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Mapping[str, Any]]]:
    for name, option in spec.items():
        yield f"{above}{name}", option
        yield from options(option.get("options") or {}, f"{above}{name}.")


ADDRESSES = [
    (module, name, option)
    for module, code in every_module()
    for name, option in options(code.argument_spec())
    if re.search(r"(^|[._])(url|uri|endpoint|dsn|webhook)s?($|_)", name)
]


@pytest.mark.parametrize(
    ("module", "name", "option"), ADDRESSES, ids=[f"{module}: {name}" for module, name, _option in ADDRESSES]
)
def test_each_url_option_is_covered(module: str, name: str, option: dict[str, Any]) -> None:
    treatment = TREATMENTS.get(f"{module}:{name}") or TREATMENTS.get(name)
    assert treatment, (
        f"{module} has the option {name}, which holds an address: say in TREATMENTS how its secrets are treated, and"
        " test it."
    )
    if treatment in ("database", "webhook"):
        assert option.get("no_log") is True
    if treatment in ("api", "store", "webhook"):
        spec = import_module(f"{modules.__name__}.{module}").argument_spec()
        assert spec["allow_plain_http"] == {"type": "bool", "default": False}


APIS = {
    module.__name__.rpartition(".")[2]: (module, params)
    for module, _build, params in SCENARIOS.values()
    if "webhook_url" not in params
}
APIS["github_checks"] = (github_checks, {"api_token": "gh-token", "repository": "acme/shop", "commit": "a" * 40})


def asked(module: ModuleType, params: dict[str, Any]) -> tuple[dict[str, Any], FakeVendor]:
    vendor = FakeVendor(lambda _request: reply(401, {"message": "no"}))
    with vendor.installed():
        return run_module(module, params), vendor


@pytest.mark.parametrize("name", sorted({module for module, option, _spec in ADDRESSES if option == "api_url"}))
@pytest.mark.parametrize(
    "address",
    [
        f"https://u:{WRITTEN}@api.test",
        f"https://{WRITTEN}@api.test",
        f"u:{WRITTEN}@api.test",
        f"http://u:{WRITTEN}@[::1",
    ],
)
def test_an_api_url_with_credentials_is_refused_and_not_shown(name: str, address: str) -> None:
    module, params = APIS[name]
    result, vendor = asked(module, {**params, "api_url": address})
    assert (result["error"]["kind"], vendor.requests) == ("config", [])
    assert "[::1" in address or result["error"]["code"] == "credentials_in_url"
    shown = json.dumps(result)
    assert SECRET not in shown
    assert WRITTEN not in shown


@pytest.mark.parametrize("name", sorted(APIS))
def test_no_token_goes_to_another_machine_over_plain_http(name: str) -> None:
    module, params = APIS[name]
    result, vendor = asked(module, {**params, "api_url": "http://api.test"})
    assert (result["error"]["code"], vendor.requests) == ("plain_http", [])
    assert "allow_plain_http" in result["msg"]
    result, vendor = asked(module, {**params, "api_url": "http://api.test", "allow_plain_http": True})
    assert vendor.requests
    result, vendor = asked(module, {**params, "api_url": "http://127.0.0.3:8080"})
    assert vendor.requests


PAGES = (storefront_diagnosis, storefront_logs, storefront_releases, storefront_status)
NOWHERE = f"u:{WRITTEN}@127.0.0.1:1"


@pytest.mark.parametrize("module", PAGES, ids=lambda module: module.__name__.rpartition(".")[2])
def test_a_page_shows_no_password_of_an_address(module: ModuleType) -> None:
    api = {"api_token": "token", "api_url": f"https://{NOWHERE}"}
    systems: dict[str, dict[str, Any]] = {
        "frontend": {**api, "project": "prj_1", "url": f"https://{NOWHERE}"},
        "backend": {**api, "platform": "railway", "project": "p", "environment": "e", "url": f"https://{NOWHERE}"},
        "database": {"url": f"postgresql://{NOWHERE}/shop", "direct_url": f"postgresql://{NOWHERE}/shop"},
        "redis": {"url": f"redis://{NOWHERE}/0"},
        "edge": {**api, "zone": "z"},
        "sentry": {**api, "organization": "acme", "environment": "production", "projects": ["api"]},
    }
    systems["backend"]["units"] = [{"name": "api", "service": "s"}]
    shown = json.dumps(run_module(module, {"storefront": "shop", **systems}))
    assert "verdict" in shown
    assert SECRET not in shown
    assert WRITTEN not in shown


@pytest.mark.parametrize("module", [release_info, pg_backup_info])
@pytest.mark.parametrize(
    ("endpoint", "code"),
    [
        (f"https://u:{WRITTEN}@s3.test", "credentials_in_url"),
        ("http://s3.test", "plain_http"),
        ("http://localhost.test:9000", "plain_http"),
        ("HTTP://127.0.0.1.test", "plain_http"),
    ],
)
def test_the_store_is_asked_over_https_and_without_credentials_in_its_address(
    module: ModuleType, endpoint: str, code: str
) -> None:
    result = run_module(
        module,
        {
            "store": "s3://bucket/shop",
            "store_endpoint_url": endpoint,
            "store_access_key": "a" * 20,
            "store_secret_key": "s" * 40,
        },
    )
    assert result["error"]["code"] == code
    assert WRITTEN not in json.dumps(result)


def test_the_endpoint_in_botocores_environment_variable_is_checked_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://s3.test")
    result = run_module(release_info, {"store": "s3://bucket/shop"})
    assert result["error"]["code"] == "plain_http"
    assert "AWS_ENDPOINT_URL" in result["msg"]


def test_a_webhook_holds_no_password_and_is_https() -> None:
    result, vendor = asked(
        slack_message, {"text": "new", "webhook_url": f"https://u:{WRITTEN}@hooks.test/services/T/B/x"}
    )
    assert (result["error"]["code"], vendor.requests) == ("credentials_in_url", [])
    assert WRITTEN not in json.dumps(result)
    result, vendor = asked(slack_message, {"text": "new", "webhook_url": "http://hooks.test/services/T/B/secretsecret"})
    assert (result["error"]["code"], vendor.requests) == ("plain_http", [])
    assert "secretsecret" not in json.dumps(result)


@pytest.mark.parametrize(
    ("params", "check"),
    [
        ({"headers": {"x-waf": "token-4711-secret"}}, {}),
        ({}, {"secret_headers": {"x-waf": "token-4711-secret"}}),
        ({}, {"url": f"http://u:{WRITTEN}@shop.test/"}),
    ],
)
def test_a_probe_sends_no_secret_over_plain_http(params: dict[str, Any], check: dict[str, Any]) -> None:
    probe = {"wait_timeout": 0, "checks": [{"name": "home", "url": "http://shop.test/", **check}], **params}
    result, vendor = asked(health_check, probe)
    assert (result["error"]["code"], vendor.requests) == ("plain_http", [])
    assert WRITTEN not in json.dumps(result)
    assert "4711" not in json.dumps(result)
    _result, vendor = asked(health_check, {**probe, "allow_plain_http": True})
    assert vendor.requests


@pytest.mark.parametrize(
    "address", [f"http://u:{WRITTEN}@shop.test/", f"u:{WRITTEN}@shop.test", f"https://u:{WRITTEN}@shop.test:port/"]
)
@pytest.mark.parametrize("option", ["cors_url", "rate_limit_url", "hosts"])
def test_the_edge_is_asked_without_credentials_in_its_address(option: str, address: str) -> None:
    given = {"allowed_origins": ["https://shop.test"], option: [address] if option == "hosts" else address}
    result, vendor = asked(edge_check, {**given, "ca_file": "/dev/null"})
    assert vendor.requests == []
    assert result["failed"]
    assert WRITTEN not in json.dumps(result)
    assert SECRET not in json.dumps(result)


def test_the_edge_gets_no_secret_header_over_plain_http() -> None:
    edge = {
        "cors_url": "http://shop.test/",
        "allowed_origins": ["https://shop.test"],
        "headers": {"x-waf": "token-4711-secret"},
    }
    result, vendor = asked(edge_check, edge)
    assert (result["answers"][0]["outcome"], vendor.requests) == ("could_not_be_asked", [])
    assert "4711" not in json.dumps(result)
    _result, vendor = asked(edge_check, {**edge, "allow_plain_http": True})
    assert vendor.requests


def test_a_probe_without_a_secret_may_use_plain_http() -> None:
    _result, vendor = asked(health_check, {"wait_timeout": 0, "checks": [{"name": "home", "url": "http://shop.test/"}]})
    assert vendor.requests


@pytest.mark.parametrize("name", ["log_url", "environment_url"])
def test_the_password_of_an_address_that_is_published_is_masked(name: str) -> None:
    module, params = APIS["github_deployment"]
    result, _vendor = asked(module, {**params, name: f"https://u:{WRITTEN}@ci.test/job?access_token=tok-4711-secret"})
    for secret in (WRITTEN, SECRET, "tok-4711-secret"):
        assert secret not in json.dumps(result)


def test_the_password_of_a_proxy_is_masked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", f"http://u:{WRITTEN}@proxy.test:3128")
    module, params = APIS["render_info"]
    vendor = FakeVendor(lambda _request: reply(403, {"message": f"the proxy u:{SECRET} is not known"}))
    with vendor.installed():
        result = run_module(module, params)
    assert result["failed"]
    assert SECRET not in json.dumps(result)
