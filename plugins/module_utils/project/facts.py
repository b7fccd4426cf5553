# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a shop's own files say that its inventory needs: its parts, platform, project at Vercel and addresses."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from ..source.shop.frontend import Frontend
from ..source.shop.services import RENDER
from ..source.shop.shop import Settings, Shop, read_shop
from ..source.shop.tree import Tree, join
from ..source.shop.units import Unit

API = re.compile(r"API|BACKEND")
SITE = re.compile(r"SITE|APP|FRONTEND|STORE|SHOP|WEB|PUBLIC_URL|BASE_URL|CORS|ORIGIN")
PRIVATE = re.compile(
    r"(?i)^(?:localhost|127\.|10\.|192\.168\.|\[)|(?:^|\.)(?:example\.(?:com|org|net)|example|test|local|localhost)$"
)
LONGEST = 63  # characters, as a label of DNS
TAKEN = ("all", "ungrouped", "localhost", "storefronts")  # names that Ansible or our inventory gives to something else
NAME = re.compile(r"[^a-z0-9]+")


@dataclass(frozen=True)
class Facts:
    """``project`` and ``team`` are Vercel's ids from ``.vercel/project.json``; ``urls`` are the public addresses in
    .env.example, by surface. What the files do not say is empty.
    """

    name: str
    shop: Shop
    platform: str
    project: str = ""
    team: str = ""
    urls: Mapping[str, str] = field(default_factory=dict)

    @property
    def web(self) -> Unit | None:
        """The unit with the public address."""
        return next((unit for unit in self.shop.units if unit.kind == "web"), None)


def read_facts(
    tree: Tree, name: str = "", folder: str = "", platform: str = "", parts: Settings | None = None
) -> Facts:
    """Return what the files of a shop in ``folder`` say. ``name`` and ``platform`` override them, ``parts`` their
    reading (see ``read_shop``).

    Raises ConfigError, with the file and the remedy, when the files leave something open.
    """
    chosen = platform or platform_of(tree)
    shop = read_shop(tree, chosen, parts)
    project, team = vercel_link(tree, shop.frontend)
    called = name or str(tree.json("package.json").get("name") or "").rpartition("/")[2]
    return Facts(plain(called) or plain(folder) or "shop", shop, chosen, project, team, dict(_urls(shop)))


def platform_of(tree: Tree) -> str:
    """Return the backend's platform: Render where only its file is there, else Railway."""
    railway = tree.named("railway.json", "railway.toml")
    return "render" if any(name in tree for name in RENDER) and not railway else "railway"


def vercel_link(tree: Tree, frontend: Frontend | None) -> tuple[str, str]:
    """Return the ids of project and team that ``vercel link`` has written. Raises ConfigError."""
    if frontend is None:
        return "", ""
    for folder in dict.fromkeys([frontend.package, frontend.root, ""]):
        linked = tree.json(join(folder, ".vercel", "project.json"))
        if linked.get("projectId"):
            team = str(linked.get("orgId") or "")
            return str(linked["projectId"]), team if team.startswith("team_") else ""
    return "", ""


def plain(name: str) -> str:
    """Return a name that Ansible takes as a host's, and the store as a folder's."""
    found = NAME.sub("-", name.lower())[:LONGEST].strip("-")
    return f"{found}-shop" if found in TAKEN else found


def is_public(url: str) -> bool:
    """Whether a URL is the address of a live site, and neither this machine's nor an example's."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return False
    return parts.scheme == "https" and "." in host and not PRIVATE.search(host) and not parts.username


def _urls(shop: Shop) -> Iterator[tuple[str, str]]:
    """Yield the public addresses in the examples of the variables, the most telling last."""
    examples = [unit.variables for unit in shop.units] + ([shop.frontend.variables] if shop.frontend else [])
    for variables in examples:
        for name, value in variables.items():
            if is_public(value) and (API.search(name) or SITE.search(name)):
                parts = urlsplit(value)
                yield ("backend" if API.search(name) else "frontend"), f"https://{parts.netloc}"
