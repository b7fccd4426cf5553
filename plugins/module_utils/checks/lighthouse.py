# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the staged page is good enough: the median of several runs of Lighthouse, by category, and a budget."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

from ..core.amounts import number
from ..core.errors import ConfigError
from ..site import budget as budgets
from ..site import chromium, lighthouse
from . import tree, web
from .answer import Answer, failed, passed, unasked
from .check import Context, Options

OPTIONS: dict[str, dict[str, Any]] = {
    **{name: web.OPTIONS[name] for name in ("headers", "timeout", "allow_plain_http")},
    "url": {"type": "str"},
    "thresholds": {"type": "dict", "default": {}},
    "runs": {"type": "int", "default": 5},
    "form_factor": {"type": "str", "default": "mobile", "choices": ["mobile", "desktop"]},
    "skip_audits": {"type": "list", "elements": "str", "default": ["is-crawlable"]},
    "budget": {"type": "str"},
    "reports": {"type": "path", "default": "reports"},
    "browser": {"type": "str"},
    "browser_arguments": {"type": "list", "elements": "str", "default": []},
    "lighthouse": {"type": "str"},
}
MOST_RUNS = 15
SECONDS = float(lighthouse.RUN * MOST_RUNS)  # that it may take


def missing(options: Options) -> str:
    return "" if options["thresholds"] else "set thresholds to scores by category, such as performance: 90"


def lacking(options: Options) -> str:
    try:
        lighthouse.find(options["lighthouse"])
        chromium.find(options["browser"])
    except ConfigError as error:
        return str(error)
    return ""


def wrong(options: Options, context: Context) -> list[str]:
    problems = [_threshold(name, value) for name, value in options["thresholds"].items()]
    problems.append(web.url_problem("url", options["url"]) if options["url"] else "")
    if not 1 <= options["runs"] <= MOST_RUNS:
        problems.append(f"runs is {options['runs']}: give 1 to {MOST_RUNS}")
    if options["budget"]:
        problems += [f"the budget {options['budget']}: {one}" for one in _budget(context, options)[1]]
    return [problem for problem in problems if problem]


def _threshold(name: str, value: Any) -> str:
    if name not in lighthouse.CATEGORIES:
        return f"thresholds has no category {name!r}: choose from {', '.join(lighthouse.CATEGORIES)}"
    try:
        number = float(str(value))
    except ValueError:
        number = -1
    return (
        "" if 0 <= number < 100 else f"the threshold of {name} is {value!r}: give 0 to 99; a score has to be above it"
    )


def _budget(context: Context, options: Options) -> tuple[list[budgets.Budget], list[str]]:
    """Read the budget: a file of the controller where its path is absolute, else one of the release's commit."""
    file = options["budget"]
    try:
        text = Path(file).read_text() if Path(file).is_absolute() else tree.read(context, file)
    except (OSError, UnicodeDecodeError):
        return [], ["it cannot be read"]
    except ConfigError as error:
        return [], [str(error)]
    return budgets.read(text) if text is not None else ([], ["the release has no such file"])


def ask(context: Context, options: Options) -> Answer:
    url = options["url"]
    thresholds = {name: float(str(value)) for name, value in options["thresholds"].items()}
    if not url:
        return unasked("no url was given", "Set url to the staged page")
    limits = ", ".join(f"{name} {limit:g}" for name, limit in thresholds.items())
    asked = f"does Lighthouse score {url} above {limits}, in the median of {number(options['runs'], 'run')}?"
    lighthouse.find(options["lighthouse"])
    chromium.find(options["browser"])
    answer = web.ask("GET", url, options)
    if answer.status_code >= 400:
        return _refused(answer.status_code, asked)
    if answer.is_redirect and _origin(there := urljoin(url, answer.headers["Location"])) != _origin(url):
        return _elsewhere(there, asked)
    headers = {name: str(value) for name, value in options["headers"].items()}
    found = lighthouse.audit(
        lighthouse.Audit(
            **{"url": url, "headers": headers, "categories": list(thresholds), "runs": options["runs"]},
            **{"desktop": options["form_factor"] == "desktop", "skip": options["skip_audits"]},
            **{name: options[name] for name in ("browser", "browser_arguments", "lighthouse")},
        )
    )
    if found.error:
        return unasked(f"Lighthouse could not load the page: {found.error}", "Open it in a browser", asked=asked)
    return _judge(context, options, found, thresholds, asked)


def _refused(status: int, asked: str) -> Answer:
    advice = (
        "Give the header that lets a request through the protection in headers"
        if status in (401, 403)
        else "Correct the page, or url"
    )
    return unasked(f"the page answers {status}, so there is nothing to audit", advice, asked=asked)


def _elsewhere(there: str, asked: str) -> Answer:
    advice = "Set url to the page itself, and headers to what lets a request through the protection"
    return unasked(f"the page led to {_origin(there)}, which is another site", advice, asked=asked)


def _judge(
    context: Context, options: Options, found: lighthouse.Found, thresholds: dict[str, float], asked: str
) -> Answer:
    there = str(found.report.get("finalDisplayedUrl"))
    if _origin(there) != _origin(options["url"]):
        return _elsewhere(there, asked)
    scores = {name: found.median(name) for name in thresholds}
    report = lighthouse.save(found, Path(options["reports"]), context.commit[:12] or "page", options["lighthouse"])
    facts = {
        **{"scores": scores, "runs": {name: list(found.scores[name]) for name in thresholds}},
        **{"report": str(report), "page": str(report.with_suffix(".html")), "version": found.version},
    }
    more: dict[str, Any] = {"asked": asked, "facts": facts}
    without = [name for name, score in scores.items() if score is None]
    if without:
        return unasked(f"Lighthouse gave no score for {', '.join(without)}", f"See {report}", **more)
    known = {name: score for name, score in scores.items() if score is not None}
    problems = [
        f"{name} is {score}, not above {thresholds[name]:g}"
        for name, score in known.items()
        if score <= thresholds[name]
    ]
    if options["budget"]:
        problems += budgets.over(_budget(context, options)[0], found.report)
    if problems:
        return failed("; ".join(problems), f"See what costs the score in {report.with_suffix('.html')}", **more)
    return passed(", ".join(f"{name} {score}" for name, score in scores.items()), **more)


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
