# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The modules that report a deploy, purge the cache and write to the store, on the way to each of their goals."""

from __future__ import annotations

from functools import partial
from typing import Any

import requests
from ansible_collections.storefront.runbook.plugins.modules import (
    cf_purge,
    deploy_lease,
    github_deployment,
    release_record,
    sentry_release,
    slack_message,
)

from tests.integration.faults.bench import Bench, done
from tests.integration.faults.table import Case
from tests.integration.faults.vercel import one_staged

REF = "0123456789abcdef0123456789abcdef01234567"
FACTS = {
    "release": "v1.0.0",
    "outcome": "released",
    "started_at": "2026-01-31T12:00:00Z",
    "finished_at": "2026-01-31T12:05:00Z",
}


def nothing(bench: Bench) -> None:
    """Leave it as it is when it is new."""


# The cache


def purge(bench: Bench, *, wait_timeout: float = 0, **params: Any) -> dict[str, Any]:
    return bench.run(cf_purge, "cloudflare", {"zone": f"{bench.name}.example", "everything": True, **params})


def page(bench: Bench) -> str | None:
    return requests.get(bench.state["frontend_url"], timeout=30).headers.get("cf-cache-status")


def cached(bench: Bench) -> None:
    page(bench)
    assert page(bench) == "HIT"


def in_cache(bench: Bench) -> dict[str, Any]:
    return {"cached": page(bench) == "HIT"}


# GitHub, Slack, Sentry


def github(bench: Bench, *, wait_timeout: float = 0, **params: Any) -> dict[str, Any]:
    wanted = {
        "repository": bench.state["github"]["repository"],
        "ref": REF,
        "payload": {"record": "1"},
        "state": "in_progress",
    }
    return bench.run(github_deployment, "github", {**wanted, **params})


def slack(bench: Bench, *, wait_timeout: float = 0, **params: Any) -> dict[str, Any]:
    return bench.run(
        slack_message, "slack", {"channel": bench.state["slack"]["channel"], "text": "Deploying v1.0.0", **params}
    )


def posted(bench: Bench) -> None:
    done(slack(bench))


def updated(bench: Bench, **how: Any) -> dict[str, Any]:
    (message,) = bench.kept()["slack"]["messages"]
    return slack(bench, ts=message["ts"], text="Released v1.0.0", **how)


def webhook(bench: Bench, *, wait_timeout: float = 0, timeout: float = 30) -> dict[str, Any]:
    return bench.run(
        slack_message,
        "",
        {"webhook_url": bench.state["slack"]["webhook"], "text": "Deploying v1.0.0", "timeout": timeout},
    )


def sentry(bench: Bench, *, wait_timeout: float = 0, **params: Any) -> dict[str, Any]:
    place = {
        "organization": bench.state["sentry"]["organization"],
        "projects": [bench.state["sentry"]["project"]],
        "version": "v1.0.0",
    }
    return bench.run(sentry_release, "sentry", {**place, "commits": [{"id": REF}], **params})


def known(bench: Bench) -> None:
    done(sentry(bench))


# The store


def lease(bench: Bench, *, wait_timeout: float = 0, timeout: float = 0, **params: Any) -> dict[str, Any]:
    return bench.run(deploy_lease, "objects", {"state": "held", "holder": "anna@host", "release": "v1.1.0", **params})


def held(bench: Bench) -> None:
    bench.token = done(lease(bench))["token"]


def with_token(bench: Bench, **params: Any) -> dict[str, Any]:
    return lease(bench, token=bench.token, **params)


def record(bench: Bench, *, wait_timeout: float = 0, timeout: float = 0) -> dict[str, Any]:
    return bench.run(release_record, "objects", {"storefront": bench.name, **FACTS})


CASES = [
    Case(
        "cf_purge",
        "purged",
        "cloudflare",
        ("purge",),
        one_staged,
        purge,
        repeats=True,
        prepare=cached,
        inspect=in_cache,
    ),
    Case(
        "github_deployment",
        "made with a status",
        "github",
        ("create_deployment", "create_deployment_status"),
        nothing,
        github,
    ),
    Case("slack_message", "posted", "slack", ("post_message",), nothing, slack, repeats=True, twice=True),
    Case("slack_message", "posted by a webhook", "slack", ("webhook",), nothing, webhook, repeats=True, twice=True),
    Case("slack_message", "updated", "slack", ("update_message",), posted, updated),
    Case(
        *("sentry_release", "made and deployed", "sentry", ("create_release", "create_deploy"), nothing),
        partial(sentry, deploy={"environment": "production"}),
    ),
    Case(
        "sentry_release",
        "changed",
        "sentry",
        ("update_release",),
        known,
        partial(sentry, released_at="2026-01-31T12:00:00Z"),
    ),
    Case("deploy_lease", "taken", "objects", ("put_other", "delete_other", "put_lease"), nothing, lease, repeats=True),
    Case(
        "deploy_lease",
        "renewed with a journal",
        "objects",
        ("put_lease",),
        nothing,
        partial(with_token, journal={"step": "one"}),
        prepare=held,
    ),
    Case(
        "deploy_lease",
        "given back",
        "objects",
        ("put_lease",),
        nothing,
        partial(with_token, state="released"),
        prepare=held,
    ),
    Case("release_record", "written", "objects", ("put_ledger",), nothing, record),
]
