# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""vercel_deploy sends an output that was built elsewhere."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from tests.unit.plugins.vercel_deploys import (
    COMMIT,
    stage,
    uploaded,
    written,
)


@pytest.fixture
def built(shop: Path) -> Path:
    """The repository with the output of `vercel build --prod`, one function of which is a link to another
    and names a file outside.
    """
    output = shop / "apps" / "frontend" / ".vercel" / "output"
    function = output / "functions" / "cart.func"
    files = {
        output / "config.json": '{"version": 3}',
        output / "builds.json": '{"target": "production"}',
        output / "static" / "page.html": "<p>",
    }
    files |= {
        function / ".vc-config.json": '{"filePathMap": {"lib/a.js": "shared/a.js"}}',
        function / "node_modules" / "x" / "index.js": "x",
    }
    files |= {shop / "apps" / "frontend" / "shared" / "a.js": "a"}
    for file, text in files.items():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    (function.parent / "cart.rsc.func").symlink_to("cart.func")
    return shop


def prebuilt(shop: Path, **params: Any) -> dict[str, Any]:
    return stage(shop, **{"ref": None, "release": "v1.1.0", "prebuilt": True, **params})


def test_a_prebuilt_output_is_sent_with_the_files_of_its_functions_only(account, built):
    result = prebuilt(built, commit=COMMIT)
    assert not result["failed"], result
    functions = [
        f".vercel/output/functions/{name}"
        for name in ("cart.func/.vc-config.json", "cart.func/node_modules/x/index.js", "cart.rsc.func")
    ]
    assert uploaded(account) == sorted(
        [
            *(f".vercel/output/{name}" for name in ("builds.json", "config.json", "static/page.html")),
            *functions,
            "shared/a.js",
        ]
    )
    link = next(
        file for file in account.asked("POST /v13/deployments")[0].json()["files"] if file["file"].endswith(".rsc.func")
    )
    assert link == {"file": functions[2], "sha": hashlib.sha1(b"cart.func").hexdigest(), "size": 9, "mode": 0o120777}
    assert (result["deployment"]["commit"], result["upload"]["sent_files"]) == (COMMIT, 7)
    assert not prebuilt(built, commit=COMMIT)["changed"]


@pytest.mark.parametrize(
    ("named", "sent"),
    [
        ("linked", ["linked"]),  # a link to a folder, as pnpm makes them
        ("shared/../shared/a.js", ["shared/a.js"]),
        ("shared", []),
        (".env.local", [".env.local"]),
        ("secret.key", []),  # .vercelignore names it
        ("keys/a", []),
    ],
)
def test_files_of_a_function_are_sent_like_vercels_own_client_does(account, built, named, sent):
    app = built / "apps" / "frontend"
    (app / "linked").symlink_to("shared")
    (app / "keys").mkdir()
    for name in (".env.local", "secret.key", "keys/a"):
        (app / name).touch()
    (app / ".vercelignore").write_text("*.key\nkeys\n")
    config = app / ".vercel" / "output" / "functions" / "cart.func" / ".vc-config.json"
    config.write_text(json.dumps({"filePathMap": {"x": named}}))
    prebuilt(built)
    assert [path for path in uploaded(account) if not path.startswith(".vercel/")] == sent


@pytest.mark.parametrize(
    ("named", "message"),
    [
        ("../secret", "is outside"),
        ("/etc/hostname", "is outside"),
        ("a/../../secret", "is outside"),
        ("out/hostname", "is a link out of the source folder"),
        ("out", "is a link out of the source folder"),
        ("gone", "does not exist"),
        ("a\0b", "does not map paths to paths"),
        (1, "does not map paths to paths"),
        ("", "does not map paths to paths"),
    ],
)
def test_files_of_a_function_outside_the_folder_are_refused(account, built, named, message):
    (built / "apps" / "frontend" / "out").symlink_to("/etc")
    config = built / "apps" / "frontend" / ".vercel" / "output" / "functions" / "cart.func" / ".vc-config.json"
    config.write_text(json.dumps({"filePathMap": {"x": named}}))
    result = prebuilt(built, check=True)
    assert (result["error"]["kind"], message in result["msg"]) == ("config", True), result["msg"]


@pytest.mark.parametrize("text", ["[]", "null", "{", "1", "[" * 100_000])
@pytest.mark.parametrize("file", ["builds.json", "functions/cart.func/.vc-config.json"])
def test_a_damaged_file_of_the_output_is_refused_by_name(account, built, file, text):
    (built / "apps" / "frontend" / ".vercel" / "output" / file).write_text(text)
    result = prebuilt(built)
    assert (result["error"]["kind"], file in result["msg"]) == ("config", True), result["msg"]


def test_an_output_that_is_missing_or_for_another_environment_or_with_a_ref_is_refused(account, shop, built):
    assert (
        "was built for production, not for preview. Run `vercel build`" in prebuilt(built, environment="preview")["msg"]
    )
    assert "A ref does not contain the output" in prebuilt(built, ref="v1.1.0")["msg"]
    output = built / "apps" / "frontend" / ".vercel" / "output"
    (output / "static" / "secret").symlink_to("/etc/hostname")
    assert "static/secret is a link out of the source folder" in prebuilt(built)["msg"]
    (output / "static" / "secret").unlink()
    (output / "static" / "loop").symlink_to("loop")
    assert "static/loop is part of a loop of links" in prebuilt(built)["msg"]
    (output / "config.json").unlink()
    assert "Run `vercel build --prod`" in prebuilt(built)["msg"]
    assert written(account) == []
