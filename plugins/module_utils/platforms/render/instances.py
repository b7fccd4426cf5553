# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Suspend and resume a service at Render, replace its instances, and count them."""

from __future__ import annotations

from collections.abc import Iterable

from ...core.amounts import number
from ...core.shape import EMPTY
from ...core.wait import Outcome
from .client import NOTHING, RECENT, Render
from .states import Deploy, is_suspended, live


def suspend(client: Render) -> None:
    client.ask(
        lambda: client.api.json("POST", f"{client.path}/suspend", shape=NOTHING), lambda: is_suspended(client.refresh())
    )


def resume(client: Render) -> Deploy | None:
    """Resume the service; return the deploy that Render creates for that, or the live one where it creates none."""
    known = {deploy.id for deploy in client.deploys(RECENT)}

    def resumed() -> bool:
        return not is_suspended(client.refresh())

    client.ask(lambda: client.api.json("POST", f"{client.path}/resume", shape=NOTHING), resumed)
    client.waiter.wait_for(
        resumed,
        lambda done: (Outcome.READY if done else Outcome.PENDING, "suspended"),
        what=f"The service {client.name}",
        check_next="it in Render's dashboard",
    )
    return client.seek(lambda: next((d for d in client.deploys(RECENT) if d.id not in known), None)) or live(
        client.deploys(RECENT)
    )


def restart(client: Render) -> None:
    """Replace the service's instances with new ones of the same deploy; a second request does no harm."""
    client.api.json("POST", f"{client.path}/restart", shape=NOTHING, idempotent=True)


def scale(client: Render, count: int) -> None:
    client.api.json("POST", f"{client.path}/scale", shape=NOTHING, json={"numInstances": count}, idempotent=True)


def instances(client: Render) -> set[str]:
    """Return the ids of the running instances."""
    return {
        instance["id"]
        for instance in client.api.json("GET", f"{client.path}/instances", shape=([{"id": str}], None, EMPTY)) or []
    }


def wait_suspended(client: Render) -> None:
    client.waiter.wait_for(
        lambda: is_suspended(client.refresh()),
        lambda done: (Outcome.READY if done else Outcome.PENDING, "not suspended"),
        what=f"The service {client.name}",
        check_next="it in Render's dashboard",
    )


def wait_instances(client: Render, count: int | None = None, gone: Iterable[str] = ()) -> None:
    """Wait until ``count`` instances run, or at least one where it is None, and none of ``gone`` runs."""
    old = set(gone)

    def settled(running: set[str]) -> tuple[Outcome, str]:
        done = bool(running) and not running & old and count in (None, len(running))
        reached = f"at {len(running - old)} of {number(count or len(old), 'instance')}"
        return (Outcome.READY if done else Outcome.PENDING), reached

    client.waiter.wait_for(
        lambda: instances(client),
        settled,
        what=f"The service {client.name}",
        check_next="its instances in Render's dashboard",
    )
