# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The structure of the collection: which package may import which, and its numbers. `make structure` prints them.

tests/unit/test_layers.py and tests/unit/test_sizes.py enforce the rule. They write the drawing and the numbers to
docs/architecture.md where UPDATE_DOCS is set.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1]
PLUGINS = ROOT / "plugins"
DOCUMENTATION = {"DOCUMENTATION", "EXAMPLES", "RETURN"}
SOURCES = sorted(path.relative_to(PLUGINS).as_posix() for path in PLUGINS.rglob("*.py"))
MODULES = [path for path in SOURCES if path.startswith("modules/")]
SANDBOX = [path for path in (ROOT / "sandbox").rglob("*.py") if "shop" not in path.relative_to(ROOT).parts]
FLOORS = (
    ("core",),
    ("source", "site", "store", "postgres", "redis"),
    ("platforms", "migrations", "release", "masking"),
    ("backup", "project", "watch"),
    ("checks",),
    ("restore", "desk"),
)
PACKAGES = tuple(package for floor in FLOORS for package in floor)
FOLDERS = {path.relative_to(PLUGINS).as_posix() for path in PLUGINS.rglob("*") if path.is_dir()}
CONDITION = r"(?:when|failed_when|changed_when|until|that|break_when)"
LONG_EXPRESSION = re.compile(
    r"\{\{(?:(?!\}\}).)*\n(?:(?!\}\}).)*\}\}|\{%"
    rf"|^ *(?:- )?{CONDITION}: *[>|][-+]?$"  # a block of text
    rf"|^(?P<indent> *){CONDITION}: *[^\s>|\[#][^\n]*\n(?P=indent) +\S[^\n]*"  # a line that continues on the next one
    r"|^ *- [>|][-+]?$",  # an item of a list of conditions
    re.DOTALL | re.MULTILINE,
)
YAML_FILES = sorted(
    path.relative_to(ROOT).as_posix() for folder in ("playbooks", "roles") for path in (ROOT / folder).rglob("*.yml")
)


def layer(path: str) -> str:
    """Return the package of module_utils, or the folder of another plugin, for a path below plugins/."""
    parts = path.split("/")
    return parts[1] if parts[0] == "module_utils" and len(parts) > 2 else parts[0]


@cache
def imports(path: str, text: str) -> tuple[str, ...]:
    """Return every import of a file: a path below plugins/ without suffix for our own, a dotted name for others."""
    return tuple(_imports(path, text))


def _imports(path: str, text: str) -> Iterator[str]:
    folder = path.split("/")[:-1]
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = "/".join([*folder[: len(folder) - node.level + 1], *(node.module or "").split(".")]).strip("/")
            yield from (f"{base}/{alias.name}" for alias in node.names) if base in FOLDERS else [base]


def below(package: str) -> set[str]:
    """Return what a package of module_utils may import: itself, and every package on a lower floor."""
    floor = next(number for number, packages in enumerate(FLOORS) if package in packages)
    return {package, *(name for packages in FLOORS[:floor] for name in packages)}


MAY_IMPORT = {
    **{package: below(package) for package in PACKAGES},
    # a vendor's client knows neither the store nor a database: it takes the lease as a callable
    "platforms": {"core", "source", "platforms"},
    "modules": set(PACKAGES),
    "action": {"core", "release", "action", "plugin_utils"},
    "filter": {"release"},
    "inventory": {"release"},
    "doc_fragments": set(),
    "module_utils": set(),
    "plugin_utils": {"core", "plugin_utils"},
    "callback": {"core", "plugin_utils", "release"},
}


def circles(graph: Mapping[str, set[str]]) -> list[set[str]]:
    """Return the groups of files that import each other, directly or by others."""
    reached = {file: _reached(file, graph) for file in graph}
    groups = {
        frozenset(other for other in reached[file] if file in reached[other]) for file in graph if file in reached[file]
    }
    return sorted((set(group) for group in groups), key=sorted)


def _reached(start: str, graph: Mapping[str, set[str]]) -> set[str]:
    found: set[str] = set()
    waiting = [start]
    while waiting:
        fresh = graph.get(waiting.pop(), set()) - found
        found |= fresh
        waiting += fresh
    return found


def circles_of_plugins() -> list[set[str]]:
    graph = {path.removesuffix(".py"): set(imports(path, (PLUGINS / path).read_text())) for path in SOURCES}
    return circles({file: {name for name in names if name in graph} for file, names in graph.items()})


