//! `/dev/outbox`: what was sent, for whoever tries the system on one machine.

use std::collections::VecDeque;

use axum::extract::{Path, State as Shared};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::script::{Answer, ReceiptPlan};
use crate::state::{Mail, Sms, Standing, State};

const POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'self'; connect-src 'self'; frame-src 'self'";
/// Fetches the list anew and exchanges it when it changed, so that open details and the scroll position stay.
const SCRIPT: &str = "\
setInterval(async () => {
  const answer = await fetch('/dev/outbox/list').catch(() => null);
  if (!answer || !answer.ok) return;
  const text = await answer.text(), list = document.getElementById('list');
  if (list.dataset.text !== text) { list.dataset.text = text; list.innerHTML = text; }
}, 1500);
";
const STYLE: &str = "\
body{font:17px/1.5 system-ui,sans-serif;max-width:60em;margin:2em auto;padding:0 1em;color:#1a1a1a;background:#fff}\
article{border:1px solid #c0c0c0;border-radius:8px;padding:1em;margin:1em 0}h2{font-size:1.1em;margin:0}\
dl{display:grid;grid-template-columns:max-content 1fr;gap:0 1em;margin:.5em 0}dt{color:#4a4a4a}dd{margin:0;overflow-wrap:anywhere}\
pre{white-space:pre-wrap;overflow-wrap:anywhere;font:inherit;margin:.5em 0}iframe{width:100%;height:32em;border:1px solid #c0c0c0}";

pub(crate) fn router(state: State) -> Router {
    Router::new()
        .route("/dev/outbox", get(page))
        .route("/dev/outbox/list", get(list))
        .route("/dev/outbox/script.js", get(script_file))
        .route("/dev/outbox/messages", get(messages))
        .route("/dev/outbox/script", post(set_script))
        .route("/dev/outbox/mail/{number}/html", get(mail_html))
        .route("/dev/outbox/mail/{number}/calendar", get(mail_calendar))
        .with_state(state)
}

struct Words {
    lang: &'static str,
    title: &'static str,
    intro: &'static str,
    none: &'static str,
    mail: &'static str,
    sms: &'static str,
    from: &'static str,
    to: &'static str,
    calendar: &'static str,
    as_page: &'static str,
    standing: [&'static str; 4],
}

const FRENCH: Words = Words {
    lang: "fr",
    title: "Boîte d’envoi (essai)",
    intro: "Rien n’est envoyé à l’extérieur. Les mails et les SMS de ce serveur d’essai apparaissent ici.",
    none: "Rien n’a encore été envoyé.",
    mail: "Mail",
    sms: "SMS",
    from: "De",
    to: "À",
    calendar: "Rendez-vous pour l’agenda",
    as_page: "Voir la mise en page",
    standing: ["refusé", "pris en charge", "remis", "non remis"],
};
const ENGLISH: Words = Words {
    lang: "en",
    title: "Outbox (trial)",
    intro: "Nothing leaves this machine. Mails and short messages of this trial server show up here.",
    none: "Nothing was sent yet.",
    mail: "Mail",
    sms: "SMS",
    from: "From",
    to: "To",
    calendar: "Calendar entry",
    as_page: "See the page",
    standing: ["refused", "taken", "delivered", "not delivered"],
};

/// English for whoever asks for it before French.
fn words(headers: &HeaderMap) -> &'static Words {
    let wanted = headers.get("accept-language").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let first = |language| wanted.to_ascii_lowercase().find(language);
    match (first("en"), first("fr")) {
        (Some(en), Some(fr)) if en < fr => &ENGLISH,
        (Some(_), None) => &ENGLISH,
        _ => &FRENCH,
    }
}

fn html(body: String) -> Response {
    ([(CONTENT_SECURITY_POLICY, POLICY), (CACHE_CONTROL, "no-store")], Html(body)).into_response()
}

async fn page(Shared(state): Shared<State>, headers: HeaderMap) -> Response {
    let words = words(&headers);
    html(format!(
        "<!doctype html>\n<html lang=\"{}\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <title>{title}</title><style>{STYLE}</style><noscript><meta http-equiv=\"refresh\" content=\"3\"></noscript></head>\n\
         <body><main><h1>{title}</h1><p>{}</p><div id=\"list\" aria-live=\"polite\">{}</div></main>\
         <script src=\"/dev/outbox/script.js\"></script></body></html>\n",
        words.lang,
        words.intro,
        listed(&state, words),
        title = words.title,
    ))
}

async fn list(Shared(state): Shared<State>, headers: HeaderMap) -> Response {
    html(listed(&state, words(&headers)))
}

async fn script_file() -> Response {
    ([(CONTENT_TYPE, "text/javascript"), (CACHE_CONTROL, "no-store")], SCRIPT).into_response()
}

/// The newest first.
fn listed(state: &State, words: &Words) -> String {
    let mut entries: Vec<(u64, String)> = state.with(|world| {
        let mails = world.mails.iter().map(|mail| (mail.number, mail_entry(mail, words)));
        mails.chain(world.sms.iter().map(|sms| (sms.number, sms_entry(sms, words)))).collect()
    });
    entries.sort_by_key(|(number, _)| std::cmp::Reverse(*number));
    if entries.is_empty() {
        return format!("<p>{}</p>", words.none);
    }
    entries.into_iter().map(|(_, entry)| entry).collect()
}

