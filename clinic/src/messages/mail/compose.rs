//! The bytes of a mail: text and HTML that say the same, and the calendar entry where there is one.
//!
//! Two tries of one message are the same bytes: name, date and boundaries come from the message itself.

use std::time::{Duration, SystemTime};

use lettre::Address;
use lettre::message::header::{
    ContentDisposition, ContentTransferEncoding, ContentType, HeaderName, HeaderValue,
};
use lettre::message::{Body, Mailbox, MultiPart, SinglePart};

use super::super::calendar::{self, Parties};
use super::super::kinds::{CalendarMethod, Kind};
use super::super::words::{self, Letterhead, NoWords};
use crate::outbox::Message;

/// Who mails come from.
#[derive(Clone, Debug)]
pub struct Sender {
    pub from: Mailbox,
    pub reply_to: Option<Mailbox>,
    /// Names messages and calendar entries, behind their `@`.
    pub domain: String,
    pub organisation: String,
}

/// Why there is no mail: stable words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ComposeError {
    #[error(transparent)]
    Words(#[from] NoWords),
    #[error("mail-malformed")]
    Malformed,
}

/// The mail as it is handed to the relay.
pub fn compose(
    kind: &Kind,
    message: &Message,
    to: &Address,
    sender: &Sender,
) -> Result<Vec<u8>, ComposeError> {
    let locale = if message.locale == "en" { "en" } else { "fr" };
    let letter = words::mail(kind, locale, &sender.organisation)?;
    let parties = Parties {
        organiser: (&sender.organisation, sender.from.email.as_ref()),
        attendee: to.as_ref(),
        domain: &sender.domain,
    };
    let entry = calendar::entry(kind, locale, message.created_at, parties)?;
    let method = kind.calendar().map(|(method, _)| method);

    let mut builder = lettre::Message::builder()
        .from(sender.from.clone())
        .to(Mailbox::new(None, to.clone()))
        .subject(letter.subject.as_str())
        .date(date(message))
        .message_id(Some(format!("<{}@{}>", message.id, sender.domain)))
        // No answers by machines (RFC 3834).
        .raw_header(header("Auto-Submitted", "auto-generated")?)
        .raw_header(header("Content-Language", locale)?);
    if let Some(reply_to) = &sender.reply_to {
        builder = builder.reply_to(reply_to.clone());
    }

    let boundary = |part: &str| format!("{part}-{}", message.id);
    let mut readable = MultiPart::alternative()
        .boundary(boundary("alternative"))
        .singlepart(part("text/plain; charset=utf-8", text(&letter, locale))?)
        .singlepart(part("text/html; charset=utf-8", html(&letter, locale))?);
    let body = match (entry, method) {
        (Some(entry), Some(method)) => {
            let kind = format!("text/calendar; charset=utf-8; method={}", method.as_str());
            readable = readable.singlepart(part(&kind, entry.clone())?);
            MultiPart::mixed()
                .boundary(boundary("mixed"))
                .multipart(readable)
                .singlepart(attachment(entry, method)?)
        }
        _ => readable,
    };
    let mail = builder.multipart(body).map_err(|_| ComposeError::Malformed)?;
    Ok(mail.formatted())
}

/// Of the message and not of the try.
fn date(message: &Message) -> SystemTime {
    let seconds = u64::try_from(message.created_at.as_second()).unwrap_or_default();
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
}

fn header(name: &'static str, value: &str) -> Result<HeaderValue, ComposeError> {
    let name = HeaderName::new_from_ascii(name.to_owned()).map_err(|_| ComposeError::Malformed)?;
    Ok(HeaderValue::new(name, value.to_owned()))
}

fn part(content_type: &str, text: String) -> Result<SinglePart, ComposeError> {
    let content_type = ContentType::parse(content_type).map_err(|_| ComposeError::Malformed)?;
    // Base64 keeps the CRLF of a calendar entry and the spaces at the ends of lines.
    let body = Body::new_with_encoding(text, ContentTransferEncoding::Base64)
        .map_err(|_| ComposeError::Malformed)?;
    Ok(SinglePart::builder().header(content_type).body(body))
}

/// The entry once more, for programs that only look at attachments.
fn attachment(entry: String, method: CalendarMethod) -> Result<SinglePart, ComposeError> {
    let kind = format!("application/ics; name=\"rendez-vous.ics\"; method={}", method.as_str());
    let content_type = ContentType::parse(&kind).map_err(|_| ComposeError::Malformed)?;
    let body = Body::new_with_encoding(entry, ContentTransferEncoding::Base64)
        .map_err(|_| ComposeError::Malformed)?;
    Ok(SinglePart::builder()
        .header(content_type)
        .header(ContentDisposition::attachment("rendez-vous.ics"))
        .body(body))
}

