# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A run as plain text, for a mail or a terminal: what the page shows first, without its tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any


def text(run: Mapping[str, Any]) -> str:
    return "\n".join(_lines(run)) + "\n"


def _lines(run: Mapping[str, Any]) -> Iterator[str]:
    yield f"{run['kind'].capitalize()}{_after(' of ', run['release'])}, {run['environment']}"
    yield f"{run['headline']}{_after(': ', run['message'])}"
    yield f"{run['began']['text']}{_after(', ', run['took'])}{_after(', by ', run['by'])}"
    yield from (f"  live: {unit['name']} {unit['live']} (before: {unit['before']})" for unit in run["units"])
    for one in run["back"]:
        result = "put back" if one["done"] else f"NOT put back: {one['why']}"
        yield f"  {one['what']} {one['to']}: {result}"
    yield from ([f"  dress rehearsal: {run['rehearsal']}"] if run["rehearsal"] else [])
    yield from (f"  {step.label}: {step.took}, {step.outcome} ({step.word} {step.planned})" for step in run["bars"])
    yield from (f"  {check['id']} {check['name']}: {check['outcome']}. {check['answered']}" for check in run["checks"])
    yield from (f"  migration {one['name']}: {one['state']}" for one in run["migrations"])
    yield from (f"  backup {name}: {value}" for name, value in run["backup"])
    for stage in run["probes"]:
        yield f"  {stage['title']}:"
        yield from (f"    {check['name']}: {check['outcome']} {check['latency']}".rstrip() for check in stage["checks"])
    for watch in run["watches"]:
        yield f"  watch{_after(' ', watch['stage'])}: {watch['verdict']} after {watch['seconds']}"
        yield from (f"    {one.get('text', '')} ({one.get('verdict', '')})" for one in watch["rows"])
    yield from (f"  open: {note}" for note in run["notes"])
    if run["record"]:
        yield f"  record {run['record']}"


def _after(word: str, value: str) -> str:
    return f"{word}{value}" if value else ""
