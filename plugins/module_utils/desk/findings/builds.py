# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""T1: why a build failed, by what its log says. The first pattern that matches decides."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from .finding import BROKEN, DEGRADED, LIKELY, SURE, Finding, View, weighed
from .log_lines import is_result, plain, reason, without_warnings

RECENT = 24 * 3600.0  # seconds: an older build that failed has stopped nobody since
FAILED = ("error", "failed", "build_failed", "pre_deploy_failed", "update_failed", "crashed")


@dataclass(frozen=True)
class Kind:
    """What a log of a failed build looks like, what that means, and what to do."""

    id: str
    pattern: re.Pattern[str]
    what: str
    cause: str
    advice: str
    certainty: str = SURE


def _kind(name: str, pattern: str, *words: str, certainty: str = SURE) -> Kind:
    what, cause, advice = words
    return Kind(name, re.compile(pattern, re.IGNORECASE), what, cause, advice, certainty)


KINDS = (
    _kind(
        "build_memory",
        r"heap out of memory|\bOOM\b|out of memory|exit(?:ed with)? code:? 137|signal SIGKILL|exited with"
        r" SIGKILL|was killed|^Killed$|ENOMEM|cannot allocate memory",
        "ran out of memory",
        "the build needs more memory than the platform gives it",
        "Set NODE_OPTIONS=--max-old-space-size to less than the builder has, or choose a larger builder; then deploy"
        " again.",
    ),
    _kind(
        "build_node_version",
        r"EBADENGINE|unsupported[_ ]engine|engine \"?node\"? is incompatible|requires node|node(?:\.js)? version \S+ is"
        r" required|You are using Node\.js .* required|invalid or discontinued Node\.js version",
        "the version of Node does not fit",
        "package.json asks for another version of Node (engines) than the platform builds with",
        "Set the version at the platform to what engines in package.json names, then deploy again.",
    ),
    _kind(
        "build_typescript",
        r"error TS\d+|^\s*Type error:|\.tsx?[:(]\d+[:,]\d+.*\berror\b",
        "TypeScript found an error",
        "the code of the release has a type error",
        "Correct the line that is named (npm run type-check shows it), and deploy the next release.",
    ),
    _kind(
        "build_variable",
        r"(?:missing|required|undefined|invalid) (?:required )?(?:environment |env )?variables?"
        r"|environment variable \S+ (?:is )?(?:not set|missing|required)|environment variable not found"
        r"|\b(?-i:[A-Z][A-Z0-9]*_[A-Z0-9_]+) (?:is (?:not set|not defined|missing|required|undefined)|must be set)",
        "a variable is missing",
        "the build needs a variable that the platform does not have",
        "Set the variable that is named at the platform, then deploy again.",
    ),
    _kind(
        "build_module",
        r"Module not found|Cannot find (?:module|package)|ERR_MODULE_NOT_FOUND|Could not resolve \"",
        "a module was not found",
        "the code imports a file or a package that the release does not have: a path in another case, or a dependency"
        " that is missing in package.json",
        "Correct the import, or add the package, commit the lockfile, and deploy the next release.",
    ),
    _kind(
        "build_npm",
        r"npm (?:ERR!|error)|ERR_PNPM_|YN\d{4}:.*(?:error|forbidden|failed)|ERESOLVE|ELIFECYCLE"
        r"|Could not resolve dependency|lock ?file.*(?:not in sync|not up to date|out of date|would have been modified"
        r"|needs to be updated)",
        "npm failed",
        "the dependencies could not be installed, or a script of package.json failed",
        "Read the lines above npm's error, then run npm ci && npm run build in a clean checkout, correct it, deploy"
        " again.",
    ),
    _kind(
        "build_other",
        r".",
        "the build failed",
        "the end of its log says why",
        "Read the end of the log, correct it, and deploy again.",
        certainty=LIKELY,
    ),
)


def builds(view: View) -> Iterator[Finding]:
    """Explain the newest build of each unit, if it failed."""
    for unit, found in view.units():
        newest, live = found.get("newest") or {}, found.get("live") or {}
        log = plain((view.value(f"logs:{unit}") or {}).get("build") or "")
        if newest.get("status") not in FAILED or newest.get("id") == live.get("id") or _crashed(view, unit, newest):
            continue
        kind = next((one for one in KINDS if any(map(one.pattern.search, without_warnings(log)))), KINDS[-1])
        evidence = _line(kind, log) or newest.get("error") or f"{newest['status']}; no log is kept"
        release = newest.get("release") or newest["id"]
        serves = live.get("release") or live.get("id")
        finding = Finding(
            kind.id,
            "T1",
            f"The build of {release} for {unit} failed: {kind.what}",
            evidence,
            kind.cause,
            kind.certainty,
            DEGRADED if serves else BROKEN,
            do=view.command("logs", f"-e unit={unit}", "-e log_source=build"),
            advice=f"{kind.advice} {f'Customers are served {serves}.' if serves else 'Nothing of it is live.'}",
            target=unit,
        )
        yield weighed(finding, view.age(newest.get("created_at")), RECENT) if serves else finding


def _crashed(view: View, unit: str, newest: dict[str, object]) -> bool:
    """Whether it was built and then stopped automatically: that is no failed build."""
    return newest.get("status") == "crashed" and bool(view.lines(unit))


def _line(kind: Kind, log: Sequence[str]) -> str:
    """Return the line of the log that shows it."""
    found = [line for line in without_warnings(log) if kind.pattern.search(line)]
    if kind.id == "build_npm":
        found = [line for line in found if not is_result(line)]
    return (reason(log) if kind.id == "build_other" or not found else found[0])[:300]


RULES = (builds,)
