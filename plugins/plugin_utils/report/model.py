# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the page of a run shows, from the facts that its playbook has at the end: every value is text or a number, and
nothing here knows HTML.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from ..screen import labels
from ..screen.amounts import date, duration, moment, size
from ..screen.history import History
from ..screen.text import clean
from . import plots, timeline

Facts = Mapping[str, Any]
LOG_LINES, LOGS = 200, 5  # lines of the end of one log, and logs


class Room(NamedTuple):
    """How much a page shows: characters of one text, rows of one table, characters of the end of one log."""

    text: int
    rows: int
    log: int


ROOMS = (Room(2000, 200, 20_000), Room(300, 100, 5000), Room(40, 20, 1000))  # the next one where a page gets too big
HEADLINES = {
    "released": "Released",
    "rolled_back": "Rolled back",
    "incomplete": "Rollback incomplete",
    "unsafe": "Rollback unsafe: schema",
    "lost": "Lease lost",
    "restored": "Restored",
    "undone": "Restore undone",
    "migrated": "Migrated",
    "changed": "Changed",
    "unchanged": "Nothing to change",
    "failed": "Failed",
}
GOOD = ("released", "restored", "undone", "migrated", "changed", "unchanged")
STAGES = {
    "before": "Before the run, on the live site",
    "backend": "New backend, old site",
    "staged": "Staged build",
    "public": "Public site",
    "back": "After the rollback",
}
VERIFIED = {
    "frontend": "pages",
    "backend": "API",
    "database": "database",
    "performance": "performance",
    "uat": "journeys of customers",
}
LARGEST_PICTURE = 3_000_000  # bytes
VERIFIED_TONES = {"passed": "good", "failed": "bad"}
ANSWERS = {"passed": "good", "attested": "good", "failed": "bad", "could_not_be_asked": "bad", "waived": "attention"}
WATCHED = {"good": "good", "bad": "bad"}
PROBES = {"healthy": "good", "probe_blocked": "attention"}


def model(facts: Facts, room: Room = ROOMS[0]) -> dict[str, Any]:
    """Return what the template shows. ``facts`` is described in roles/notify/vars/main.yml."""
    logs = [_log(log, room) for log in _maps(facts.get("logs"))[:LOGS]]
    given = _texts({name: value for name, value in facts.items() if name != "logs"}, room)
    report, record = _map(given.get("report")), _map(given.get("record"))
    began, ended = moment(given.get("began")), moment(record.get("finished_at") or given.get("ended"))
    total = max((ended - began).total_seconds(), 0.0) if began and ended else 0.0
    history = History()
    history.read(_list(given.get("history")))
    rehearsal = _map(given.get("rehearsal"))
    history.plan(rehearsal.get("planned"))
    bars = timeline.bars(_maps(report.get("steps")), total, history)
    outcome, kind = str(report.get("outcome") or "failed"), str(report.get("kind") or "deploy")
    return {
        "storefront": report.get("storefront", ""),
        "environment": given.get("environment") or report.get("storefront", ""),
        "kind": kind,
        "release": report.get("release", ""),
        "outcome": outcome,
        "headline": HEADLINES.get(outcome, outcome),
        "tone": tone(kind, outcome),
        "message": _without(HEADLINES.get(outcome, outcome), str(report.get("message") or "")),
        "by": given.get("by", ""),
        "commit": record.get("commit") or "",
        "record": report.get("record", ""),
        "began": time_of(began),
        "ended": time_of(ended),
        "seconds": round(total, 1),
        "took": duration(total),
        "usual": duration(history.usual_deploy()) if kind == "deploy" else "",
        "units": _units(report),
        "urls": _map(report.get("urls")),
        "rehearsal": _rehearsal(rehearsal),
        "bars": bars,
        "critical": timeline.critical(bars),
        "verdict": given.get("verdict", ""),
        "checks": [_check(answer) for answer in _maps(given.get("checklist"))],
        "evidence": _maps(given.get("evidence")),
        "migrations": _migrations(given),
        "backup": _backup(given),
        "restore": _restore(_map(given.get("restore"))),
        "change": _change(_map(given.get("change"))),
        "probes": _probes(_map(given.get("probes"))),
        "verified": _verified(_map(given.get("verified"))),
        "watches": _watches(given),
        "back": _back(given, report, kind),
        "failure": given.get("failure", ""),
        "notes": [str(note) for note in _list(report.get("notes"))],
        "logs": logs,
        "links": _maps(given.get("links")),
        "contacts": [str(contact) for contact in _list(given.get("contacts"))],
        "log_url": given.get("log_url", ""),
    }


def _without(headline: str, message: str) -> str:
    """Return the message without the headline, which the page shows before it."""
    repeated = message[: len(headline)].lower() == headline.lower()
    return message[len(headline) :].lstrip(" .:") if repeated else message


def step_label(step: str) -> str:
    return labels.of_step(step)


