//! Who answers for this installation, and what its administrators add to the public pages.
//!
//! All of it is plain text: pages show it as it stands, so markup in it is only characters.

use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::settings::{settings, told};
use crate::Clinic;
use crate::http::Problem;
use crate::model::{Host, Legal, Publisher, TwoTongues, people};

/// Longest name or registration number, in characters.
const LINE_CHARS_MAX: usize = 200;
/// Longest postal address, in characters.
const ADDRESS_CHARS_MAX: usize = 500;
/// Longest text for a page in one language, in characters: some three printed pages; four of these fit into one record.
const TEXT_CHARS_MAX: usize = 10_000;

/// Éditeur.
#[derive(Debug, Serialize, ToSchema)]
pub struct PublisherBody {
    name: Option<String>,
    /// On several lines.
    address: Option<String>,
    /// RCS, SIRET, FINESS, as typed.
    registration: Option<String>,
}

/// Hébergeur.
#[derive(Debug, Serialize, ToSchema)]
pub struct HostBody {
    name: Option<String>,
    /// On several lines, with a telephone.
    address: Option<String>,
}

/// Plain text; line breaks count.
#[derive(Debug, Serialize, ToSchema)]
pub struct TextBody {
    fr: Option<String>,
    en: Option<String>,
}

/// Who answers for this installation. What is `null` was not set.
#[derive(Debug, Serialize, ToSchema)]
pub struct LegalBody {
    publisher: PublisherBody,
    host: HostBody,
    /// Of the data protection contact.
    dpo_email: Option<String>,
    /// Added to the privacy page.
    privacy: TextBody,
    /// The terms of use.
    terms: TextBody,
}

impl From<TwoTongues> for TextBody {
    fn from(TwoTongues { fr, en }: TwoTongues) -> TextBody {
        TextBody { fr, en }
    }
}

impl From<Legal> for LegalBody {
    fn from(legal: Legal) -> LegalBody {
        let Publisher { name, address, registration } = legal.publisher;
        let Host { name: host, address: at } = legal.host;
        LegalBody {
            publisher: PublisherBody { name, address, registration },
            host: HostBody { name: host, address: at },
            dpo_email: legal.dpo_email,
            privacy: legal.privacy.into(),
            terms: legal.terms.into(),
        }
    }
}

#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PublisherChange {
    /// At most 200 characters, on one line.
    #[serde(default, deserialize_with = "told")]
    #[schema(value_type = Option<String>)]
    name: Option<Option<String>>,
    /// At most 500 characters.
    #[serde(default, deserialize_with = "told")]
    #[schema(value_type = Option<String>)]
    address: Option<Option<String>>,
    /// At most 200 characters, on one line.
    #[serde(default, deserialize_with = "told")]
    #[schema(value_type = Option<String>)]
    registration: Option<Option<String>>,
}

#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HostChange {
    /// At most 200 characters, on one line.
    #[serde(default, deserialize_with = "told")]
    #[schema(value_type = Option<String>)]
    name: Option<Option<String>>,
    /// At most 500 characters.
    #[serde(default, deserialize_with = "told")]
    #[schema(value_type = Option<String>)]
    address: Option<Option<String>>,
}

/// Plain text in either language, at most 10 000 characters each.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TextChange {
    #[serde(default, deserialize_with = "told")]
    #[schema(value_type = Option<String>)]
    fr: Option<Option<String>>,
    #[serde(default, deserialize_with = "told")]
    #[schema(value_type = Option<String>)]
    en: Option<Option<String>>,
}

/// `null` takes a text away, absent leaves it.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LegalChange {
    #[serde(default)]
    publisher: PublisherChange,
    #[serde(default)]
    host: HostChange,
    #[serde(default, deserialize_with = "told")]
    #[schema(value_type = Option<String>)]
    dpo_email: Option<Option<String>>,
    #[serde(default)]
    privacy: TextChange,
    #[serde(default)]
    terms: TextChange,
}

/// How much text a field takes, and whether it may have line breaks.
#[derive(Clone, Copy)]
enum Room {
    Line,
    Address,
    Page,
}

