//! The outside world of `serve --dev`: emulators in this process, where the build has them.

#[cfg(feature = "emulators")]
mod built_in {
    use anyhow::Context;
    use axum::Router;
    use chevet_clinic::ClinicConfig;
    use chevet_clinic::crypto::Secret;
    use chevet_clinic::messages::settings::{GatewayConfig, MailConfig, MailTls, SmsConfig};
    use chevet_config::Config;
    use chevet_emulators::Emulators;

    /// The emulators of a `--dev` run; none otherwise.
    pub struct Outside {
        emulators: Option<Emulators>,
    }

    impl Outside {
        /// Starts them on loopback and lets the clinic use them for whatever the settings leave open.
        pub async fn start(config: &Config, clinic: &mut ClinicConfig) -> anyhow::Result<Outside> {
            if !config.dev {
                return Ok(Outside { emulators: None });
            }
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
            Ok(Outside { emulators: Some(emulators) })
        }

        /// Pages of the emulators.
        pub fn router(&self) -> Router {
            self.emulators.as_ref().map_or_else(Router::new, Emulators::router)
        }

        /// Where to look at what was sent.
        pub fn page(&self) -> Option<&'static str> {
            self.emulators.as_ref().map(|_| "/dev/outbox")
        }
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

        pub fn page(&self) -> Option<&'static str> {
            None
        }
    }
}

pub use built_in::Outside;
