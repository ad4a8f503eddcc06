//! How many consultations a machine carries: a model of what a server costs, fitted to a calibration run.
//!
//! A packet that a subscriber receives costs something, and a packet that a publisher sends costs something more, once: the
//! server is woken up for it, opens it, looks up who gets it. A room has a cost of its own through the rates of both.
//!
//!     cores = idle + wake * source packets/s + copy * forwarded packets/s

use serde::{Deserialize, Serialize};

use crate::scenario::{Tracks, Video};

/// One load of the calibration run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Point {
    pub name: String,
    /// Packets each second that publishers sent, and that subscribers received.
    pub source: f64,
    pub forwarded: f64,
    /// Cores' worth of server CPU time.
    pub cores: f64,
    pub p99_ms: f64,
    /// Why this point is not to be trusted.
    pub void_reasons: Vec<String>,
}

/// What a calibration run found out about one machine and one server.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Model {
    /// Cores, without load.
    pub idle: f64,
    /// Seconds of CPU time for each source packet, and for each forwarded one.
    pub wake: f64,
    pub copy: f64,
    /// Greatest distance of a point from the model, as a share of the point's cores.
    pub misfit: f64,
    /// Cores that the server had, resident memory in MiB, and KiB for each participant.
    pub cores: f64,
    pub rss_mib: f64,
    pub kib_per_participant: f64,
    pub points: Vec<Point>,
}

/// A consultation, many times.
#[derive(Clone, Debug, PartialEq)]
pub struct Shape {
    pub people: u32,
    pub tracks: Tracks,
}

/// What is planned, with its margin.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    pub rooms: u32,
    /// If the model were exact and the server could be loaded to the bound.
    pub rooms_at_most: u32,
    /// The share by which `rooms` stays below `rooms_at_most`.
    pub margin: f64,
    /// Cores that `rooms` use.
    pub cores: f64,
    pub mbit_per_second_in: f64,
    pub mbit_per_second_out: f64,
    pub memory_mib: f64,
}

/// A server thread that is busier than this stops keeping 99 % of packets below 50 ms: bursts queue up behind each other.
pub const LOAD_MAX: f64 = 0.85;
/// Two runs of the same thing differ by this much.
pub const NOISE: f64 = 0.12;
/// IP, UDP, RTP with extensions, and the AEAD tag.
const OVERHEAD_BYTES: f64 = 20.0 + 8.0 + 20.0 + 16.0;

/// Least squares of relative errors, with costs that are not negative. At least two points of different fan-out are needed to
/// tell the two costs apart; points of one fan-out alone give their sum.
pub fn fit(points: &[Point], idle: f64) -> Option<Model> {
    let usable: Vec<&Point> =
        points.iter().filter(|point| point.void_reasons.is_empty() && point.cores > 0.0).collect();
    if usable.is_empty() {
        return None;
    }
    let (mut ss, mut sf, mut ff, mut sc, mut fc) = (0.0, 0.0, 0.0, 0.0, 0.0);
    for point in &usable {
        let weight = 1.0 / (point.cores * point.cores);
        let load = (point.cores - idle).max(0.0);
        ss += weight * point.source * point.source;
        sf += weight * point.source * point.forwarded;
        ff += weight * point.forwarded * point.forwarded;
        sc += weight * point.source * load;
        fc += weight * point.forwarded * load;
    }
    let determinant = ss * ff - sf * sf;
    let alone_copy = if ff > 0.0 { fc / ff } else { 0.0 };
    let alone_wake = if ss > 0.0 { sc / ss } else { 0.0 };
    // Close to singular: every point has the same fan-out.
    let (wake, copy) = if determinant <= 1e-6 * ss * ff {
        (0.0, alone_copy)
    } else {
        let wake = (sc * ff - fc * sf) / determinant;
        let copy = (fc * ss - sc * sf) / determinant;
        if wake < 0.0 {
            (0.0, alone_copy)
        } else if copy < 0.0 {
            (alone_wake, 0.0)
        } else {
            (wake, copy)
        }
    };
    let model = Model { idle, wake, copy, points: points.to_vec(), cores: 1.0, ..Model::default() };
    let misfit = usable
        .iter()
        .map(|point| (model.load(point.source, point.forwarded) - point.cores).abs() / point.cores)
        .fold(0.0, f64::max);
    Some(Model { misfit, ..model })
}

