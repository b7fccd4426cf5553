# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The build cache: what was built is not built again, and one changed byte is."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from sandbox.cloud.builds import EXECUTABLE, LINK, Blobs, Builder, BuildFailed, Recipe, entry
from sandbox.cloud.next_cache import COMPILER
from tests.unit.sandbox.cloud.double import PAGES, backend, frontend, node_bin


@pytest.fixture
def builder(tmp_path: Path) -> Builder:
    return Builder(tmp_path / "cache", node_bin(), Blobs(tmp_path / "uploads"))


@pytest.fixture
def recipe(builder: Builder) -> Callable[..., Recipe]:
    def of(files: dict[str, bytes], output: str = "out", **variables: str) -> Recipe:
        return Recipe({name: builder.blobs.put(content) for name, content in files.items()}, variables, output=output)

    return of


def build(builder: Builder, recipe: Recipe) -> tuple[str, list[str]]:
    log: list[str] = []
    return asyncio.run(builder.build(recipe, log.append)), log


def test_the_same_upload_is_built_once_and_reports_the_same_log(builder: Builder, recipe) -> None:
    first, log = build(builder, recipe(frontend("v1.0.0"), NEXT_PUBLIC_API_URL="a"))
    made = builder.folder(first).stat().st_mtime_ns
    assert build(builder, recipe(frontend("v1.0.0"), NEXT_PUBLIC_API_URL="a")) == (first, log)
    assert "building 1.0.0" in log
    assert builder.folder(first).stat().st_mtime_ns == made


@pytest.mark.parametrize(
    "change",
    [
        lambda recipe: replace(recipe, files={**recipe.files, "notes.txt": "0" * 40}),
        lambda recipe: replace(recipe, files={**recipe.files, "build.mjs": "0" * 40}),
        lambda recipe: replace(
            recipe, files={name: digest for name, digest in recipe.files.items() if name != "build.mjs"}
        ),
        lambda recipe: replace(recipe, variables={"NEXT_PUBLIC_API_URL": "b"}),
        lambda recipe: replace(recipe, command="npm run other"),
        lambda recipe: replace(recipe, output="dist"),
    ],
    ids=["another file", "another byte", "a file less", "another variable", "another command", "another output"],
)
def test_whatever_changes_the_result_changes_the_key(builder: Builder, recipe, change) -> None:
    base = recipe(frontend("v1.0.0"), NEXT_PUBLIC_API_URL="a")
    assert asyncio.run(builder.key(base)) != asyncio.run(builder.key(change(base)))


def test_one_changed_byte_is_built_again(builder: Builder, recipe) -> None:
    first, _unused = build(builder, recipe(frontend("v1.0.0")))
    changed = {**frontend("v1.0.0"), "build.mjs": PAGES.replace("products", "Products").encode()}
    second, _unused = build(builder, recipe(changed))
    assert (builder.folder(first) / "products.html").read_text() == "products"
    assert (builder.folder(second) / "Products.html").read_text() == "Products"


def test_another_version_of_node_is_another_build(builder: Builder, recipe, tmp_path: Path) -> None:
    other = tmp_path / "bin" / "node"
    other.parent.mkdir()
    other.write_text("#!/bin/sh\necho v0.0.1\n")
    other.chmod(0o755)
    newer = Builder(tmp_path / "cache", other.parent, builder.blobs)
    assert asyncio.run(builder.key(recipe({}))) != asyncio.run(newer.key(recipe({})))


def test_a_failed_build_is_not_kept(builder: Builder, recipe) -> None:
    broken = recipe({**frontend("v1.0.0"), "build.mjs": b"process.exit(1)"})
    for _unused in range(2):
        with pytest.raises(BuildFailed, match="exited with 1"):
            build(builder, broken)
    assert list((builder.cache / "builds").iterdir()) == []
    assert list((builder.cache / "work").iterdir()) == []


def test_a_build_without_its_output_says_which_folder_is_missing(builder: Builder, recipe) -> None:
    with pytest.raises(BuildFailed, match='"dist"'):
        build(builder, recipe(frontend("v1.0.0"), output="dist"))


def test_an_app_with_dependencies_needs_its_lockfile(builder: Builder, recipe) -> None:
    with pytest.raises(BuildFailed, match="package-lock"):
        build(builder, recipe({"package.json": b'{"dependencies": {"left-pad": "1.3.0"}}'}))


