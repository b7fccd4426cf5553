# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The dress rehearsal of a deploy: the storefront in another inventory that gets the release first, why it must not be
that one, and how long each step took there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ..core.amounts import duration
from ..core.errors import ConfigError
from ..core.process import run
from ..source.checkout import resolve
from ..store.open import open_store
from . import ledger, ledger_history
from .evidence import stamp
from .options import SURFACES, asked
from .seed import refused
from .spelling import suggestion

DATABASES = ("database_url", "database_direct_url")
OWN = ("store", "frontend_project", "frontend_url", "backend_url")  # no two storefronts share one of them
FOLDERS = ("backend_root_directory", "frontend_root_directory")  # equal in every environment of a shop
STORE = ("store_endpoint_url", "store_access_key", "store_secret_key", "store_region", "store_is_shared")
READ: tuple[str, ...] = (*OWN, *DATABASES, *FOLDERS, *STORE, "backend_environment", "backend_units", "allow_plain_http")
READ += ("environment_role", "source_path", "surfaces")
RECORDS = 20  # of the ledger of staging

Options = Mapping[str, Any]
Record = Mapping[str, Any]


@dataclass(frozen=True)
class Side:
    """A storefront: its name, its options, the commit that the release has in its checkout, and its newest record of a
    good deploy.
    """

    name: str
    options: Options
    commit: str = ""
    live: Record = field(default_factory=dict)


def inventory_of(name: str, sources: Sequence[str], here: Path) -> Path:
    """Return the inventory called ``name``: a path, or a name that is searched beside the inventories of the run, in
    the current folder and in its folder ``inventories``. Raises ConfigError.
    """
    given = Path(name).expanduser()
    beside = [parent for source in sources for parent in _above(here / source)]
    tried = list(dict.fromkeys(start / given for start in (*beside, here, here / "inventories")))
    found = next((path for path in tried if path.exists()), None)
    if not found:
        raise ConfigError(
            f"there is no inventory {name}: none of {', '.join(map(str, tried))} exists. Name the inventory of staging,"
            " or its path"
        )
    return found.resolve()


def _above(source: Path) -> list[Path]:
    return [source.parent, source] if source.is_dir() else [source.parent.parent, source.parent]


def storefront_of(names: Sequence[str], wanted: str, own: str, inventory: Path) -> str:
    """Return the storefront of another inventory: the one that is wanted, that has the same name, or the only one."""
    if wanted:
        if wanted in names:
            return wanted
        raise ConfigError(
            f"{wanted} is not a storefront of {inventory}{suggestion(wanted, names)}: its group storefronts has"
            f" {', '.join(names) or 'no host'}. Correct dress_rehearsal_storefront"
        )
    if own in names or len(names) == 1:
        return own if own in names else names[0]
    if not names:
        raise ConfigError(f"the group storefronts of {inventory} has no host. Name the inventory of staging")
    raise ConfigError(
        f"{inventory} has {len(names)} storefronts ({', '.join(names)}), and none is called {own}. Choose one with"
        " -e dress_rehearsal_storefront=<name>"
    )


def staging(name: str, options: Options, release: str) -> tuple[Side, Sequence[Record]]:
    """Return the storefront of staging, and the newest records of its ledger. Raises RunbookError."""
    store = open_store(options)
    try:
        records = ledger_history.read(store, RECORDS).records
    finally:
        store.close()
    live = next((record for record in records if ledger.verified(record)), {})
    return Side(name, options, commit_of(options["source_path"], release), live), records


def commit_of(path: Any, release: str) -> str:
    """Return the commit of a release in a checkout. Raises ConfigError."""
    return resolve(str(path), release)


