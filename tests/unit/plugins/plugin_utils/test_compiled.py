# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.storefront.runbook.plugins.plugin_utils.compiled import (
    ANSIBLES,
    PLUGINS,
    CompiledOnce,
    read_compiled,
)


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A package whose files below ``shelf.`` are found by CompiledOnce alone."""
    (tmp_path / "shelf" / "bare").mkdir(parents=True)
    (tmp_path / "shelf" / "__init__.py").write_text("")
    (tmp_path / "shelf" / "cart.py").write_text("ITEMS = 1\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "meta_path", [CompiledOnce("shelf."), *sys.meta_path])
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    monkeypatch.setattr(sys, "pycache_prefix", None)
    yield tmp_path / "shelf"
    for name in [name for name in sys.modules if name.partition(".")[0] == "shelf"]:
        del sys.modules[name]


def test_a_file_is_compiled_once(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert importlib.import_module("shelf.cart").ITEMS == 1
    assert list((package / "__pycache__").glob("cart.*.pyc"))
    del sys.modules["shelf.cart"]
    monkeypatch.setattr("importlib._bootstrap_external.SourceLoader.source_to_code", None)  # what compiles a file
    assert importlib.import_module("shelf.cart").ITEMS == 1


def test_a_changed_file_is_compiled_again(package: Path) -> None:
    importlib.import_module("shelf.cart")
    del sys.modules["shelf.cart"]
    (package / "cart.py").write_text("ITEMS = 22\n")  # another size: what is compiled does not depend on the clock
    assert importlib.import_module("shelf.cart").ITEMS == 22


def test_anything_but_a_file_of_the_package_is_left_to_the_other_finders(package: Path) -> None:
    finder = CompiledOnce("shelf.")
    assert finder.find_spec("shelf.cart", [str(package)]) is not None
    assert finder.find_spec("shelf.bare", [str(package)]) is None, "a folder without __init__.py"
    assert finder.find_spec("shelf.missing", [str(package)]) is None
    assert finder.find_spec("other.cart", [str(package)]) is None
    assert finder.find_spec("shelf.cart", None) is None


def test_only_the_finder_of_ansible_comes_later(monkeypatch: pytest.MonkeyPatch) -> None:
    first, ansibles, last = object(), type(ANSIBLES, (), {})(), object()
    monkeypatch.setattr(sys, "meta_path", [first, ansibles, last])
    read_compiled()
    read_compiled()
    assert [type(finder).__name__ for finder in sys.meta_path] == ["object", "CompiledOnce", ANSIBLES, "object"]
    assert sys.meta_path[0] is first


def test_the_files_of_the_collection_are_read_compiled() -> None:
    read_compiled()
    assert PLUGINS == "ansible_collections.storefront.runbook.plugins."
    finders = [finder for finder in sys.meta_path if isinstance(finder, CompiledOnce)]
    assert [finder.prefix for finder in finders] == [PLUGINS]
    name = f"{PLUGINS}module_utils.core.amounts"
    package = importlib.import_module(f"{PLUGINS}module_utils.core")
    spec = finders[0].find_spec(name, list(package.__path__))
    assert spec and spec.cached and spec.cached.endswith(".pyc")