def test_a_builds_own_variables_do_not_come_from_the_doubles_environment(
    builder: Builder, recipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_OF_THE_HOST", "hidden")
    script = b'{"scripts": {"build": "mkdir out && env > out/env"}}'
    key, _unused = build(builder, recipe({"package.json": script}))
    assert "hidden" not in (builder.folder(key) / "env").read_text()


def test_an_app_that_needs_no_build_is_kept_as_it_is(builder: Builder, recipe) -> None:
    files = backend("v1.0.0")
    key, _unused = build(builder, recipe(files, output=""))
    assert {name: (builder.folder(key) / name).read_bytes() for name in files} == files


def test_two_releases_with_the_same_dependencies_install_them_once(builder: Builder, recipe) -> None:
    def app(version: str) -> dict[str, bytes]:
        lock = (
            f'{{"name": "app", "version": "{version}", "lockfileVersion": 3, "packages": {{"": {{"name": "app",'
            f' "version": "{version}"}}}}}}'
        )
        return {
            "package.json": f'{{"name": "app", "version": "{version}"}}'.encode(),
            "package-lock.json": lock.encode(),
        }

    _unused, first = build(builder, recipe(app("1.0.0"), output=""))
    _unused, second = build(builder, recipe(app("1.1.0"), output=""))
    assert (first[1], second[1]) == ("Running npm ci", "Restored the dependencies from the cache")
    assert len(list((builder.cache / "installs").iterdir())) == 1


COMPILES = """
import { appendFileSync, existsSync, mkdirSync, readFileSync } from "node:fs";
const cache = ".next/cache/turbopack";
mkdirSync(cache, { recursive: true });
mkdirSync("out");
appendFileSync("out/seen", existsSync(`${cache}/modules`) ? readFileSync(`${cache}/modules`) : "nothing");
appendFileSync(`${cache}/modules`, process.env.NEXT_PUBLIC_API_URL);
mkdirSync(".next/cache/fetch-cache", { recursive: true });
appendFileSync("out/fetched", String(existsSync(".next/cache/fetch-cache/products")));
appendFileSync(".next/cache/fetch-cache/products", "of this shop");
if (process.env.NEXT_PUBLIC_API_URL === "broken") process.exit(1);
"""


def test_the_compilers_cache_of_the_last_good_build_is_restored(builder: Builder, recipe) -> None:
    def seen(name: str, url: str, release: str = "1.0.0") -> str:
        manifest = f'{{"name": "{name}", "version": "{release}", "scripts": {{"build": "node build.mjs"}}}}'
        files = {"package.json": manifest.encode(), "build.mjs": COMPILES.encode()}
        key, log = build(builder, recipe(files, NEXT_PUBLIC_API_URL=url))
        assert (builder.folder(key) / "fetched").read_text() == "false"
        found = (builder.folder(key) / "seen").read_text()
        assert ("Restored the build cache" in log) == (found != "nothing")
        return found

    assert seen("shop", "a") == "nothing"
    assert seen("shop", "b") == "a"
    with pytest.raises(BuildFailed):
        seen("shop", "broken")
    assert seen("shop", "c", "1.1.0") == "ab"
    assert seen("other", "d") == "nothing"


def test_a_killed_builder_leaves_no_half_of_a_compilers_cache(builder: Builder, tmp_path: Path, monkeypatch) -> None:
    def built(content: str) -> Path:
        made = tmp_path / content / COMPILER
        made.mkdir(parents=True)
        (made / "modules").write_text(content)
        return tmp_path / content

    cache = builder.next_cache
    cache.keep(built("first"), "shop")
    with monkeypatch.context() as killed:
        killed.setattr(shutil, "rmtree", lambda *_unused, **_options: None)  # what is replaced stays
        cache.keep(built("second"), "shop")
    cache.keep(built("third"), "shop")
    (tmp_path / "app").mkdir()
    assert cache.restore(tmp_path / "app", "shop")
    assert (tmp_path / "app" / COMPILER / "modules").read_text() == "third"
    assert len([entry for entry in cache.folder.iterdir() if entry.is_dir()]) == 1


def test_a_build_runs_what_is_executable_and_finds_links_as_links(builder: Builder) -> None:
    def files(mode: int) -> dict[str, str]:
        script, package = b"#!/bin/sh\nmkdir out && cp -P lib out/lib\n", b'{"scripts": {"build": "./build.sh"}}'
        return {
            "package.json": entry(builder.blobs.put(package), 0o100644),
            "build.sh": entry(builder.blobs.put(script), mode),
            "lib": entry(builder.blobs.put(b"src/lib"), LINK),
        }

    with pytest.raises(BuildFailed):
        build(builder, Recipe(files(0o100644), {}, output="out"))
    key, _log = build(builder, Recipe(files(EXECUTABLE), {}, output="out"))
    assert str((builder.folder(key) / "lib").readlink()) == "src/lib"


def test_nothing_is_written_through_a_link(builder: Builder, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    files = {
        "a": entry(builder.blobs.put(str(tmp_path / "elsewhere").encode()), LINK),
        "a/b": builder.blobs.put(b"text"),
    }
    with pytest.raises(BuildFailed, match="a cannot be written"):
        build(builder, Recipe(files, {}, output="a"))
    assert list((tmp_path / "elsewhere").iterdir()) == []


@pytest.mark.parametrize(
    ("mode", "kept"),
    [
        (None, "d"),
        (0o100644, "d"),
        (0o100664, "d"),
        (0o100755, "d 100755"),
        (0o100700, "d 100755"),
        (0o120777, "d 120777"),
    ],
)
def test_an_ordinary_file_is_kept_by_its_digest_alone(mode: int | None, kept: str) -> None:
    assert entry("d", mode) == kept
