# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The real kingfisher on commits of a repository: what it finds, what is accepted, and that no value is shown.

The keys are put together here, so that no scanner takes this file for a leak.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.checks import kingfisher
from ansible_collections.storefront.runbook.plugins.module_utils.core.errors import ConfigError
from ansible_collections.storefront.runbook.plugins.module_utils.source.checkout import resolve
from ansible_collections.storefront.runbook.plugins.modules import secret_scan

from sandbox import repository
from tests.unit.plugins.module_utils.checks.conftest import Repository
from tests.unit.support import run_module

pytestmark = pytest.mark.own_process

RANDOM = "4eC39HqLyjWDarjtT1zdp7dc"
PASSWORD = "Tr0ub4dor3xyz"
PEM = "-----BEGIN RSA PRIVATE KEY-----\n{}\n-----END RSA PRIVATE KEY-----\n"
LEAKS = {
    "stripe-test-key": f"sk_test_{RANDOM}",
    "stripe-live-key": f"sk_live_{RANDOM}",
    "stripe-publishable-key": f"pk_live_{RANDOM}",
    "stripe-webhook-secret": f"whsec_{RANDOM}Wq9x2LmP",
    "aws-access-key-id": "AKIA" + "QYLPMN5HHHFPZAM2",
    "database-url": f"postgresql://shop:{PASSWORD}@db.internal:5432/shop",
    "github-pat": "ghp_" + "wWPw5k4aXcaT4fNP0UcnZwJUVFk6LO0pINUx",
}


@pytest.fixture
def shop(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "shop")


def scan(shop: Repository, **params: Any) -> dict[str, Any]:
    commit = shop.git("rev-parse", "HEAD")
    result = run_module(secret_scan, {"path": str(shop.folder), "commit": commit, "release": "v1.1.0", **params})
    for value in (RANDOM, PASSWORD, *LEAKS.values()):
        assert value not in json.dumps(result)
    return {**result["answers"][0], "msg": result.get("msg"), "failed": result["failed"]}


def found(answer: dict[str, Any]) -> set[tuple[str, str]]:
    return {(one["file"], one["rule"]) for one in answer["facts"]["findings"]}


def test_each_kind_of_leak_is_found_in_one_scan_and_no_value_is_shown(shop: Repository) -> None:
    files = {f"{rule}.env": f"A=1\nKEY={leak}\n" for rule, leak in LEAKS.items()}
    shop.commit({**files, "key.pem": PEM.format("MIIEowIBAAKCAQEA04up8hoqzS1" * 4)})
    answer = scan(shop)
    assert (answer["outcome"], answer["failed"]) == ("failed", True)
    assert {(f"{rule}.env", rule) for rule in LEAKS} | {("key.pem", "private-key")} <= found(answer)
    assert "aws-access-key-id.env:2 (aws-access-key-id)" in answer["answered"]


def test_a_clean_release_passes_whatever_the_work_tree_and_ignored_files_have(shop: Repository) -> None:
    shop.commit({"app.js": "const a = 1", ".gitignore": ".env\n", ".env.example": "KEY=sk_test_your_key"})
    (shop.folder / "app.js").write_text(f'"{LEAKS["stripe-live-key"]}"')
    (shop.folder / ".env").write_text(f"KEY={LEAKS['stripe-live-key']}")
    answer = scan(shop)
    assert (answer["outcome"], answer["answered"]) == ("passed", "3 files have none")


def test_a_committed_file_is_scanned_however_it_is_hidden(shop: Repository) -> None:
    shop.commit({".env": f"KEY={LEAKS['stripe-test-key']}"})
    shop.commit(
        {
            ".gitignore": ".env\n",
            ".gitattributes": ".env export-ignore\n",
            "a.js": f"// {LEAKS['github-pat']} kingfisher:ignore",
        }
    )
    assert found(scan(shop)) == {(".env", "stripe-test-key"), ("a.js", "github-pat")}


def test_a_baseline_survives_moved_lines_and_nothing_else(shop: Repository) -> None:
    line = f"key: {LEAKS['stripe-test-key']}\n"
    shop.commit({"docs.md": line, "k.pem": PEM.format("MIIEowIBAAKCAQEA04up8hoqzS1" * 4)})
    first = scan(shop)
    entries = [{**one, "reason": "a key of the documentation"} for one in first["facts"]["findings"]]
    shop.commit({"baseline.json": json.dumps(entries), "docs.md": f"# Title\n\n  {line}"})
    answer = scan(shop, baseline="baseline.json")
    assert (answer["outcome"], answer["facts"]["accepted"], answer["facts"]["left_over"]) == ("passed", 2, [])

    shop.commit({"k.pem": PEM.format("MIIEowIBAAKCAQEBzzzzzzzzzzz" * 4), "other.md": line})
    answer = scan(shop, baseline="baseline.json")
    assert found(answer) == {("k.pem", "private-key"), ("other.md", "stripe-test-key")}
    assert len(answer["facts"]["left_over"]) == 1