def tone(kind: str, outcome: str) -> str:
    """Return good, attention or bad. A deploy that was rolled back is safe, and still needs attention."""
    if outcome in GOOD or (outcome == "rolled_back" and kind == "rollback"):
        return "good"
    return "attention" if outcome in ("rolled_back", "checked") else "bad"


def _change(change: Facts) -> list[dict[str, str]]:
    """Return what a lever changed: each part, before and after."""
    before, after = _map(change.get("before")), _map(change.get("after"))
    return [
        {"part": str(part), "before": _words(before.get(part)), "after": _words(after.get(part))}
        for part in dict.fromkeys([*before, *after])
    ]


def _words(state: Any) -> str:
    if isinstance(state, Mapping):
        return ", ".join(f"{name}: {value}" for name, value in state.items()) or "none"
    return "none" if state is None else str(state)


def _rehearsal(rehearsal: Facts) -> str:
    """Return where the planned times come from; empty where the release was not rehearsed."""
    if not rehearsal.get("planned"):
        return ""
    where = f"{rehearsal.get('storefront')} of {rehearsal.get('inventory')}"
    record = f" (record {rehearsal['record']})" if rehearsal.get("record") else ""
    return f"{rehearsal.get('release')} was deployed to {where} first, in {duration(rehearsal.get('seconds'))}{record}."


def _units(report: Facts) -> list[dict[str, Any]]:
    before, live = _map(report.get("before")), _map(report.get("live"))
    return [
        {
            "name": name,
            "before": before.get(name, "nothing"),
            "live": live.get(name, "not known" if name in before and before[name] != "nothing" else "nothing"),
        }
        for name in dict.fromkeys([*before, *live])
    ]


def _check(answer: Facts) -> dict[str, Any]:
    outcome = str(answer.get("outcome", ""))
    by = f"by {answer['by']}" if answer.get("by") else ""
    settled = ": ".join(part for part in (by, str(answer.get("reason") or "")) if part)
    until = moment(answer.get("until"))
    return {
        **{key: answer.get(key) or "" for key in ("id", "title", "asked", "answered", "advice", "url", "at")},
        "name": answer.get("name", ""),
        "outcome": outcome.replace("_", " "),
        "tone": ANSWERS.get(outcome, "plain"),
        "settled": f"{settled} until {date(until)}" if until else settled,
    }


def _migrations(given: Facts) -> list[dict[str, Any]]:
    applied = _list(given.get("migrated"))
    rehearsed = {one.get("name"): one for one in _maps(given.get("rehearsed"))}
    return [
        {
            "name": one.get("name", ""),
            "classes": [str(kind).replace("_", " ") for kind in _list(one.get("classes"))],
            "safe": bool(one.get("backward_compatible")),
            "reasons": _maps(one.get("reasons"))[:10],
            "state": "applied" if one.get("name") in applied else "not applied",
            "rehearsed": duration(_map(rehearsed.get(one.get("name"))).get("seconds")),
            "locks": [_lock(lock) for lock in _maps(_map(rehearsed.get(one.get("name"))).get("locks"))[:10]],
        }
        for one in _maps(given.get("pending"))
    ]


def _lock(lock: Facts) -> str:
    blocks = ", ".join(str(what) for what in _list(lock.get("blocks")))
    return f"{lock.get('mode', '')} on {lock.get('relation', '')}" + (f", blocks {blocks}" if blocks else "")


def _backup(given: Facts) -> list[tuple[str, str]]:
    backup = _map(given.get("backup"))
    proof = next((one for one in _maps(given.get("evidence")) if one.get("name") == "backup_proof"), {})
    if not backup and not proof:
        return []
    at = moment(backup.get("finished_at"))
    proven = moment(proof.get("at"))
    rows = [
        ("name", backup.get("name", "")),
        ("stored at", backup.get("location", "")),
        ("size", size(backup.get("size"))),
        ("encryption", backup.get("encryption", "")),
        ("verified by", backup.get("verified", "")),
        ("created", date(at) if at else ""),
        ("took", duration(backup.get("duration"))),
        (
            "proof",
            f"{proof.get('answered', '')}{f', {date(proven)}' if proven else ''}"
            if proof
            else "not proven in this run",
        ),
    ]
    return [(name, str(value)) for name, value in rows if value]


def _restore(restored: Facts) -> list[tuple[str, str]]:
    kept, lost = moment(restored.get("kept_until")), restored.get("lost_rows")
    rows = [
        ("in use", restored.get("serves")),
        ("swapped by", restored.get("swap")),
        ("kept", restored.get("kept")),
        ("kept until", date(kept) if kept else ""),
        ("rows that the new database lacks or has in another version", f"{lost:,}" if isinstance(lost, int) else ""),
    ]
    return [(name, str(value)) for name, value in rows if value]


