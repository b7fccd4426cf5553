# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A check of the checklist, and what it is asked about."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import ModuleType
from typing import Any

from ..core.errors import ConfigError
from .answer import Answer

GATE, STAGED, AFTER = "gate", "staged", "after"
POINTS = (GATE, STAGED, AFTER)  # in the order of a deploy
Options = Mapping[str, Any]
Spec = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Context:
    """What every check is asked about: a release of a storefront, at the time at which its deploy would run.

    ``path`` is the checkout that has ``commit``, a full SHA; ``live_commit`` is what the public site runs, empty before
    the first deploy.
    """

    storefront: str = ""
    release: str = ""
    commit: str = ""
    live_commit: str = ""
    path: str = ""
    started_by: str = ""
    now: datetime = field(default_factory=lambda: datetime.now(UTC))

    def need_commit(self) -> str:
        """Return the commit. Raises ConfigError where none is given."""
        if not self.commit:
            raise ConfigError(
                "No commit was given to ask about. Set commit to the release's full SHA.", code="no_commit"
            )
        return self.commit

    def need_path(self) -> str:
        if not self.path:
            raise ConfigError(
                "No checkout was given to read the release from. Set path to the checkout of the shop.", code="no_path"
            )
        return self.path


def nothing_wrong(options: Options, context: Context) -> list[str]:
    return []


def no_option(options: Options) -> str:
    return ""


@dataclass(frozen=True)
class Check:
    """A row of the checklist. ``point`` is where in a deploy it is asked; ``system`` names the connection that it
    shares with other checks.

    ``options`` is a specification as Ansible's modules have it. ``missing(options)`` says which option the check needs
    and lacks, in words that follow "not configured:"; ``wrong(options, context)`` what is wrong with them.
    ``lacking(options)`` says which program this machine lacks: without it a check is not configured where nobody named
    its system. ``severity`` is what counts where the inventory names none.
    ``attestable`` checks may be answered by a person, ``yields`` marks those that an approved emergency passes over.
    ``seconds`` is what a check may take where that is more than the limit of the run.
    """

    id: str
    name: str
    title: str
    point: str
    ask: Callable[[Context, Options], Answer]
    options: Spec
    missing: Callable[[Options], str] = no_option
    wrong: Callable[[Options, Context], list[str]] = nothing_wrong
    lacking: Callable[[Options], str] = no_option
    severity: str = "stop"
    system: str = ""
    attestable: bool = False
    yields: bool = False
    seconds: float = 0.0


def row(identity: str, module: ModuleType, title: str, point: str, **more: Any) -> Check:
    """Make a check of a file of this package: its name, its OPTIONS, ``ask``, and ``missing``, ``wrong``,
    ``lacking`` and SECONDS where it has them.
    """
    functions = {
        name.lower(): getattr(module, name)
        for name in ("missing", "wrong", "lacking", "SECONDS")
        if hasattr(module, name)
    }
    name = module.__name__.rpartition(".")[2]
    return Check(identity, name, title, point, module.ask, module.OPTIONS, **functions, **more)
