//! The configuration in the words of each part.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use anyhow::Context;
use chevet_clinic::accounts::cps::CpsConfig;
use chevet_clinic::accounts::psc::{Credentials, PscConfig};
use chevet_clinic::documents::{ClamdAddress, DocumentsConfig};
use chevet_clinic::messages::settings::{GatewayConfig, MailConfig, MailTls, SmsConfig};
use chevet_clinic::payment::settings::PaymentConfig;
use chevet_clinic::seal::{KeyFiles, SealConfig};
use chevet_clinic::{Approval, ClinicConfig, ControlAccess, SmsQuota};
use chevet_config::{Config, Cps, Credential, Mail, Payment, Psc, Secret, Sms, SmsGateway, Tls};
use chevet_control::serve::{ListenConfig, Tls as ListenTls};
use chevet_control::settings::{ControlConfig, Limits, RoomDefaults, WebhookConfig};
use chevet_sfu_io::{CompanySettings, SfuConfig};

pub fn sfu(config: &Config) -> SfuConfig {
    let rtc = &config.rtc;
    SfuConfig {
        workers: rtc.workers.into(),
        bind: rtc.bind,
        udp_port: rtc.udp_port,
        tcp_port: rtc.tcp_port,
        advertise: rtc.advertise.clone(),
        room_spread: usize::try_from(rtc.room_spread).unwrap_or(usize::MAX),
        pin: rtc.pin_workers,
        company: CompanySettings { hold_max: rtc.hold_max, ..CompanySettings::default() },
        ..SfuConfig::default()
    }
}

pub fn listener(config: &Config) -> ListenConfig {
    let server = &config.server;
    let mut addrs = vec![SocketAddr::new(server.bind, server.port)];
    if server.bind == Ipv4Addr::LOCALHOST {
        // `localhost` is either of them.
        addrs.push(SocketAddr::new(Ipv6Addr::LOCALHOST.into(), server.port));
    }
    ListenConfig {
        addrs,
        tls: match &server.tls {
            Tls::Off => ListenTls::Off,
            Tls::Files { cert, key } => ListenTls::Files { cert: cert.clone(), key: key.clone() },
            Tls::SelfSigned => ListenTls::SelfSigned { dir: server.data_dir.clone(), names: names(config) },
        },
        connections_max: chars(config.limits.connections),
        header_bytes: config.limits.request_header.as_usize(),
        // The process waits `stop_timeout` for everything; connections leave the rest a part of it.
        drain: server.stop_timeout / 2,
        ..ListenConfig::default()
    }
}

/// Loopback only, on a port that the system chooses: the clinic and the control plane of one process talk by it.
pub fn inner_listener(config: &Config) -> ListenConfig {
    ListenConfig {
        addrs: vec![SocketAddr::from((Ipv4Addr::LOCALHOST, 0))],
        header_bytes: config.limits.request_header.as_usize(),
        drain: Duration::from_millis(500),
        ..ListenConfig::default()
    }
}

/// What people may type to reach a server with a certificate of its own making.
fn names(config: &Config) -> Vec<String> {
    let mut names = vec!["localhost".to_owned()];
    let addresses =
        [config.server.bind, config.rtc.bind].into_iter().chain(config.rtc.advertise.iter().copied());
    names.extend(addresses.filter(|address| !address.is_unspecified()).map(|address| address.to_string()));
    if let Some(host) = config.server.public_url.split("://").nth(1).map(|rest| rest.trim_end_matches('/')) {
        let host = match host.rsplit_once(':') {
            Some((host, port)) if !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()) => host,
            _ => host,
        };
        names.push(host.trim_start_matches('[').trim_end_matches(']').to_owned());
    }
    names.sort();
    names.dedup();
    names
}

/// The API key by which the clinic of this server uses the control plane. It sorts behind every usual name, so that the
/// first key stays the operator's.
pub const CLINIC_KEY: &str = "~clinic";

