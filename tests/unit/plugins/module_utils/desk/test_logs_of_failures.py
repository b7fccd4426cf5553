# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Logs as npm, pnpm, Yarn, Next.js, TypeScript, Node and platforms write them: the finding, and its line."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.desk.diagnosis import find
from ansible_collections.storefront.runbook.plugins.module_utils.desk.findings.finding import View
from ansible_collections.storefront.runbook.plugins.module_utils.desk.findings.log_lines import reason

from tests.unit.plugins.module_utils.desk.test_findings import FAILED, PARAMS, broken_build, facts, unit

ENGINES = """\
npm warn EBADENGINE Unsupported engine {
npm warn EBADENGINE   package: 'undici@8.0.0',
npm warn EBADENGINE   required: { node: '>=22' },
npm warn EBADENGINE }
"""
LOCKFILE = """\
npm error code EUSAGE
npm error
npm error `npm ci` can only install packages when your package.json and package-lock.json are in sync.
npm error
npm error Missing: sharp@0.34.0 from lock file
npm error A complete log of this run can be found in: /app/.npm/_logs/x.log
Error: Command "npm ci" exited with 1
"""
PNPM = (
    'ERR_PNPM_OUTDATED_LOCKFILE  Cannot install with "frozen-lockfile" because pnpm-lock.yaml is not up to date with'
    " package.json"
)
YARN = "➤ YN0028: │ The lockfile would have been modified by this install, which is explicitly forbidden."
TYPES = "\x1b[96msrc/app.ts\x1b[0m:\x1b[93m3\x1b[0m:\x1b[93m7\x1b[0m - \x1b[91merror\x1b[0m\x1b[90m TS2322: \x1b[0mType"
NEXT = "Failed to compile.\n\n./app/page.tsx:10:5\nType error: Property 'price' does not exist on type 'Product'.\n"
LIFECYCLE = "npm error Lifecycle script `build` failed with error:\nnpm error code 1\nnpm error path /app\n"
MODULE = "./app/cart.tsx\nModule not found: Can't resolve '@/lib/Price'\n> Build failed because of webpack errors\n"
PRERENDER = 'Error occurred prerendering page "/cart".\nTypeError: fetch failed\nExport encountered an error\n'
PRISMA = "Error: Prisma schema validation\nerror: Environment variable not found: DATABASE_URL.\n"
ENV = "❌ Invalid environment variables: { STRIPE_KEY: [ 'Required' ] }\n"


@pytest.mark.parametrize(
    ("log", "name", "shown"),
    [
        (ENGINES + NEXT, "build_typescript", "Type error: Property 'price'"),
        (ENGINES + LOCKFILE, "build_npm", "`npm ci` can only install packages"),
        ("npm error code EBADENGINE\nnpm error engine Unsupported engine\n", "build_node_version", "EBADENGINE"),
        ("ERR_PNPM_UNSUPPORTED_ENGINE  Unsupported environment (bad Node.js version)", "build_node_version", "PNPM"),
        (PNPM, "build_npm", "OUTDATED_LOCKFILE"),
        (YARN, "build_npm", "YN0028"),
        (TYPES + LIFECYCLE, "build_typescript", "src/app.ts:3:7 - error TS2322: Type"),
        (NEXT + LIFECYCLE, "build_typescript", "Type error"),
        (MODULE + LIFECYCLE, "build_module", "Can't resolve '@/lib/Price'"),
        ("Error [ERR_MODULE_NOT_FOUND]: Cannot find package 'zod' imported from /app/x.js\n", "build_module", "zod"),
        (PRERENDER + LIFECYCLE, "build_npm", "Export encountered an error"),
        (PRISMA, "build_variable", "DATABASE_URL"),
        (ENV + LIFECYCLE, "build_variable", "STRIPE_KEY"),
        ("Error: STRIPE_KEY must be set\n", "build_variable", "STRIPE_KEY"),
        ("ReferenceError: shop_name is not defined\n", "build_other", "shop_name is not defined"),
        ('Error: Command "npm run build" exited with SIGKILL\n', "build_memory", "SIGKILL"),
        ("fatal: unable to fork: Cannot allocate memory\n", "build_memory", "allocate"),
        (PRERENDER + 'Error: Command "npm run build" exited with 1\n', "build_other", "Export encountered an error"),
        ("warning: no node version is required here\nnothing else\n", "build_other", "nothing else"),
    ],
)  # fmt: skip
def test_a_build(log: str, name: str, shown: str) -> None:
    found, _wrong = find(View(PARAMS, facts(**broken_build(log))))
    assert found[0].id == name
    assert shown in found[0].evidence
    assert "\x1b" not in found[0].evidence


DNS = """\
Error: getaddrinfo ENOTFOUND redis.railway.internal
    at GetAddrInfoReqWrap.onlookupall [as oncomplete] (node:dns:122:26) {
  errno: -3008,
  code: 'ENOTFOUND'
}

Node.js v20.11.0
"""


@pytest.mark.parametrize(
    ("log", "shown", "cause"),
    [
        (DNS, "getaddrinfo ENOTFOUND redis.railway.internal", "the end of its log shows why"),
        ("Error: missing file: ENOENT\nNode.js v20.11.0", "missing file", "the end of its log shows why"),
        ("Error: Invalid env: SESSION_SECRET is required\nNode.js v20.11.0", "Invalid env", "SESSION_SECRET seems"),
        ("code: 'ERR_MODULE_NOT_FOUND', missing\n", "ERR_MODULE", "the end of its log shows why"),
        ("listening\nbye", "bye", "the end of its log shows why"),
    ],
)
def test_a_unit_that_crashes(log: str, shown: str, cause: str) -> None:
    crashed: dict[str, Any] = {
        "unit__api": unit(newest={**FAILED, "status": "crashed"}),
        "logs__api": {"build": "", "runtime": log.splitlines()},
    }
    found, _wrong = find(View(PARAMS, facts(**crashed)))
    (one,) = [finding for finding in found if finding.id == "unit_crashed"]
    assert shown in one.evidence
    assert one.cause.startswith(cause)


def test_the_reason_of_a_log_that_has_only_results_is_its_last_line() -> None:
    assert reason(["exit code 1"]) == "exit code 1"
    assert reason([]) == ""
