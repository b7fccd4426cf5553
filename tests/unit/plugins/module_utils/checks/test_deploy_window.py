# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Windows, freezes and calendars, across daylight saving in New York and Berlin."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.checks import deploy_window
from ansible_collections.storefront.runbook.plugins.module_utils.checks.check import Context

EASTERN = "America/New_York"
RUNBOOK: dict[str, Any] = {
    "timezone": EASTERN,
    "windows": [{"days": ["tue", "wed", "thu"], "from": "10:00", "to": "14:00"}],
}
SUNDAYS: list[Any] = [{"days": ["last sunday"], "from": "02:00", "to": "04:00"}]


def options(**given: Any) -> dict[str, Any]:
    return {**{name: spec.get("default") for name, spec in deploy_window.OPTIONS.items()}, **given}


def ask(at: str, storefront: str = "shop", **given: Any) -> Any:
    context = Context(storefront=storefront, now=datetime.fromisoformat(at))
    chosen = options(**given)
    assert deploy_window.wrong(chosen, context) == []
    return deploy_window.ask(context, chosen)


def wrong(at: str = "2026-03-03T12:00:00Z", **given: Any) -> str:
    return "; ".join(deploy_window.wrong(options(**given), Context(now=datetime.fromisoformat(at))))


def is_open(at: str, **given: Any) -> bool:
    return ask(at, **given).outcome == "passed"


@pytest.mark.parametrize(
    ("zone", "opens", "closes"),
    [
        # the Tuesdays before and after each change of the clocks
        (EASTERN, "2026-03-03T15:00:00+00:00", "2026-03-03T19:00:00+00:00"),
        (EASTERN, "2026-03-10T14:00:00+00:00", "2026-03-10T18:00:00+00:00"),
        (EASTERN, "2026-10-27T14:00:00+00:00", "2026-10-27T18:00:00+00:00"),
        (EASTERN, "2026-11-03T15:00:00+00:00", "2026-11-03T19:00:00+00:00"),
        ("Europe/Berlin", "2026-03-24T09:00:00+00:00", "2026-03-24T13:00:00+00:00"),
        ("Europe/Berlin", "2026-03-31T08:00:00+00:00", "2026-03-31T12:00:00+00:00"),
        ("Europe/Berlin", "2026-10-20T08:00:00+00:00", "2026-10-20T12:00:00+00:00"),
        ("Europe/Berlin", "2026-10-27T09:00:00+00:00", "2026-10-27T13:00:00+00:00"),
    ],
)
def test_a_window_opens_and_closes_to_the_second(zone: str, opens: str, closes: str) -> None:
    window: dict[str, Any] = {**RUNBOOK, "timezone": zone}
    second = timedelta(seconds=1)
    before = ask((datetime.fromisoformat(opens) - second).isoformat(), **window)
    assert before.outcome == "failed"
    assert before.facts["next_opening"] == opens
    assert is_open(opens, **window)
    assert is_open((datetime.fromisoformat(closes) - second).isoformat(), **window)
    assert not is_open(closes, **window)


def test_a_closed_window_names_its_next_opening() -> None:
    assert (
        ask("2026-03-05T19:00:00Z", **RUNBOOK).answered
        == "the window is closed: the next opening is Tue 10 Mar 2026 10:00 EDT"
    )


def test_an_open_window_names_its_end() -> None:
    assert ask("2026-03-03T15:00:00Z", **RUNBOOK).answered == "the window is open until Tue 3 Mar 2026 14:00 EST"


@pytest.mark.parametrize(
    ("zone", "window", "opens", "closes"),
    [
        # New York, 8 March: 02:00 does not come, and counts as 03:00 EDT. 1 November: 01:30 comes twice, and is the
        # first.
        (EASTERN, ("02:00", "04:00"), "2026-03-08T07:00:00+00:00", "2026-03-08T08:00:00+00:00"),
        (EASTERN, ("01:30", "03:00"), "2026-11-01T05:30:00+00:00", "2026-11-01T08:00:00+00:00"),
        (EASTERN, ("00:30", "01:30"), "2026-11-01T04:30:00+00:00", "2026-11-01T05:30:00+00:00"),
        # Berlin, 29 March: 02:00 does not come. 25 October: 02:30 comes twice.
        ("Europe/Berlin", ("02:00", "04:00"), "2026-03-29T01:00:00+00:00", "2026-03-29T02:00:00+00:00"),
        ("Europe/Berlin", ("02:30", "04:00"), "2026-10-25T00:30:00+00:00", "2026-10-25T03:00:00+00:00"),
    ],
)
def test_a_window_in_the_night_of_the_change(zone: str, window: tuple[str, str], opens: str, closes: str) -> None:
    given: dict[str, Any] = {"timezone": zone, "windows": [{"days": ["sun"], "from": window[0], "to": window[1]}]}
    start, end = datetime.fromisoformat(opens), datetime.fromisoformat(closes)
    assert ask((start - timedelta(seconds=1)).isoformat(), **given).facts["next_opening"] == opens
    assert ask(opens, **given).facts["closes"] == closes
    assert not is_open(end.isoformat(), **given)