def test_folders_and_exclusions_are_kept_to(shop: Repository) -> None:
    leak = f"KEY={LEAKS['github-pat']}\n"
    shop.commit({"web/a.env": leak, "api/b.env": leak, "api/tests/c.env": leak})
    assert found(scan(shop, folders=["api"])) == {("api/b.env", "github-pat"), ("api/tests/c.env", "github-pat")}
    assert found(scan(shop, folders=["api"], exclude=["api/tests/*"])) == {("api/b.env", "github-pat")}
    assert scan(shop, folders=["nowhere"])["outcome"] == "could_not_be_asked"


def test_the_example_shop_has_no_secret(tmp_path: Path) -> None:
    repository.build(tmp_path / "shop")
    commit = resolve(tmp_path / "shop", "v1.1.0")
    result = run_module(secret_scan, {"path": str(tmp_path / "shop"), "commit": commit})
    assert result["answers"][0]["outcome"] == "passed", result


@pytest.mark.parametrize(
    ("url", "harmless"),
    [
        ("postgresql://shop:shop@db:5432/shop", True),
        ("postgresql://shop:s3cr3tpassword@localhost:5432/shop", True),
        ("redis://:${REDIS_PASSWORD}@cache:6379", True),
        ("mysql://user:<password>@db.example.com/shop", True),
        ("postgresql://user:********@db.example.com/shop", True),
        (f"postgresql://shop:{PASSWORD}@db:5432/shop", False),
        (f"redis://:{PASSWORD}@cache.internal:6379/0", False),
        (f"mongodb+srv://shop:{PASSWORD}@cluster0.mongodb.net", False),
        ("postgresql://shop:p%40ss/w0rd@db.internal/shop", False),
    ],
)
def test_an_address_with_a_placeholder_is_harmless(url: str, harmless: bool) -> None:
    assert kingfisher._is_harmless(url) is harmless


@pytest.mark.parametrize(
    ("baseline", "said"),
    [
        (None, "the release has no such file"),
        ("{", "it is not JSON"),
        ('{"results": {}}', "it is not a list of entries"),
        ('[{"fingerprint": "a"}]', "entry 1 has no reason"),
        ('[{"reason": "a"}]', "entry 1 has no fingerprint"),
        ('[{"fingerprint": "a", "reason": "b", "secret": "c"}]', "entry 1 has the unknown secret"),
    ],
)
def test_a_wrong_baseline_is_refused_before_anything_is_scanned(
    shop: Repository, baseline: str | None, said: str
) -> None:
    commit = shop.commit({"a": "b", **({"baseline.json": baseline} if baseline else {})})
    result = run_module(secret_scan, {"path": str(shop.folder), "commit": commit, "baseline": "baseline.json"})
    assert said in result["msg"]
    assert result["error"]["kind"] == "config"


@pytest.mark.parametrize("folder", ["../other", "/etc", "a:b"])
def test_a_wrong_folder_is_refused(shop: Repository, folder: str) -> None:
    commit = shop.commit({"a": "b"})
    result = run_module(secret_scan, {"path": str(shop.folder), "commit": commit, "folders": [folder]})
    assert "is not one of the repository" in result["msg"]


def test_without_kingfisher_it_is_said_how_to_get_it(
    shop: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.commit({"a": "b"})
    answer = scan(shop, kingfisher="/nowhere/kingfisher")
    assert answer["outcome"] == "could_not_be_asked"
    assert "pip install kingfisher-bin" in answer["answered"]
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("sys.executable", str(tmp_path / "python"))
    with pytest.raises(ConfigError, match="kingfisher is not installed"):
        kingfisher.find(None)


@pytest.mark.parametrize("script", ["exit 2", "echo leaked >&2; exit 1", "exit 0"])
def test_a_scanner_that_fails_or_writes_nothing_could_not_be_asked(
    shop: Repository, tmp_path: Path, script: str
) -> None:
    shop.commit({"a": "b"})
    broken = tmp_path / "kingfisher"
    broken.write_text(f"#!/bin/sh\n{script}\n")
    broken.chmod(0o755)
    answer = scan(shop, kingfisher=str(broken))
    assert (answer["outcome"], answer["failed"]) == ("could_not_be_asked", True)
    assert "leaked" not in str(answer)


def test_the_scanner_neither_validates_nor_asks_for_updates(shop: Repository, tmp_path: Path) -> None:
    shop.commit({"a": "b"})
    seen, stand_in = tmp_path / "seen", tmp_path / "kingfisher"
    stand_in.write_text(f"""#!/bin/sh
echo "$@" > {seen}
while [ "$1" != --output ]; do shift; done
echo '{{"findings": []}}' > "$2"
""")
    stand_in.chmod(0o755)
    assert scan(shop, kingfisher=str(stand_in))["outcome"] == "passed"
    assert {"--no-validate", "--no-update-check", "--redact"} <= set(seen.read_text().split())
