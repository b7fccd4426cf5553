# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What vercel_deploy does once it is planned: stage a build, serve one, or cancel one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from ...core.wait import Outcome
from .client import Vercel
from .rolling import complete
from .stage import Build
from .states import Deployment, Project, auto_assigns, named, state_of


class Work(Protocol):
    def do(self, client: Vercel) -> dict[str, Any]:
        """Do it; return what the module's result gets beside what was planned."""


@dataclass(frozen=True)
class Stage:
    """``turns_off`` says that the automatic assignment of the production domains is turned off before."""

    project: Project
    release: str | None
    wait: bool
    build: Build
    turns_off: bool

    def do(self, client: Vercel) -> dict[str, Any]:
        build, made, sent = self.build, self.build.found, {"files": 0, "bytes": 0}
        if self.turns_off:
            client.set_auto_assign(self.project, False)
        if not made:
            made, sent = build.make(client, self.project)
        if self.wait:
            made = client.wait_ready(self.project, made)
        upload = {**build.size, **{f"sent_{key}": value for key, value in sent.items()}}
        return {"deployment": named(made, self.release), **({"upload": upload} if build.files else {})}


@dataclass(frozen=True)
class Serve:
    """``verb`` is promote or rollback. ``asks`` is false if Vercel already carries out the request of an earlier run.
    ``assigns`` says whether Vercel assigns production's domains automatically now, ``assigns_after`` whether it should
    afterwards. ``completes`` ends a rolling release of the deployment, so that all visitors get it.
    """

    project: Project
    release: str | None
    wait: bool
    target: Deployment
    verb: str
    asks: bool
    assigns: Any
    assigns_after: Any
    completes: bool = False

    def do(self, client: Vercel) -> dict[str, Any]:
        project, target, wanted = self.project, self.target, self.assigns_after
        assigns, rolls_back, stale = self.assigns, self.verb == "rollback", None
        if state_of(target)[0] is not Outcome.READY:
            target = client.wait_ready(project, target)
        if self.asks:
            stale = client.point(project, target["id"], self.verb, keep_off=not wanted)
            assigns = bool(wanted) and not rolls_back
        if self.completes and not self.asks and not self.wait:
            complete(client, project, target["id"])
        if self.wait:
            project = client.wait_served(project, target["id"], stale, rolls=self._completing(client))
            assigns = auto_assigns(project)
        if assigns is not wanted:
            client.set_auto_assign(project, wanted)
        if rolls_back and not wanted:
            client.waiter.warn(
                "Vercel turned auto-assignment off with the rollback. Later builds are served only after a promotion."
            )
        return {"deployment": named(target, self.release)}

    def _completing(self, client: Vercel) -> Callable[[], None]:
        """Return what is done each time the deployment is seen in a rolling release: it is completed, once."""
        left = [self.target["id"]] if self.completes else []

        def rolls() -> None:
            if left:
                complete(client, self.project, left.pop())

        return rolls


@dataclass(frozen=True)
class Cancel:
    release: str | None
    target: Deployment

    def do(self, client: Vercel) -> dict[str, Any]:
        return {"deployment": named(client.cancel(self.target["id"]), self.release)}
