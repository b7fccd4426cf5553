# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the rotation of a secret does to the variables of one service at a platform. The platform itself keeps the old
value in a second variable until the rotation has ended, so that no value is stored anywhere else.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, unquote, urlsplit, urlunsplit

from ..core.amounts import number
from ..core.errors import ConfigError
from ..core.wait import Outcome

STATES = ("read", "rotated", "restored")
SHORTEST = 32  # characters of a new secret
SCHEMES = ("postgresql", "postgres", "redis", "rediss")


@dataclass(frozen=True)
class Rotation:
    """``values`` are to be set and are secrets, ``absent`` are names to remove, ``report`` has no secret."""

    values: Mapping[str, str] = field(default_factory=dict)
    absent: list[str] = field(default_factory=list)
    report: dict[str, Any] = field(default_factory=dict)


def rotation_options() -> dict[str, Any]:
    """The option of modules that set variables; each of them documents it."""
    return {
        "rotate": {
            "type": "dict",
            "options": {
                "state": {"type": "str", "choices": list(STATES), "required": True},
                "variable": {"type": "str", "required": True},
                "previous": {"type": "str", "required": True},
                "value": {"type": "str", "no_log": True},
                "user": {"type": "str"},
                "password": {"type": "str", "no_log": True},
            },
        }
    }


def rotation(
    rotate: Mapping[str, Any] | None,
    present: Mapping[str, str],
    *,
    written: Mapping[str, str] | None = None,
    hidden: Collection[str] = (),
) -> Rotation:
    """Return what a service's variables need. ``present`` has their values, ``written`` those with references to other
    variables as they are stored, and ``hidden`` the names whose values the platform never returns. Raises ConfigError.
    """
    if not rotate:
        return Rotation()
    name, previous = str(rotate["variable"]), str(rotate["previous"])
    now, stored = present.get(name), {**present, **(written or {})}
    report = {
        "variable": name,
        "set": name in present or name in hidden,
        "hidden": name in hidden,
        "user": user_of(now),
        "previous": previous in present or previous in hidden,
        "others": sorted(other for other in present if other not in (name, previous) and _same(stored[other], now)),
    }
    if rotate["state"] == "restored" and previous in present:
        return Rotation({name: stored[previous]}, [previous], report)
    if rotate["state"] != "rotated":
        return Rotation(report=report)
    wanted = rotate["value"] or _with_login(name, now, str(rotate["user"]), str(rotate["password"]), name in hidden)
    if now == wanted:
        return Rotation(report=report)
    kept = {} if now is None else {previous: stored[name]}
    return Rotation({**kept, name: wanted}, [], report)  # in this order: a platform may set one after another


def user_of(url: str | None) -> str | None:
    """Return the user in a URL; None for any other value."""
    try:
        parts = urlsplit(url or "")
        return unquote(parts.username or "") if parts.scheme in SCHEMES and parts.netloc else None
    except ValueError:
        return None


def _same(url: str, other: str | None) -> bool:
    """Return whether two URLs have the same login: one with a user of the same name at another server has another
    password.
    """
    if not other or not user_of(url) or not user_of(other):
        return False
    parts, others = urlsplit(url), urlsplit(other)
    return (parts.scheme[:5], parts.username, parts.password) == (others.scheme[:5], others.username, others.password)


def _with_login(name: str, url: str | None, user: str, password: str, hidden: bool) -> str:
    """Return a URL with another user and password, and everything else as it was."""
    if hidden:
        raise ConfigError(
            f"The platform never returns the value of {name}, so its user and password cannot be replaced. Set it again"
            " as a variable that can be read, or change it by hand with variables.yml.",
            code="hidden_variable",
        )
    if user_of(url) is None:
        raise ConfigError(
            f"{name} is {'not set' if url is None else 'no URL of PostgreSQL or Redis'}, so it has no user and password"
            " to replace. Correct the variable that the secret names.",
            code="no_url",
        )
    parts = urlsplit(url or "")
    place = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{quote(user, safe='')}:{quote(password, safe='')}@{place}"))


def ended(user: str, peer: str, counts: Mapping[str, int], in_use: bool = True) -> tuple[Outcome, str]:
    """Return whether the login of ``user`` may end: no session is its, and one is that of ``peer`` if that has to be
    ``in_use``.
    """
    if counts.get(user):
        return Outcome.PENDING, f"used by {number(counts[user], 'session')}"
    if in_use and not counts.get(peer):
        return Outcome.PENDING, f"unused, but {peer} has no session yet"
    return Outcome.READY, "unused"


def refuse_short(password: str) -> None:
    """Raise ConfigError for a password that could be guessed, since its hash may be read by others."""
    if len(password) < SHORTEST:
        raise ConfigError(f"password has less than {SHORTEST} characters. Give a longer one.", code="short_password")
