# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The double as a whole: its vendors, its storefronts, and what keeps them going over a restart."""

from __future__ import annotations

import asyncio
import errno
import json
import secrets
import shutil
import uuid
from pathlib import Path
from typing import Any

from ..state import write
from .context import Context
from .edge import Edge
from .mail import Mail
from .objects import Objects
from .orders import configure
from .state import Site, Storefront, identifier, now
from .vendor import Vendor
from .vendors.cloudflare.double import Cloudflare
from .vendors.github.double import GitHub
from .vendors.npm.double import Npm
from .vendors.railway.double import Railway
from .vendors.railway.hosts import service_host
from .vendors.railway.jobs import runs
from .vendors.render.double import Render
from .vendors.render.hosts import render_host
from .vendors.sentry.double import Sentry
from .vendors.slack.double import BOT, TEAM, Slack
from .vendors.stripe.double import Stripe
from .vendors.vercel.double import Vercel


class Cloud:
    """Every vendor, and the storefronts that are provisioned at them."""

    def __init__(self, config: dict[str, Any]) -> None:
        self.context = context = Context(config)
        self.edges: dict[str, Edge] = {}
        self.vercel, self.railway, self.render = Vercel(context), Railway(context), Render(context)
        self.cloudflare, self.objects = Cloudflare(context, self.edges), Objects(context, config["s3_url"])
        self.github, self.slack, self.sentry = GitHub(context), Slack(context), Sentry(context)
        self.npm = Npm(context)
        self.stripe, self.mail = Stripe(context), Mail(context)

    @property
    def vendors(self) -> list[Vendor]:
        return [
            self.vercel,
            self.railway,
            self.cloudflare,
            self.github,
            self.slack,
            self.sentry,
            self.objects,
            self.render,
            self.npm,
            self.stripe,
            self.mail,
        ]

    async def start(self) -> None:
        """Open the vendors' ports and restore the saved storefronts."""
        for vendor in self.vendors:
            await self.context.listeners.open(vendor.app(), self.context.ports[vendor.name])
        await self.mail.open(self.context.ports["smtp"])
        known = self.context.saved().get("storefronts", {})
        await asyncio.gather(*(self._open(Storefront.load(data)) for data in known.values()))
        self.context.save()

    async def stop(self) -> None:
        await self.cloudflare.workers.runtime.close()
        await self.mail.close()
        await self.context.close()

    async def create_storefront(self, wanted: dict[str, Any]) -> Storefront:
        """Provision projects, a service for each unit and a zone. Raises KeyError on a missing key, OSError
        when a port is taken or given twice.
        """
        backend = wanted.get("backend", "railway")
        name, edge, origin = wanted["name"], wanted["edge_ports"], wanted["origin_ports"]
        # an edge whose origin has its port would forward to itself forever
        if len({*edge.values(), *origin.values()}) < len(edge) + len(origin):
            raise OSError(errno.EADDRINUSE, f"a port is given twice: {sorted([*edge.values(), *origin.values()])}")
        url = {surface: f"http://127.0.0.1:{port}" for surface, port in edge.items()}
        given = dict(wanted.get("variables") or {})
        public = {key: given.pop(key) for key in list(given) if key.startswith("NEXT_PUBLIC_")}
        public = {"NEXT_PUBLIC_API_URL": url["backend"], **public}
        private = {
            "NODE_ENV": "production",
            "CORS_ORIGIN": url["frontend"],
            "DATABASE_URL": wanted["database_url"],
            "REDIS_URL": wanted["redis_url"],
        }
        created = now()
        services = (self.render if backend == "render" else self.railway).services_for(
            wanted, {**private, **given}, created
        )
        if services and services[0].kind == "web":
            services[0].port = origin["backend"]
        domains = [f"127.0.0.1:{origin['frontend']}", f"127.0.0.1:{edge['frontend']}"]
        site = Site(
            identifier("prj_"), name, self.context.team, domains, [], created, settings=dict(wanted.get("site") or {})
        )
        for key, value in {**public, **(wanted.get("site_variables") or {})}.items():
            self.vercel.set_variable(site, key, value, ["production", "preview"])
        front = Storefront(
            name, site, str(uuid.uuid4()), str(uuid.uuid4()), str(uuid.uuid4()), {service.id: service for service in services},  # noqa: E501
            uuid.uuid4().hex, edge, created, backend=backend, **self._desks(name),
        )  # fmt: skip
        await self._open(front)
        self.context.save()
        return front

    def configure_storefront(self, front: Storefront, wanted: dict[str, Any]) -> list[str]:
        """Give a storefront the commands of an order. If their units differ, change nothing and return the
        names that differ.
        """
        differ = configure(front.services, wanted)
        if not differ and wanted.get("site"):
            front.site.settings.update(wanted["site"])
        self.context.save()
        return differ

    def _desks(self, name: str) -> dict[str, Any]:
        """Return a new storefront's GitHub repository, Slack channel and Sentry organization."""
        key = secrets.token_hex(12)
        webhook = f"http://127.0.0.1:{self.context.ports['slack']}/services/{TEAM}/{BOT}/{key}"
        return {
            "github": {
                "repository": f"sandbox/{name}",
                "deployments": [],
                "statuses": [],
                "check_runs": [],
                "pulls": [],
            },
            "slack": {
                "channel": f"C{secrets.token_hex(5).upper()}",
                "name": f"deploys-{name}",
                "key": key,
                "webhook": webhook,
                "messages": [],
            },
            "sentry": {
                "organization": name,
                "projects": [name, f"{name}-api"],
                "repositories": [f"sandbox/{name}"],
                "releases": {},
            },
        }

    async def delete_storefront(self, name: str) -> None:
        await self._close(name, keep=set())
        shutil.rmtree(self.context.folder / "saves" / name, ignore_errors=True)
        self.context.save()

    def save_storefront(self, name: str, label: str) -> None:
        write(self._label(name, label), self.context.storefronts[name], compact=True)

    async def restore_storefront(self, name: str, label: str) -> None:
        """Restore a saved storefront. Units that already run as saved keep running. Raises FileNotFoundError."""
        saved = Storefront.load(json.loads(self._label(name, label).read_text()))
        kept = {
            key
            for service in saved.services.values()
            for key, deployment in service.deployments.items()
            if runs(service, deployment)
        }
        await self._close(name, keep=kept)
        await self._open(saved)
        self.context.save()

    def backend(self, front: Storefront) -> Railway | Render:
        return self.render if front.backend == "render" else self.railway

    def _label(self, name: str, label: str) -> Path:
        return self.context.folder / "saves" / name / f"{label}.json"

    async def _open(self, front: Storefront) -> None:
        edge = Edge(self.context, front, self.cloudflare.workers)
        hosts = {
            int(front.site.domains[0].rpartition(":")[2]): self.vercel.jobs.hosts.production(front.site),
            **{front.edge_ports[surface]: edge.host(surface) for surface in ("frontend", "backend")},
        }
        if front.web and front.web.port:
            client = self.context.client
            if front.backend == "render":
                hosts[front.web.port] = render_host(client, self.render.jobs, front.web)
            else:
                hosts[front.web.port] = service_host(client, self.railway.running, front.web)
        opened: list[int] = []
        try:
            for port, app in hosts.items():
                await self.context.listeners.open(app, port)
                opened.append(port)
        except OSError:
            await self.context.listeners.close(*opened)
            raise
        self.context.storefronts[front.name], self.edges[front.name] = front, edge
        await asyncio.gather(self.vercel.resume(front), self.backend(front).resume(front))

    async def _close(self, name: str, keep: set[str]) -> None:
        front = self.context.storefronts[name]
        self.context.cancel(name)
        ports = [*front.edge_ports.values(), int(front.site.domains[0].rpartition(":")[2])]
        ports += [service.port for service in front.services.values() if service.port]
        ports += [deployment.port for deployment in front.site.deployments.values()]
        await asyncio.gather(
            self.context.listeners.close(*ports),
            self.backend(front).stop_units(front, keep),
            self.vercel.jobs.hosts.stop(front.site.deployments),
        )
        del self.context.storefronts[name], self.edges[name]
