# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The stages of a rolling release: which share of the visitors gets the new frontend, and for how long."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from . import watch_settings
from .watch_settings import DURATION, PERCENT, bare, percent, seconds

MOST_STAGES = 9  # before the last one, in which every visitor gets the release
LONGEST = 10_000 * 60.0  # seconds of a stage, at Vercel

Stages = Sequence[Mapping[str, Any]]


def problems(given: Stages, watch: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is wrong with ``frontend_stages``; an argument spec has checked its names and types."""
    if not given:
        return
    wrong = [
        text for number, stage in enumerate(given, 1) for text in _of_stage(f"frontend_stages, stage {number}", stage)
    ]
    shares = [percent(stage.get("share")) for stage in given]
    if not wrong and shares != sorted(set(shares)):
        wrong.append("frontend_stages: each stage must have a larger share than the one before it")
    if len(given) > MOST_STAGES:
        wrong.append(f"frontend_stages has {len(given)} stages. Vercel takes {MOST_STAGES} before the last one")
    if not watch_settings.is_on(watch):
        wrong.append("frontend_stages needs a watch, without which nothing judges a stage: set verify_watch.bake")
    yield from wrong
    if not wrong:
        yield from _with_watch(given, watch)


def following(given: Stages, last: Mapping[str, Any]) -> dict[str, Any]:
    """Return the stage after ``last``: {number, share, lasts, shares}, with shares in percent and ``lasts`` in
    seconds, 0 where the bake time is its length. ``last`` is empty before the first. Empty where there are no stages.
    """
    number = min(int(last.get("number", 0)), len(given) - 1)
    if number < 0:
        return {}
    shares = [round(percent(stage.get("share")) * 100, 4) for stage in given]
    lasts = seconds(given[number].get("lasts"))
    return {"number": number + 1, "share": shares[number], "lasts": lasts, "shares": shares}


def _of_stage(name: str, stage: Mapping[str, Any]) -> Iterator[str]:
    share, lasts = str(stage.get("share", "")).strip(), stage.get("lasts")
    if not PERCENT.fullmatch(share):
        yield f"{name}: share is {share!r}{bare(share)}. Write the share of the visitors with %, such as 10 %"
    elif not 0 < percent(share) < 1:
        yield f"{name}: share is {share}. Set it above 0 % and below 100 %: all visitors follow after the last stage"
    if lasts in (None, ""):
        return
    if not DURATION.fullmatch(str(lasts).strip()):
        yield f"{name}: lasts is {lasts!r}{bare(lasts)}. Write a number with s, min or h, such as 10 min"
    elif not 0 < seconds(lasts) <= LONGEST:
        yield f"{name}: lasts is {lasts}. Set it above 0 s, and to at most {LONGEST / 3600:.0f} h"


def _with_watch(given: Stages, watch: Mapping[str, Any]) -> Iterator[str]:
    bake = watch.get("bake")
    for number, stage in enumerate(given, 1):
        if stage.get("lasts") not in (None, "") and seconds(bake) > seconds(stage["lasts"]):
            yield (
                f"verify_watch.bake is {bake}, which is longer than stage {number} of frontend_stages"
                f" ({stage['lasts']}). Shorten the bake time, or lengthen the stage"
            )
