//! Calendar entries in mails: iCalendar (RFC 5545) as an iTIP message (RFC 5546) by mail (RFC 6047).
//!
//! Times are written in UTC: every calendar shows them in its owner's zone, and no time zone table of ours can be wrong.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::kinds::{Appointment, CalendarMethod, Kind};
use super::words::{self, NoWords};

/// Longest line, in bytes without its end (RFC 5545, 3.1).
const LINE_BYTES_MAX: usize = 75;

/// Who is named in an entry.
#[derive(Clone, Copy, Debug)]
pub struct Parties<'a> {
    /// The name of whoever runs the server, and the address that mails come from.
    pub organiser: (&'a str, &'a str),
    pub attendee: &'a str,
    /// Behind the `@` of the entry's UID.
    pub domain: &'a str,
}

impl CalendarMethod {
    /// As in the entry and in the mail's Content-Type.
    pub fn as_str(self) -> &'static str {
        match self {
            CalendarMethod::Request => "REQUEST",
            CalendarMethod::Cancel => "CANCEL",
        }
    }
}

/// The entry of a mail of this kind, if it has one. `stamp`: when the message was made.
pub fn entry(
    kind: &Kind,
    locale: &str,
    stamp: Timestamp,
    parties: Parties<'_>,
) -> Result<Option<String>, NoWords> {
    let Some((method, appointment)) = kind.calendar() else { return Ok(None) };
    let (summary, description) = words::calendar(kind, appointment, locale)?;
    let mut lines = Lines::default();
    lines.add("BEGIN:VCALENDAR");
    lines.add("VERSION:2.0");
    lines.add("PRODID:-//Chevet//Clinic//FR");
    lines.add("CALSCALE:GREGORIAN");
    lines.add(&format!("METHOD:{}", method.as_str()));
    lines.add("BEGIN:VEVENT");
    lines.add(&format!("UID:{}@{}", appointment.consultation, parties.domain));
    lines.add(&format!("DTSTAMP:{}", utc(stamp)));
    lines.add(&format!("DTSTART:{}", utc(appointment.start)));
    lines.add(&format!("DTEND:{}", utc(appointment.end)));
    lines.add(&format!("SEQUENCE:{}", appointment.sequence));
    lines.add(&format!("SUMMARY:{}", escaped(&summary)));
    lines.add(&format!("DESCRIPTION:{}", escaped(&description)));
    link(&mut lines, appointment);
    let (name, address) = parties.organiser;
    lines.add(&format!("ORGANIZER;CN={}:mailto:{address}", parameter(name)));
    lines.add(&format!(
        "ATTENDEE;CUTYPE=INDIVIDUAL;ROLE=REQ-PARTICIPANT;PARTSTAT=NEEDS-ACTION;RSVP=FALSE:mailto:{}",
        parties.attendee
    ));
    lines.add(match method {
        CalendarMethod::Request => "STATUS:CONFIRMED",
        CalendarMethod::Cancel => "STATUS:CANCELLED",
    });
    lines.add("CLASS:PRIVATE");
    lines.add("TRANSP:OPAQUE");
    lines.add("END:VEVENT");
    lines.add("END:VCALENDAR");
    Ok(Some(lines.0))
}

fn link(lines: &mut Lines, appointment: &Appointment) {
    if !appointment.link.is_empty() {
        lines.add(&format!("URL:{}", appointment.link));
        lines.add(&format!("LOCATION:{}", escaped(&appointment.link)));
    }
}

fn utc(at: Timestamp) -> String {
    TimeZone::UTC.to_datetime(at).strftime("%Y%m%dT%H%M%SZ").to_string()
}

/// A value of type TEXT.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\")
        .replace(';', "\\;")
        .replace(',', "\\,")
        .replace("\r\n", "\\n")
        .replace('\n', "\\n")
}

/// A parameter's value in quotes; what cannot stand there is left out.
fn parameter(text: &str) -> String {
    let plain: String = text.chars().filter(|c| !c.is_control() && *c != '"').collect();
    format!("\"{plain}\"")
}