def problems(own: Side, other: Side, release: str) -> Iterator[str]:
    """Yield why a deploy of ``own`` must not be rehearsed in ``other``."""
    common = shared(own.options, other.options)
    if common:
        yield (
            f"{other.name} and this storefront have the same {', '.join(common)}: the rehearsal would change what is"
            " live here. Name a storefront of staging, with a store, a database and units of its own"
        )
        return
    yield from refused(other.options.get("environment_role"), [other.name], "a dress rehearsal")
    if own.commit != other.commit:
        yield (
            f"{other.name} is another shop, or its checkout is old: {release} is commit {own.commit[:12]} here and"
            f" {other.commit[:12]} in its source_path. Name a storefront of this shop, or fetch the tags there"
        )
    for name in FOLDERS:
        here, there = own.options.get(name), other.options.get(name)
        if here and there and Path(str(here)) != Path(str(there)):
            yield f"{other.name} is another shop of the repository: its {name} is {there}, and here it is {here}"
    newer = str(other.live.get("commit") or "")
    if newer and newer != own.commit and is_ancestor(str(own.options.get("source_path")), own.commit, newer):
        yield (
            f"{other.name} has {other.live.get('release')}, which is newer than {release}: its database may have"
            f" migrations that {release} lacks. Deploy {other.live.get('release')}, or roll {other.name} back first"
        )


def shared(own: Options, other: Options) -> list[str]:
    """Return the options that name the same thing in both storefronts."""
    found = [name for name in OWN if own.get(name) and _address(own[name]) == _address(other.get(name))]
    if _databases(own) & _databases(other):
        found.append("database_url")
    return [*found, "backend_units"] if _services(own) & _services(other) else found


def _address(value: Any) -> tuple[str, str]:
    """What a URL, or an id, names: without letter case, credentials and options."""
    parts = urlsplit(str(value or ""))
    return (parts.netloc.rpartition("@")[2].lower(), parts.path.rstrip("/"))


def _databases(options: Options) -> set[tuple[str, str]]:
    found = set()
    for url in (options.get(name) for name in DATABASES):
        host, path = _address(url)
        if host and path:
            found.add((host if ":" in host else f"{host}:5432", path))
    return found


def _services(options: Options) -> set[tuple[str, str]]:
    """A service with its environment: Railway's environments of a project share the ids of their services."""
    units = options.get("backend_units")
    place = str(options.get("backend_environment") or "")
    known = [unit for unit in units if isinstance(unit, Mapping)] if isinstance(units, Sequence) else []
    return {(place, str(unit["service"])) for unit in known if unit.get("service")}


def is_ancestor(repository: str, old: str, new: str) -> bool:
    """Whether ``new`` contains the commit ``old``; false where the repository does not know one of them."""
    return run(["git", "-C", repository, "merge-base", "--is-ancestor", old, new], check=False).returncode == 0


def surfaces_of(own: Any, other: Any) -> tuple[list[str], list[str]]:
    """Return the surfaces that are rehearsed, and those that staging does not have."""
    there = asked(other) or list(SURFACES)
    return [one for one in asked(own) if one in there], [one for one in asked(own) if one not in there]


def planned(records: Sequence[Record], steps: Sequence[Mapping[str, Any]], commit: str) -> dict[str, float]:
    """Return the seconds of each step: the longest time that it took in a deploy of this commit there. A second
    rehearsal finds the release live and skips most of its work.
    """
    earlier = [one for one in records if one.get("commit") == commit and one.get("outcome") == "released"]
    found: dict[str, float] = {}
    for step in [*steps, *(step for record in earlier for step in record.get("steps") or [])]:
        if step.get("outcome") == "ok" and isinstance(step.get("seconds"), (int, float)):
            name = str(step.get("name"))
            found[name] = max(found.get(name, 0.0), float(step["seconds"]))
    return found


def evidence(rehearsal: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """Return the evidence of the ledger, which has the planned times."""
    times = ", ".join(f"{name} {duration(seconds)}" for name, seconds in rehearsal["planned"].items())
    where = f"{rehearsal['storefront']} ({rehearsal['inventory']})"
    return {
        "name": "dress_rehearsal",
        "asked": f"Was {rehearsal['release']} deployed in staging first?",
        "answered": f"released in {where} in {duration(rehearsal['seconds'])}; planned: {times}",
        "outcome": "rehearsed",
        "at": stamp(now),
    }
