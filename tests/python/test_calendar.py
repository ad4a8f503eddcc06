"""The calendar entries of mails, read by a program that is not ours."""

import os
import subprocess
from datetime import datetime, timezone
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from icalendar import Calendar

NAMES = ["made", "moved", "cancelled"]


@pytest.fixture(scope="module")
def calendars(tmp_path_factory):
    folder = tmp_path_factory.mktemp("calendar")
    program = Path(os.environ["CHEVET_BIN"]).parent / "examples" / "invitations"
    subprocess.run([program, folder], check=True)
    return {name: Calendar.from_ical((folder / f"{name}.ics").read_bytes()) for name in NAMES}


def event(calendar):
    (found,) = calendar.walk("VEVENT")
    return found


def test_each_is_an_itip_message_of_one_event_without_errors(calendars):
    for name, method in [("made", "REQUEST"), ("moved", "REQUEST"), ("cancelled", "CANCEL")]:
        calendar = calendars[name]
        assert calendar["METHOD"] == method and calendar["VERSION"] == "2.0"
        assert not calendar.errors and not event(calendar).errors
        assert event(calendar)["ORGANIZER"] == "mailto:rdv@cabinet.example"
        assert event(calendar)["ATTENDEE"] == "mailto:jeanne@example.org"


def test_a_change_and_a_cancellation_are_of_the_same_event_and_count_on(calendars):
    events = [event(calendars[name]) for name in NAMES]
    assert len({str(found["UID"]) for found in events}) == 1
    assert [found["SEQUENCE"] for found in events] == [0, 1, 2]
    assert [str(found["STATUS"]) for found in events] == ["CONFIRMED", "CONFIRMED", "CANCELLED"]


def test_the_time_is_right_on_a_wall_in_paris_in_winter_and_in_summer(calendars):
    paris = ZoneInfo("Europe/Paris")
    made, moved = event(calendars["made"]), event(calendars["moved"])
    assert made.decoded("DTSTART") == datetime(2026, 12, 3, 13, 30, tzinfo=timezone.utc)
    assert made.decoded("DTSTART").astimezone(paris).strftime("%H:%M") == "14:30"
    assert moved.decoded("DTSTART").astimezone(paris).strftime("%H:%M") == "14:00"
    assert (moved.decoded("DTEND") - moved.decoded("DTSTART")).total_seconds() == 20 * 60


def test_texts_survive_folding_and_escaping_and_name_no_reason(calendars):
    made = event(calendars["made"])
    assert str(made["SUMMARY"]) == 'Rendez-vous vidéo avec Dr Éloïse d’Hérouville; Cabinet, "Les Œillets" \\ Nantes'
    assert str(made["URL"]) == "https://visio.example/c/AAAAAAAAAAAAAAAAAAAAAA"
    assert str(made["CLASS"]) == "PRIVATE"
    assert "URL" not in event(calendars["cancelled"])
