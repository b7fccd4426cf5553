# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is known of a run so far."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from . import failure
from .about import About
from .history import History
from .plan import Plan


@dataclass
class Step:
    """A step of the journal that runs: ``since`` is when its last line was printed."""

    name: str
    began: float
    since: float
    summaries: list[str] = field(default_factory=list)
    shown: bool = False


@dataclass
class State:
    """``keep_log(unit, text)`` writes a vendor's log to a file and returns its path, or nothing."""

    about: About
    keep_log: Callable[[str, str], str] = lambda unit, text: ""
    plan: Plan = field(default_factory=Plan)
    history: History = field(default_factory=History)
    facts: dict[str, Any] = field(default_factory=dict)
    step: Step | None = None
    failed: failure.Failure | None = None
    failed_at: str = ""  # the words for what failed first
    verdict: str = ""  # why the play itself gave up
    did: set[str] = field(default_factory=set)  # the modules that have ended well
    report: dict[str, Any] = field(default_factory=dict)
    record: Mapping[str, Any] = field(default_factory=dict)  # what the ledger has of this run
    leased: bool = False
    deadline: str = ""
    rescuing: bool = False
    ended: bool = False
    now: float = 0.0  # when the newest result came
