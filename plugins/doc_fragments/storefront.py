# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The systems of a storefront, as the modules of the operator's pages take them."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  storefront:
    description:
      - Name of the storefront.
    type: str
    required: true
  surfaces:
    description:
      - Surfaces of the storefront.
    type: list
    elements: str
    default: []
  frontend:
    description:
      - The frontend at Vercel. Without C(project) it is left out.
    type: dict
    default: {}
    suboptions:
      api_token: &token
        description: Token of the API. Never shown or logged.
        type: str
      allow_plain_http: &plain
        description: Allows the token to be sent over plain HTTP to another machine.
        type: bool
        default: false
      api_url: &api_url
        description: URL of the API, for tests and proxies.
        type: str
      team:
        description: Id or slug of the team.
        type: str
      project:
        description: Id or name of the project.
        type: str
      url:
        description: Public URL of the shop.
        type: str
      root_directory:
        description: Folder of the repository that holds the frontend.
        type: str
  backend:
    description:
      - The backend at Railway or Render. Without C(units) it is left out.
    type: dict
    default: {}
    suboptions:
      api_token: *token
      allow_plain_http: *plain
      api_url: *api_url
      project:
        description: Id of the project at Railway.
        type: str
      environment:
        description: Id or name of the environment at Railway.
        type: str
      url:
        description: Public URL of the API.
        type: str
      root_directory:
        description: Folder of the repository that holds the backend.
        type: str
      platform:
        description: The platform.
        type: str
        choices: [railway, render]
      token_type:
        description: Kind of the token at Railway.
        type: str
        choices: [account, project]
        default: account
      units:
        description: The units, each with its C(name), C(kind), C(service) and C(root_directory).
        type: list
        elements: dict
        default: []
        suboptions:
          name:
            description: Name of the unit.
            type: str
            required: true
          kind:
            description: Such as V(web) or V(worker).
            type: str
          service:
            description: Id of the service.
            type: str
          root_directory:
            description: Folder of the repository that holds the unit.
            type: str
  database:
    description:
      - The database. Without C(url) it is left out.
    type: dict
    default: {}
    suboptions:
      url:
        description: URL of the database, in Prisma's format. Never shown or logged.
        type: str
      direct_url:
        description: URL that bypasses a connection pooler.
        type: str
      root_directory:
        description: Folder of the repository that holds the Prisma project.
        type: str
        default: ''
      migrations:
        description: Folder of the migrations inside of it.
        type: str
        default: prisma/migrations
      backup_max_age:
        description: Age in hours from which the newest backup needs attention.
        type: float
        default: 26.0
  redis:
    description:
      - Redis, as M(storefront.runbook.redis_info) takes it. Without C(url) it is left out.
    type: dict
    default: {}
    suboptions:
      url:
        description: URL of the server. Never shown or logged.
        type: str
      sentinels:
        description: Addresses of Sentinels.
        type: list
        elements: str
        default: []
      sentinel_service:
        description: Name of the service that they watch.
        type: str
        default: mymaster
      sentinel_password:
        description: Password of the Sentinels.
        type: str
      ca_file:
        description: File with the certificates of the authorities that are trusted.
        type: path
  edge:
    description:
      - The zone at Cloudflare. Without C(zone) it is left out.
    type: dict
    default: {}
    suboptions:
      api_token: *token
      allow_plain_http: *plain
      api_url: *api_url
      zone:
        description: Name or id of the zone.
        type: str
  sentry:
    description:
      - Sentry. Without C(organization) it is left out.
    type: dict
    default: {}
    suboptions:
      api_token: *token
      allow_plain_http: *plain
      api_url: *api_url
      organization:
        description: Slug of the organization.
        type: str
      environment:
        description: Environment whose errors are counted.
        type: str
      projects:
        description: Slugs of the projects.
        type: list
        elements: str
        default: []
  command:
    description:
      - How the page's commands are written, with the folder of the C(playbooks), the C(inventory), the C(limit) and
        the C(options).
    type: dict
    default: {}
    suboptions:
      playbooks:
        description: Folder of the playbooks.
        type: str
      limit:
        description: The storefront, where the inventory has several.
        type: str
      inventory:
        description: Sources of the inventory.
        type: list
        elements: str
        default: []
      options:
        description: Further options of the run as they are written on a command line, such as C(-e @values.yml).
        type: list
        elements: str
        default: []
  checks:
    description:
      - Checks of the public sites, as the option C(checks) of M(storefront.runbook.health_check) with C(site).
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description:
          - Name of the check in messages and reports.
        type: str
        required: true
      url:
        description:
          - URL to request, or a path below the URL of its O(checks[].site) or C(base_url). A user and password in the
            URL are sent as basic authentication and never shown.
        type: str
        required: true
      site:
        description:
          - Name of the site in C(sites) that the check belongs to.
        type: str
      method:
        description:
          - HTTP method.
        type: str
        choices: [GET, HEAD, POST]
        default: GET
      body:
        description:
          - Text to send as the body of the request.
        type: str
      json_body:
        description:
          - Value to send as a JSON body.
        type: raw
      secret_headers:
        description:
          - Headers to send with this check only, in addition to O(headers). They are treated as secrets.
        type: dict
        default: {}
      status:
        description:
          - Expected status codes. If one of them is a redirect, the check follows no redirects.
        type: list
        elements: int
        default: [200]
      json:
        description:
          - Expected values in a JSON response, by dotted path, such as C(services.database) or C(items.0.name).
        type: dict
        default: {}
      headers:
        description:
          - Text that each of these response headers must contain, ignoring case. With an empty text the header only has
            to exist.
        type: dict
        default: {}
      contains:
        description:
          - Text that the body must contain.
        type: str
      release:
        description:
          - Where to find the release in the response. Set exactly one of these.
        type: dict
        suboptions:
          json:
            description:
              - Dotted path in a JSON response.
            type: str
          header:
            description:
              - Name of a header.
            type: str
          meta:
            description:
              - Name of a C(<meta>) element of the page.
            type: str
          regex:
            description:
              - Regular expression. The release is its first group, or the whole match if it has no group.
            type: str
      release_optional:
        description: Accepts a response that reports no release. A response that reports a different release still
          fails.
        type: bool
        default: false
      max_latency_ms:
        description:
          - Maximum time for the response in milliseconds, from the connection to the last byte.
        type: float
  headers:
    description:
      - Secret headers with which the checks pass an access protection.
    type: dict
    default: {}
  path:
    description:
      - The shop's git repository on the controller.
    type: path
  windows:
    description:
      - Options of M(storefront.runbook.deploy_window), to show whether a deploy may start.
    type: dict
    default: {}
  timezone:
    description:
      - IANA zone of the times that are given without a zone.
    type: str
    default: UTC
  contacts:
    description:
      - Whom to call when something is not well.
    type: list
    elements: str
    default: []
  dashboards:
    description:
      - Where to look then, each with C(name) and C(url).
    type: list
    elements: dict
    default: []
  timeout:
    description:
      - Seconds after which a system that has not answered is reported as such, at most 60.
    type: float
    default: 6.0
"""