def test_a_window_of_an_hour_that_does_not_come_waits_for_the_next_day() -> None:
    given: dict[str, Any] = {
        "timezone": "Europe/Berlin",
        "windows": [{"days": ["sun"], "from": "02:00", "to": "03:00"}],
    }
    assert ask("2026-03-28T12:00:00Z", **given).facts["next_opening"] == "2026-04-05T00:00:00+00:00"


def test_a_window_over_midnight_ends_on_the_next_day() -> None:
    given: dict[str, Any] = {"windows": [{"days": ["fri"], "from": "22:00", "to": "02:00"}]}
    assert is_open("2026-03-06T23:00:00Z", **given)
    assert is_open("2026-03-07T01:59:59Z", **given)
    assert not is_open("2026-03-07T02:00:00Z", **given)


def test_a_whole_day_is_until_24_o_clock() -> None:
    given: dict[str, Any] = {"windows": [{"days": ["saturday"], "from": "00:00", "to": "24:00"}]}
    assert is_open("2026-03-07T23:59:59Z", **given)
    assert not is_open("2026-03-08T00:00:00Z", **given)


@pytest.mark.parametrize(
    ("at", "expected"),
    [("2026-03-29T03:00:00Z", True), ("2026-03-22T03:00:00Z", False), ("2026-05-31T03:00:00Z", True)],
)
def test_the_last_sunday_of_the_month(at: str, expected: bool) -> None:
    assert is_open(at, windows=SUNDAYS) is expected
    assert is_open(at, windows=[{"rule": "FREQ=MONTHLY;BYDAY=-1SU", "from": "02:00", "to": "04:00"}]) is expected


def test_a_maintenance_window_is_for_a_deploy_that_holds_maintenance() -> None:
    given: dict[str, Any] = {**RUNBOOK, "timezone": "UTC", "maintenance_windows": SUNDAYS}
    assert not is_open("2026-03-29T03:00:00Z", **given)
    assert is_open("2026-03-29T03:00:00Z", maintenance=True, **given)
    assert is_open("2026-03-03T11:00:00Z", maintenance=True, **given)


def test_windows_that_touch_are_one() -> None:
    given: dict[str, Any] = {
        "windows": [
            {"days": ["mon"], "from": "22:00", "to": "24:00"},
            {"days": ["tue"], "from": "00:00", "to": "02:00"},
        ]
    }
    assert ask("2026-03-02T23:00:00Z", **given).facts["closes"] == "2026-03-03T02:00:00+00:00"


FREEZE: dict[str, Any] = {"from": "2026-11-25", "to": "2026-11-30", "reason": "Black Friday", "storefronts": []}


def test_a_freeze_closes_an_open_window_and_gives_its_reason_and_end() -> None:
    answer = ask("2026-11-25T16:00:00Z", **RUNBOOK, freezes=[FREEZE])
    assert answer.answered == "it is frozen (Black Friday): the next opening is Tue 1 Dec 2026 10:00 EST"


def test_a_freeze_counts_its_last_day_whole_and_in_its_zone() -> None:
    given: dict[str, Any] = {"timezone": EASTERN, "freezes": [FREEZE]}
    assert not is_open("2026-12-01T04:59:59Z", **given)
    assert is_open("2026-12-01T05:00:00Z", **given)
    assert is_open("2026-11-25T04:59:59Z", **given)


def test_a_freeze_that_begins_within_the_window_closes_it_early() -> None:
    freeze = {**FREEZE, "from": "2026-03-03T12:00", "to": "2026-03-04"}
    assert ask("2026-03-03T15:00:00Z", **RUNBOOK, freezes=[freeze]).facts["closes"] == "2026-03-03T17:00:00+00:00"


def test_a_freeze_is_for_its_storefronts() -> None:
    freeze = {**FREEZE, "storefronts": ["shop-us"]}
    assert ask("2026-11-25T16:00:00Z", "shop-us", **RUNBOOK, freezes=[freeze]).outcome == "failed"
    assert ask("2026-11-25T16:00:00Z", "shop-eu", **RUNBOOK, freezes=[freeze]).outcome == "passed"