#[derive(Default)]
struct Lines(String);

impl Lines {
    /// Folded where it is too long, never inside a character.
    fn add(&mut self, line: &str) {
        let mut room = LINE_BYTES_MAX;
        for c in line.chars() {
            if c.len_utf8() > room {
                self.0.push_str("\r\n ");
                room = LINE_BYTES_MAX - 1;
            }
            room = room.saturating_sub(c.len_utf8());
            self.0.push(c);
        }
        self.0.push_str("\r\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::ConsultationId;
    use crate::model::RecipientKind;

    fn visit() -> Appointment {
        let start: Timestamp = "2026-12-03T13:30:00Z".parse().unwrap();
        Appointment {
            consultation: ConsultationId::new(start),
            start,
            end: "2026-12-03T13:50:00Z".parse().unwrap(),
            zone: "Europe/Paris".into(),
            sequence: 2,
            link: "https://visio.example/c#AAAAAAAAAAAAAAAAAAAAAA".into(),
            professional: "Dr Éloïse Martin; Cabinet, \"Les Œillets\"".into(),
        }
    }

    fn parties() -> Parties<'static> {
        Parties {
            organiser: ("Cabinet \"M\"", "rdv@cabinet.example"),
            attendee: "jeanne@example.org",
            domain: "cabinet.example",
        }
    }

    fn unfolded(kind: &Kind) -> Vec<String> {
        let text = entry(kind, "fr", "2026-12-01T08:00:00Z".parse().unwrap(), parties()).unwrap().unwrap();
        assert!(
            text.split("\r\n").all(|line| line.len() <= LINE_BYTES_MAX && !line.contains('\n')),
            "{text}"
        );
        text.replace("\r\n ", "").split("\r\n").map(str::to_owned).collect()
    }

    #[test]
    fn a_request_says_when_in_utc_who_and_where_and_nothing_of_the_reason() {
        let lines = unfolded(&Kind::Invitation { recipient: RecipientKind::Patient, appointment: visit() });
        for line in [
            "METHOD:REQUEST",
            "DTSTART:20261203T133000Z",
            "DTEND:20261203T135000Z",
            "DTSTAMP:20261201T080000Z",
            "SEQUENCE:2",
            "STATUS:CONFIRMED",
            "URL:https://visio.example/c#AAAAAAAAAAAAAAAAAAAAAA",
            "ORGANIZER;CN=\"Cabinet M\":mailto:rdv@cabinet.example",
            "SUMMARY:Rendez-vous vidéo avec Dr Éloïse Martin\\; Cabinet\\, \"Les Œillets\"",
        ] {
            assert!(lines.iter().any(|found| found == line), "{line} is not in {lines:#?}");
        }
    }

    #[test]
    fn a_change_keeps_the_name_of_the_entry_and_a_cancellation_takes_it_back() {
        let uid = |lines: &[String]| lines.iter().find(|line| line.starts_with("UID:")).cloned().unwrap();
        let first = visit();
        let moved = Appointment { sequence: 3, ..first.clone() };
        let gone = Appointment { sequence: 4, link: String::new(), ..first.clone() };
        let request = unfolded(&Kind::Invitation { recipient: RecipientKind::Carer, appointment: first });
        let change = unfolded(&Kind::Moved { recipient: RecipientKind::Carer, appointment: moved });
        let cancel = unfolded(&Kind::Cancelled { recipient: RecipientKind::Carer, appointment: gone });
        assert_eq!(uid(&request), uid(&change));
        assert_eq!(uid(&request), uid(&cancel));
        assert!(change.contains(&"SEQUENCE:3".to_owned()) && change.contains(&"METHOD:REQUEST".to_owned()));
        assert!(
            cancel.contains(&"METHOD:CANCEL".to_owned()) && cancel.contains(&"STATUS:CANCELLED".to_owned())
        );
        assert!(!cancel.iter().any(|line| line.starts_with("URL:")));
    }
}
