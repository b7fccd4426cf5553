# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read journeys from the options of a module, and refuse what could never work before anything is asked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...core.errors import ConfigError
from .expectation_reader import ExpectationReader
from .journey import Journey, Request, Step
from .names import NAME
from .request_reader import RequestReader
from .words import World, nearest

JOURNEY = ("name", "site", "steps", "cleanup", "variables", "places")
STEP = ("name", "site", "request", "status", "options", "captures", "asserts", "browser", "actions", "reads")


def journeys_of(data: Any, world: World) -> list[Journey]:
    """Return the journeys that the options describe. Raises ConfigError with everything that is wrong."""
    if not isinstance(data, list) or not data:
        raise ConfigError("journeys has to be a list with at least one journey. Each has a name and steps.")
    problems: list[str] = []
    found = [Reader(world, problems, item, number).journey() for number, item in enumerate(data, 1)]
    seen = [journey.name for journey in found]
    problems += [f"Two journeys are named {name!r}. Rename one." for name in sorted(set(seen)) if seen.count(name) > 1]
    if problems:
        raise ConfigError("\n".join(problems), code="bad_journey")
    return found


class Reader(RequestReader, ExpectationReader):
    """Reads one journey."""

    def journey(self) -> Journey:
        data = self.data
        self.words(data, JOURNEY, "key")
        self.text(data.get("name"), "name")
        variables = self.mapping(data, "variables")
        for name in variables:
            if not NAME.fullmatch(str(name)):
                self.wrong(f"has the variable {name!r}: use letters, digits and _")
        self.uses(variables, "variables")
        self.known |= {str(name) for name in variables}
        steps = self.steps("steps")
        if not steps and not isinstance(data.get("steps"), list):
            self.wrong("has no steps: set a list of steps")
        elif not steps:
            self.wrong("has an empty list of steps, so nothing would be checked")
        places = self.listed(data, "places")
        for place in places:
            if self.world.places and place not in self.world.places:
                self.wrong(f"names the place {place!r}{nearest(place, self.world.places)}")
        return Journey(str(data.get("name")), steps, self.steps("cleanup"), variables, [str(place) for place in places])

    def steps(self, key: str) -> list[Step]:
        journey, found = self.where, []
        for number, item in enumerate(self.listed(self.data, key), 1):
            name = item.get("name") if isinstance(item, Mapping) else None
            self.where = f"{journey}, {'step' if key == 'steps' else 'cleanup step'} {name or f'number {number}'!r},"
            if isinstance(item, Mapping):
                found.append(self.step(item))
            else:
                self.wrong("has to be a mapping with a name and a request")
        self.where = journey
        seen = [step.name for step in found]
        for name in sorted({name for name in seen if seen.count(name) > 1}):
            self.wrong(f"has two {key} named {name!r}: rename one, since a failure names the step")
        return found

    def step(self, data: Mapping[str, Any]) -> Step:
        self.words(data, STEP, "key")
        self.text(data.get("name"), "name")
        for key in ("browser", "reads"):
            if not isinstance(data.get(key, False), bool):
                self.wrong(f"has {key}: {data[key]!r}: use true or false")
        site = str(data.get("site") or self.data.get("site") or "")
        browser = data.get("browser") is True or ("actions" in data and "request" not in data)
        if browser:
            for key in ("request", "captures", "asserts", "status"):
                if key in data:
                    self.wrong(f"is a browser's and has {key}: use actions, or a step of its own")
            if data.get("browser") is not True:
                self.wrong("has actions and not browser: true")
            request = Request("", self.site(site))
            actions = self.actions(data)
            reads = data.get("reads") is True
            return Step(str(data.get("name")), request, self.options(data), actions=actions, reads=reads)
        if "actions" in data:
            self.wrong("has both a request and actions: use two steps")
        request = self.request(data, site)
        captures = self.captures(data)
        self.known |= {capture.name for capture in captures}
        asserts = [self.assertion(item) for item in self.listed(data, "asserts")]
        return Step(
            str(data.get("name")),
            request,
            self.options(data),
            self.status(data),
            captures,
            [assertion for assertion in asserts if assertion],
            reads=data.get("reads") is True,
        )
