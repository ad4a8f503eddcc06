//! What an operator meets: the example file, refusals with key, line and remedy, the environment, the print-out.

use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

use chevet_config::{Config, ConfigError, EXAMPLE, Loaded, Origin, Size, Sources, Tls, effective};
use proptest::prelude::*;

const LONG: &str = "0123456789abcdef0123456789abcdef";

fn load(text: &str) -> Result<Loaded, ConfigError> {
    Sources::default().load_text(Some((Path::new("chevet.toml"), text)))
}

fn with_environment(pairs: &[(&str, &str)]) -> Result<Loaded, ConfigError> {
    let environment =
        pairs.iter().map(|(name, value)| (OsString::from(name), OsString::from(value))).collect();
    Sources { environment, ..Sources::default() }.load_text(None)
}

fn refusal(text: &str) -> String {
    match load(text) {
        Ok(_) => panic!("accepted: {text}"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn the_example_file_says_exactly_the_defaults() {
    let loaded = load(EXAMPLE).unwrap();
    assert_eq!(loaded.config, Config::default());
    let printed = effective(&loaded);
    let settings = printed.lines().filter(|line| line.contains(" = ")).count();
    assert_eq!(loaded.origins.len(), settings, "the example leaves a setting out:\n{printed}");
    assert!(!printed.contains("# default"), "{printed}");
}

#[test]
fn an_empty_file_is_the_defaults() {
    assert_eq!(load("").unwrap().config, Config::default());
}

#[test]
fn a_misspelt_key_is_refused_with_its_line_and_the_nearest_key() {
    let text = refusal("[server]\nport = 1\n\nbnid = \"::1\"\n");
    assert!(
        text.contains("chevet.toml line 4: server.bnid: there is no such key; did you mean \"bind\"?"),
        "{text}"
    );
    assert!(text.contains("allowed: bind, port, public_url"), "{text}");
}

#[test]
fn a_misspelt_section_is_refused_with_its_line_and_the_nearest_section() {
    let text = refusal("\n[sever]\nport = 1\n");
    assert!(
        text.contains("chevet.toml line 2: sever: there is no such section; did you mean \"server\"?"),
        "{text}"
    );
}

#[test]
fn a_key_outside_any_section_is_refused() {
    let text = refusal("port = 1\n");
    assert!(text.contains("line 1: port: there is no such section"), "{text}");
    let text = refusal("server = 1\n");
    assert!(
        text.contains("server: is 1, but this is a section; allowed: [server] with keys under it"),
        "{text}"
    );
}

#[test]
fn a_bad_value_is_refused_with_what_is_allowed() {
    for (setting, expected) in [
        ("[server]\nport = 70000", "server.port: cannot be 70000; allowed: a whole number from 0 to 65535"),
        (
            "[server]\nbind = \"everywhere\"",
            "server.bind: cannot be \"everywhere\"; allowed: an IPv4 or IPv6",
        ),
        (
            "[server]\ntls = \"on\"",
            "server.tls: cannot be \"on\"; allowed: \"off\", \"self-signed\", or { cert",
        ),
        (
            "[server]\nstop_timeout = 5",
            "server.stop_timeout: cannot be 5; allowed: a whole number with its unit",
        ),
        (
            "[server]\npublic_url = \"visio.example.org\"",
            "server.public_url: cannot be \"visio.example.org\"",
        ),
        ("[rtc]\ntcp_port = \"on\"", "rtc.tcp_port: cannot be \"on\"; allowed: a port number"),
        ("[rtc]\nadvertise = \"192.0.2.1\"", "rtc.advertise: cannot be \"192.0.2.1\"; allowed: a list"),
        (
            "[limits]\nmetadata = \"512kb\"",
            "limits.metadata: cannot be \"512kb\"; allowed: a whole number with its",
        ),
        ("[logging]\nlevel = \"loud\"", "logging.level: cannot be \"loud\"; allowed: \"error\", \"warn\""),
        ("[room]\nauto_create = \"yes\"", "room.auto_create: cannot be \"yes\"; allowed: true or false"),
        (
            "[webhooks]\nurls = [\"ftp://a\"]",
            "webhooks.urls: cannot hold \"ftp://a\"; allowed: URLs with http://",
        ),
        ("[webhooks]\napi_key = \"nobody\"", "webhooks.api_key: \"nobody\" is not in [keys]"),
        ("[rtc]\nhold_max = \"50ms\"", "rtc.hold_max: is too long; allowed: 0ms (never) to 20ms"),
        ("[server]\nport = 7881", "the defaults: rtc.tcp_port: is server.port too"),
    ] {
        let text = refusal(setting);
        assert!(text.contains(expected), "{setting} gave: {text}");
    }
}

#[test]
fn a_short_secret_is_refused_and_never_repeated() {
    let text = refusal("[keys]\nportal = \"hunter2\"\n");
    assert!(
        text.contains("chevet.toml line 2: keys.portal: the secret is too short; allowed: 32 characters"),
        "{text}"
    );
    assert!(!text.contains("hunter2"), "{text}");
    let text = refusal("[keys]\nportal = [\"hunter2\"]\n");
    assert!(text.contains("keys.portal: is not a text") && !text.contains("hunter2"), "{text}");
}

#[test]
fn every_problem_is_told_at_once() {
    let text = refusal("[server]\nport = -1\nprot = 2\n[rtc]\nworkers = \"many\"\n");
    assert_eq!(text.lines().count(), 3, "{text}");
}

#[test]
fn text_that_is_not_toml_is_refused_with_its_line() {
    let text = refusal("[server]\nport == 2\n");
    assert!(text.starts_with("chevet.toml line 2: "), "{text}");
    let text = refusal("[server]\nport = 1\nport = 2\n");
    assert!(text.starts_with("chevet.toml line 3: "), "{text}");
}

#[test]
fn tls_takes_a_certificate_and_its_key() {
    let loaded = load("[server]\ntls = { cert = \"a.pem\", key = \"b.pem\" }\n").unwrap();
    assert_eq!(loaded.config.server.tls, Tls::Files { cert: "a.pem".into(), key: "b.pem".into() });
    let text = refusal("[server]\ntls = { cert = \"a.pem\" }\n");
    assert!(text.contains("server.tls: cannot be a table"), "{text}");
}

#[test]
fn the_environment_wins_over_the_file() {
    let sources = Sources {
        environment: vec![("CHEVET_SERVER__PORT".into(), "9000".into()), ("HOME".into(), "/root".into())],
        ..Sources::default()
    };
    let loaded = sources.load_text(Some((Path::new("a.toml"), "[server]\nport = 8000\n"))).unwrap();
    assert_eq!(loaded.config.server.port, 9000);
    assert_eq!(loaded.origins.get("server.port"), Some(&Origin::Environment("CHEVET_SERVER__PORT".into())));
}

#[test]
fn the_environment_takes_bare_texts_lists_and_keys() {
    let loaded = with_environment(&[
        ("CHEVET_SERVER__BIND", "::1"),
        ("CHEVET_SERVER__TLS", "self-signed"),
        ("CHEVET_SERVER__DATA_DIR", "/var/lib/chevet"),
        ("CHEVET_RTC__ADVERTISE", "192.0.2.10, 2001:db8::10"),
        ("CHEVET_RTC__TCP_PORT", "off"),
        ("CHEVET_ROOM__EMPTY_TIMEOUT", "90s"),
        ("CHEVET_LIMITS__METADATA", "1KiB"),
        ("CHEVET_WEBHOOKS__URLS", "[\"https://a.example/hook\"]"),
        ("CHEVET_KEYS__Portal", LONG),
    ])
    .unwrap();
    let config = loaded.config;
    assert!(config.server.bind.is_ipv6());
    assert_eq!(config.server.tls, Tls::SelfSigned);
    assert_eq!(config.server.data_dir, Path::new("/var/lib/chevet"));
    assert_eq!(config.rtc.advertise.len(), 2);
    assert_eq!(config.rtc.tcp_port, None);
    assert_eq!(config.room.empty_timeout, Duration::from_secs(90));
    assert_eq!(config.limits.metadata, Size::kibibytes(1));
    assert_eq!(config.webhooks.urls, ["https://a.example/hook"]);
    assert_eq!(config.keys.get("Portal").map(|secret| secret.expose()), Some(LONG));
}

#[test]
fn an_environment_variable_that_is_nearly_a_setting_is_refused() {
    for name in ["CHEVET_SERVER_PORT", "CHEVET_SERVER__PROT", "CHEVET_SEVER__PORT"] {
        let text = with_environment(&[(name, "1")]).unwrap_err().to_string();
        assert!(text.contains(&format!("variable {name}: there is no such setting")), "{text}");
        assert!(text.contains("did you mean \"CHEVET_SERVER__PORT\"?"), "{text}");
    }
    let text = with_environment(&[("CHEVET_SERVER__PORT", "many")]).unwrap_err().to_string();
    assert!(
        text.contains("variable CHEVET_SERVER__PORT: server.port: cannot be \"many\"; allowed: a whole"),
        "{text}"
    );
    // Not a setting's shape: someone else's variable.
    assert!(with_environment(&[("CHEVET_HOME", "/srv")]).is_ok());
}

#[test]
fn dev_listens_on_loopback_with_the_key_everybody_knows() {
    let loaded = Sources { dev: true, ..Sources::default() }.load_text(None).unwrap();
    assert!(loaded.config.dev && loaded.config.server.bind.is_loopback() && loaded.warnings.is_empty());
    assert_eq!(loaded.config.server.port, 7880);
    assert_eq!(loaded.config.keys.get("devkey").map(|secret| secret.expose()), Some("secret"));
    assert_eq!(loaded.origins.get("keys.devkey"), Some(&Origin::Dev));
}

#[test]
fn a_listener_beyond_loopback_without_tls_is_warned_about() {
    assert_eq!(load("[server]\nbind = \"0.0.0.0\"\n").unwrap().warnings.len(), 1);
    let behind_proxy = "[server]\nbind = \"0.0.0.0\"\npublic_url = \"https://visio.example.org\"\n";
    assert_eq!(load(behind_proxy).unwrap().warnings.len(), 0);
}

#[test]
fn the_print_out_masks_secrets_and_tells_where_values_come_from() {
    let text = format!("[keys]\nportal = \"{LONG}\"\n\"a.b\" = \"{LONG}\"\n[server]\nport = 8000\n");
    let printed = effective(&load(&text).unwrap());
    assert!(!printed.contains(LONG), "{printed}");
    assert!(
        printed.contains("portal = \"*** (32 characters)\"") && printed.contains("# line 2"),
        "{printed}"
    );
    assert!(
        printed.lines().any(|line| line.starts_with("port = 8000") && line.ends_with("# line 5")),
        "{printed}"
    );
    assert!(
        printed.lines().any(|line| line.starts_with("\"a.b\" = ") && line.ends_with("# line 3")),
        "{printed}"
    );
    assert!(!format!("{:?}", load(&text).unwrap()).contains(LONG));
}

#[test]
fn a_missing_file_is_named() {
    let error = Sources { file: Some("/no/such/file.toml".into()), ..Sources::default() }.load().unwrap_err();
    assert!(error.to_string().contains("/no/such/file.toml"), "{error}");
}

/// Every `section.key` of the example, with its line.
fn settings() -> Vec<(String, String, usize)> {
    let mut section = String::new();
    let mut found = Vec::new();
    for (index, line) in EXAMPLE.lines().enumerate() {
        if let Some(name) = line.strip_prefix('[') {
            section = name.trim_end_matches(']').to_owned();
        } else if let Some((key, _)) = line.split_once(" = ")
            && !line.starts_with('#')
        {
            found.push((section.clone(), key.to_owned(), index + 1));
        }
    }
    found
}

proptest! {
    #[test]
    fn what_is_printed_reads_back_the_same(
        port: u16, udp in 1u16..60_000, tcp in proptest::option::of(1u16..7000), v6: u128, workers in 0u16..=256,
        path in "[a-z /\\\\\"é]{1,20}", millis in 0u64..600_000, bytes: u64, auto: bool, key in "[a-zA-Z._-]{1,12}",
        secret in "[ -~]{32,48}", self_signed: bool,
    ) {
        prop_assume!(tcp != Some(port));
        let mut config = Config::default();
        config.server.port = port;
        config.server.bind = std::net::IpAddr::V6(v6.into());
        config.server.data_dir = path.clone().into();
        config.server.stop_timeout = Duration::from_millis(millis);
        config.server.tls =
            if self_signed { Tls::SelfSigned } else { Tls::Files { cert: path.clone().into(), key: path.into() } };
        config.rtc.udp_port = udp;
        config.rtc.tcp_port = tcp;
        config.rtc.workers = workers;
        config.limits.metadata = Size::bytes(bytes);
        config.room.auto_create = auto;
        config.keys.insert(key, chevet_config::Secret::new(secret.clone()));
        let mut loaded = load("").unwrap();
        loaded.config = config.clone();
        // The print-out masks the one secret; put back, the text must read as the same configuration.
        let masked = format!("\"*** ({} characters)\"", secret.chars().count());
        let quoted = format!("'''{secret}'''");
        prop_assume!(!secret.contains("''") && !secret.starts_with('\'') && !secret.ends_with('\''));
        let text = effective(&loaded).replace(&masked, &quoted);
        prop_assert_eq!(load(&text).unwrap().config, config);
    }

    #[test]
    fn any_key_with_one_letter_too_many_is_refused_by_name_and_line(choice: prop::sample::Index, extra in "[a-z]") {
        let settings = settings();
        let (section, key, line) = choice.get(&settings);
        let wrong = format!("{key}{extra}");
        prop_assume!(!settings.iter().any(|(s, k, _)| s == section && *k == wrong));
        let text: Vec<String> = EXAMPLE.lines().enumerate().map(|(index, text)| {
            if index + 1 == *line { text.replacen(key, &wrong, 1) } else { text.to_owned() }
        }).collect();
        let refused = refusal(&text.join("\n"));
        let expected = format!("chevet.toml line {line}: {section}.{wrong}: there is no such key; did you mean \"");
        prop_assert!(refused.contains(&expected), "{}", refused);
    }

    #[test]
    fn no_file_makes_the_reader_panic(text in "(?s).{0,200}") {
        let _ = load(&text);
    }

    #[test]
    fn no_broken_example_makes_the_reader_panic(at: prop::sample::Index, with in "[\\[\\]{}='\"#,.a-z0-9 \n-]{0,4}") {
        let at = at.index(EXAMPLE.len());
        prop_assume!(EXAMPLE.is_char_boundary(at));
        let _ = load(&format!("{}{with}{}", &EXAMPLE[..at], &EXAMPLE[at..]));
    }

    #[test]
    fn no_environment_value_makes_the_reader_panic(choice: prop::sample::Index, value in ".*") {
        let settings = settings();
        let (section, key, _) = choice.get(&settings);
        let name = format!("CHEVET_{}__{}", section.to_uppercase(), key.to_uppercase());
        let _ = with_environment(&[(&name, &value)]);
    }
}
