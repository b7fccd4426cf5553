# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run is: the playbook, the storefront, who started it and where; and the commands that an operator
may run next.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import PurePath

from .amounts import date
from .corrected import corrected
from .given import name_of, without
from .page import ATTENTION, Line

TITLES = {
    "deploy": "Deploy {release} to {storefront}",
    "rollback": "Roll {storefront} back{to}",
    "preflight": "Check whether {release} could go out to {storefront}",
    "approve": "Approve {release} for {storefront}",
    "evidence": "Evidence of {release} for {storefront}",
    "backup": "Back up the database of {storefront}",
    "backups": "Backups of {storefront}",
    "prove": "Prove the newest backup of {storefront}",
    "restore": "Restore the database of {storefront}",
    "migrate": "Migrate the database of {storefront} to {release}",
    "database": "Database of {storefront}",
    "verify": "Verify {storefront}",
    "init": "Write an operations project",
    "status": "{storefront}",
    "releases": "Releases of {storefront}",
    "diagnose": "Diagnose {storefront}",
    "logs": "Logs of {storefront}",
    "redis": "Redis of {storefront}",
    "scale": "Scale {storefront}",
    "restart": "Restart {storefront}",
    "variables": "Variables of {storefront}",
    "secrets": "Rotate secrets of {storefront}",
    "seed": "Seed the database of {storefront}",
    "refresh": "Refresh the database of {storefront}",
    "maintenance": "Switch the maintenance of {storefront}",
    "figures": "Figures of {storefront}",
}
# these ask and answer: their page is all that is shown
PAGES = ("status", "releases", "diagnose", "logs", "redis")
LISTS = ("variables", "secrets", "figures")  # their lists are the answer, and are shown whole
# these name the release in the command that runs them again
NAMING = ("deploy", "preflight", "migrate")
# what these change is guarded by the lease and settled by its journal
LEVERS = ("scale", "restart", "variables", "secrets", "seed", "refresh")
LEASED = ("deploy", "rollback", "migrate", "restore", *LEVERS)


def kind_of(playbook: str) -> str:
    """deploy for deploy.yml, and so on; the last part of a playbook's name in a collection."""
    return PurePath(playbook).name.removesuffix(".yml").removesuffix(".yaml").rpartition(".")[2]


@dataclass(frozen=True)
class About:
    """One storefront's run. ``inventory`` are the sources as they were given; ``playbook`` is the path as
    it was given.
    """

    storefront: str
    playbook: str
    play: str = ""
    release: str = ""
    to: str = ""
    environment: str = ""
    by: str = ""
    where: str = ""
    began: float = 0.0
    check: bool = False
    several: bool = False
    limit: str = ""
    inventory: Sequence[str] = ()
    connection: Sequence[str] = ()  # the options for Ansible's vault
    contacts: Sequence[str] = ()
    dashboards: Sequence[str] = field(default_factory=tuple)
    url: str = ""
    options: Sequence[str] = ()  # the extra variables of the command line, for this playbook
    carried: Sequence[str] = ()  # those that another playbook needs too
    secrets: Sequence[str] = ()  # the variables that FILE has to set

    @property
    def kind(self) -> str:
        return kind_of(self.playbook)

    @property
    def title(self) -> str:
        form = TITLES.get(self.kind, f"{self.play or self.playbook}: {{storefront}}")
        title = form.format(
            storefront=self.storefront, release=self.release or "a release", to=f" to {self.to}" if self.to else ""
        )
        return f"{title} ({self.environment})" if self.environment and self.environment != self.storefront else title

    def header(self) -> list[Line]:
        at = date(datetime.fromtimestamp(self.began, UTC))
        who = f", by {self.by}" if self.by else ""
        lines = [Line(self.title, time=f"{at}{who}{f' on {self.where}' if self.where else ''}")]
        if self.check:
            lines.append(Line("--check: nothing is changed; this is what would happen.", colour=ATTENTION, indent=2))
        return lines

    def command(self, playbook: str, *options: str) -> str:
        """Return the command that runs another playbook of ours the way this one was run."""
        named = [name_of(option) for option in options]
        return self._command(playbook, *without(self.carried, *filter(None, named)), *options)

    def again(self, *options: str) -> str:
        """Return the command that runs this playbook again, with ``options`` instead of its own of the same name."""
        own = without(self.options, *filter(None, map(name_of, options)))
        names = [*map(name_of, own)]
        named = shlex.quote(self.release) if self.release else "RELEASE"
        release = [f"-e release={named}"] if self.kind in NAMING and "release" not in names else []
        to = [f"-e to={shlex.quote(self.to)}"] if self.to and self.kind == "rollback" and "to" not in names else []
        return self._command(self.kind, *release, *to, *own, *options)

    def refused(self, why: str) -> str:
        """Return the command that runs this playbook again once what it was refused for is corrected."""
        return replace(self, options=corrected(self.options, why)).again()

    def _command(self, playbook: str, *options: str) -> str:
        given = PurePath(self.playbook)
        by_name = f"{self.playbook.rpartition('.')[0]}.{playbook}"  # storefront.runbook.deploy
        book = str(given.with_name(f"{playbook}.yml")) if given.suffix in (".yml", ".yaml") else by_name
        words = ["ansible-playbook", book]
        for source in self.inventory:
            words += ["-i", source]
        if self.limit:
            words += ["--limit", self.limit]
        return " ".join([*map(shlex.quote, words), *self.connection, *options])