impl Model {
    /// Cores' worth of CPU time for these packets each second.
    pub fn load(&self, source: f64, forwarded: f64) -> f64 {
        self.idle + self.wake * source + self.copy * forwarded
    }

    /// How many rooms of a shape `cores` carry.
    pub fn plan(&self, shape: &Shape, cores: f64) -> Plan {
        let people = f64::from(shape.people);
        let source = people * shape.tracks.packets_per_second();
        let forwarded = source * (people - 1.0);
        let room = self.wake * source + self.copy * forwarded;
        let carried = |load: f64| ((load * cores - self.idle) / room.max(1e-12)).max(0.0).floor();
        let rooms_at_most = carried(LOAD_MAX);
        let margin = (self.misfit + NOISE).min(0.9);
        let rooms = (rooms_at_most * (1.0 - margin)).floor();
        let bits = source * OVERHEAD_BYTES * 8.0 + people * shape.tracks.bits_per_second();
        Plan {
            rooms: rooms as u32,
            rooms_at_most: rooms_at_most as u32,
            margin,
            cores: self.idle + rooms * room,
            mbit_per_second_in: rooms * bits / 1e6,
            mbit_per_second_out: rooms * bits * (people - 1.0) / 1e6,
            memory_mib: self.rss_mib + rooms * people * self.kib_per_participant / 1024.0,
        }
    }

    /// In words, for the terminal.
    pub fn explain(&self, shape: &Shape, plan: &Plan, cores: f64) -> String {
        let video = |video: &Video| format!("{} kbit/s of video", video.kbit_per_second);
        let video = shape.tracks.video.as_ref().map_or("no video".to_owned(), video);
        let audio = if shape.tracks.audio.is_some() { " and sound" } else { "" };
        let mut text = format!(
            "{} consultations of {} with {video}{audio} each way, at p99 < 50 ms, on {cores} server core(s).\n",
            plan.rooms, shape.people
        );
        text.push_str(&format!(
            "  model     {:.2} us a source packet (wake-up, open, look up) + {:.2} us a forwarded packet + {:.3} cores idle\n",
            self.wake * 1e6,
            self.copy * 1e6,
            self.idle
        ));
        text.push_str(&format!(
            "  margin    {:.0} % below {}: {:.0} % misfit of the model and {:.0} % between runs; a core is planned to {:.0} %\n",
            plan.margin * 100.0,
            plan.rooms_at_most,
            self.misfit * 100.0,
            NOISE * 100.0,
            LOAD_MAX * 100.0
        ));
        text.push_str(&format!(
            "  needs     {:.2} cores, {:.0} Mbit/s in, {:.0} Mbit/s out, {:.0} MiB of memory\n",
            plan.cores, plan.mbit_per_second_in, plan.mbit_per_second_out, plan.memory_mib
        ));
        if (cores - self.cores).abs() > 0.01 {
            text.push_str(&format!(
                "  beware    calibrated on {} core(s): that {cores} carry in proportion is an assumption\n",
                self.cores
            ));
        }
        text.push_str(
            "  beware    measured over loopback: a network card and its driver cost something else, often more\n",
        );
        text
    }
}

