# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sites that Next.js serves: one process per deployment, started by its first request. The least recently
used ones are stopped.
"""

from __future__ import annotations

import asyncio
import shutil
from collections import OrderedDict, defaultdict
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import httpx

from ...context import Context
from ...state import SiteDeployment
from ...units import Command, Unit

AT_ONCE = 3  # processes: of the live deployment, the staged one, and the one before
START_SECONDS = 60.0


class Servers:
    def __init__(self, context: Context) -> None:
        self.context = context
        self.running: OrderedDict[str, Unit] = OrderedDict()  # by deployment, the most recently used one last
        self._one_at_a_time: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def unit(self, deployment: SiteDeployment, app: Path) -> Unit | None:
        """Return the process of a deployment, starting it if necessary; None if it does not answer."""
        async with self._one_at_a_time[deployment.id]:
            unit = self.running.get(deployment.id)
            if unit is None or not unit.running:
                unit = await self._start(deployment, app)
                if unit is None:
                    return None
                self.running[deployment.id] = unit
            self.running.move_to_end(deployment.id)
        await self.stop([key for key in list(self.running)[:-AT_ONCE] if not self.running[key].in_flight])
        return unit

    async def stop(self, deployments: Iterable[str]) -> None:
        units = {key: self.running.pop(key) for key in deployments if key in self.running}
        await asyncio.gather(*(self.context.units.stop(unit) for unit in units.values()))
        for key in units:
            await asyncio.to_thread(shutil.rmtree, self._folder(key), ignore_errors=True)

    async def _start(self, deployment: SiteDeployment, app: Path) -> Unit | None:
        top = self.context.builder.folder(deployment.build)
        copy = await self._copy(deployment.id, top, app)
        command = 'exec next start --hostname 127.0.0.1 --port "$PORT"'
        modules = [copy / app.relative_to(top) / "node_modules" / ".bin", self.context.builder.search_path(copy)]
        unit = await self.context.units.start(
            f"{deployment.name}-site",
            Command(["/bin/sh", "-c", command], copy / app.relative_to(top), ":".join(map(str, modules))),
            variables={**deployment.variables, "NODE_ENV": "production", "NEXT_TELEMETRY_DISABLED": "1"},
            log=self.log(deployment),
            ended=lambda unit: None,
        )
        if await self._answers(unit):
            return unit
        await self.context.units.stop(unit, drain=0)
        return None

    async def _copy(self, key: str, top: Path, app: Path) -> Path:
        """Return a copy of a build, since Next.js writes into it. The built pages are copied, everything
        else is hard-linked.
        """
        copy = self._folder(key)
        await asyncio.to_thread(shutil.rmtree, copy, ignore_errors=True)
        copy.parent.mkdir(parents=True, exist_ok=True)
        built = next(path.parent for path in app.glob("*/BUILD_ID"))
        own = copy / built.relative_to(top)
        for words in (["-al", str(top), str(copy)], ["-a", "--remove-destination", f"{built}/.", str(own)]):
            process = await asyncio.create_subprocess_exec("cp", *words)
            await process.wait()
        return copy

    def log(self, deployment: SiteDeployment) -> Path:
        """Return the file with what the process of a deployment prints."""
        return self.context.folder / "units" / f"{deployment.id}.log"

    def _folder(self, key: str) -> Path:
        return self.context.folder / "sites" / key

    async def _answers(self, unit: Unit) -> bool:
        """Wait until a process answers any request."""
        deadline = asyncio.get_running_loop().time() + START_SECONDS
        while unit.running and asyncio.get_running_loop().time() < deadline:
            with suppress(httpx.HTTPError):
                await self.context.client.get(f"{unit.url}/_next/none", timeout=10)
                return True
            await asyncio.sleep(0.05)
        return False
