# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an operator sees at 80 columns of a backup, its proof, a migration, a restore and a rollback: a good
one and a failed one of each.
"""

from __future__ import annotations

import pytest

from molecule.test_screen import lines_of

OLD, NEW = "v1.0.0", "v1.1.0"
NOWHERE = "postgresql://shop:hidden@127.0.0.1:1/shop"
DOWN = {"database_url": NOWHERE, "database_direct_url": NOWHERE}


@pytest.fixture(autouse=True)
def narrow(monkeypatch):
    """A terminal of 80 columns, and a locale that has more than ASCII."""
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("LC_ALL", "C.UTF-8")


def ending(played, most: int) -> list[str]:
    """The last lines, from the outcome on, of a screen of at most so many lines; a command that needs
    several is one.
    """
    lines = lines_of(played)
    assert len(lines) <= most, played.stdout
    assert "hidden" not in played.stdout
    last = lines[len(lines) - lines[::-1].index("") :]
    return (
        " ".join(" ".join(last).replace(" \\", " ").split())
        .replace("ansible-playbook", "\nansible-playbook")
        .split("\n")
    )


def steps(played) -> list[str]:
    """The lines of steps, by their labels: what stands before the text's column."""
    return [
        label for line in lines_of(played) if (label := line[:26].strip()) and line.startswith("  ") and line[2] != " "
    ]


def test_a_backup(released_shop):
    released_shop.narrow = True
    played = released_shop.play("backup.yml")
    outcome, command = ending(played, 24)
    assert played.rc == 0
    assert steps(played) == ["back up the database", "remove old backups", "backups", "next"]
    assert outcome.startswith("BACKED UP in ")
    assert "playbooks/prove.yml" in command


def test_a_backup_that_fails(released_shop):
    played = released_shop.play("backup.yml", **DOWN)
    outcome, command = ending(played, 14)
    assert played.rc == 2
    assert steps(played) == ["back up the database", "once it is corrected"]
    assert outcome.startswith("NOT BACKED UP: back up the database failed.")
    assert "playbooks/backup.yml" in command
    assert played.text.count("No server listens there") == 1


def test_a_proof(released_shop):
    played = released_shop.play("prove.yml")
    outcome, command = ending(played, 12)
    assert played.rc == 0
    assert steps(played) == ["prove the backup", "next"]
    assert outcome.startswith("PROVEN in ")
    assert "playbooks/backups.yml" in command


def test_a_proof_that_fails(released_shop):
    played = released_shop.play("prove.yml", backup="shop-20200101T000000.000Z")
    outcome, command = ending(played, 14)
    assert played.rc == 2
    assert outcome.startswith("NOT PROVEN: prove the backup failed.")
    assert "playbooks/prove.yml" in command
    assert played.text.count("FAILED") == 1


def test_a_migration(shop):
    played = shop.play("migrate.yml", release=NEW)
    outcome, command = ending(played, 22)
    assert played.rc == 0
    assert steps(played) == [
        "release",
        "if it fails",
        "lease",
        "back up the database",
        "migrate",
        "live",
        "open",
        "open",
        "next",
        "report",
    ]
    assert outcome.startswith("MIGRATED in ")
    assert "Applied: 20260302090000_reviews live schema 20260302090000_reviews (5 migrations)" in outcome
    assert "playbooks/deploy.yml" in command
    assert f"-e release={NEW}" in command


def test_a_migration_that_fails(shop):
    at = [
        {"task": "Begin database.migrate", "sql": "ALTER ROLE shop NOLOGIN"},
        {"task": "Record what failed", "sql": "ALTER ROLE shop LOGIN"},
    ]
    played = shop.play("migrate.yml", at=at, release=NEW)
    outcome, command = ending(played, 30)
    assert played.rc == 2
    assert outcome.startswith("NOT MIGRATED: migrate failed.")
    assert "No migration was applied. The live release keeps serving." in outcome
    assert "playbooks/migrate.yml" in command
    assert f"-e release={NEW}" in command
    assert played.stdout.count("FAILED") == 1


