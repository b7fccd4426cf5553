# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the API's documentation follows its routes: where routes changed since the live release, the
OpenAPI document did, too.
"""

from __future__ import annotations

import re
from typing import Any

try:
    import yaml

    YAML_ERROR = None
except ImportError:
    import traceback

    YAML_ERROR = traceback.format_exc()

from ..core.amounts import number
from ..core.json_text import loads
from . import tree
from .answer import Answer, failed, not_applicable, not_configured, passed
from .check import Context, Options

OPTIONS: dict[str, dict[str, Any]] = {
    "document": {"type": "str"},
    "routes": {"type": "list", "elements": "str", "default": ["*/routes/*", "routes/*"]},
}
DOCUMENT = re.compile(r"(?:.*/)?(?:openapi|swagger)\.(?:json|ya?ml)")
SHOWN = 5


def ask(context: Context, options: Options) -> Answer:
    if not context.path:
        return not_configured("set path to the shop's checkout")
    files = tree.names(context)
    document = options["document"] or next((file for file in sorted(files, key=len) if DOCUMENT.fullmatch(file)), None)
    if document is None:
        return not_configured("the release has no openapi.json: add one, or set document to its name")
    more: dict[str, Any] = {"asked": f"did {document} change where routes changed?", "facts": {"document": document}}
    text = tree.read(context, document)
    if text is None:
        return failed(f"the release has no {document}", f"Restore {document}, or correct document", **more)
    if problem := _problem(text, document):
        return failed(f"{document} {problem}", f"Correct {document}", **more)
    if not context.live_commit:
        return not_applicable("a first deploy has no documentation to compare", **more)
    changed = tree.changed(context)
    routes = tree.matching(changed, options["routes"])
    more["facts"] |= {"routes": routes, "since": context.live_commit}
    if not routes:
        return passed("no route changed", **more)
    if document in changed:
        return passed(f"{document} changed with {number(len(routes), 'file of routes', 'files of routes')}", **more)
    shown = ", ".join(routes[:SHOWN]) + (f" and {len(routes) - SHOWN} more" if len(routes) > SHOWN else "")
    return failed(
        f"{shown} changed, and {document} did not", f"Update {document}, or attest that no public route changed", **more
    )


def _problem(text: str, name: str) -> str:
    """Say why a text is not an OpenAPI document; empty where it is one."""
    if not name.endswith(".json") and YAML_ERROR:
        return ""
    try:
        content = loads(text) if name.endswith(".json") else yaml.safe_load(text)
    except (ValueError, RecursionError) as error:
        return f"cannot be parsed: {str(error).splitlines()[0]}"
    except yaml.YAMLError:
        return "cannot be parsed as YAML"
    if (
        not isinstance(content, dict)
        or not (content.get("openapi") or content.get("swagger"))
        or not isinstance(content.get("paths"), dict)
    ):
        return "is not an OpenAPI document: it has no openapi or no paths"
    return ""