/// The control plane's own listener for the clinic of this server, on loopback: no TLS, whatever people use.
#[derive(Debug)]
pub struct Inside {
    pub url: String,
    pub secret: Secret,
}

/// `inside`: who else is told, and has a key.
pub fn control(
    config: &Config,
    keys: &BTreeMap<String, Secret>,
    public_url: String,
    inside: Option<&Inside>,
) -> ControlConfig {
    let Config { room, limits, webhooks, dev, .. } = config;
    let signer = if webhooks.api_key.is_empty() {
        keys.keys().next().cloned().unwrap_or_default()
    } else {
        webhooks.api_key.clone()
    };
    let mut secrets: BTreeMap<String, String> =
        keys.iter().map(|(key, secret)| (key.clone(), secret.expose().to_owned())).collect();
    let mut told = Vec::new();
    if !webhooks.urls.is_empty() {
        told.push(WebhookConfig::new(webhooks.urls.clone(), signer));
    }
    if let Some(inside) = inside {
        secrets.insert(CLINIC_KEY.to_owned(), inside.secret.expose().to_owned());
        let url = format!("{}/api/v1/control-events", inside.url);
        told.push(WebhookConfig::new(vec![url], CLINIC_KEY.to_owned()));
    }
    ControlConfig {
        keys: secrets,
        dev: *dev,
        public_url,
        room: RoomDefaults {
            auto_create: room.auto_create,
            empty_timeout_s: seconds(room.empty_timeout),
            departure_timeout_s: seconds(room.departure_timeout),
            max_participants: room.max_participants,
            remote_unmute: room.enable_remote_unmute,
            ..RoomDefaults::default()
        },
        limits: Limits {
            room_name_chars: chars(limits.name_chars),
            identity_chars: chars(limits.name_chars),
            name_chars: chars(limits.name_chars),
            metadata_bytes: limits.metadata.as_usize(),
            attributes_bytes: limits.attributes.as_usize(),
            rooms: chars(limits.rooms),
            participants: chars(limits.participants),
            body_bytes: limits.request_body.as_usize(),
            ..Limits::default()
        },
        webhooks: told,
        ..ControlConfig::default()
    }
}

pub fn clinic(config: &Config, public_url: String, inside: &Inside) -> anyhow::Result<ClinicConfig> {
    let settings = &config.clinic;
    Ok(ClinicConfig {
        data_dir: config.server.data_dir.clone(),
        public_url,
        control: ControlAccess {
            url: inside.url.clone(),
            key: CLINIC_KEY.to_owned(),
            secret: chevet_clinic::crypto::Secret::new(inside.secret.expose()),
        },
        approval: match settings.approval {
            chevet_config::Approval::Auto => Approval::Auto,
            chevet_config::Approval::Manual => Approval::Manual,
            chevet_config::Approval::Psc => Approval::Psc,
        },
        accept_test_identifiers: settings.accept_test_identifiers,
        organisation: settings.organisation.clone(),
        administrators: settings.administrators.clone(),
        mail: mail(&settings.mail)?,
        sms: sms(&settings.sms)?,
        sms_quota: SmsQuota {
            per_professional: settings.sms.per_professional,
            per_number: settings.sms.per_number,
        },
        seal: seal(&settings.seal),
        payment: payment(&settings.payment),
        documents: documents(&settings.documents),
        psc: psc(&settings.psc)?,
        cps: cps(&settings.cps),
        webhooks_to_private_networks: settings.webhooks_to_private_networks,
    })
}

fn seal(seal: &chevet_config::Seal) -> SealConfig {
    let files = KeyFiles { key: (&seal.key_file).into(), chain: (&seal.chain_file).into() };
    SealConfig {
        key: Some(files).filter(|_| !seal.key_file.is_empty()),
        tsa: Some(seal.tsa_url.clone()).filter(|url| !url.is_empty()),
        tsa_authorities: Some((&seal.tsa_ca_file).into()).filter(|_| !seal.tsa_ca_file.is_empty()),
    }
}

