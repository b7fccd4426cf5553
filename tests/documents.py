# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The repository's YAML files, each parsed once in a process: many tests read the same argument specs. A test must not
change what it gets.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[1]


class Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]  # libyaml's is eight times as fast
    """Reads Ansible's YAML; a tag's value, such as !vault's, is read as None, and !unsafe's as plain text."""


Loader.add_multi_constructor("!", lambda loader, suffix, node: None)
Loader.add_constructor("!unsafe", lambda loader, node: loader.construct_scalar(node))


@cache
def document(path: Path | str) -> Any:
    """Return the document of a file below the repository's root."""
    return yaml.load((ROOT / path).read_text(encoding="utf-8"), Loader)


def options(playbook: str) -> dict[str, dict[str, dict[str, Any]]]:
    """Return the options of a playbook by the entry that declares them."""
    specs = document(f"playbooks/{playbook}.meta.yml")["argument_specs"]
    return {entry: described["options"] or {} for entry, described in specs.items()}
