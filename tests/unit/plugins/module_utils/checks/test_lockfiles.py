# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lockfiles of pnpm and Yarn: which packages they have, and which of them only the build needs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.checks import lockfiles
from ansible_collections.storefront.runbook.plugins.module_utils.core.errors import ConfigError

from conftest import ROOT

PNPM_9 = """
lockfileVersion: '9.0'
importers:
  .:
    dependencies:
      '@scope/api': {specifier: ^1.0.0, version: 1.0.0(ms@2.0.0)}
      other: {specifier: npm:real@^3, version: real@3.1.0}
      web: {specifier: workspace:*, version: link:web}
  web:
    devDependencies:
      vite: {specifier: ^5, version: 5.0.0}
packages:
  '@scope/api@1.0.0': {resolution: {integrity: x}}
snapshots:
  '@scope/api@1.0.0(ms@2.0.0)': {dependencies: {ms: 2.0.0}}
  ms@2.0.0: {}
  real@3.1.0: {}
  vite@5.0.0: {dependencies: {esbuild: 0.19.0, ms: 2.0.0}}
  esbuild@0.19.0: {}
  git@https://codeload.example/x.tgz: {}
"""
PNPM_6 = """
lockfileVersion: '6.0'
packages:
  /@scope/api@1.0.0(ms@2.0.0): {dev: false, dependencies: {ms: 2.0.0}}
  /ms@2.0.0: {dev: false}
  /real@3.1.0: {}
  /vite@5.0.0: {dev: true}
  /esbuild@0.19.0: {dev: true}
"""
PNPM_5 = """
lockfileVersion: 5.4
packages:
  /@scope/api/1.0.0_ms@2.0.0: {dev: false}
  /ms/2.0.0: {}
  /real/3.1.0: {}
  /vite/5.0.0: {dev: true}
  /esbuild/0.19.0: {dev: true}
"""
CLASSIC = """# yarn lockfile v1

"@scope/api@^1.0.0", "@scope/api@~1.0.0":
  version "1.0.0"
  resolved "https://registry.yarnpkg.com/@scope/api/-/api-1.0.0.tgz#x"
  dependencies:
    ms ">= 2.0.0 < 3"

esbuild@^0.19.0:
  version "0.19.0"

"ms@>= 2.0.0 < 3", ms@2.0.0:
  version "2.0.0"

"other@npm:real@^3":
  version "3.1.0"

vite@^5:
  version "5.0.0"
  dependencies:
    esbuild "^0.19.0"
    ms "2.0.0"
"""
BERRY = """
__metadata: {version: 8, cacheKey: 10}
"@scope/api@npm:^1.0.0, @scope/api@npm:~1.0.0":
  version: 1.0.0
  resolution: "@scope/api@npm:1.0.0"
  dependencies: {ms: "npm:>= 2.0.0"}
"ms@npm:2.0.0, ms@npm:>= 2.0.0":
  version: 2.0.0
  resolution: "ms@npm:2.0.0"
"other@npm:real@^3":
  version: 3.1.0
  resolution: "real@npm:3.1.0"
"vite@npm:^5":
  version: 5.0.0
  resolution: "vite@npm:5.0.0"
  dependencies: {esbuild: ^0.19.0}
"esbuild@npm:^0.19.0":
  version: 0.19.0
  resolution: "esbuild@npm:0.19.0"
"shop@workspace:.":
  version: 0.0.0-use.local
  resolution: "shop@workspace:."
  dependencies: {vite: ^5}
"""
MANIFEST = {"dependencies": {"@scope/api": "^1.0.0", "other": "npm:real@^3"}, "devDependencies": {"vite": "^5"}}


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("pnpm-lock.yaml", PNPM_9),
        ("pnpm-lock.yaml", PNPM_6),
        ("pnpm-lock.yaml", PNPM_5),
        ("yarn.lock", CLASSIC),
        ("yarn.lock", BERRY),
    ],
    ids=["pnpm 9", "pnpm 8", "pnpm 7", "Yarn 1", "Yarn 4"],
)
def test_every_version_of_every_package_is_read(tmp_path: Path, file: str, text: str) -> None:
    (tmp_path / file).write_text(text)
    (tmp_path / "package.json").write_text(json.dumps(MANIFEST))
    found = lockfiles.read(tmp_path, file)
    assert [f"{one.name}@{one.version}" for one in found if not one.builds] == [
        "@scope/api@1.0.0",
        "ms@2.0.0",
        "real@3.1.0",
    ]
    assert [f"{one.name}@{one.version}" for one in found if one.builds] == ["esbuild@0.19.0", "vite@5.0.0"]


def test_what_nobody_is_known_to_need_counts(tmp_path: Path) -> None:
    (tmp_path / "yarn.lock").write_text(CLASSIC)
    (tmp_path / "package.json").write_text("{}")
    assert not any(one.builds for one in lockfiles.read(tmp_path, "yarn.lock"))


@pytest.mark.parametrize("file", ["workspace/pnpm-lock.yaml", "api/yarn.lock"])
def test_lockfiles_of_real_shops_are_read_whole(file: str) -> None:
    path = ROOT / "tests" / "integration" / "shops" / file
    text = path.read_text()
    found = {one.name for one in lockfiles.read(path.parent, path.name)}
    assert {"fastify", "@fastify/error"} <= found
    assert len(found) > 40
    assert all(name in text for name in found)


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("pnpm-lock.yaml", "x"),
        ("pnpm-lock.yaml", "{}"),
        ("pnpm-lock.yaml", "["),
        ("pnpm-lock.yaml", "lockfileVersion: '9.0'\nsnapshots: [a]"),
        ("yarn.lock", "x"),
        ("yarn.lock", ""),
        ("yarn.lock", "__metadata: {version: 8}\nms@npm:1: {version: 1.0.0}"),
        ("yarn.lock", '# yarn lockfile v1\n  version "1.0.0"\n'),
    ],
)
def test_a_file_that_is_no_lockfile_is_refused(tmp_path: Path, file: str, text: str) -> None:
    (tmp_path / file).write_text(text)
    with pytest.raises(ConfigError, match="is not a lockfile that can be read here"):
        lockfiles.read(tmp_path, file)
