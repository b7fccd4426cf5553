# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a browser is found, and what is said where there is none."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.core.errors import ConfigError
from ansible_collections.storefront.runbook.plugins.module_utils.site import chromium


def program(path: Path, mode: int = 0o755) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n")
    path.chmod(mode)
    return path


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "bin").mkdir()
    return {"PATH": str(tmp_path / "bin"), "HOME": str(tmp_path / "home")}


def test_the_one_that_is_named_comes_first(tmp_path: Path, env: dict[str, str]) -> None:
    program(tmp_path / "bin" / "chromium")
    mine, theirs = program(tmp_path / "mine"), program(tmp_path / "theirs")
    assert chromium.find(str(mine), {**env, "CHROME_PATH": str(theirs)}) == mine
    assert chromium.find(None, {**env, "CHROME_PATH": str(theirs)}) == theirs


def test_a_name_is_looked_up_on_path(tmp_path: Path, env: dict[str, str]) -> None:
    thorium = program(tmp_path / "bin" / "thorium")
    assert chromium.find("thorium", env) == thorium


@pytest.mark.parametrize("name", ["chromium", "chromium-browser", "google-chrome-stable", "google-chrome"])
def test_one_on_path_is_found(tmp_path: Path, env: dict[str, str], name: str) -> None:
    found = program(tmp_path / "bin" / name)
    assert chromium.find(env=env) == found


@pytest.mark.parametrize("layout", ["chrome-linux", "chrome-linux64"])
def test_the_newest_of_playwright_is_found(tmp_path: Path, env: dict[str, str], layout: str) -> None:
    browsers = tmp_path / "home" / ".cache" / "ms-playwright"
    program(browsers / "chromium-999" / layout / "chrome")
    newest = program(browsers / "chromium-1187" / layout / "chrome")
    program(browsers / "chromium-2000" / layout / "chrome", mode=0o644)
    assert chromium.find(env=env) == newest


def test_playwrights_own_variable_names_its_folder(tmp_path: Path, env: dict[str, str]) -> None:
    shell = program(tmp_path / "elsewhere" / "chromium_headless_shell-1187" / "chrome-linux" / "headless_shell")
    assert chromium.find(env={**env, "PLAYWRIGHT_BROWSERS_PATH": str(tmp_path / "elsewhere")}) == shell


def test_where_there_is_none_it_is_said_how_to_get_one(env: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match=r"apt-get install chromium.*set browser") as raised:
        chromium.find(env=env)
    assert raised.value.details["code"] == "no_browser"


@pytest.mark.parametrize("where", ["browser", "CHROME_PATH"])
@pytest.mark.parametrize("what", ["missing", "folder", "plain"])
def test_one_that_cannot_be_run_is_refused_and_no_other_is_taken(
    tmp_path: Path, env: dict[str, str], where: str, what: str
) -> None:
    program(tmp_path / "bin" / "chromium")
    (tmp_path / "folder").mkdir()
    program(tmp_path / "plain", mode=0o644)
    given = str(tmp_path / what)
    with pytest.raises(ConfigError, match=f"{where} is .*not a program"):
        chromium.find(given if where == "browser" else None, {**env, "CHROME_PATH": given})


def test_only_root_goes_without_chromiums_sandbox(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 0)
    assert "--no-sandbox" in chromium.arguments()
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert "--no-sandbox" not in chromium.arguments()
    assert chromium.arguments("--lang=de")[-1] == "--lang=de"
