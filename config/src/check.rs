//! Rules that join several settings. They run only once every single value has been read.

use std::net::IpAddr;
use std::time::Duration;

use crate::problem::Problem;
use crate::read::{Loaded, place};
use crate::{Config, Documents, MailTls, SECRET_CHARS_MIN, SmsGateway, Tls};

/// Longest stop an operator may ask for: supervisors kill long before.
const STOP_TIMEOUT_MAX_S: u64 = 600;
/// A worker is a thread with its own port; more than this is a typing error.
const WORKERS_MAX: u16 = 256;
/// More would show: a frame of 30 a second lasts 33 ms.
const HOLD_MAX: Duration = Duration::from_millis(20);

pub(crate) fn check(loaded: &mut Loaded, file: &str, problems: &mut Vec<Problem>) {
    let mut found: Vec<(String, String, String)> = Vec::new();
    let mut warnings = Vec::new();
    let config = &loaded.config;
    {
        let mut refuse =
            |key: &str, what: &str, allowed: &str| found.push((key.into(), what.into(), allowed.into()));

        if !config.dev {
            for (key, secret) in &config.keys {
                let full = format!("keys.{key}");
                if secret.expose().chars().count() < SECRET_CHARS_MIN {
                    refuse(
                        &full,
                        "the secret is too short",
                        &format!("{SECRET_CHARS_MIN} characters or more, from a random source"),
                    );
                }
            }
        }
        for key in config.keys.keys() {
            if key.is_empty() || key.contains(|c: char| c == ':' || c.is_whitespace()) {
                refuse(&format!("keys.{key}"), "is not an API key", "a name without spaces and colons");
            }
        }

        let url = &config.server.public_url;
        if !url.is_empty() && !is_origin(url) {
            refuse(
                "server.public_url",
                &format!("cannot be \"{url}\""),
                "http:// or https:// with a host and no path, such as \"https://visio.example.org\"",
            );
        }
        if config.server.stop_timeout.as_secs() > STOP_TIMEOUT_MAX_S {
            refuse("server.stop_timeout", "is too long", "10m at most");
        }
        if config.rtc.workers > WORKERS_MAX {
            refuse("rtc.workers", "is too many", "0 (one for each core) to 256");
        }
        if config.rtc.hold_max > HOLD_MAX {
            refuse("rtc.hold_max", "is too long", "0ms (never) to 20ms");
        }
        if config.rtc.udp_port.checked_add(config.rtc.workers).is_none() {
            refuse(
                "rtc.udp_port",
                "leaves no room for one port for each worker",
                "udp_port + workers below 65536",
            );
        }
        if let Some(tcp) = config.rtc.tcp_port
            && tcp != 0
            && tcp == config.server.port
        {
            refuse("rtc.tcp_port", "is server.port too", "another port, or \"off\"");
        }
        if config.rtc.advertise.iter().any(IpAddr::is_unspecified) {
            refuse(
                "rtc.advertise",
                "holds an address that nobody can send to",
                "addresses that clients can reach",
            );
        }
        for url in &config.webhooks.urls {
            if !(url.starts_with("http://") || url.starts_with("https://"))
                || url.contains(char::is_whitespace)
            {
                refuse("webhooks.urls", &format!("cannot hold \"{url}\""), "URLs with http:// or https://");
            }
        }
        let signer = &config.webhooks.api_key;
        // Without any key one is generated at the first start, so only a named key can be missing.
        if !signer.is_empty() && !config.keys.contains_key(signer) {
            refuse(
                "webhooks.api_key",
                &format!("\"{signer}\" is not in [keys]"),
                "a key of [keys], or empty",
            );
        }
        for address in &config.clinic.administrators {
            if address.split('@').count() != 2 || address.contains(char::is_whitespace) {
                refuse("clinic.administrators", "holds what is no e-mail address", "e-mail addresses");
            }
        }
        if config.clinic.organisation.trim().is_empty() {
            refuse("clinic.organisation", "is empty", "a name");
        }
        check_messages(config, &mut refuse);
        check_payment(config, &mut refuse);
        check_documents(&config.clinic.documents, &mut refuse);
        check_logins(config, &mut refuse);
        let seal = &config.clinic.seal;
        if seal.key_file.is_empty() != seal.chain_file.is_empty() {
            refuse("clinic.seal.key_file", "and chain_file belong together", "both or none");
        }
        if !seal.tsa_url.is_empty()
            && !seal.tsa_url.starts_with("https://")
            && !seal.tsa_url.starts_with("http://")
        {
            refuse("clinic.seal.tsa_url", "is no address", "an http:// or https:// address");
        }
        if config.limits.connections == 0 {
            refuse("limits.connections", "would let nobody in", "1 or more");
        }
        if config.limits.name_chars == 0 {
            refuse("limits.name_chars", "would allow no name at all", "1 or more");
        }
    }

    if config.server.tls == Tls::Off
        && !config.server.bind.is_loopback()
        && !config.server.public_url.starts_with("https://")
    {
        warnings.push(
            "server.tls is \"off\" and server.bind is not loopback: browsers give camera and microphone only to \
             https:// pages and to localhost. Set server.tls, or put a TLS proxy in front and set server.public_url."
                .to_owned(),
        );
    }
    let mail = &config.clinic.mail;
    if mail.tls == MailTls::Off && !["", "localhost", "127.0.0.1", "::1"].contains(&mail.server.as_str()) {
        warnings
            .push("clinic.mail.tls is \"off\": mails with links travel readable to the relay.".to_owned());
    }
    if config.server.public_url.chars().count() > PUBLIC_URL_CHARS_MAX {
        warnings.push(format!(
            "server.public_url has more than {PUBLIC_URL_CHARS_MAX} characters: links will not fit into one short message, \
             and such messages are not sent."
        ));
    }
    if config.dev && !config.server.bind.is_loopback() {
        warnings.push("--dev uses a secret known to everybody, and server.bind is not loopback.".to_owned());
    }

    for (key, what, allowed) in found {
        let origin = loaded.origins.get(&key).cloned().unwrap_or_default();
        problems.push(Problem { place: place(&origin, file), key, what, allowed });
    }
    loaded.warnings = warnings;
}