def test_a_freeze_without_an_end_in_sight_says_so() -> None:
    freeze = {**FREEZE, "from": "2026-01-01", "to": "2199-01-01"}
    assert "no opening within the next five years" in ask("2026-03-03T15:00:00Z", **RUNBOOK, freezes=[freeze]).answered


def test_nothing_configured_is_not_configured() -> None:
    assert deploy_window.missing(options()) == "set windows, a calendar or freezes"
    assert deploy_window.missing(options(maintenance_windows=SUNDAYS)) != ""
    assert deploy_window.missing(options(**RUNBOOK)) == ""


WINDOW: dict[str, Any] = RUNBOOK["windows"][0]


@pytest.mark.parametrize(
    ("window", "said"),
    [
        ({"from": "10:00", "to": "10:00"}, "it never opens"),
        ({"days": [], "rule": "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30"}, "it never opens"),
        (
            {
                "days": [],
                "rule": "DTSTART:20250106T000000\nRRULE:FREQ=WEEKLY;INTERVAL=2;BYDAY=MO;UNTIL=20260201T000000",
            },
            "it never opens",
        ),
        ({"days": []}, "it needs days"),
        ({"rule": "FREQ=DAILY"}, "not both"),
        ({"days": ["tues-thurs"]}, "is not a day"),
        ({"days": ["sixth tuesday"]}, "is not a day"),
        ({"days": ["tuesdy"]}, "'tuesdy' is not a day, did you mean tuesday?"),
        ({"days": ["tue", "Wendesday"]}, "did you mean wednesday?"),
        ({"days": ["monkey"]}, "is not a day"),
        ({"days": ["frist sunday"]}, "did you mean first sunday?"),
        ({"days": ["last sundey"]}, "did you mean last sunday?"),
        ({"days": ["tuesday wednesday"]}, "is not a day"),
        ({"days": [""]}, "is not a day"),
        ({"from": "600"}, 'write from: "10:00"'),
        ({"to": "25:00"}, "is not a time of day"),
        ({"to": "14:00:00"}, "is not a time of day"),
        ({"days": [], "rule": "FREQ=SECONDLY"}, "SECONDLY"),
        ({"days": [], "rule": "FREQ=HOURLY;BYDAY=TU"}, "HOURLY"),
        ({"days": [], "rule": "every tuesday"}, "frequency None"),
        ({"days": [], "rule": "FREQ=WEEKLY;BYDAY=XX"}, "not one of RFC 5545"),
        ({"days": [], "rule": "FREQ=WEEKLY"}, "does not say on which day"),
        ({"days": [], "rule": "FREQ=WEEKLY;BYDAY=-1SU"}, "FREQ=MONTHLY;BYDAY=-1SU"),
        ({"days": [], "rule": "FREQ=WEEKLY;BYDAY=TU;INTERVAL=2"}, "counts from a day"),
        ({"days": [], "rule": "FREQ=WEEKLY;BYDAY=TU;BYHOUR=3"}, "leave these to from and to"),
        ({"days": [], "rule": "FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30"}, "FREQ=MONTHLY or YEARLY"),
    ],
)
def test_a_window_that_cannot_be_used_is_refused(window: dict[str, Any], said: str) -> None:
    assert said in wrong(windows=[{**WINDOW, **window}])


@pytest.mark.parametrize(
    ("freeze", "said"),
    [
        ({"from": "someday"}, "is not a date"),
        ({"to": "2026-11-24"}, "before it begins"),
        ({"reason": " "}, "it has no reason"),
    ],
)
def test_a_freeze_that_cannot_be_used_is_refused(freeze: dict[str, Any], said: str) -> None:
    assert said in wrong(freezes=[{**FREEZE, **freeze}])


@pytest.mark.parametrize("zone", ["Eastern", "EST5", "../../etc/passwd", "", "America/NewYork"])
def test_a_time_zone_that_is_not_known_is_refused(zone: str) -> None:
    assert "is not known" in wrong(**{**RUNBOOK, "timezone": zone})


def calendar(folder: Path, *events: str) -> str:
    path = folder / "windows.ics"
    body = "".join(
        f"BEGIN:VEVENT\r\nUID:{number}@shop\r\nDTSTAMP:20260101T000000Z\r\n{event}\r\nEND:VEVENT\r\n"
        for number, event in enumerate(events)
    )
    path.write_text(
        f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//shop//windows//EN\r\n{body}END:VCALENDAR\r\n", newline=""
    )
    return str(path)


NIGHT = (
    "DTSTART;TZID=America/New_York:20260104T013000\r\nDURATION:PT2H\r\nRRULE:FREQ=WEEKLY;BYDAY=SU\r\nSUMMARY:Sunday"
    " night"
)


