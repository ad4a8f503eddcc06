//! A server under load and the generator that loads it.

use std::time::Duration;

use anyhow::Context;
use futures_util::{StreamExt, stream};
use tokio::time::{sleep, timeout};

use super::crowd::{Crowd, Joined};
use super::seats::{Cast, Seat};
use super::subject::Subject;
use super::{Place, Progress};
use crate::figures::distrust;
use crate::figures::window::{Reading, Window};
use crate::generator::{Generator, Options};
use crate::scenario::{Measure, Scenario, Shape};
use crate::target::{Kind, Server};

/// Joins under way at the same time, where a scenario says nothing else.
const JOINS_AT_ONCE: usize = 8;
/// Whoever is not in by then does not come.
const JOIN_TIMEOUT: Duration = Duration::from_secs(15);
const MEDIA_TIMEOUT: Duration = Duration::from_secs(5);
/// So many who fail before anybody got in end the attempt.
const HOPELESS: usize = 2;
/// Points of the curve of memory.
const MEMORY_POINTS: usize = 50;
/// After everybody has left, before joins are timed.
const CALM: Duration = Duration::from_millis(700);

pub struct Stage<'a> {
    pub server: Server,
    pub generator: Generator,
    pub progress: &'a Progress,
    /// Joining is something that this target does: not at the floor.
    pub has_joins: bool,
    options: String,
}

