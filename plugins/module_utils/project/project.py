# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plan an operations project: read the shop, ask the vendors, and compare with what is there."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ..core.errors import ConfigError, RunbookError
from ..core.plan import Plan
from ..source.shop.shop import Settings, settings_of
from ..source.shop.tree import Tree
from .facts import Facts, read_facts
from .files import files
from .folder import DIFFERS, MISSING, Comparison, compare, create, refuse_inside, source_path
from .variables import PRODUCTION, STAGING, Wanted, placeholders, secrets, variables
from .vendors import Answers, ask, unknown

CREATED, UNWRITTEN = "created", "Nothing was written."
SETTING = re.compile(r"\b[a-z][a-z0-9-]*\.[a-z_]+=")  # where an error offers one, as frontend.package=apps/web


def plan_project(params: Mapping[str, Any], here: Path) -> Plan:
    """Return the plan of a project. Raises ConfigError and ApiError, which end with UNWRITTEN."""
    try:
        return _plan(params, here)
    except RunbookError as error:
        error.advise(UNWRITTEN)
        raise


def _plan(params: Mapping[str, Any], here: Path) -> Plan:
    app, dest = (Path(here, params[name]).resolve() for name in ("app", "dest"))
    refuse_inside(app, dest)
    compare(dest, {})  # a folder that cannot be written is refused before anybody is asked
    parts = settings_of(params["parts"])
    facts = _facts(app, params, parts)
    answers = ask(facts, params)
    wanted = Wanted(source_path(app, dest / PRODUCTION), params["store"])
    written = files(facts, answers, wanted, params["playbooks"], params["spec"])
    there = compare(dest, written)
    open_ones = {name: placeholders(variables(facts, answers, wanted, name)) for name in (PRODUCTION, STAGING)}
    result = {
        "storefront": facts.name,
        "files": dict(there.states) if there else dict.fromkeys(written, CREATED),
        "placeholders": open_ones,
        "secrets": list(dict.fromkeys(name for name, _exported in secrets(facts, answers, PRODUCTION))),
        "asked": list(answers.asked),
        "not_asked": list(answers.not_asked),
        "differences": there.diff if there else "",
        "lines": list(_lines(dest, facts, answers, there, open_ones)),
    }
    if there:
        return Plan("", "", result=result)
    return Plan("", "".join(f"{path}\n" for path in written), todo={"dest": dest, "files": written}, result=result)


def _facts(app: Path, params: Mapping[str, Any], parts: Settings) -> Facts:
    try:
        return read_facts(Tree.of_folder(app), params["storefront"], app.name, params["backend_platform"], parts)
    except ConfigError as error:
        if SETTING.search(str(error)):
            error.advise("Give such a setting as -e parts=PART.SETTING=VALUE.")
        raise


def write_project(plan: Plan) -> None:
    create(plan.todo["dest"], plan.todo["files"])


def _lines(
    dest: Path, facts: Facts, answers: Answers, there: Comparison | None, open_ones: Mapping[str, list[str]]
) -> Iterator[str]:
    """Yield the result in words, the next step last."""
    units = ", ".join(f"{unit.name} ({unit.kind})" for unit in facts.shop.units) or "no backend"
    yield f"{facts.name}: {', '.join(facts.shop.surfaces)}; {units}"
    nobody = "no vendor that answered" if answers.not_asked else "no vendor, as there is no token"
    yield f"asked: {', '.join(answers.asked) or nobody}"
    yield from (f"could not be asked, so fill in what it knows: {problem}" for problem in answers.not_asked)
    for name, obstacle in facts.shop.obstacles.items():
        yield f"the sandbox cannot run {name}: {obstacle.cause}"
    if answers.units:
        yield from (f"{facts.platform} has no service for the unit {name}" for name in unknown(answers, facts))
    if there:
        yield f"{dest} holds a project already. Nothing was changed."
        for state, text in ((DIFFERS, "would be written differently"), (MISSING, "is missing")):
            yield from (f"{path} {text}" for path, found in there.states.items() if found == state)
        yield from there.diff.splitlines()
        return
    for environment, names in open_ones.items():
        yield f"still to be filled in for {environment}: {', '.join(names) or 'nothing'}"
    yield f"next: cd {dest}, follow README.md, then ansible-playbook preflight.yml -i production"
