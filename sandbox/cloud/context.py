# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every vendor of the double works with: the storefronts and their jobs, builds and processes, faults
and the record of requests.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from ..state import read, write
from .builds import Blobs, Builder
from .exchanges import Exchanges, contracts
from .faults import Faults
from .server import Listeners
from .state import Storefront, identifier
from .units import Units

log = logging.getLogger("sandbox.cloud")


@dataclass
class Delays:
    """Seconds: in each state at Vercel, Railway and Render, in each step of a promotion, until a new deployment at
    Railway can be read, between two messages of a channel at Slack, and that a process without a health check must have
    run to count as healthy.
    """

    vercel: float = 0.05
    railway: float = 0.05
    render: float = 0.05
    promotion: float = 0.05
    readable: float = 0.0
    message: float = 0.0
    settle: float = 0.3


class Context:
    """Shared by all vendors and independent of them: vendors affect each other only through the storefronts."""

    def __init__(self, config: dict[str, Any]) -> None:
        self.folder = Path(config["state_dir"])
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.ports: dict[str, int] = config["ports"]
        self.tokens: dict[str, str] = config["tokens"]
        self.repository: str | None = config.get("repository")  # the shop's; pushes come from it by default
        # No kept connections: a server that closes an idle one just as it is used again would look like a broken site.
        self.client = httpx.AsyncClient(
            limits=httpx.Limits(max_keepalive_connections=0), timeout=30, trust_env=False, verify=False
        )
        self.listeners = Listeners()
        self.faults, self.delays = Faults(), Delays()
        self.policies: dict[str, dict[str, Any]] = {}  # of S3, by access key; a key without one may do everything
        self.requests: deque[dict[str, Any]] = deque(maxlen=10_000)
        self.blobs = Blobs(self.folder / "uploads")
        self.builder = Builder(
            Path(config["cache_dir"]), Path(config["node_bin"]), self.blobs, scripts=config.get("online", False)
        )
        self.units = Units(self.folder, Path(config["node_bin"]), self.client, lambda: self.delays.settle)
        self.exchanges = Exchanges(self.folder, contracts())
        self.storefronts: dict[str, Storefront] = {}
        self._saved = self.folder / "state.json"
        self.workers: dict[str, dict[str, Any]] = self.saved().get("workers", {})  # the account's scripts at Cloudflare
        self._tasks: dict[str, set[asyncio.Task[None]]] = {}
        self.payments: dict[str, Any] = self.saved().get("payments", {})  # of the account at Stripe
        self.team: str = self.saved().get("team") or identifier("team_")

    def saved(self) -> dict[str, Any]:
        """Return what an earlier process saved."""
        return read(self._saved) or {}

    def save(self) -> None:
        saved = {"team": self.team, "workers": self.workers, "payments": self.payments, "storefronts": self.storefronts}
        write(self._saved, saved, compact=True)

    def spawn(self, storefront: str, job: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run a storefront's job in the background; it ends with the storefront."""
        task = asyncio.create_task(job)
        running = self._tasks.setdefault(storefront, set())
        running.add(task)
        task.add_done_callback(running.discard)
        task.add_done_callback(_report)
        return task

    def busy(self, storefront: str) -> bool:
        """Whether a storefront's build, start or promotion is in progress."""
        return any(not task.done() for task in self._tasks.get(storefront, ()))

    def cancel(self, storefront: str) -> None:
        """Cancel a storefront's jobs."""
        for task in self._tasks.get(storefront, set()):
            task.cancel()

    async def close(self) -> None:
        """Cancel every job, stop every process and close every listener."""
        for name in self._tasks:
            self.cancel(name)
        await asyncio.gather(*(self.units.stop(unit, drain=1) for unit in list(self.units.all)))
        await self.listeners.close_all()
        await self.client.aclose()


def _report(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()):
        log.error("A job failed.", exc_info=error)