/// Plain text in one form: line feeds, no blanks at either end. `None` for nothing.
fn plain(typed: &str, room: Room) -> Result<Option<String>, &'static str> {
    let text = typed.replace("\r\n", "\n").replace('\r', "\n");
    let text = text.trim();
    let (most, lines) = match room {
        Room::Line => (LINE_CHARS_MAX, false),
        Room::Address => (ADDRESS_CHARS_MAX, true),
        Room::Page => (TEXT_CHARS_MAX, true),
    };
    if text.chars().count() > most {
        return Err("too-long");
    }
    let bad = |c: char| match c {
        '\n' | '\t' => !lines,
        // Overrides of the direction make a page read otherwise than it is stored.
        '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => true,
        c => c.is_control(),
    };
    if text.chars().any(bad) {
        return Err("invalid");
    }
    Ok((!text.is_empty()).then(|| text.to_owned()))
}

/// Puts what is good into `legal` and tells every field that is not.
pub(super) fn apply(legal: &mut Legal, change: LegalChange, wrong: &mut Problem) {
    let LegalChange { publisher, host, dpo_email, privacy, terms } = change;
    let texts = [
        ("publisher/name", &mut legal.publisher.name, publisher.name, Room::Line),
        ("publisher/address", &mut legal.publisher.address, publisher.address, Room::Address),
        ("publisher/registration", &mut legal.publisher.registration, publisher.registration, Room::Line),
        ("host/name", &mut legal.host.name, host.name, Room::Line),
        ("host/address", &mut legal.host.address, host.address, Room::Address),
        ("privacy/fr", &mut legal.privacy.fr, privacy.fr, Room::Page),
        ("privacy/en", &mut legal.privacy.en, privacy.en, Room::Page),
        ("terms/fr", &mut legal.terms.fr, terms.fr, Room::Page),
        ("terms/en", &mut legal.terms.en, terms.en, Room::Page),
    ];
    for (pointer, field, given, room) in texts {
        let Some(given) = given else { continue };
        match plain(&given.unwrap_or_default(), room) {
            Ok(text) => *field = text,
            Err(word) => wrong.push_field(&format!("/legal/{pointer}"), word),
        }
    }
    if let Some(given) = dpo_email {
        let typed = given.filter(|text| !text.trim().is_empty());
        match typed.map(|text| people::email(&text)) {
            Some(None) => wrong.push_field("/legal/dpo_email", "invalid-email"),
            good => legal.dpo_email = good.flatten(),
        }
    }
}

/// What the trail says of a change: which part, never the text.
pub(super) fn changed(before: &Legal, after: &Legal) -> [(&'static str, bool); 5] {
    [
        ("legal.publisher", before.publisher != after.publisher),
        ("legal.host", before.host != after.host),
        ("legal.dpo_email", before.dpo_email != after.dpo_email),
        ("legal.privacy", before.privacy != after.privacy),
        ("legal.terms", before.terms != after.terms),
    ]
}

/// Who answers for this installation, for the legal notice, the privacy page and the accessibility statement.
#[utoipa::path(get, path = "/api/v1/legal", tag = "server", responses(
    (status = 200, description = "What the administrators set; `null` is what they did not", body = LegalBody),
))]
pub(super) async fn read(State(clinic): State<Clinic>) -> Result<axum::Json<LegalBody>, Problem> {
    Ok(axum::Json(settings(clinic.store())?.value.legal.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_one_form_of_lines_and_nothing_that_hides() {
        assert_eq!(plain(" a\r\nb\rc \n", Room::Page), Ok(Some("a\nb\nc".to_owned())));
        assert_eq!(plain("a\nb", Room::Line), Err("invalid"));
        assert_eq!(plain(" \n ", Room::Address), Ok(None));
        assert_eq!(plain("<b>gras</b>", Room::Line), Ok(Some("<b>gras</b>".to_owned())));
        for bad in ["a\0b", "a\u{202e}b", "a\u{2066}b", "a\u{7f}b", "a\u{1b}[1m"] {
            assert_eq!(plain(bad, Room::Page), Err("invalid"), "{bad:?}");
        }
        for (room, most) in [(Room::Line, 200), (Room::Address, 500), (Room::Page, 10_000)] {
            assert!(plain(&"é".repeat(most), room).is_ok());
            assert_eq!(plain(&"é".repeat(most + 1), room), Err("too-long"));
        }
    }
}
