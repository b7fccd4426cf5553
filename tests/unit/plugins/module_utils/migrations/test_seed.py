# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""migrations/seed.py: which command seeds a database, and what it gets."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.core.errors import ConfigError, WaitTimeout
from ansible_collections.storefront.runbook.plugins.module_utils.core.wait import Waiter
from ansible_collections.storefront.runbook.plugins.module_utils.migrations import seed

URL = "postgresql://shop:hunter22@h/shop?schema=public"


def test_a_named_command_is_words_or_one_line(tmp_path: Path) -> None:
    assert seed.command(["sh", "-c", "db:seed"], tmp_path, "") == ["sh", "-c", "db:seed"]
    assert seed.command(["sh -c 'db:seed'"], tmp_path, "") == ["sh", "-c", "db:seed"]
    script = tmp_path / "seed.sh"
    script.touch(mode=0o755)
    assert seed.command(["./seed.sh"], tmp_path, "") == ["./seed.sh"]


@pytest.mark.parametrize(
    ("given", "root", "code"),
    [
        ([], "", "no_command"),
        ([""], "", "no_command"),
        (["sh -c 'db:seed"], "", "no_command"),
        (["no-such-program"], "", "no_program"),
        (["./no-such-script"], "", "no_program"),
        (None, "", "no_prisma"),
        (["psql", URL], "", "secret_in_command"),
        (["sh"], "apps/backend", "no_folder"),
    ],
)
def test_a_wrong_command_is_refused(given: list[str] | None, root: str, code: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as refused:
        seed.command(given, tmp_path, root)
    assert refused.value.details["code"] == code
    assert "hunter22" not in str(refused.value)


def test_the_seed_gets_the_address_in_its_environment_and_its_output_shows_no_password(tmp_path: Path) -> None:
    script = "import os; print(os.environ['DATABASE_URL'], os.environ['DIRECT_URL'] == os.environ['DATABASE_URL'])"
    printed = seed.run([sys.executable, "-c", script], tmp_path, URL, Waiter(timeout=30, interval=0.02))
    assert printed.endswith("True")
    assert "hunter22" not in printed


def test_a_seed_that_fails_says_how_and_one_that_hangs_is_killed(tmp_path: Path) -> None:
    waiter = Waiter(timeout=30, interval=0.02)
    with pytest.raises(seed.SeedFailed, match=r"exit code 3.*a duplicate"):
        seed.run([sys.executable, "-c", "print('a duplicate'); exit(3)"], tmp_path, URL, waiter)
    with pytest.raises(WaitTimeout):
        seed.run(["sleep", "60"], tmp_path, URL, Waiter(timeout=0.1, interval=0.02))
