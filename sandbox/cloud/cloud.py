# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The double as a whole: its vendors, its storefronts, and what keeps them going over a restart."""

from __future__ import annotations

import asyncio
import errno
import json
import logging
import secrets
import shutil
import uuid
from collections import deque
from collections.abc import Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from ..state import read, write
from .builds import Blobs, Builder
from .edge import Edge
from .exchanges import Exchanges, contracts
from .faults import Faults
from .objects import Objects
from .orders import configure
from .server import Listeners
from .state import Site, Storefront, identifier, now
from .units import Units
from .vendors.cloudflare.double import Cloudflare
from .vendors.github.double import GitHub
from .vendors.railway.double import Railway
from .vendors.railway.jobs import runs
from .vendors.render.double import Render
from .vendors.render.hosts import render_host
from .vendors.sentry.double import Sentry
from .vendors.slack.double import BOT, TEAM, Slack
from .vendors.vercel.double import Vercel
from .webhosts import production_host, service_host

log = logging.getLogger("sandbox.cloud")


@dataclass
class Delays:
    """Seconds: in each state at Vercel, Railway and Render, in each step of a promotion, until a new deployment at Railway can be read,
    between two messages of a channel at Slack, and that a process without a health check must have run to count as healthy."""

    vercel: float = 0.05
    railway: float = 0.05
    render: float = 0.05
    promotion: float = 0.05
    readable: float = 0.0
    message: float = 0.0
    settle: float = 0.3


