# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""rollback.yml at three in the morning: it needs the tokens of the units that it moves, and runs without the others."""

from __future__ import annotations

from molecule.phases import seen

OLD, NEW = "v1.0.0", "v1.1.0"
NOWHERE = "http://127.0.0.1:1"


def test_it_continues_without_store_database_and_edge(released_shop):
    shop = released_shop
    down = {
        "store_endpoint_url": NOWHERE,
        "database_url": "postgresql://shop:hidden@127.0.0.1:1/shop",
        "edge_api_url": NOWHERE,
    }
    played = shop.play("rollback.yml", **down)
    assert played.rc == 0, played.stdout
    shop.purge()  # which the operator does by hand once Cloudflare answers
    assert shop.live() == {"frontend": OLD, "backend": OLD}
    assert played.report["outcome"] == "rolled_back"
    assert "INCOMPLETE" in played.report["message"]
    for word in ("store: ", "schema: not compared", "the edge: ", "ledger: "):
        assert word in played.report["message"], played.report["message"]
    assert "hidden" not in played.stdout
    seen(
        "rollback.yml: store, database and edge are down", OLD, 0, "ROLLED BACK to …. INCOMPLETE: …", "changes nothing"
    )


def test_it_needs_no_token_of_what_it_does_not_move(released_shop):
    shop = released_shop
    nothing = {
        "frontend_token": "",
        "frontend_project": "",
        "edge_token": "",
        "database_url": "",
        "source_path": "",
        "store": "",
    }
    played = shop.play("rollback.yml", surfaces=["backend"], **nothing)
    assert played.rc == 0, played.stdout
    assert shop.live() == {"frontend": NEW, "backend": OLD}
    assert {request["vendor"] for request in shop.writes()} == {"railway"}
    seen(
        "rollback.yml -e surfaces=backend: no other token",
        f"backend {OLD}, frontend {NEW}",
        0,
        "ROLLED BACK to …. INCOMPLETE: …",
        "changes nothing",
    )


def test_it_names_the_token_that_it_needs(released_shop):
    played = released_shop.play("rollback.yml", surfaces=["backend"], backend_token="")
    assert played.rc == 2
    assert "backend_token is empty" in played.message
    assert released_shop.writes() == []
