#!/usr/bin/python
# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check the links, images, security headers, robots.txt and sitemap of a site."""

from __future__ import annotations

DOCUMENTATION = r"""
module: page_check
short_description: Check the links, images, security headers, robots.txt and sitemap of a site
version_added: 1.0.0
author:
  - Contributors to storefront.runbook (@storefront)
description:
  - Requests pages, and the URLs of the same site that they link to or show. URLs of other sites are not requested.
  - The module only reads. It runs in check mode as well, and never reports a change.
attributes:
  check_mode:
    description: Reads only, so check mode is no different.
    support: full
  diff_mode:
    description: Changes nothing, so there is no difference to show.
    support: none
options:
  url:
    description:
      - URL of the site.
    type: str
    required: true
  pages:
    description:
      - Paths of the pages to check.
    type: list
    elements: str
    default: [/]
  links:
    description:
      - Checks the links, style sheets and scripts of the pages.
    type: bool
    default: true
  images:
    description:
      - Checks that the images of the pages load and are images.
    type: bool
    default: true
  limit:
    description:
      - Maximum number of addresses to follow from one page, and from one sitemap.
    type: int
    default: 50
  robots:
    description:
      - Checks that C(robots.txt) exists and does not keep every search engine out, and the sitemaps that it names.
    type: bool
    default: false
  security_headers:
    description:
      - Headers that each page must send, with a text that each must contain. An empty text accepts any value.
        C(strict-transport-security) is not expected over plain HTTP.
    type: dict
    default: {}
  headers:
    description:
      - Secret headers to send to the site. They are never sent to another host.
    type: dict
    default: {}
  timeout:
    description:
      - Seconds for one response, up to its last byte.
    type: float
    default: 10.0
  allow_plain_http:
    description:
      - Allows O(headers) to be sent over plain HTTP to another machine.
    type: bool
    default: false
  require:
    description:
      - V(passed) fails the task if there is a problem. V(none) only reports.
    type: str
    choices: [passed, none]
    default: passed
"""

EXAMPLES = r"""
- name: No link of the homepage is broken, and its images load
  storefront.runbook.page_check:
    url: https://shop.example
    pages: [/, /products]
    robots: true
    security_headers: {x-content-type-options: nosniff, strict-transport-security: max-age=}
"""

RETURN = r"""
passed:
  description: Whether there is no problem.
  returned: success
  type: bool
  sample: true
problems:
  description: What is wrong, one text per problem.
  returned: always
  type: list
  elements: str
  sample: []
summary:
  description: What was checked, and a line per problem. It is also the message when the task fails.
  returned: always
  type: str
  sample: 2 pages are right, with 31 addresses asked.
asked:
  description: Number of addresses that were requested.
  returned: always
  type: int
  sample: 31
elapsed:
  description: Run time of the module in seconds.
  returned: always
  type: float
error:
  description: The error in machine-readable form.
  returned: failure
  type: dict
  contains:
    kind:
      description: V(unhealthy) or V(config).
      type: str
    message:
      description: Same text as C(msg).
      type: str
"""

from typing import Any

from ..module_utils.core.errors import ConfigError, Unhealthy
from ..module_utils.core.http import REQUESTS_ERROR
from ..module_utils.core.module import Runtime, run
from ..module_utils.core.options import plain_http_options
from ..module_utils.core.plan import Plan
from ..module_utils.core.transport import make_session
from ..module_utils.core.wait import nothing
from ..module_utils.site.journeys.names import text
from ..module_utils.site.journeys.options import world_of
from ..module_utils.site.journeys.queries import LIBRARIES
from ..module_utils.site.journeys.sender import Sender
from ..module_utils.site.pages import Pages, summary


def argument_spec() -> dict[str, Any]:
    return {
        "url": {"type": "str", "required": True},
        "pages": {"type": "list", "elements": "str", "default": ["/"]},
        "links": {"type": "bool", "default": True},
        "images": {"type": "bool", "default": True},
        "limit": {"type": "int", "default": 50},
        "robots": {"type": "bool", "default": False},
        "security_headers": {"type": "dict", "default": {}},
        "headers": {"type": "dict", "default": {}, "no_log": True},
        "timeout": {"type": "float", "default": 10.0},
        "require": {"type": "str", "choices": ["passed", "none"], "default": "passed"},
        **plain_http_options(),
    }


def build_client(params: dict[str, Any], runtime: Runtime) -> Pages:
    own = {"sites": {"site": params["url"]}, "hosts": [], "variables": {}, "secrets": {}}
    world = world_of({**params, **own})
    if not 0 <= params["limit"] <= 1000:
        raise ConfigError(f"limit is {params['limit']}. Set it to 0 to 1000.")
    if wrong := [page for page in params["pages"] if not page.startswith("/") or page.startswith("//")]:
        raise ConfigError(f"pages has {wrong[0]!r}. Begin each path with one slash, as /products.")
    if not params["pages"]:
        raise ConfigError("pages is empty, so nothing would be checked. Add at least /.")
    headers = {str(name): text(value) for name, value in params["headers"].items()}
    return Pages(Sender(world, make_session(headers), headers, params["timeout"]), params["limit"])


def plan(params: dict[str, Any], client: Pages) -> Plan:
    site = params["url"].rstrip("/")
    wanted = {str(name): text(value) for name, value in params["security_headers"].items()}
    for page in params["pages"]:
        client.page(f"{site}{page}", wanted, links=params["links"], images=params["images"])
    if params["robots"]:
        client.robots(site)
    found: dict[str, Any] = {"passed": not client.problems, "problems": sorted(client.problems), "asked": client.asked}
    found["summary"] = summary(params["pages"], client)
    if client.problems and params["require"] == "passed":
        error = Unhealthy(found["summary"])
        error.result = found
        raise error
    return Plan(before={}, after={}, result=found)


def main() -> None:
    libraries = {"requests": REQUESTS_ERROR, "beautifulsoup4": LIBRARIES["beautifulsoup4"]}
    run(argument_spec(), build_client, plan, nothing, libraries=libraries)


if __name__ == "__main__":
    main()
