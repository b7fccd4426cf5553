# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A release goes out; a broken one is rolled back automatically."""

from __future__ import annotations

OLD, NEW, BROKEN = "v1.0.0", "v1.1.0", "v1.2.0"


def only(customers, surface, *releases):
    """Assert that every answer of a surface was one of these releases, and that there were answers at all."""
    seen = {what: number for (where, what), number in customers.count().items() if where == surface}
    assert seen, f"nobody asked the {surface}"
    assert set(seen) <= set(releases), seen


def test_a_check_before_the_first_release_shows_the_sql_and_changes_nothing(empty_shop):
    checked = empty_shop.play("deploy.yml", cmdline="--check --diff", release="v1.0.0")
    assert checked.rc == 0, checked.stdout
    assert empty_shop.writes() == []
    assert checked.report["outcome"] == "checked"
    assert 'CREATE TABLE "Product"' in checked.stdout


def test_the_first_release_goes_out_on_an_empty_shop(cold):
    assert cold.deployed.rc == 0, cold.deployed.stdout
    assert cold.deployed.report["outcome"] == "released"
    assert cold.deployed.report["before"] == {"api": "nothing", "worker": "nothing", "frontend": "nothing"}
    done = [name for name, result in cold.deployed.tasks if not result.get("skipped")]
    assert len(done) <= 60, done  # each costs Ansible a turn; those that are skipped are not printed
    assert not [name for name in done if "Validating arguments" in name], "preflight has validated them"


def test_a_good_release_goes_out_without_one_wrong_answer(shop):
    rows = shop.rows()
    shop.narrow = True
    shop.passes_at_github(NEW)
    with shop.customers().watching() as customers:
        played = shop.play("deploy.yml", cmdline="-vvv --diff", release=NEW, **shop.telling())
    assert played.rc == 0, played.stdout
    only(customers, "frontend", OLD, NEW)
    only(customers, "backend", OLD, NEW)
    assert shop.live() == {"frontend": NEW, "backend": NEW}
    assert shop.rows() == rows
    assert [(record["release"], record["outcome"]) for record in shop.ledger()] == [
        (OLD, "released"),
        (NEW, "released"),
    ]
    assert shop.lease()["state"] == "released"
    assert [step["name"] for step in played.report["steps"]][-1] == "release.record"
    assert [text for text in shop.posts() if f"deploy of {NEW} is live" in text], shop.posts()
    no_secret(shop, played)
    page = report_of(shop, f"deploy-{NEW}")
    for text in ("Released", "back up the database", "Public site", "healthy", OLD, NEW):
        assert text in page, text


def report_of(shop, name):
    """Return the page of a run, which the indexes list and which has no secret."""
    (page,) = shop.folder.glob(f"*/reports/{shop.name}/*-{name}.html")
    assert page.name in (page.parent / "index.html").read_text()
    assert page.name in (page.parents[1] / "index.html").read_text()
    written = "".join(path.read_text() for path in page.parents[1].rglob("*.*"))
    secrets = {*shop.sandbox.state["tokens"].values(), shop.sandbox.state["s3"]["secret_key"], shop.at["database_url"]}
    assert not [secret for secret in secrets if secret in written]
    return page.read_text()


def no_secret(shop, played):
    """Assert that no secret is printed or stored."""
    state = shop.sandbox.state
    secrets = {
        *state["tokens"].values(),
        state["s3"]["secret_key"],
        shop.at["database_url"],
        shop.at["database_url"].split(":")[2].split("@")[0],
    }
    stored = b"".join(shop.objects("ledger/").values()) + b"".join(shop.objects("lease.json").values())
    manifests = b"".join(body for key, body in shop.objects("backups/").items() if key.endswith(".json"))
    assert manifests
    for secret in secrets:
        assert secret not in played.stdout
        assert secret.encode() not in stored + manifests


def test_the_same_release_again_deploys_nothing(shop):
    played = shop.play("deploy.yml", release=OLD)
    assert played.rc == 0, played.stdout
    assert {request["operation"] for request in shop.writes()} == {"purge"}
    assert shop.live() == {"frontend": OLD, "backend": OLD}


def test_a_check_reports_what_a_release_would_change_and_changes_nothing(shop):
    before = shop.objects()
    played = shop.play("deploy.yml", cmdline="--check --diff", release=NEW)
    assert played.rc == 0, played.stdout
    assert shop.writes() == []
    assert shop.objects() == before
    assert shop.live() == {"frontend": OLD, "backend": OLD}
    assert f"+release: {NEW}" in played.stdout.replace(" ", "").replace("+release:", "+release: ")


def test_a_broken_backend_is_put_back_and_nobody_notices(shop):
    rows = shop.rows()
    with shop.customers().watching() as customers:
        played = shop.play("deploy.yml", release=BROKEN)
    assert played.rc == 2
    only(customers, "frontend", OLD)
    only(customers, "backend", OLD)
    assert "ROLLED BACK" in played.message
    assert "backend.release failed" in played.message
    assert "Live again: " in played.message
    assert f"api {OLD}" in played.message
    assert shop.rows() == rows
    assert [(record["release"], record["outcome"]) for record in shop.ledger()] == [
        (OLD, "released"),
        (BROKEN, "rolled_back"),
    ]
    assert shop.lease()["state"] == "released"
    page = report_of(shop, f"deploy-{BROKEN}")
    for text in ("Rolled back", "put back", "release the backend", "End of the log", "After the rollback"):
        assert text in page, text


def test_a_migration_that_the_old_release_does_not_know_is_refused_until_it_is_approved(released_shop):
    played = released_shop.play("deploy.yml", release="v2.0.0")
    assert played.rc == 2
    assert "Nothing was changed" in played.message
    assert "approve_migration=" in played.message
    assert released_shop.writes() == []
    assert released_shop.live() == {"frontend": NEW, "backend": NEW}