fn documents(documents: &chevet_config::Documents) -> DocumentsConfig {
    let clamd = match documents.clamd.as_str() {
        "" => None,
        path if path.starts_with('/') => Some(ClamdAddress::Unix(path.into())),
        address => Some(ClamdAddress::Tcp(address.to_owned())),
    };
    DocumentsConfig {
        file_bytes_max: u64::from(documents.file_kb) << 10,
        files_max: documents.files,
        total_bytes_max: u64::from(documents.total_kb) << 10,
        clamd,
        scan_required: documents.scan_required,
    }
}

fn credential(key: &str, credential: &Credential) -> anyhow::Result<chevet_clinic::crypto::Secret> {
    let secret = credential.load().with_context(|| format!("{key}: the file cannot be read"))?;
    Ok(chevet_clinic::crypto::Secret::new(secret.expose()))
}

fn psc(psc: &Psc) -> anyhow::Result<Option<PscConfig>> {
    if psc.client_id.is_empty() {
        return Ok(None);
    }
    let credentials = match psc.private_key_file.as_str() {
        "" => Credentials::Secret(credential("clinic.psc.client_secret", &psc.client_secret)?),
        path => {
            let pem = std::fs::read_to_string(path).context("clinic.psc.private_key_file")?;
            Credentials::PrivateKey(chevet_clinic::crypto::Secret::new(pem))
        }
    };
    Ok(Some(PscConfig {
        discovery_url: psc.discovery_url.clone(),
        client_id: psc.client_id.clone(),
        credentials,
        acr: psc.acr.clone(),
        ca: (!psc.ca_file.is_empty()).then(|| psc.ca_file.clone().into()),
    }))
}

fn cps(cps: &Cps) -> Option<CpsConfig> {
    let paths = |texts: &[String]| texts.iter().map(Into::into).collect();
    cps.enabled.then(|| CpsConfig {
        listen: SocketAddr::new(cps.bind, cps.port),
        public_url: cps.public_url.clone(),
        certificate: (&cps.cert_file).into(),
        key: (&cps.key_file).into(),
        authorities: paths(&cps.authorities),
        revocation_lists: paths(&cps.revocation_lists),
        accept_stale_lists: cps.accept_stale_lists,
    })
}

fn mail(mail: &Mail) -> anyhow::Result<Option<MailConfig>> {
    if mail.server.is_empty() {
        return Ok(None);
    }
    let login = match mail.user.as_str() {
        "" => None,
        user => Some((user.to_owned(), credential("clinic.mail.password", &mail.password)?)),
    };
    let ca_pem = match mail.ca_file.as_str() {
        "" => None,
        path => Some(std::fs::read(path).context("clinic.mail.ca_file")?),
    };
    Ok(Some(MailConfig {
        server: mail.server.clone(),
        port: mail.port,
        tls: match mail.tls {
            chevet_config::MailTls::StartTls => MailTls::StartTls,
            chevet_config::MailTls::Implicit => MailTls::Implicit,
            chevet_config::MailTls::Off => MailTls::Off,
        },
        ca_pem,
        login,
        from: mail.from.clone(),
        reply_to: mail.reply_to.clone(),
    }))
}

fn sms(sms: &Sms) -> anyhow::Result<Option<SmsConfig>> {
    let url = |own: &str| match sms.url.trim_end_matches('/') {
        "" => own.to_owned(),
        url => url.to_owned(),
    };
    let secret = credential("clinic.sms.secret", &sms.secret)?;
    let gateway = match sms.gateway {
        SmsGateway::Off => return Ok(None),
        SmsGateway::Http => GatewayConfig::Http {
            url: sms.url.clone(),
            body: sms.body.clone(),
            content_type: sms.content_type.clone(),
            header: sms.header.clone(),
            secret,
        },
        SmsGateway::Ovh => GatewayConfig::Ovh {
            url: url("https://eu.api.ovh.com/1.0"),
            service: sms.account.clone(),
            application_key: sms.application_key.clone(),
            application_secret: secret,
            consumer_key: credential("clinic.sms.consumer_key", &sms.consumer_key)?,
        },
        SmsGateway::Twilio => GatewayConfig::Twilio {
            url: url("https://api.twilio.com"),
            account: sms.account.clone(),
            token: secret,
        },
    };
    Ok(Some(SmsConfig {
        gateway,
        sender: sms.sender.clone(),
        receipts_secret: credential("clinic.sms.receipts_secret", &sms.receipts_secret)?,
    }))
}