fn text(letter: &Letterhead, locale: &str) -> String {
    let colon = if locale == "en" { ":" } else { " :" };
    let mut blocks = letter.paragraphs.clone();
    if let Some((label, link)) = &letter.action {
        blocks.push(format!("{label}{colon}\r\n{link}"));
    }
    blocks.extend(letter.after.iter().cloned());
    blocks.push(format!("-- \r\n{}", letter.footer));
    let mut text = blocks.join("\r\n\r\n");
    text.push_str("\r\n");
    text
}

/// One column, large letters, nothing fetched from anywhere. The button's link stands there as text too.
fn html(letter: &Letterhead, locale: &str) -> String {
    let mut main = String::new();
    let mut paragraph = |text: &str| main.push_str(&format!("<p>{}</p>\n", escaped(text)));
    for text in &letter.paragraphs {
        paragraph(text);
    }
    if let Some((label, link)) = &letter.action {
        let (label, link) = (escaped(label), escaped(link));
        main.push_str(&format!(
            "<p><a href=\"{link}\" style=\"display:inline-block;padding:16px 28px;border-radius:8px;background:#0b4a6f;\
             color:#ffffff;font-weight:bold;text-decoration:none\">{label}</a></p>\n\
             <p style=\"font-size:16px\">{}<br><a href=\"{link}\" style=\"color:#0b4a6f\">{link}</a></p>\n",
            escaped(&letter.link_below),
        ));
    }
    for text in &letter.after {
        main.push_str(&format!("<p>{}</p>\n", escaped(text)));
    }
    format!(
        "<!doctype html>\n<html lang=\"{locale}\"><head><meta charset=\"utf-8\"><title>{subject}</title></head>\n\
         <body style=\"margin:0;padding:24px;background:#ffffff;color:#1a1a1a;font:18px/1.5 Verdana,Arial,sans-serif\">\n\
         <main style=\"max-width:34em;margin:0 auto\">\n<h1 style=\"font-size:24px\">{subject}</h1>\n{main}\
         <p style=\"font-size:16px;color:#4a4a4a;border-top:1px solid #c0c0c0;padding-top:16px\">{footer}</p>\n\
         </main></body></html>\n",
        subject = escaped(&letter.subject),
        footer = escaped(&letter.footer),
    )
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
        .replace('\'', "&#39;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::messages::words::tests::every_kind;
    use crate::outbox::Channel;
    use crate::testing::afternoon;

    fn sender() -> Sender {
        Sender {
            from: "Cabinet Éluard <rdv@cabinet.example>".parse().unwrap(),
            reply_to: Some("accueil@cabinet.example".parse().unwrap()),
            domain: "cabinet.example".into(),
            organisation: "Cabinet <Éluard>".into(),
        }
    }

    #[test]
    fn two_tries_of_a_message_are_the_same_bytes_under_the_same_name() {
        let to: Address = "jeanne@example.org".parse().unwrap();
        for kind in every_kind() {
            let message = Message::new(afternoon(), Channel::Email, &kind.template(), "inv_1");
            let mail = compose(&kind, &message, &to, &sender()).unwrap();
            assert_eq!(mail, compose(&kind, &message, &to, &sender()).unwrap());
            let head = String::from_utf8_lossy(&mail).into_owned();
            for line in [
                format!("Message-ID: <{}@cabinet.example>", message.id),
                "Date: Thu, 03 Dec 2026 13:30:00 +0000".into(),
                "Auto-Submitted: auto-generated".into(),
                "Reply-To: accueil@cabinet.example".into(),
                "To: jeanne@example.org".into(),
            ] {
                assert!(head.contains(&line), "{line} is not in {head}");
            }
            assert!(mail.is_ascii());
            assert!(mail.split(|byte| *byte == b'\n').all(|line| line.len() <= 998));
        }
    }

    #[test]
    fn the_page_fetches_nothing_and_what_people_typed_is_no_markup() {
        for kind in every_kind() {
            let letter = words::mail(&kind, "fr", "Cabinet <Éluard> & \"fils\"").unwrap();
            let page = html(&letter, "fr");
            for forbidden in ["src=", "<img", "<script", "<link", "url(", "@import", "<Éluard>"] {
                assert!(!page.contains(forbidden), "{forbidden} in {page}");
            }
            assert!(page.contains("Cabinet &lt;Éluard&gt; &amp; &quot;fils&quot;"));
            let links = page.matches("href=").count();
            assert_eq!(links, if letter.action.is_some() { 2 } else { 0 });
        }
    }
}