/// Longer ones leave a short message no room for its link of 25 characters more.
const PUBLIC_URL_CHARS_MAX: usize = 44;

fn check_messages(config: &Config, refuse: &mut impl FnMut(&str, &str, &str)) {
    let (mail, sms) = (&config.clinic.mail, &config.clinic.sms);
    if !mail.server.is_empty() && !mail.from.contains('@') {
        refuse("clinic.mail.from", "is no address to send from", "\"Name <address>\" or an address");
    }
    if !mail.user.is_empty()
        && mail.tls == MailTls::Off
        && mail.server != "127.0.0.1"
        && mail.server != "localhost"
    {
        refuse(
            "clinic.mail.tls",
            "would send the password readable",
            "\"starttls\" or \"implicit\" with a user",
        );
    }
    let mut needed = |missing: bool, key: &str| {
        if missing {
            refuse(&format!("clinic.sms.{key}"), "is empty", "what this gateway needs; see the example file");
        }
    };
    match sms.gateway {
        SmsGateway::Off => {}
        SmsGateway::Http => {
            needed(sms.url.is_empty(), "url");
            needed(!sms.body.contains("{to}") || !sms.body.contains("{text}"), "body");
        }
        SmsGateway::Ovh => {
            needed(sms.account.is_empty(), "account");
            needed(sms.application_key.is_empty(), "application_key");
            needed(sms.consumer_key.is_empty(), "consumer_key");
            needed(sms.secret.is_empty(), "secret");
        }
        SmsGateway::Twilio => {
            needed(sms.account.is_empty(), "account");
            needed(sms.sender.is_empty(), "sender");
            needed(sms.secret.is_empty(), "secret");
        }
    }
    if sms.per_professional == 0 || sms.per_number == 0 {
        refuse(
            "clinic.sms.per_number",
            "or per_professional would allow none",
            "1 or more; gateway = \"off\" sends none",
        );
    }
}

fn check_payment(config: &Config, refuse: &mut impl FnMut(&str, &str, &str)) {
    let payment = &config.clinic.payment;
    let providers = [
        ("stripe_url", payment.stripe, &payment.stripe_url),
        ("payzen_url", payment.payzen, &payment.payzen_url),
    ];
    for (key, on, url) in providers {
        let local = url.starts_with("http://127.0.0.1") || url.starts_with("http://localhost");
        if on && !url.starts_with("https://") && !local {
            refuse(&format!("clinic.payment.{key}"), "would send keys readable", "an address with https://");
        }
    }
}

fn check_documents(documents: &Documents, refuse: &mut impl FnMut(&str, &str, &str)) {
    if !(100..=50 << 10).contains(&documents.file_kb) {
        refuse("clinic.documents.file_kb", "is out of bounds", "100 to 51200");
    }
    if !(1..=100).contains(&documents.files) {
        refuse("clinic.documents.files", "is out of bounds", "1 to 100");
    }
    if !(documents.file_kb..=1 << 20).contains(&documents.total_kb) {
        refuse("clinic.documents.total_kb", "is out of bounds", "file_kb to 1048576");
    }
    if !documents.clamd.is_empty() && !documents.clamd.starts_with('/') && !documents.clamd.contains(':') {
        refuse("clinic.documents.clamd", "is neither", "host:port, or the path of a socket");
    }
}

fn check_logins(config: &Config, refuse: &mut impl FnMut(&str, &str, &str)) {
    let (psc, cps) = (&config.clinic.psc, &config.clinic.cps);
    if !psc.client_id.is_empty() {
        if psc.client_secret.is_empty() == psc.private_key_file.is_empty() {
            refuse("clinic.psc.client_secret", "or private_key_file is needed", "one of the two");
        }
        if !psc.discovery_url.starts_with("https://") && !config.dev {
            refuse("clinic.psc.discovery_url", "is not secure", "an https:// address");
        }
        if psc.acr.is_empty() {
            refuse("clinic.psc.acr", "is empty", "\"eidas1\"");
        }
    }
    if cps.enabled {
        if cps.cert_file.is_empty() || cps.key_file.is_empty() {
            refuse(
                "clinic.cps.cert_file",
                "or key_file is empty",
                "the certificate of the card's host, and its key",
            );
        }
        if cps.authorities.is_empty() {
            refuse("clinic.cps.authorities", "is empty", "files of the authorities that issue cards");
        }
        let host = cps.public_url.as_str();
        if !(host.is_empty() || host.starts_with("https://") && is_origin(host)) {
            refuse("clinic.cps.public_url", "is no host to log in at", "\"https://cps.example.org\"");
        }
    }
}

/// `scheme://host[:port]` and nothing after it.
fn is_origin(url: &str) -> bool {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    rest.is_some_and(|rest| {
        let host = rest.strip_suffix('/').unwrap_or(rest);
        !host.is_empty() && !host.contains(|c: char| c.is_whitespace() || "/?#@\\\"".contains(c))
    })
}
