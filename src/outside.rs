//! The outside world of `serve --dev`: emulators in this process, where the build has them.

#[cfg(feature = "emulators")]
mod built_in {
    use std::net::Ipv4Addr;

    use anyhow::Context;
    use axum::Router;
    use axum::extract::{Path, State};
    use axum::http::StatusCode;
    use axum::routing::post;
    use chevet_clinic::ClinicConfig;
    use chevet_clinic::accounts::cps::CpsConfig;
    use chevet_clinic::accounts::psc::{Credentials, PscConfig};
    use chevet_clinic::clock::{Clock, SignedDuration};
    use chevet_clinic::crypto::Secret;
    use chevet_clinic::documents::ClamdAddress;
    use chevet_clinic::messages::settings::{GatewayConfig, MailConfig, MailTls, SmsConfig};
    use chevet_clinic::payment::settings::EmulatorConfig;
    use chevet_config::Config;
    use chevet_emulators::Emulators;
    use chevet_emulators::cards::Cards;
    use chevet_emulators::payment::Payments;
    use chevet_emulators::psc::{Client, Psc};
    use chevet_emulators::tsa::TimeStamps;
    use rand::distr::{Alphanumeric, SampleString};

    /// The emulators of a `--dev` run; none otherwise.
    pub struct Outside {
        emulators: Option<Emulators>,
        payments: Option<Payments>,
        _psc: Option<Psc>,
        _time_stamps: Option<TimeStamps>,
        clock: Clock,
    }

    impl Outside {
        /// Starts them on loopback and lets the clinic use them for whatever the settings leave open.
        pub async fn start(config: &Config, clinic: &mut ClinicConfig) -> anyhow::Result<Outside> {
            if !config.dev {
                return Ok(Outside {
                    emulators: None,
                    payments: None,
                    _psc: None,
                    _time_stamps: None,
                    clock: Clock::system(),
                });
            }
            let clock = Clock::movable();
            let emulators = Emulators::start().await.context("emulators")?;
            let smtp = emulators.smtp();
            clinic.mail.get_or_insert_with(|| MailConfig {
                server: smtp.ip().to_string(),
                port: smtp.port(),
                tls: MailTls::Off,
                ca_pem: None,
                login: None,
                from: format!("{} <chevet@chevet.invalid>", quoted(&config.clinic.organisation)),
                reply_to: String::new(),
            });
            let secret = emulators.secrets().sms.clone();
            clinic.sms.get_or_insert_with(|| SmsConfig {
                gateway: GatewayConfig::Http {
                    url: emulators.http_gateway(),
                    body: config.clinic.sms.body.clone(),
                    content_type: config.clinic.sms.content_type.clone(),
                    header: config.clinic.sms.header.clone(),
                    secret: Secret::new(secret.clone()),
                },
                sender: "Chevet".to_owned(),
                receipts_secret: Secret::new(secret),
            });
            clinic.documents.clamd.get_or_insert_with(|| ClamdAddress::Tcp(emulators.clamd().to_string()));
            let psc = psc(clinic, &clock).await?;
            cards(config, clinic, &clock)?;
            let payments = payments(clinic, &clock).await?;
            Ok(Outside {
                _time_stamps: time_stamps(config, clinic).await?,
                emulators: Some(emulators),
                payments: Some(payments),
                _psc: psc,
                clock,
            })
        }

        /// Pages of the emulators, and the clock.
        pub fn router(&self) -> Router {
            let outbox = self.emulators.as_ref().map_or_else(Router::new, |emulators| {
                let clock =
                    Router::new().route("/dev/clock/{seconds}", post(advance)).with_state(self.clock.clone());
                emulators.router().merge(clock)
            });
            outbox.merge(self.payments.as_ref().map_or_else(Router::new, Payments::router))
        }

        /// The time of the clinic and of its providers: in a trial it can be put forward.
        pub fn clock(&self) -> Clock {
            self.clock.clone()
        }