fn payment(payment: &Payment) -> PaymentConfig {
    let base = |on: bool, url: &str| on.then(|| url.trim_end_matches('/').to_owned());
    PaymentConfig {
        stripe: base(payment.stripe, &payment.stripe_url),
        payzen: base(payment.payzen, &payment.payzen_url),
        emulator: None,
    }
}

/// Timers of rooms count whole seconds; half a second is not silently none.
fn seconds(duration: Duration) -> u32 {
    u32::try_from(duration.as_millis().div_ceil(1000)).unwrap_or(u32::MAX)
}

fn chars(count: u32) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_key_signs_webhooks_unless_one_is_named() {
        let mut config = Config::dev();
        config.keys.insert("another".into(), Secret::new("x"));
        config.webhooks.urls = vec!["http://127.0.0.1:1/".into()];
        let signer =
            |config: &Config| control(config, &config.keys, String::new(), None).webhooks.remove(0).api_key;
        assert_eq!(signer(&config), "another");
        config.webhooks.api_key = "devkey".into();
        assert_eq!(signer(&config), "devkey");
    }

    #[test]
    fn the_clinic_has_a_key_of_its_own_that_is_never_the_first_and_is_told_on_loopback() {
        let config = Config::dev();
        let inside = Inside { url: "http://127.0.0.1:1".into(), secret: Secret::new("s") };
        let control = control(&config, &config.keys, String::new(), Some(&inside));
        assert_eq!(control.keys.keys().map(String::as_str).collect::<Vec<_>>(), ["devkey", CLINIC_KEY]);
        let [told] = control.webhooks.as_slice() else { panic!("one receiver") };
        assert_eq!(
            (told.urls[0].as_str(), told.api_key.as_str()),
            ("http://127.0.0.1:1/api/v1/control-events", CLINIC_KEY)
        );
        let clinic = clinic(&config, String::new(), &inside).unwrap();
        assert_eq!((clinic.control.url, clinic.control.key), (inside.url, CLINIC_KEY.to_owned()));
    }

    #[test]
    fn the_defaults_of_the_file_are_the_defaults_of_the_parts() {
        let config = Config::default();
        let ours = control(&config, &config.keys, String::new(), None);
        let theirs = ControlConfig::default();
        assert_eq!(format!("{:?}", ours.room), format!("{:?}", theirs.room));
        assert_eq!(ours.limits.metadata_bytes, theirs.limits.metadata_bytes);
        assert_eq!(ours.limits.body_bytes, theirs.limits.body_bytes);
        assert_eq!(sfu(&config).udp_port, SfuConfig::default().udp_port);
        let listener = listener(&config);
        assert_eq!(listener.header_bytes, ListenConfig::default().header_bytes);
        assert_eq!(listener.connections_max, ListenConfig::default().connections_max);
        assert_eq!(seconds(Duration::from_millis(500)), 1);
    }

    #[test]
    fn a_certificate_of_our_own_names_every_way_to_reach_us() {
        let mut config = Config::default();
        config.rtc.advertise = vec!["192.0.2.7".parse().unwrap()];
        for (url, name) in [
            ("https://visio.example.org:8443/", "visio.example.org"),
            ("https://[2001:db8::1]:443", "2001:db8::1"),
        ] {
            config.server.public_url = url.into();
            let names = names(&config);
            for wanted in ["127.0.0.1", "192.0.2.7", "localhost", name] {
                assert!(names.iter().any(|name| name == wanted), "{names:?} without {wanted}");
            }
            assert_eq!(names.len(), 4);
        }
    }
}
