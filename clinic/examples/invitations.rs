//! Writes the calendar entries of an appointment that is made, moved and cancelled, for `tests/python/test_calendar.py`:
//! one file each in the folder that is named.

use chevet_clinic::ids::ConsultationId;
use chevet_clinic::messages::{Appointment, Kind, Parties, entry};
use chevet_clinic::model::RecipientKind;
use jiff::Timestamp;

fn main() {
    let dir = std::path::PathBuf::from(std::env::args().nth(1).expect("a folder"));
    let at = |text: &str| text.parse::<Timestamp>().expect("a time");
    let made = Appointment {
        consultation: ConsultationId::new(at("2026-11-26T08:00:00Z")),
        start: at("2026-12-03T13:30:00Z"),
        end: at("2026-12-03T13:50:00Z"),
        zone: "Europe/Paris".to_owned(),
        sequence: 0,
        link: "https://visio.example/c/AAAAAAAAAAAAAAAAAAAAAA".to_owned(),
        professional: "Dr Éloïse d’Hérouville; Cabinet, \"Les Œillets\" \\ Nantes".to_owned(),
    };
    let moved = Appointment {
        start: at("2027-07-05T12:00:00Z"),
        end: at("2027-07-05T12:20:00Z"),
        sequence: 1,
        ..made.clone()
    };
    let cancelled = Appointment { sequence: 2, link: String::new(), ..moved.clone() };
    let recipient = RecipientKind::Patient;
    let parties = Parties {
        organiser: ("Cabinet \"Les Œillets\"", "rdv@cabinet.example"),
        attendee: "jeanne@example.org",
        domain: "cabinet.example",
    };
    for (name, kind) in [
        ("made", Kind::Invitation { recipient, appointment: made }),
        ("moved", Kind::Moved { recipient, appointment: moved }),
        ("cancelled", Kind::Cancelled { recipient, appointment: cancelled }),
    ] {
        let text = entry(&kind, "fr", at("2026-11-26T08:00:00Z"), parties).expect("words").expect("an entry");
        std::fs::write(dir.join(format!("{name}.ics")), text).expect("written");
    }
}