        /// Where to look at what was sent.
        pub fn page(&self) -> Option<&'static str> {
            self.emulators.as_ref().map(|_| "/dev/outbox")
        }
    }

    /// Puts the clock forward.
    async fn advance(State(clock): State<Clock>, Path(seconds): Path<u32>) -> StatusCode {
        clock.advance(SignedDuration::from_secs(seconds.into()));
        StatusCode::NO_CONTENT
    }

    /// The provider that speaks like Pro Santé Connect, unless a real one is configured.
    async fn psc(clinic: &mut ClinicConfig, clock: &Clock) -> anyhow::Result<Option<Psc>> {
        if clinic.psc.is_some() {
            return Ok(None);
        }
        let secret = Alphanumeric.sample_string(&mut rand::rng(), 32);
        let client = Client { id: "chevet".to_owned(), secret: secret.clone() };
        let clock = clock.clone();
        let psc = Psc::start(client, move || clock.now().as_second()).await.context("emulators")?;
        clinic.psc = Some(PscConfig {
            discovery_url: psc.discovery_url(),
            client_id: "chevet".to_owned(),
            credentials: Credentials::Secret(Secret::new(secret)),
            acr: "eidas1".to_owned(),
            ca: None,
        });
        Ok(Some(psc))
    }

    /// Providers that take no money: one of its own, and one that speaks like each real one that is not configured.
    async fn payments(clinic: &mut ClinicConfig, clock: &Clock) -> anyhow::Result<Payments> {
        let clock = clock.clone();
        let payments = Payments::start_at(move || clock.now().as_second()).await.context("emulators")?;
        let config = &mut clinic.payment;
        config.stripe.get_or_insert_with(|| payments.url());
        config.payzen.get_or_insert_with(|| payments.url());
        let secret = Secret::new(payments.secret());
        config.emulator = Some(EmulatorConfig { url: payments.url(), secret });
        Ok(payments)
    }

    /// A time stamp service, whose authority is kept in `data_dir/time-stamps.pem`, unless one is configured.
    async fn time_stamps(config: &Config, clinic: &mut ClinicConfig) -> anyhow::Result<Option<TimeStamps>> {
        if clinic.seal.tsa.is_some() {
            return Ok(None);
        }
        let service = TimeStamps::start().await.context("emulators")?;
        let file = config.server.data_dir.join("time-stamps.pem");
        std::fs::create_dir_all(&config.server.data_dir).context("emulators")?;
        std::fs::write(&file, service.authority_pem()).context("emulators")?;
        clinic.seal.tsa = Some(service.url());
        clinic.seal.tsa_authorities = Some(file);
        Ok(Some(service))
    }

    /// Test cards in `data_dir/cards`, and the listener that takes them, unless one is configured.
    fn cards(config: &Config, clinic: &mut ClinicConfig, clock: &Clock) -> anyhow::Result<()> {
        if clinic.cps.is_some() {
            return Ok(());
        }
        let folder = config.server.data_dir.join("cards");
        let now = u64::try_from(clock.now().as_second()).unwrap_or_default();
        Cards::new(now)?.write(&folder).context("emulators")?;
        clinic.cps = Some(CpsConfig {
            listen: (Ipv4Addr::LOCALHOST, 0).into(),
            public_url: String::new(),
            certificate: folder.join("host.pem"),
            key: folder.join("host.key"),
            authorities: vec![folder.join("authorities.pem")],
            revocation_lists: vec![folder.join("revoked.pem")],
            accept_stale_lists: false,
        });
        Ok(())
    }

    /// A display name of a mail address.
    fn quoted(name: &str) -> String {
        let plain: String = name.chars().filter(|c| !c.is_control() && *c != '"' && *c != '\\').collect();
        format!("\"{plain}\"")
    }
}

#[cfg(not(feature = "emulators"))]
mod built_in {
    use axum::Router;
    use chevet_clinic::ClinicConfig;
    use chevet_clinic::clock::Clock;
    use chevet_config::Config;

    /// Nothing: this build has no emulators.
    pub struct Outside;

    impl Outside {
        // The other build waits for its listeners.
        #[allow(clippy::unused_async)]
        pub async fn start(_: &Config, _: &mut ClinicConfig) -> anyhow::Result<Outside> {
            Ok(Outside)
        }

        pub fn router(&self) -> Router {
            Router::new()
        }

        pub fn clock(&self) -> Clock {
            Clock::system()
        }

        pub fn page(&self) -> Option<&'static str> {
            None
        }
    }
}

pub use built_in::Outside;