impl<'a> Stage<'a> {
    pub async fn start(
        subject: &Subject,
        place: &Place,
        progress: &'a Progress,
    ) -> anyhow::Result<Stage<'a>> {
        // A child has the CPUs of the thread that starts it.
        place.pins.enter_server();
        let server = Server::start(subject.kind, &subject.options).await;
        place.pins.enter_generator();
        let server = server?;
        let (threads, network) = (place.pins.generator_threads(), place.ground.network(subject)?);
        let generator = Generator::start(Options { threads, network }).context("no generator")?;
        let options = server.describe();
        let has_joins = !matches!(subject.kind, Kind::Floor | Kind::FloorGso);
        Ok(Stage { server, generator, progress, has_joins, options })
    }

    pub fn describe(&self) -> String {
        self.options.clone()
    }

    pub async fn stop(self) -> anyhow::Result<()> {
        drop(self.generator);
        self.server.stop().await
    }

    fn resident_kib(&self) -> Option<u64> {
        Some(self.server.usage()?.resident_kib)
    }

    /// Joins everybody, stage by stage, and lets it settle. Memory is read when a tenth of the subscribers is there, and again
    /// and again.
    pub async fn gather(&self, cast: &Cast, settle: Duration) -> anyhow::Result<Crowd> {
        self.gather_at_once(cast, settle, JOINS_AT_ONCE).await
    }

    pub async fn gather_at_once(
        &self,
        cast: &Cast,
        settle: Duration,
        at_once: usize,
    ) -> anyhow::Result<Crowd> {
        let mut crowd = Crowd::default();
        let few = (cast.subscribers() / 10).max(1);
        let every = (cast.people() / MEMORY_POINTS).max(1);
        for seats in &cast.stages {
            let mut rest = seats.as_slice();
            // Up to the few, then a pause in which their media begins to flow, then the others.
            if crowd.baseline.is_none() && rest.first().is_some_and(|seat| seat.spec.subscribe) {
                let missing = few.saturating_sub(crowd.subscribers());
                let (first, others) = rest.split_at(missing.min(rest.len()));
                rest = others;
                self.join_all(first, at_once, every, cast.people(), &mut crowd).await;
                if crowd.subscribers() >= few {
                    sleep(settle.min(Duration::from_secs(1))).await;
                    crowd.baseline = self.resident_kib().map(|kib| (crowd.subscribers(), kib));
                }
            }
            self.join_all(rest, at_once, every, cast.people(), &mut crowd).await;
            self.server.alive()?;
            if crowd.sessions.is_empty() && !crowd.failures.is_empty() {
                break;
            }
        }
        if crowd.sessions.is_empty() {
            let why = crowd.failures.first().map_or("nobody was to".to_owned(), |(_, why)| why.clone());
            anyhow::bail!("nobody could join: {why}");
        }
        self.progress.step("settling");
        sleep(settle).await;
        Ok(crowd)
    }

    async fn join_all(&self, seats: &[Seat], at_once: usize, every: usize, people: usize, crowd: &mut Crowd) {
        let mut joins = stream::iter(seats).map(|seat| self.join(seat)).buffer_unordered(at_once);
        while let Some((seat, joined)) = joins.next().await {
            match joined {
                Ok(joined) => crowd.add(joined),
                Err(error) => {
                    crowd.failures.push((seat.spec.identity.clone(), format!("{error:#}")));
                    // Nobody gets in: what would the others wait for?
                    if crowd.sessions.is_empty() && crowd.failures.len() > HOPELESS {
                        break;
                    }
                }
            }
            let there = crowd.sessions.len();
            if there.is_multiple_of(every) {
                self.progress.step(&format!("joining {there}/{people}"));
                if let Some(kib) = self.resident_kib() {
                    crowd.memory.push((there as f64, kib as f64 / 1024.0));
                }
            }
        }
    }

    /// In, and, for whom there is something to hear, hearing.
    pub async fn join<'s>(&self, seat: &'s Seat) -> (&'s Seat, anyhow::Result<Joined>) {
        let joined = async {
            let session = timeout(JOIN_TIMEOUT, self.server.join(&self.generator, seat.spec.clone()))
                .await
                .context("took too long")??;
            let mut phases = session.phases();
            if seat.hears {
                let first =
                    timeout(MEDIA_TIMEOUT, session.first_media()).await.context("heard nothing")??;
                phases.first_media = Some(first);
            }
            Ok(Joined {
                identity: seat.spec.identity.clone(),
                session,
                phases,
                subscribes: seat.spec.subscribe,
                hears: seat.hears,
            })
        };
        (seat, joined.await)
    }

    pub fn reading(&self) -> Reading {
        Reading::take(self.server.usage())
    }

    /// As many windows as are wanted; up to twice as many when others use the machine meanwhile.
    pub async fn measure(&self, measure: &Measure) -> anyhow::Result<Vec<Window>> {
        let wanted = measure.windows as usize;
        let mut windows: Vec<Window> = Vec::new();
        let length = Duration::from_secs_f64(measure.window_seconds);
        while windows.len() < 2 * wanted {
            let good = windows.iter().filter(|window| distrust::undisturbed(window)).count();
            if good >= wanted {
                break;
            }
            self.progress.step(&format!("measuring {}/{wanted}", (good + 1).min(wanted)));
            windows.push(self.window(length).await);
            self.server.alive()?;
        }
        Ok(windows)
    }

    pub async fn window(&self, length: Duration) -> Window {
        let before = self.reading();
        self.generator.tally();
        sleep(length).await;
        let tally = self.generator.tally();
        Window::between(&before, &self.reading(), tally)
    }

    /// Server CPU time of a join, milliseconds: of people who come into rooms of the scenario's shape in which next to nothing
    /// is sent. What is forwarded meanwhile is taken off at what a packet costs. None: not a server of this machine, or
    /// nobody came.
    pub async fn cpu_per_join(&self, scenario: &Scenario, us_per_packet: f64) -> anyhow::Result<Option<f64>> {
        let quiet = scenario.tracks.quiet();
        let data = scenario.measure.data_channels;
        let joins = scenario.measure.joins;
        // Publishers of a fan-out are there before; in rooms everybody is timed.
        let (before, timed) = match &scenario.shape {
            Shape::Fanout(it) | Shape::Audio(it) => {
                let mut cast = Cast::fanout("quiet", it.publishers, joins, &quiet, data);
                let listeners = cast.stages.pop().unwrap_or_default();
                (cast, Cast { stages: vec![listeners] })
            }
            Shape::Meeting(it) => {
                let rooms = joins.div_ceil(it.people);
                (Cast::default(), Cast::rooms("quiet", rooms, &[it.people], &quiet, data))
            }
            Shape::Consultations(it) => {
                let rooms = (joins * it.people.len() as u32).div_ceil(it.people.iter().sum::<u32>().max(1));
                (Cast::default(), Cast::rooms("quiet", rooms.max(1), &it.people, &quiet, data))
            }
            _ => return Ok(None),
        };
        sleep(CALM).await;
        let mut crowd = Crowd::default();
        for seats in &before.stages {
            self.join_all(seats, JOINS_AT_ONCE, usize::MAX, 0, &mut crowd).await;
        }
        sleep(CALM).await;
        let spent = self.cost_of_joins(&timed, us_per_packet, JOINS_AT_ONCE, &mut crowd).await;
        crowd.leave().await;
        Ok(spent)
    }

    /// CPU milliseconds for each of those who join, who are added to `crowd`.
    pub async fn cost_of_joins(
        &self,
        cast: &Cast,
        us_per_packet: f64,
        at_once: usize,
        crowd: &mut Crowd,
    ) -> Option<f64> {
        self.generator.tally();
        let there = crowd.sessions.len();
        let before = self.server.usage()?;
        for seats in &cast.stages {
            self.join_all(seats, at_once, usize::MAX, 0, crowd).await;
        }
        // What a join sets off is not over when the client is in.
        sleep(Duration::from_millis(300)).await;
        let after = self.server.usage()?;
        let forwarded = self.generator.tally().received as f64 * us_per_packet / 1e6;
        let joined = crowd.sessions.len() - there;
        (joined > 0)
            .then(|| ((after.cpu_seconds - before.cpu_seconds - forwarded).max(0.0)) * 1000.0 / joined as f64)
    }
}