@cache
def sandbox_imports(path: Path) -> set[str]:
    """Return the modules that a file of the sandbox imports relatively, including those that it only needs
    for type hints.
    """
    folder = path.relative_to(ROOT).parent.parts
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = Path(*folder[: len(folder) - node.level + 1], *(node.module or "").split("."))
            found |= {str(base), *(str(base / alias.name) for alias in node.names)}
    return found


def circles_of_the_sandbox() -> list[set[str]]:
    graph = {str(path.relative_to(ROOT).with_suffix("")): sandbox_imports(path) for path in SANDBOX}
    return circles({file: {name for name in names if name in graph} for file, names in graph.items()})


def long_expressions(text: str) -> list[str]:
    """Return the Jinja expressions of a YAML file that span several lines, and its Jinja statements:
    decisions that belong in Python.
    """
    return [found[0] for found in LONG_EXPRESSION.finditer(text)]


@cache
def code_lines(text: str) -> int:
    """Count the lines of a file less its documentation, argument spec, docstrings, comments and blank lines."""
    tree = ast.parse(text)
    left_out: set[int] = set()
    for node in ast.walk(tree):
        is_text = (
            isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        )
        is_documentation = (
            isinstance(node, ast.Assign)
            and isinstance(node.targets[0], ast.Name)
            and node.targets[0].id in DOCUMENTATION
        )
        is_spec = isinstance(node, ast.FunctionDef) and node.name == "argument_spec"
        if isinstance(node, ast.Expr | ast.Assign | ast.FunctionDef) and (is_text or is_documentation or is_spec):
            left_out |= set(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    lines = enumerate(text.splitlines(), start=1)
    return sum(
        1 for number, line in lines if number not in left_out and line.strip() and not line.lstrip().startswith("#")
    )


def drawing() -> str:
    """Return who may import whom as a Mermaid graph: each box may import from the boxes that its arrows
    lead to, and from those below them.
    """
    floors = [(f"floor{number}", packages) for number, packages in enumerate(FLOORS)]
    lines = ["graph TD"]
    for name, packages in reversed(floors):
        lines += [f"  subgraph {name}[ ]", *(f"    {package}" for package in packages), "  end"]
    lines += [
        f"  {upper} --> {lower}"
        for (upper, _above), (lower, _below) in zip(reversed(floors[1:]), reversed(floors[:-1]), strict=True)
    ]
    lines += ["  playbooks --> roles", "  roles --> modules", "  roles --> filter", f"  modules --> {floors[-1][0]}"]
    others = {name: packages - {name} for name, packages in MAY_IMPORT.items() if name not in (*PACKAGES, "modules")}
    lines += [f"  {name} --> {package}" for name, packages in others.items() for package in sorted(packages)]
    return "\n".join(["```mermaid", *lines, "```"])


def imported_packages(path: str) -> set[str]:
    """Return the packages of module_utils that a file imports, without its own."""
    found = {layer(f"{name}.py") for name in imports(path, (PLUGINS / path).read_text()) if "/" in name}
    return (found & set(PACKAGES)) - {layer(path)}


def numbers() -> str:
    """Return the numbers of the structure as two Markdown tables."""
    rows = ["| package | files | longest file | files that import it |", "|---|---|---|---|"]
    for package in PACKAGES:
        files = [
            path for path in SOURCES if path.startswith(f"module_utils/{package}/") and path[-11:] != "__init__.py"
        ]
        lines, longest = max((code_lines((PLUGINS / path).read_text()), path) for path in files)
        users = sum(package in imported_packages(path) for path in SOURCES)
        rows.append(f"| `{package}` | {len(files)} | `{longest.rpartition('/')[2]}`, {lines} | {users} |")
    up = sum(not imported_packages(path) <= MAY_IMPORT[layer(path)] for path in SOURCES if layer(path) in MAY_IMPORT)
    lines, longest = max((code_lines((PLUGINS / path).read_text()), path) for path in MODULES)
    deploy = len((ROOT / "playbooks" / "deploy.yml").read_text().splitlines())
    jinja = sum(len(long_expressions((ROOT / path).read_text())) for path in YAML_FILES)
    rows += ["", "| number | value |", "|---|---|"]
    rows += [
        f"| files that import from a higher floor | {up} |",
        f"| circles of imports, plugins and sandbox | {len(circles_of_plugins()) + len(circles_of_the_sandbox())} |",
        f"| modules | {len(MODULES)} |",
        f"| longest module | `{longest.rpartition('/')[2]}`, {lines} |",
        f"| lines of `playbooks/deploy.yml` | {deploy} |",
        f"| Jinja expressions over several lines, and Jinja statements | {jinja} |",
    ]
    return "\n".join(rows)


if __name__ == "__main__":
    print(numbers())