@pytest.mark.parametrize(
    ("opens", "closes"),
    [
        ("2026-03-01T06:30:00+00:00", "2026-03-01T08:30:00+00:00"),
        ("2026-03-08T06:30:00+00:00", "2026-03-08T08:30:00+00:00"),  # 02:00 is 03:00: it still lasts two hours
        ("2026-03-15T05:30:00+00:00", "2026-03-15T07:30:00+00:00"),
        ("2026-11-01T05:30:00+00:00", "2026-11-01T07:30:00+00:00"),  # 01:30 comes twice
        ("2026-11-08T06:30:00+00:00", "2026-11-08T08:30:00+00:00"),
    ],
)
def test_an_event_lasts_as_long_as_it_says_in_the_night_of_the_change(tmp_path: Path, opens: str, closes: str) -> None:
    answer = ask(opens, timezone=EASTERN, calendar=calendar(tmp_path, NIGHT))
    assert (answer.outcome, answer.facts["closes"]) == ("passed", closes)
    before = (datetime.fromisoformat(opens) - timedelta(seconds=1)).isoformat()
    assert ask(before, timezone=EASTERN, calendar=calendar(tmp_path, NIGHT)).facts["next_opening"] == opens


def test_an_event_that_is_left_out_or_canceled_opens_nothing(tmp_path: Path) -> None:
    path = calendar(
        tmp_path,
        NIGHT + "\r\nEXDATE;TZID=America/New_York:20260308T013000",
        "DTSTART:20260309T100000Z\r\nDURATION:PT1H\r\nSTATUS:CANCELLED",
    )
    assert not is_open("2026-03-08T06:30:00Z", timezone=EASTERN, calendar=path)
    assert not is_open("2026-03-09T10:30:00Z", timezone=EASTERN, calendar=path)


def test_an_event_of_whole_days_freezes_in_the_storefronts_zone(tmp_path: Path) -> None:
    path = calendar(tmp_path, "DTSTART;VALUE=DATE:20261126\r\nDTEND;VALUE=DATE:20261128\r\nSUMMARY:Thanksgiving")
    given: dict[str, Any] = {"timezone": EASTERN, "freeze_calendar": path}
    assert is_open("2026-11-26T04:59:59Z", **given)
    assert "Thanksgiving" in ask("2026-11-26T05:00:00Z", **given).answered
    assert not is_open("2026-11-28T04:59:59Z", **given)
    assert is_open("2026-11-28T05:00:00Z", **given)


def test_an_event_without_a_zone_is_in_the_storefronts(tmp_path: Path) -> None:
    path = calendar(tmp_path, "DTSTART:20260303T100000\r\nDTEND:20260303T140000")
    assert is_open("2026-03-03T15:00:00Z", timezone=EASTERN, calendar=path)
    assert not is_open("2026-03-03T14:59:59Z", timezone=EASTERN, calendar=path)


@pytest.mark.parametrize(
    ("event", "said"),
    [
        ("DTSTART;TZID=Mars/Olympus:20270304T100000\r\nDURATION:PT1H", "'Mars/Olympus', which is not known"),
        ("DTSTART:20270304T100000Z\r\nDURATION:PT1S\r\nRRULE:FREQ=SECONDLY", "SECONDLY"),
        ("DTSTART:20270304T100000Z\r\nDURATION:PT1S\r\nRRULE:FREQ=MINUTELY;INTERVAL=5", "MINUTELY"),
        ("DTSTART:20200304T100000Z\r\nDURATION:PT1H", "it never opens"),
        ("SUMMARY:nothing", "has no beginning"),
    ],
)
def test_a_calendar_that_cannot_be_used_is_refused(tmp_path: Path, event: str, said: str) -> None:
    assert said in wrong(calendar=calendar(tmp_path, event))


def test_a_file_that_is_not_a_calendar_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.ics").write_text("hello")
    assert "calendar" in wrong(calendar=str(tmp_path / "a.ics"))
    assert "cannot be read" in wrong(calendar=str(tmp_path / "none.ics"))
    assert "it has no events" in wrong(calendar=calendar(tmp_path))


def test_a_zone_that_is_nearly_one_is_suggested() -> None:
    assert "did you mean America/New_York?" in wrong(**{**RUNBOOK, "timezone": "America/NewYork"})


@pytest.mark.parametrize("day", ["tue", "Tues", "TUESDAY", "first tuesday", "last  Thu", "thurs"])
def test_a_day_may_be_short_or_whole(day: str) -> None:
    assert wrong(**{**RUNBOOK, "windows": [{"days": [day], "from": "10:00", "to": "12:00"}]}) == ""