class Cloud:
    def __init__(self, config: dict[str, Any]) -> None:
        self.folder = Path(config["state_dir"])
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.ports: dict[str, int] = config["ports"]
        self.tokens: dict[str, str] = config["tokens"]
        self.repository: str | None = config.get("repository")  # the shop's, which pushes come from where they name no other
        # No kept connections: a server that closes an idle one just as it is used again would look like a broken site.
        self.client = httpx.AsyncClient(limits=httpx.Limits(max_keepalive_connections=0), timeout=30, trust_env=False, verify=False)
        self.listeners = Listeners()
        self.faults, self.delays = Faults(), Delays()
        self.requests: deque[dict[str, Any]] = deque(maxlen=10_000)
        self.blobs = Blobs(self.folder / "uploads")
        self.builder = Builder(Path(config["cache_dir"]), Path(config["node_bin"]), self.blobs, scripts=config.get("online", False))
        self.units = Units(self.folder, Path(config["node_bin"]), self.client, lambda: self.delays.settle)
        self.exchanges = Exchanges(self.folder, contracts())
        self.repository = config.get("repository")
        self.vercel, self.railway, self.cloudflare = Vercel(self), Railway(self), Cloudflare(self)
        self.render = Render(self)
        self.objects = Objects(self, config["s3_url"])
        self.github, self.slack, self.sentry = GitHub(self), Slack(self), Sentry(self)
        self.storefronts: dict[str, Storefront] = {}
        self.edges: dict[str, Edge] = {}
        self._tasks: dict[str, set[asyncio.Task[None]]] = {}
        self._saved = self.folder / "state.json"
        self.team: str = (read(self._saved) or {}).get("team") or identifier("team_")

    async def start(self) -> None:
        """Open the vendors' ports and bring back what was there before."""
        for vendor in (self.vercel, self.railway, self.cloudflare, self.github, self.slack, self.sentry, self.objects):
            await self.listeners.open(vendor.app(), self.ports[vendor.name])
        await self.listeners.open(self.render.app(), self.ports["render"])
        known = (read(self._saved) or {}).get("storefronts", {})
        await asyncio.gather(*(self._open(Storefront.load(data)) for data in known.values()))
        self.save()

    async def stop(self) -> None:
        for name in self._tasks:
            self._cancel(name)
        await asyncio.gather(*(self.units.stop(unit, drain=1) for unit in list(self.units.all)))
        await self.listeners.close_all()
        await self.client.aclose()

    def save(self) -> None:
        write(self._saved, {"team": self.team, "storefronts": self.storefronts}, compact=True)

    def spawn(self, storefront: str, job: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run a storefront's job in the background; it ends with the storefront."""
        task = asyncio.create_task(job)
        running = self._tasks.setdefault(storefront, set())
        running.add(task)
        task.add_done_callback(running.discard)
        task.add_done_callback(_report)
        return task

    def busy(self, storefront: str) -> bool:
        """Tell whether a storefront's build, start or promotion is under way."""
        return any(not task.done() for task in self._tasks.get(storefront, ()))

    async def create_storefront(self, wanted: dict[str, Any]) -> Storefront:
        """Provision projects, a service for each unit and a zone. Raises KeyError on a missing key, OSError when a port is taken or given twice."""
        backend = wanted.get("backend", "railway")
        name, edge, origin = wanted["name"], wanted["edge_ports"], wanted["origin_ports"]
        if len({*edge.values(), *origin.values()}) < len(edge) + len(origin):  # an edge whose origin has its port would forward to itself for ever
            raise OSError(errno.EADDRINUSE, f"a port is given twice: {sorted([*edge.values(), *origin.values()])}")
        url = {surface: f"http://127.0.0.1:{port}" for surface, port in edge.items()}
        given = dict(wanted.get("variables") or {})
        public = {key: given.pop(key) for key in list(given) if key.startswith("NEXT_PUBLIC_")}
        public = {"NEXT_PUBLIC_API_URL": url["backend"], **public}
        private = {"NODE_ENV": "production", "CORS_ORIGIN": url["frontend"], "DATABASE_URL": wanted["database_url"], "REDIS_URL": wanted["redis_url"]}
        created = now()
        services = (self.render if backend == "render" else self.railway).services_for(wanted, {**private, **given}, created)
        if services and services[0].kind == "web":
            services[0].port = origin["backend"]
        domains = [f"127.0.0.1:{origin['frontend']}", f"127.0.0.1:{edge['frontend']}"]
        site = Site(identifier("prj_"), name, self.team, domains, [], created, settings=dict(wanted.get("site") or {}))
        for key, value in {**public, **(wanted.get("site_variables") or {})}.items():
            self.vercel.set_variable(site, key, value, ["production", "preview"])
        front = Storefront(
            name, site, str(uuid.uuid4()), str(uuid.uuid4()), str(uuid.uuid4()), {service.id: service for service in services},
            uuid.uuid4().hex, edge, created, backend=backend, **self._desks(name),
        )  # fmt: skip
        await self._open(front)
        self.save()
        return front

    def configure_storefront(self, front: Storefront, wanted: dict[str, Any]) -> list[str]:
        """Give a storefront the commands of an order, as its shop's files say them now; return the units that only one of the two has."""
        differ = configure(front.services, wanted)
        if not differ and wanted.get("site"):
            front.site.settings.update(wanted["site"])
        self.save()
        return differ

    def _desks(self, name: str) -> dict[str, Any]:
        """Return what a new storefront has where its people look: a repository, a channel, an organization."""
        key = secrets.token_hex(12)
        webhook = f"http://127.0.0.1:{self.ports['slack']}/services/{TEAM}/{BOT}/{key}"
        return {
            "github": {"repository": f"sandbox/{name}", "deployments": [], "statuses": [], "check_runs": []},
            "slack": {"channel": f"C{secrets.token_hex(5).upper()}", "name": f"deploys-{name}", "key": key, "webhook": webhook, "messages": []},
            "sentry": {"organization": name, "projects": [name, f"{name}-api"], "repositories": [f"sandbox/{name}"], "releases": {}},
        }

    async def delete_storefront(self, name: str) -> None:
        await self._close(name, keep=set())
        shutil.rmtree(self.folder / "saves" / name, ignore_errors=True)
        self.save()

    def save_storefront(self, name: str, label: str) -> None:
        write(self._label(name, label), self.storefronts[name], compact=True)

    async def restore_storefront(self, name: str, label: str) -> None:
        """Put a storefront back as it was saved; units that run just as they did then are left alone. Raises FileNotFoundError."""
        saved = Storefront.load(json.loads(self._label(name, label).read_text()))
        kept = {key for service in saved.services.values() for key, deployment in service.deployments.items() if runs(service, deployment)}
        await self._close(name, keep=kept)
        await self._open(saved)
        self.save()

    def backend(self, front: Storefront) -> Railway | Render:
        return self.render if front.backend == "render" else self.railway

    def _label(self, name: str, label: str) -> Path:
        return self.folder / "saves" / name / f"{label}.json"

    async def _open(self, front: Storefront) -> None:
        edge = Edge(self, front)
        hosts = {
            int(front.site.domains[0].rpartition(":")[2]): production_host(self, front.site),
            **{front.edge_ports[surface]: edge.host(surface) for surface in ("frontend", "backend")},
        }
        if front.web and front.web.port:
            hosts[front.web.port] = (render_host if front.backend == "render" else service_host)(self, front.web)
        opened: list[int] = []
        try:
            for port, app in hosts.items():
                await self.listeners.open(app, port)
                opened.append(port)
        except OSError:
            await self.listeners.close(*opened)
            raise
        self.storefronts[front.name], self.edges[front.name] = front, edge
        await asyncio.gather(self.vercel.resume(front), self.backend(front).resume(front))

    async def _close(self, name: str, keep: set[str]) -> None:
        front = self.storefronts[name]
        self._cancel(name)
        ports = [*front.edge_ports.values(), int(front.site.domains[0].rpartition(":")[2])]
        ports += [service.port for service in front.services.values() if service.port]
        ports += [deployment.port for deployment in front.site.deployments.values()]
        await asyncio.gather(self.listeners.close(*ports), self.backend(front).stop_units(front, keep), self.vercel.jobs.servers.stop(front.site.deployments))
        del self.storefronts[name], self.edges[name]

    def _cancel(self, name: str) -> None:
        for task in self._tasks.get(name, set()):
            task.cancel()


def _report(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()):
        log.error("A job failed.", exc_info=error)
