//! What the command line calls a target.

use crate::scenario::{Scenario, Shape};
use crate::target::{Kind, NAMES, ServerOptions};

/// A target with its options, and the name it has in reports.
#[derive(Clone, Debug)]
pub struct Subject {
    pub name: String,
    pub kind: Kind,
    pub options: ServerOptions,
}

impl Subject {
    /// A comma-separated list. `--url` is where `livekit` is; without `livekit` in the list it is where `chevet` is, which
    /// is otherwise started.
    pub fn parse_list(list: &str, options: &ServerOptions) -> anyhow::Result<Vec<Subject>> {
        let names: Vec<&str> = list.split(',').map(str::trim).filter(|name| !name.is_empty()).collect();
        anyhow::ensure!(!names.is_empty(), "no target: one of {NAMES}");
        let mut subjects = Vec::new();
        for name in &names {
            let mut subject = Subject::parse(name, options)?;
            if subject.kind == Kind::Chevet && subject.options.url.is_some() {
                if names.contains(&"livekit") {
                    subject.options.url = None;
                    subject.options.pid = None;
                } else {
                    subject.kind = Kind::LiveKit;
                }
            }
            subjects.push(subject);
        }
        Ok(subjects)
    }

    fn parse(name: &str, options: &ServerOptions) -> anyhow::Result<Subject> {
        let mut options = options.clone();
        let kind = match name {
            "chevet" => Kind::Chevet,
            "livekit" => {
                anyhow::ensure!(
                    options.url.is_some(),
                    "target livekit needs --url, --api-key and --api-secret"
                );
                Kind::LiveKit
            }
            "janus" => Kind::Janus,
            // As Debian's package comes: a thread for each handle.
            "janus-threads" => {
                options.event_loops = 0;
                Kind::Janus
            }
            "floor" => Kind::Floor,
            "floor-gso" => Kind::FloorGso,
            _ => anyhow::bail!("no target {name}: one of {NAMES}"),
        };
        // The address of a server of one kind is none of another kind's business.
        if !matches!(kind, Kind::Chevet | Kind::LiveKit) {
            options.url = None;
            options.pid = None;
        }
        Ok(Subject { name: name.to_owned(), kind, options })
    }

    /// Why this scenario makes no sense against this target.
    pub fn unfit_for(&self, scenario: &Scenario) -> Option<String> {
        let files = match &scenario.shape {
            Shape::Data(_) => true,
            Shape::Consultations(it) => it.file_every_seconds.is_some(),
            Shape::Soak(it) => it.file_every_seconds.is_some(),
            _ => false,
        };
        match self.kind {
            Kind::Floor | Kind::FloorGso => {
                let simulcast = scenario.tracks.video.as_ref().is_some_and(|video| video.simulcast);
                let joins = matches!(scenario.shape, Shape::JoinStorm(_));
                (files || joins || simulcast)
                    .then(|| "the floor has no joins, no files and no choice of encodings".to_owned())
            }
            Kind::Janus => files.then(|| "VideoRoom has no files".to_owned()),
            Kind::Chevet | Kind::LiveKit => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_target_is_refused_with_the_known_ones() {
        let error = Subject::parse("mediasoup", &ServerOptions::default()).unwrap_err().to_string();
        assert!(error.contains("mediasoup") && error.contains("janus-threads"), "{error}");
    }

    #[test]
    fn an_address_is_livekits_and_otherwise_chevets() {
        let options = ServerOptions { url: Some("ws://127.0.0.1:7880".into()), ..ServerOptions::default() };
        let kinds = |list: &str| -> Vec<(Kind, bool)> {
            let subjects = Subject::parse_list(list, &options).unwrap();
            subjects.iter().map(|subject| (subject.kind, subject.options.url.is_some())).collect()
        };
        assert_eq!(kinds("chevet, floor"), [(Kind::LiveKit, true), (Kind::Floor, false)]);
        assert_eq!(kinds("chevet,livekit"), [(Kind::Chevet, false), (Kind::LiveKit, true)]);
        assert!(Subject::parse_list(" ,", &options).is_err());
    }

    #[test]
    fn livekit_wants_an_address() {
        assert!(Subject::parse("livekit", &ServerOptions::default()).is_err());
    }

    #[test]
    fn scenarios_that_a_target_cannot_do_are_not_run_against_it() {
        let fits = |target: &str, scenario: &str| {
            let subject = Subject::parse(target, &ServerOptions::default()).unwrap();
            subject.unfit_for(&Scenario::find(scenario, None).unwrap()).is_none()
        };
        assert!(fits("floor", "fanout-200") && fits("floor-gso", "consultations-40"));
        assert!(
            !fits("floor", "join-storm") && !fits("floor", "data") && !fits("floor", "consultations-busy")
        );
        assert!(fits("janus", "join-storm") && !fits("janus", "data"));
        assert!(Scenario::names().all(|name| fits("chevet", name)));
    }
}
