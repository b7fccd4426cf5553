# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A release and its deploy in Sentry's words and in those of the module sentry_release."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ...core.errors import ConfigError
from .client import Sentry, check_version


@dataclass(frozen=True)
class Work:
    """What is to be written: ``fields`` of the release, the projects it is ``missing``, and its ``deploy``.
    ``known`` says that the release is there.
    """

    version: str
    known: bool
    missing: list[str]
    fields: dict[str, Any]
    deploy: Mapping[str, Any] | None

    def do(self, client: Sentry) -> dict[str, Any]:
        """Write it; return what the module gives back of the deploy."""
        if not self.known:
            client.create(self.version, self.missing, self.fields)
        elif self.missing:
            client.create(self.version, self.missing, {})
        if self.known and self.fields:
            client.update(self.version, self.fields)
        if not self.deploy:
            return {}
        names = {
            "environment": "environment",
            "name": "name",
            "url": "url",
            "started_at": "dateStarted",
            "finished_at": "dateFinished",
        }
        made = client.create_deploy(
            self.version, _without_none({names[key]: value for key, value in self.deploy.items()})
        )
        return described(self.deploy, made)


def refuse_unfit(params: Mapping[str, Any]) -> None:
    """Refuse what Sentry does not take. Raise ConfigError."""
    check_version(params["version"])
    if not params["projects"]:
        raise ConfigError("projects is empty. Add the slug of at least one project.")
    deploy = params["deploy"] or {}
    times = {
        "released_at": params["released_at"],
        **{f"deploy.{key}": deploy.get(key) for key in ("started_at", "finished_at")},
    }
    for name, value in times.items():
        try:
            datetime.fromisoformat(value or "2026-01-01")
        except ValueError:
            raise ConfigError(
                f"{name} is {value!r}, which is not a valid time. Use ISO 8601, such as 2026-01-31T12:00:00Z."
            ) from None
    for name, longest in (("environment", 64), ("name", 64)):
        if len(deploy.get(name) or "") > longest:
            raise ConfigError(f"deploy.{name} is longer than the {longest} characters that Sentry takes. Shorten it.")
    if "/" in deploy.get("environment", ""):
        raise ConfigError("deploy.environment contains a slash, which Sentry does not accept. Remove it.")


def asked(params: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of the release that the options give, by Sentry's names."""
    return {"url": params["url"], "ref": params["ref"], "dateReleased": params["released_at"]}


def newest_commit(params: Mapping[str, Any]) -> str | None:
    """Return the commit that the release stands for, where the options name one."""
    if params["commits"]:
        return params["commits"][0]["id"]
    return params["refs"][0]["commit"] if params["refs"] else None


def commits_of(params: Mapping[str, Any]) -> dict[str, Any]:
    """Return the commits of the release by Sentry's names."""
    if params["commits"]:
        # Ansible reserves the option name "message".
        return {
            "commits": [
                _without_none({"message" if key == "subject" else key: value for key, value in commit.items()})
                for commit in params["commits"]
            ]
        }
    names = {"repository": "repository", "commit": "commit", "previous_commit": "previousCommit"}
    return {"refs": [_without_none({names[key]: value for key, value in ref.items()}) for ref in params["refs"]]}


def shown(release: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the diff shows of a release."""
    return {
        **{"version": release.get("version"), "projects": [project["slug"] for project in release.get("projects", [])]},
        **{"last_commit": (release.get("lastCommit") or {}).get("id"), "released_at": release.get("dateReleased")},
        **{"url": release.get("url"), "ref": release.get("ref")},
    }


def described(deploy: Mapping[str, Any] | None, found: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return a deploy as the module returns it; ``found`` is the one that Sentry has, if any."""
    return (
        {"deploy": {"id": (found or {}).get("id"), "environment": deploy["environment"], "name": deploy["name"]}}
        if deploy
        else {}
    )


def _without_none(item: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in item.items() if value is not None}