def _probes(stages: Facts) -> list[dict[str, Any]]:
    found = []
    for stage, title in STAGES.items():
        checks = [_probe(check) for check in _maps(_map(stages.get(stage)).get("checks"))]
        if checks:
            found.append({"title": title, "checks": checks})
    return found


def _verified(results: Facts) -> list[dict[str, Any]]:
    """Return what was verified beside the probes: pages, API, database, performance and journeys."""
    return [
        {
            "name": VERIFIED.get(name, name),
            "state": str(_map(ended).get("state", "")),
            "tone": VERIFIED_TONES.get(str(_map(ended).get("state")), "plain"),
            "summary": str(_map(ended).get("summary", "")),
            "pictures": [picture for path in _map(ended).get("screenshots") or [] if (picture := _picture(str(path)))],
        }
        for name, ended in results.items()
    ]


def _watches(given: Facts) -> list[dict[str, Any]]:
    """Return every watch of the run: one for each stage of a rolling release. One that failed is only in ``watch``."""
    stages, last = _maps(given.get("stages")), _map(given.get("watch"))
    return [_watch(one) for one in [*stages, *([] if last in stages else [last])] if _maps(one.get("comparisons"))]


def _watch(watched: Facts) -> dict[str, Any]:
    """Return what a watch of the release compared, with its plots."""
    comparisons = _maps(watched.get("comparisons"))
    verdict = str(watched.get("verdict", ""))
    return {
        "verdict": verdict,
        "stage": str(watched.get("stage") or ""),
        "tone": WATCHED.get(verdict, "attention"),
        "seconds": duration(watched.get("seconds")),
        "rows": [{**one, "tone": WATCHED.get(str(one.get("verdict")), "attention")} for one in comparisons],
        "notes": [str(note) for note in _list(watched.get("notes"))],
        "plots": plots.of_watch(_list(watched.get("points")), duration(watched.get("seconds"))),
    }


def _picture(path: str) -> str:
    """Return a screenshot as a data URL, since a report is one file; empty for one that is gone or too large."""
    try:
        content = Path(path).read_bytes()
    except OSError:
        return ""
    return f"data:image/png;base64,{b64encode(content).decode()}" if len(content) <= LARGEST_PICTURE else ""


def _probe(check: Facts) -> dict[str, Any]:
    outcome = str(check.get("outcome", ""))
    latency = check.get("latency_ms")
    return {
        **{key: check.get(key) or "" for key in ("name", "url", "status", "release")},
        "outcome": outcome.replace("_", " "),
        "tone": PROBES.get(outcome, "bad"),
        "latency": f"{latency} ms" if isinstance(latency, int) else "",
        "reasons": [str(reason) for reason in _list(check.get("reasons"))],
    }


def _back(given: Facts, report: Facts, kind: str) -> list[dict[str, Any]]:
    """Return what was put back, of a run that put something back."""
    if report.get("outcome") not in ("rolled_back", "incomplete"):
        return []
    missing = {str(one.get("what")): str(one.get("why", "")) for one in _maps(given.get("not_back"))}
    target = _map(given.get("target")) if kind == "rollback" else {}
    releases = {name: _map(unit).get("release") for name, unit in target.items()} or _map(report.get("before"))
    return [
        {
            "what": what,
            "to": (releases.get(what) or "nothing") if what in releases else "",
            "why": missing.get(what, ""),
            "done": what not in missing,
        }
        for what in dict.fromkeys([*releases, *missing])
    ]


def _log(log: Facts, room: Room) -> dict[str, str]:
    end = str(log.get("text", ""))[-4 * room.log :]  # cut before it is cleaned: a log may have megabytes
    lines = clean(end).strip("\n").split("\n")
    return {"title": _texts(str(log.get("title") or "log"), room), "text": "\n".join(lines[-LOG_LINES:])[-room.log :]}


def time_of(at: Any) -> dict[str, str]:
    return {"iso": at.isoformat(timespec="seconds"), "text": date(at)} if at else {"iso": "", "text": "not known"}


def _texts(value: Any, room: Room) -> Any:
    """Return plain values: texts without control characters, and not longer than a page has room for."""
    if isinstance(value, str):
        text = clean(value[: 4 * room.text])
        return text if len(text) <= room.text else f"{text[: room.text]} …"
    if isinstance(value, Mapping):
        return {str(key): _texts(nested, room) for key, nested in islice(value.items(), room.rows)}
    if isinstance(value, (list, tuple)):
        return [_texts(nested, room) for nested in value[: room.rows]]
    return value


def _map(value: Any) -> dict[str, Any]:
    return dict(value) if isinstance(value, Mapping) else {}


def _list(value: Any) -> list[Any]:
    return list(value) if isinstance(value, Sequence) and not isinstance(value, str) else []


def _maps(value: Any) -> list[dict[str, Any]]:
    return [dict(one) for one in _list(value) if isinstance(one, Mapping)]