@pytest.mark.long
def test_a_restore_that_waits_for_an_approval_and_then_restores(released_shop):
    played = released_shop.play("backup.yml")
    assert played.rc == 0
    waiting = released_shop.play("restore.yml", backup="latest")
    outcome, command = ending(waiting, 26)
    assert waiting.rc == 2
    assert "restore beside it" in steps(waiting)
    assert waiting.stdout.count("STOPPED: ") == 1
    assert "FAILED" not in waiting.stdout
    assert outcome.startswith("NOT RESTORED: it waits for an approval. The database was not changed. to continue")
    assert "-e @" in command, "the backup is in the file of the run's options"
    assert "-e approve_restore=shop" in command

    played = released_shop.play("restore.yml", backup="latest", approve_restore="shop")
    outcome, command = ending(played, 34)
    assert played.rc == 0
    assert outcome.startswith("RESTORED in ")
    assert f"live database shop · api {NEW} · worker {NEW}" in outcome
    assert "-e undo=true" in command


@pytest.mark.long
def test_a_restore_that_fails(released_shop):
    assert released_shop.play("backup.yml").rc == 0
    at = [
        {"task": "Begin database.swap", "sql": "ALTER ROLE shop NOCREATEDB"},
        {"task": "Give the lease back", "sql": "ALTER ROLE shop CREATEDB"},
    ]
    played = released_shop.play("restore.yml", at=at, backup="latest", approve_restore="shop")
    outcome, command = ending(played, 34)
    assert played.rc == 2
    assert outcome.startswith("NOT RESTORED: swap the databases failed. The database was not changed.")
    assert "playbooks/restore.yml" in command
    assert played.stdout.count("FAILED") == 1
    assert released_shop.live()["backend"] == NEW


def test_a_rollback(released_shop):
    played = released_shop.play("rollback.yml")
    lines = lines_of(played)
    (outcome,) = ending(played, 40)
    assert played.rc == 0
    assert [line[26:].split("  ")[0] for line in lines if line.startswith("  put back ")] == [
        f"serves {OLD}, before it {NEW}",
        f"back on {OLD}",
        f"back on {OLD}",
    ]
    assert outcome.startswith(f"ROLLED BACK to {OLD} in ")
    assert f"live api {OLD} · frontend {OLD} · worker {OLD} ·" in outcome
    assert outcome.endswith(f"record {played.report['record']}")


@pytest.mark.long
def test_a_rollback_that_fails(released_shop):
    released_shop.fault(vendor="railway", operation="deploymentRollback", kind="unavailable", status=500, times=-1)
    played = released_shop.play("rollback.yml", verify_wait_timeout=3)
    outcome, again, back = ending(played, 60)
    assert played.rc == 2
    assert outcome.startswith("ROLLBACK INCOMPLETE: api, worker, the public site.")
    assert "playbooks/rollback.yml" in again
    assert "playbooks/rollback.yml" in back


def test_a_rollback_that_is_refused(released_shop):
    played = released_shop.play("rollback.yml", to="v9.9.9")
    outcome, command = ending(played, 14)
    assert played.rc == 2
    assert outcome.startswith("Nothing was changed. A rollback to v9.9.9 is not possible.")
    assert "-e to=v9.9.9" in command


REASONS = {
    "backup.yml": ({**DOWN}, "No server listens there"),
    "database.yml": ({**DOWN}, "No server listens there"),
    "backups.yml": ({"store": "s3://no-such-bucket/shop"}, "There is no bucket"),
    "prove.yml": ({"backup": "shop-20200101T000000.000Z"}, "has no backup"),
    "preflight.yml": ({"release": "v9.9.9"}, "no tag, branch or commit has that name"),
    "rollback.yml": ({"to": "v9.9.9"}, "A rollback to v9.9.9 is not possible"),
    "deploy.yml": ({"release": "v1.2.0"}, " failed. The end of its log"),
}
LONG = ("backup.yml", "database.yml", "backups.yml", "prove.yml")


@pytest.mark.parametrize(
    "playbook", [pytest.param(one, marks=[pytest.mark.long] if one in LONG else []) for one in REASONS]
)
def test_where_ansibles_own_callback_prints_the_closing_failure_does_not_repeat_the_reason(
    released_shop, monkeypatch, playbook
):
    monkeypatch.setenv("ANSIBLE_STDOUT_CALLBACK", "default")
    options, reason = REASONS[playbook]
    played = released_shop.play(playbook, **options)
    assert played.rc == 2, played.stdout
    first, _unused, rest = played.stdout.partition("TASK [Fail with what happened]")
    closing, _unused, report = rest.partition("Report what this run did]")
    assert reason in " ".join(first.split())
    assert reason not in " ".join(closing.split())
    assert " ".join(report.split()).count(reason) == (1 if report else 0)
    assert bool(report) is (playbook in ("rollback.yml", "deploy.yml")), "the report is the last that is printed"
