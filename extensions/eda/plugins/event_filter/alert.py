# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read an alert of Sentry or Alertmanager, and name the storefront that it is about.

The event gets ``alert``: {source, storefront, name, severity, url, firing, why}, and in ``meta`` the host to which
ansible-rulebook limits a playbook. Only a storefront that ``storefronts`` names can be meant: its keys are what alerts
call it (a project or an environment of Sentry, a label of Alertmanager), its values the hosts of the inventory. Text of
an alert can come from anybody who causes an error, and Ansible would evaluate templates in it, so what could be one is
removed.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from typing import Any

DOCUMENTATION = r"""
---
short_description: Read an alert of Sentry or Alertmanager
description:
  - Adds the storefront, the name and the address of an alert to the event of a webhook.
options:
  storefronts:
    description:
      - Host of the inventory for each name that alerts use for a storefront. ansible-rulebook puts no variables into
        the arguments of a filter. Without this one, the environment variable E(ALERTS_STOREFRONTS) has the names, such
        as C(production=shop,shop-frontend=shop).
    type: dict
"""

EXAMPLES = r"""
- eda.builtin.webhook:
    port: 5050
  filters:
    - storefront.runbook.alert:
        storefronts: {shop-frontend: shop, production: shop}
"""

LONGEST = 200  # characters of a text
DANGEROUS = re.compile(r"[^\w .,:;/?&=+@()'-]")
FIRING = ("triggered", "critical", "warning", "created")  # what Sentry calls an alert that is on


def main(event: dict[str, Any], storefronts: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Return the event with the alert that its payload describes."""
    known = storefronts or of_environment(os.environ.get("ALERTS_STOREFRONTS", ""))
    payload = event.get("payload")
    found = list(_alerts(payload)) if isinstance(payload, Mapping) else []
    firing = [one for one in found if one["firing"]]
    alert = _named((firing or found or [_none()])[0], known)
    meta = {**_mapping(event.get("meta")), **({"hosts": alert["storefront"]} if alert["storefront"] else {})}
    return {**event, "alert": alert, "meta": meta}


def of_environment(text: str) -> dict[str, str]:
    """Return the storefronts of ``name=host,name=host``. Raises ValueError for anything else."""
    pairs = [pair.partition("=") for pair in text.split(",") if pair.strip()]
    if not all(name.strip() and host.strip() for name, _equals, host in pairs):
        raise ValueError("ALERTS_STOREFRONTS is not of the form name=host,name=host")
    return {name.strip(): host.strip() for name, _equals, host in pairs}


def _alerts(payload: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield what an alert says; nothing for a payload of neither."""
    data, alerts = payload.get("data"), payload.get("alerts")
    if isinstance(alerts, list):
        yield from (_of_alertmanager(one) for one in alerts if isinstance(one, Mapping))
    elif isinstance(data, Mapping):
        yield _of_sentry(data, str(payload.get("action", "")))


def _of_alertmanager(alert: Mapping[str, Any]) -> dict[str, Any]:
    labels, notes = _mapping(alert.get("labels")), _mapping(alert.get("annotations"))
    return {
        **{"source": "Alertmanager", "names": [labels.get("storefront"), labels.get("environment")]},
        **{"name": notes.get("summary") or labels.get("alertname"), "severity": labels.get("severity")},
        **{"url": alert.get("generatorURL"), "firing": alert.get("status") == "firing"},
    }


def _of_sentry(data: Mapping[str, Any], action: str) -> dict[str, Any]:
    """Return a metric alert, an issue alert or a new issue."""
    metric, event = _mapping(data.get("metric_alert")), _mapping(data.get("event"))
    issue, rule = _mapping(data.get("issue")), _mapping(_mapping(data.get("metric_alert")).get("alert_rule"))
    projects = metric.get("projects") if isinstance(metric.get("projects"), list) else []
    slug = _mapping(issue.get("project")).get("slug")
    names = [*(projects or []), slug, event.get("project_slug"), event.get("project"), rule.get("environment")]
    tags = {str(tag[0]): tag[1] for tag in event.get("tags") or [] if isinstance(tag, list) and len(tag) == 2}
    return {
        **{"source": "Sentry", "names": [*names, event.get("environment"), tags.get("environment")]},
        "name": data.get("description_title") or data.get("triggered_rule") or event.get("title") or issue.get("title"),
        **{"severity": action if metric else event.get("level") or issue.get("level")},
        **{"url": data.get("web_url") or event.get("web_url") or issue.get("web_url"), "firing": action in FIRING},
    }


def _named(alert: dict[str, Any], storefronts: Mapping[str, str]) -> dict[str, Any]:
    names = [str(name) for name in alert.pop("names") if name not in (None, "")]
    known = next((storefronts[name] for name in names if name in storefronts), "")
    why = "" if known else f"storefronts names none of {', '.join(map(_plain, names)) or 'nothing'}"
    texts = {key: _plain(alert[key]) for key in ("name", "severity", "url")}
    return {**alert, **texts, "storefront": known, "firing": bool(alert["firing"] and known), "why": why}


def _none() -> dict[str, Any]:
    return {"source": "", "names": [], "name": "", "severity": "", "url": "", "firing": False}


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _plain(value: Any) -> str:
    return DANGEROUS.sub("", str(value or ""))[:LONGEST]