fn mail_entry(mail: &Mail, words: &Words) -> String {
    let number = mail.number;
    let calendar = match &mail.calendar_method {
        Some(method) => format!(
            "<p><a href=\"/dev/outbox/mail/{number}/calendar\">{} ({})</a></p>",
            words.calendar,
            escaped(method)
        ),
        None => String::new(),
    };
    format!(
        "<article id=\"m{number}\"><h2>{} · {}</h2><dl><dt>{}</dt><dd>{}</dd><dt>{}</dt><dd>{}</dd></dl>\
         <pre>{}</pre>{calendar}<p><a href=\"/dev/outbox/mail/{number}/html\">{}</a></p></article>\n",
        words.mail,
        escaped(&mail.subject),
        words.from,
        escaped(&mail.from),
        words.to,
        escaped(&mail.to.join(", ")),
        linked(&mail.text),
        words.as_page,
    )
}

fn sms_entry(sms: &Sms, words: &Words) -> String {
    let [refused, taken, delivered, undelivered] = words.standing;
    let standing = match sms.standing {
        Standing::Refused => refused,
        Standing::Taken => taken,
        Standing::Delivered => delivered,
        Standing::Undelivered => undelivered,
    };
    format!(
        "<article id=\"m{}\"><h2>{} · {}</h2><dl><dt>{}</dt><dd>{}</dd></dl><pre>{}</pre></article>\n",
        sms.number,
        words.sms,
        standing,
        words.to,
        escaped(&sms.to),
        linked(&sms.text),
    )
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// Escaped, with addresses of pages as links.
fn linked(text: &str) -> String {
    text.split_inclusive(char::is_whitespace)
        .map(|word| {
            let address = word.trim_end();
            if address.starts_with("http://") || address.starts_with("https://") {
                let (shown, rest) = (escaped(address), word.get(address.len()..).unwrap_or_default());
                format!("<a href=\"{shown}\" target=\"_blank\" rel=\"noopener\">{shown}</a>{rest}")
            } else {
                escaped(word)
            }
        })
        .collect()
}

fn found(state: &State, number: u64) -> Option<Mail> {
    state.with(|world| world.mails.iter().find(|mail| mail.number == number).cloned())
}

/// The page of a mail, as a mail program shows it: no scripts, nothing fetched.
async fn mail_html(Shared(state): Shared<State>, Path(number): Path<u64>) -> Response {
    let Some(mail) = found(&state, number) else { return StatusCode::NOT_FOUND.into_response() };
    let policy = "default-src 'none'; style-src 'unsafe-inline'; sandbox allow-popups allow-top-navigation-by-user-activation";
    ([(CONTENT_SECURITY_POLICY, policy), (CACHE_CONTROL, "no-store")], Html(mail.html)).into_response()
}

async fn mail_calendar(Shared(state): Shared<State>, Path(number): Path<u64>) -> Response {
    match found(&state, number).and_then(|mail| mail.calendar) {
        None => StatusCode::NOT_FOUND.into_response(),
        Some(entry) => {
            let headers = [
                (CONTENT_TYPE, "text/calendar; charset=utf-8"),
                (CONTENT_DISPOSITION, "attachment; filename=\"rendez-vous.ics\""),
            ];
            (headers, entry).into_response()
        }
    }
}

/// Both as JSON, the oldest first: for tests from outside.
async fn messages(Shared(state): Shared<State>) -> Json<Value> {
    Json(state.with(|world| json!({ "mails": world.mails, "sms": world.sms })))
}

/// A script from outside.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ScriptBody {
    /// Statuses of the next requests to a gateway; 200 takes one.
    #[serde(default)]
    sms: VecDeque<u16>,
    /// Replies to the next recipients of mails.
    #[serde(default)]
    mail: VecDeque<String>,
    #[serde(default)]
    receipts: Option<ReceiptPlan>,
}

async fn set_script(Shared(state): Shared<State>, Json(body): Json<ScriptBody>) -> StatusCode {
    state.with(|world| {
        world.script.sms = body
            .sms
            .into_iter()
            .map(|status| match status {
                200..=299 => Answer::Ok,
                status => Answer::Status(status),
            })
            .collect();
        world.script.mail = body.mail;
        if let Some(plan) = body.receipts {
            world.script.receipts = plan;
        }
    });
    StatusCode::NO_CONTENT
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_clickable_and_what_was_written_is_no_markup() {
        let shown = linked("Lien : https://x.example/c/a?b=1&c=2 <b>\nFin");
        assert_eq!(
            shown,
            "Lien : <a href=\"https://x.example/c/a?b=1&amp;c=2\" target=\"_blank\" rel=\"noopener\">\
             https://x.example/c/a?b=1&amp;c=2</a> &lt;b&gt;\nFin"
        );
        assert!(!linked("javascript:alert(1)").contains("href"));
    }

    #[test]
    fn the_page_is_french_unless_english_is_asked_for_first() {
        for (wanted, lang) in
            [("", "fr"), ("de", "fr"), ("en-GB,fr;q=0.5", "en"), ("fr,en", "fr"), ("en", "en")]
        {
            let mut headers = HeaderMap::new();
            headers.insert("accept-language", wanted.parse().unwrap());
            assert_eq!(words(&headers).lang, lang, "{wanted}");
        }
    }
}
