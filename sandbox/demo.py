# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The demonstration behind `make demo`: two releases are deployed, a broken third one is rolled back automatically."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import requests

from . import customer, lifecycle
from .state import CHECKOUT
from .storefront import Sandbox

NAME = os.environ.get("SANDBOX_NAME", "demo")
BACKEND = os.environ.get("BACKEND") or "railway"


class NotSeenError(Exception):
    """The demonstration did not observe what it promises."""


@dataclass
class Demo:
    """Runs the steps and prints a table of their outcomes."""

    rows: list[tuple[str, str, float]] = field(default_factory=list)

    def step(self, title: str, do: Callable[[], str]) -> None:
        print(f"\n=== {title}", flush=True)
        began = time.monotonic()
        try:
            outcome = do()
        except BaseException as error:
            self.rows.append(
                (
                    title,
                    f"FAILED: {str(error).splitlines()[0] if str(error) else type(error).__name__}",
                    time.monotonic() - began,
                )
            )
            raise
        self.rows.append((title, outcome, time.monotonic() - began))
        print(f"--- {outcome}", flush=True)

    def table(self) -> str:
        wide = max(len(title) for title, *_rest in self.rows)
        broad = max(len(outcome) for _title, outcome, _seconds in self.rows)
        lines = [f"{'step':{wide}}  {'outcome':{broad}}  seconds", f"{'-' * wide}  {'-' * broad}  -------"]
        lines += [f"{title:{wide}}  {outcome:{broad}}  {seconds:7.1f}" for title, outcome, seconds in self.rows]
        return "\n".join(lines)


def main() -> int:
    demo = Demo()
    try:
        show(demo)
    except (Exception, KeyboardInterrupt) as error:
        print(f"\ndemo: {error or type(error).__name__}", file=sys.stderr)
        failed = True
    else:
        failed = False
    if os.environ.get("KEEP"):
        leave()
    else:
        demo.step("stop the sandbox", stop)
    print(f"\n{demo.table()}")
    print("\nA promised outcome was not observed." if failed else "\nEvery step was observed.")
    return int(failed)


def show(demo: Demo) -> None:
    def begin() -> str:
        lifecycle.down(NAME, say=lambda line: None)
        lifecycle.up(NAME, backend=BACKEND)
        return "PostgreSQL, Redis, S3 and the platforms answer"

    demo.step("start the sandbox", begin)
    shop = Shop(Sandbox.load(NAME))
    demo.step("release v1.0.0", lambda: shop.release("v1.0.0"))
    demo.step("a customer registers and orders", shop.trade)
    demo.step("release v1.1.0 with a migration", lambda: shop.release("v1.1.0"))
    before = shop.rows()
    demo.step("try v1.2.0, whose backend is unhealthy", lambda: shop.refuse("v1.2.0"))
    demo.step("site and API answer as v1.1.0", lambda: shop.answers_as("v1.1.0"))
    demo.step("no row is lost", lambda: shop.still_has(before))
    demo.step("the ledger lists all three", shop.ledger)


def stop() -> str:
    lifecycle.down(NAME)
    running = lifecycle.status(NAME)
    if running:
        raise NotSeenError(f"still running: {running}")
    return "nothing is left running"


def leave() -> None:
    shop = Sandbox.load(NAME).storefront()
    print(
        f"\nKEEP is set, so the sandbox stays up.\n  open the shop      {shop['frontend_url']}  (its API:"
        f" {shop['backend_url']}/health)\n  deploy to it       SANDBOX_NAME={NAME} .venv/bin/ansible-playbook"
        " playbooks/deploy.yml -i inventories/development -e release=v1.1.0\n  what runs          .venv/bin/python -m"
        f" sandbox status --name {NAME}\n  stop it            .venv/bin/python -m sandbox down --name {NAME}"
    )


class Shop:
    """The example shop as an operator and its customers use it."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.at = sandbox.storefront()

    def release(self, release: str) -> str:
        code = self._deploy(release)
        if code != 0:
            raise NotSeenError(f"the deploy of {release} ended with exit code {code}")
        return self.answers_as(release)

    def refuse(self, release: str) -> str:
        code = self._deploy(release)
        if code != 2:
            raise NotSeenError(f"the deploy of {release} ended with exit code {code}, not with 2")
        return "rolled back automatically; the play's exit code is 2"

    def answers_as(self, release: str) -> str:
        page = requests.get(f"{self.at['frontend_url']}/", timeout=10)
        health = requests.get(f"{self.at['backend_url']}/health", timeout=10)
        if page.status_code != 200 or f'content="{release}"' not in page.text:
            raise NotSeenError(f"the public site does not answer as {release}: {page.status_code}")
        if health.status_code != 200 or health.json().get("release") != release:
            raise NotSeenError(f"the public API does not answer as {release}: {health.status_code} {health.text[:200]}")
        return f"the public site and API answer as {release}"

    def trade(self) -> str:
        customer.fill_shelves(self.at)
        customer.buy(self.at)
        return _counts(self.rows())

    def rows(self) -> dict[str, int]:
        return customer.rows(self.at)

    def still_has(self, before: dict[str, int]) -> str:
        now = self.rows()
        if now != before:
            raise NotSeenError(f"the tables held {_counts(before)}, now {_counts(now)}")
        return _counts(now)

    def ledger(self) -> str:
        url = self.at["store"].removeprefix("s3://")
        bucket, _unused, prefix = url.partition("/")
        s3 = self.sandbox.s3()
        keys = [
            entry["Key"] for entry in s3.list_objects_v2(Bucket=bucket, Prefix=f"{prefix}/ledger/").get("Contents", [])
        ]

        records: list[dict[str, Any]] = [
            json.loads(s3.get_object(Bucket=bucket, Key=key)["Body"].read()) for key in sorted(keys)
        ]
        outcomes = [f"{record['release']} {record['outcome']}" for record in records]
        if outcomes != ["v1.0.0 released", "v1.1.0 released", "v1.2.0 rolled_back"]:
            raise NotSeenError(f"the ledger says {outcomes}")
        return ", ".join(outcomes)

    def _deploy(self, release: str) -> int:
        command = [
            str(CHECKOUT / ".venv/bin/ansible-playbook"),
            "playbooks/deploy.yml",
            "-i",
            "inventories/development",
            "-e",
            f"release={release}",
        ]
        print("$ " + " ".join(["ansible-playbook", *command[1:]]), flush=True)
        return subprocess.run(command, cwd=CHECKOUT, env={**os.environ, "SANDBOX_NAME": NAME}, check=False).returncode


def _counts(rows: dict[str, int]) -> str:
    return ", ".join(f"{count} {table}" for table, count in rows.items())


if __name__ == "__main__":
    sys.exit(main())