/// What a real ramp says of a plan, in words. True: the plan holds.
pub fn verdict(plan: &Plan, carried: u32, broke_at: Option<u32>, because: &str) -> (bool, String) {
    let holds = carried >= plan.rooms;
    let bound = match broke_at {
        Some(broke_at) => format!("{carried} rooms held, {broke_at} did not ({because})"),
        None => format!("{carried} rooms held and nothing broke ({because})"),
    };
    let text = if holds {
        let slack = f64::from(carried) / f64::from(plan.rooms.max(1)) - 1.0;
        format!("the plan of {} holds, {:.0} % to spare: {bound}", plan.rooms, slack * 100.0)
    } else if broke_at.is_none() {
        format!("the plan of {} could not be checked to its end: {bound}", plan.rooms)
    } else {
        format!("the plan of {} does NOT hold: {bound}", plan.rooms)
    };
    (holds, text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::Audio;

    fn point(source: f64, fan_out: f64, wake: f64, copy: f64, idle: f64) -> Point {
        let forwarded = source * fan_out;
        Point {
            name: String::new(),
            source,
            forwarded,
            cores: idle + wake * source + copy * forwarded,
            p99_ms: 1.0,
            void_reasons: Vec::new(),
        }
    }

    fn shape(people: u32) -> Shape {
        let audio = Some(Audio { kbit_per_second: 32, speech: 1.0 });
        Shape { people, tracks: Tracks { video: None, audio } }
    }

    #[test]
    fn the_fit_finds_the_costs_that_made_the_points() {
        let points = [(1000.0, 1.0), (5000.0, 1.0), (230.0, 50.0)]
            .map(|(source, fan_out)| point(source, fan_out, 20e-6, 3e-6, 0.01));
        let model = fit(&points, 0.01).unwrap();
        assert!((model.wake - 20e-6).abs() < 1e-9 && (model.copy - 3e-6).abs() < 1e-9, "{model:?}");
        assert!(model.misfit < 1e-6, "{model:?}");
    }

    #[test]
    fn costs_are_never_negative_and_the_misfit_says_how_far_off_the_model_is() {
        let mut odd = point(230.0, 50.0, 0.0, 3e-6, 0.0);
        odd.cores *= 2.0;
        let model = fit(&[point(1000.0, 1.0, 0.0, 3e-6, 0.0), odd], 0.0).unwrap();
        assert!(model.wake >= 0.0 && model.copy >= 0.0 && model.misfit > 0.2, "{model:?}");
    }

    #[test]
    fn points_of_one_fan_out_give_the_cost_of_both_together() {
        let model =
            fit(&[point(1000.0, 1.0, 4e-6, 3e-6, 0.0), point(4000.0, 1.0, 4e-6, 3e-6, 0.0)], 0.0).unwrap();
        assert!((model.load(2000.0, 2000.0) - 0.014).abs() < 1e-9, "{model:?}");
    }

    #[test]
    fn void_points_do_not_count() {
        let mut void = point(1000.0, 1.0, 1.0, 1.0, 0.0);
        void.void_reasons.push("other load".into());
        assert_eq!(fit(&[void.clone()], 0.0), None);
        let model = fit(&[void, point(1000.0, 1.0, 0.0, 3e-6, 0.0)], 0.0).unwrap();
        assert!((model.copy - 3e-6).abs() < 1e-9, "{model:?}");
    }

    #[test]
    fn rooms_follow_from_costs_cores_and_margin() {
        let model =
            Model { wake: 10e-6, copy: 10e-6, cores: 1.0, kib_per_participant: 40.0, ..Model::default() };
        // Two people send 100 packets/s together and receive 100: 2 ms of CPU each second.
        let plan = model.plan(&shape(2), 1.0);
        assert_eq!((plan.rooms_at_most, plan.rooms), (425, 374));
        assert!((plan.cores - 0.748).abs() < 1e-9, "{plan:?}");
        assert!((plan.memory_mib - 374.0 * 80.0 / 1024.0).abs() < 1e-6, "{plan:?}");
        // Of three: 150 in, 300 out: 4.5 ms.
        assert_eq!(model.plan(&shape(3), 1.0).rooms_at_most, 188);
        assert_eq!(model.plan(&shape(2), 2.0).rooms_at_most, 850);
    }

    #[test]
    fn a_machine_that_is_full_when_idle_carries_nothing() {
        let model = Model { wake: 10e-6, copy: 10e-6, idle: 0.9, ..Model::default() };
        assert_eq!(model.plan(&shape(2), 1.0).rooms, 0);
    }

    #[test]
    fn a_check_says_whether_the_plan_holds() {
        let plan = Model { wake: 10e-6, copy: 10e-6, ..Model::default() }.plan(&shape(2), 1.0);
        let (holds, text) = verdict(&plan, 400, Some(600), "p99 80 ms");
        assert!(holds && text.contains("7 % to spare"), "{text}");
        let (holds, text) = verdict(&plan, 300, Some(350), "p99 80 ms");
        assert!(!holds && text.contains("NOT"), "{text}");
        let (holds, text) = verdict(&plan, 300, None, "the generator gave out");
        assert!(!holds && text.contains("could not be checked"), "{text}");
    }
}
