# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may import whom: each package imports from lower floors only, no file takes part in a circle, and no
role includes another.
"""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import yaml

from tests.documents import Loader, document
from tests.structure import (
    DOCUMENTATION,
    MAY_IMPORT,
    MODULES,
    PACKAGES,
    PLUGINS,
    ROOT,
    SOURCES,
    YAML_FILES,
    circles,
    circles_of_plugins,
    circles_of_the_sandbox,
    drawing,
    imports,
    layer,
    long_expressions,
    numbers,
    sandbox_imports,
)

PACKAGE = "ansible_collections.storefront.runbook"
URL = re.compile(r"https?://\w", re.IGNORECASE)

ROLE_FILES = sorted(path.relative_to(ROOT).as_posix() for path in ROOT.glob("roles/*/*/**/*.y*ml"))


def vendor(path: str) -> str:
    """``module_utils/platforms/vercel/states.py`` belongs to ``vercel``, and
    ``module_utils/platforms/slack.py`` to ``slack``.
    """
    return path.removeprefix("module_utils/platforms/").partition("/")[0].removesuffix(".py")


KNOWS_ANSIBLE = {"module_utils/core/module.py", "module_utils/core/options.py", "plugin_utils/screen/ansible_facts.py"}
MAY_KNOW_ANSIBLE = {"modules", "action", "callback", "inventory"}


def faults(path: str, text: str) -> list[str]:
    """What in a file below plugins/ breaks the rule."""
    found = []
    here = layer(path)
    for name in imports(path, text):
        if name.startswith(PACKAGE):
            found.append(f"imports {name} absolutely")
        elif name.startswith("ansible.") or name == "ansible":
            if here not in MAY_KNOW_ANSIBLE and path not in KNOWS_ANSIBLE:
                found.append(f"imports {name}")
            if name.endswith(".AnsibleModule") and path != "module_utils/core/module.py":
                found.append("knows AnsibleModule, which core/module.py is for")
        elif "/" in name:
            there = layer(name + ".py")
            if there not in MAY_IMPORT[here]:
                found.append(f"{here} imports {there}")
            elif here == there == "platforms" and vendor(name) not in (vendor(path), "common"):
                found.append(f"{vendor(path)} imports {vendor(name)}")
            elif here in PACKAGES[1:] and f"{name}.py" in KNOWS_ANSIBLE:
                found.append(f"imports {name}, which imports Ansible")
    return found


def urls_in_code(text: str) -> list[str]:
    """Every string with a URL outside of the documentation and docstrings."""
    tree = ast.parse(text)
    documentation = [
        node
        for node in tree.body
        if isinstance(node, ast.Assign)
        and isinstance(node.targets[0], ast.Name)
        and node.targets[0].id in DOCUMENTATION
    ]
    docstrings = [
        node for node in ast.walk(tree) if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    ]
    left_out = {id(inner) for node in [*documentation, *docstrings] for inner in ast.walk(node)}
    return [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and id(node) not in left_out
        and URL.search(node.value)
    ]


def roles_included(content: Any) -> Iterator[str]:
    """The name of every role that a task file or a meta/main.yml pulls in, at any depth of blocks."""
    if isinstance(content, list):
        for item in content:
            yield from roles_included(item)
    elif isinstance(content, dict):
        for key, value in content.items():
            if key.rpartition(".")[2] in ("include_role", "import_role"):
                yield value["name"] if isinstance(value, dict) else str(value)
            elif key in ("dependencies", "roles") and isinstance(value, list):
                yield from (
                    str(item.get("role") or item.get("name")) if isinstance(item, dict) else str(item) for item in value
                )
            else:
                yield from roles_included(value)


@pytest.mark.parametrize("package", sorted({layer(path) for path in SOURCES}))
def test_a_file_imports_only_what_its_layer_may(package: str) -> None:
    files = [path for path in SOURCES if layer(path) == package]
    assert [f"{path}: {fault}" for path in files for fault in faults(path, (PLUGINS / path).read_text())] == []


def test_no_file_takes_part_in_a_circle() -> None:
    assert circles_of_plugins() == []


def test_no_file_of_the_sandbox_takes_part_in_a_circle() -> None:
    assert circles_of_the_sandbox() == []


def test_no_vendor_of_the_double_knows_the_other_vendors() -> None:
    for path in (ROOT / "sandbox" / "cloud" / "vendors").rglob("*.py"):
        assert "sandbox/cloud/cloud" not in sandbox_imports(path), path


def test_a_circle_is_found() -> None:
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}, "e": {"e"}}) == [{"a", "b", "c"}, {"e"}]


@pytest.mark.parametrize(
    ("block", "written"),
    [
        (r"(```mermaid\n.*?\n```)", drawing),
        (r"(?<=<!-- numbers -->\n)(.*?)(?=\n<!-- end of numbers -->)", numbers),
    ],
    ids=["the rule", "the numbers"],
)
def test_the_architecture_shows(block: str, written: Callable[[], str]) -> None:
    page = ROOT / "docs" / "architecture.md"
    before, _old, after = re.split(block, page.read_text(), maxsplit=1, flags=re.DOTALL)
    if os.environ.get("UPDATE_DOCS"):
        page.write_text(before + written() + after)
    assert page.read_text() == before + written() + after, "UPDATE_DOCS=1 writes docs/architecture.md"


def test_no_playbook_and_no_role_decides_in_jinja() -> None:
    assert [f"{path}: {found}" for path in YAML_FILES for found in long_expressions((ROOT / path).read_text())] == []


@pytest.mark.parametrize(
    "text",
    [
        "a: >-\n  {{ b\n     if c else d }}",
        "a: >-\n  {%- for b in c -%}{{ b }}{%- endfor -%}",
        "when: >-\n  a and\n  b",
        "    failed_when: >-\n      a\n",
        "  when: a and\n    b\n",
        "  when:\n    - >-\n      a and\n      b\n",
        "  break_when: |\n    a\n",
    ],
)
def test_a_decision_in_jinja_is_found(text: str) -> None:
    assert long_expressions(text)


def test_a_text_with_short_expressions_over_several_lines_is_no_decision() -> None:
    assert long_expressions("fail_msg: >-\n  The deploy of {{ release }}\n  did not end: {{ why }}") == []
    assert long_expressions("  when:\n    - a\n    - b\n  until: a\n  loop: [1]\n") == []


@pytest.mark.parametrize("path", MODULES)
def test_no_module_holds_a_url(path: str) -> None:
    assert urls_in_code((PLUGINS / path).read_text()) == []


def others_included(path: str) -> list[str]:
    role = path.split("/")[1]
    return [name for name in roles_included(document(path)) if name.rpartition(".")[2] != role]


def test_no_role_includes_another() -> None:
    assert [f"{path} includes {name}" for path in ROLE_FILES for name in others_included(path)] == []


def test_the_packages_work_where_ansible_is_not_installed() -> None:
    names = [
        path.removesuffix(".py").replace("/", ".")
        for path in SOURCES
        if layer(path) in PACKAGES and layer(path) != "core"
    ]
    script = "import importlib, sys\nsys.modules['ansible'] = None\n" + "".join(
        f"importlib.import_module('{PACKAGE}.plugins.{name}')\n" for name in names
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT / ".ansible" / "collections",
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("path", "text", "fault"),
    [
        ("module_utils/core/http.py", "from ..platforms import vercel", "core imports platforms"),
        ("module_utils/core/http.py", "from ..store.base import Store", "core imports store"),
        (
            "module_utils/core/http.py",
            "def f():\n    from ansible.module_utils.basic import env_fallback",
            "imports ansible.module_utils.basic.env_fallback",
        ),
        ("module_utils/platforms/vercel/client.py", "from ..railway.client import up", "vercel imports railway"),
        ("module_utils/platforms/vercel/client.py", "from ..railway import client", "vercel imports railway"),
        ("module_utils/platforms/common.py", "from .railway import client", "common imports railway"),
        ("module_utils/platforms/slack.py", "from ..store import base", "platforms imports store"),
        ("module_utils/store/base.py", "from ..platforms.vercel.client import Vercel", "store imports platforms"),
        ("module_utils/store/base.py", "import ansible", "imports ansible"),
        ("module_utils/release/migrations.py", "from ..backup import manifest", "release imports backup"),
        ("filter/decisions.py", "from ..module_utils.store import base", "filter imports store"),
        (
            "module_utils/release/lease.py",
            "from ..core.module import Guard",
            "imports module_utils/core/module, which imports Ansible",
        ),
        ("module_utils/store/base.py", "from ...modules.cf_purge import plan", "store imports modules"),
        ("modules/cf_purge.py", "from .health_check import plan", "modules imports modules"),
        (
            "modules/cf_purge.py",
            "from ansible.module_utils.basic import AnsibleModule",
            "knows AnsibleModule, which core/module.py is for",
        ),
        (
            "modules/cf_purge.py",
            f"from {PACKAGE}.plugins.module_utils.core import http",
            f"imports {PACKAGE}.plugins.module_utils.core.http absolutely",
        ),
    ],
)
def test_the_rule_finds(path: str, text: str, fault: str) -> None:
    assert faults(path, text) == [fault]


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (
            "module_utils/platforms/vercel/client.py",
            "from .states import Deployment\nfrom ...core.http import ApiClient",
        ),
        ("module_utils/platforms/vercel/client.py", "from ..common import Goal"),
        ("module_utils/release/ledger.py", "from ..store.base import Store"),
        (
            "modules/cf_purge.py",
            "import re\nfrom ..module_utils.core.module import run\nfrom ..module_utils.platforms import cloudflare",
        ),
    ],
)
def test_the_rule_allows(path: str, text: str) -> None:
    assert faults(path, text) == []


def test_a_url_is_found_in_code_and_not_in_documentation() -> None:
    text = '"""See https://docs.example."""\nDOCUMENTATION = "https://docs.example"\n'
    text += 'def f():\n    return {"default": "https://api.example"}, "begins with https://"\n'
    assert urls_in_code(text) == ["https://api.example"]


def test_an_included_role_is_found_at_any_depth() -> None:
    tasks = """
    - name: Outer
      block:
        - name: Inner
          ansible.builtin.include_role:
            name: storefront.runbook.edge
      rescue:
        - import_role: {name: verify, tasks_from: public.yml}
    - name: Not a role
      ansible.builtin.include_tasks: stage.yml
      vars: {token: !vault abc}
    """
    assert list(roles_included(yaml.load(tasks, Loader))) == ["storefront.runbook.edge", "verify"]
    assert list(roles_included({"galaxy_info": {}, "dependencies": [{"role": "edge"}, "verify"]})) == ["edge", "verify"]
