//! What to run: TOML files that an operator edits. A file holds `about`, `[tracks]`, `[measure]`, and one of the tables that
//! name the kind of load: `[fanout]`, `[meeting]`, `[audio]`, `[consultations]`, `[join-storm]`, `[soak]`, `[data]`, `[ramp]`.

mod validate;

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use serde::{Deserialize, Serialize};

use crate::media::Pacing;
use crate::target::{TrackSpec, VideoCodec};

/// The scenarios that come with the bench, so that the binary also runs alone.
const BUILT_IN: [(&str, &str); 15] = [
    ("fanout-100", include_str!("../../scenarios/fanout-100.toml")),
    ("fanout-200", include_str!("../../scenarios/fanout-200.toml")),
    ("fanout-500", include_str!("../../scenarios/fanout-500.toml")),
    ("fanout-100-burst", include_str!("../../scenarios/fanout-100-burst.toml")),
    ("fanout-1000", include_str!("../../scenarios/fanout-1000.toml")),
    ("fanout-100-media", include_str!("../../scenarios/fanout-100-media.toml")),
    ("meeting-8", include_str!("../../scenarios/meeting-8.toml")),
    ("audio-10x100", include_str!("../../scenarios/audio-10x100.toml")),
    ("consultations-40", include_str!("../../scenarios/consultations-40.toml")),
    ("consultations-busy", include_str!("../../scenarios/consultations-busy.toml")),
    ("join-storm", include_str!("../../scenarios/join-storm.toml")),
    ("data", include_str!("../../scenarios/data.toml")),
    ("data-slow", include_str!("../../scenarios/data-slow.toml")),
    ("ramp", include_str!("../../scenarios/ramp.toml")),
    ("soak", include_str!("../../scenarios/soak.toml")),
];

#[derive(Clone, Debug)]
pub struct Scenario {
    /// The file's name without its ending.
    pub name: String,
    pub about: String,
    /// Names of targets that are not asked, because they cannot carry it and take minutes to fail.
    pub without: Vec<String>,
    pub shape: Shape,
    pub tracks: Tracks,
    pub measure: Measure,
}

/// The kind of load.
#[derive(Clone, Debug, PartialEq)]
pub enum Shape {
    Fanout(Fanout),
    Meeting(Meeting),
    Audio(Fanout),
    Consultations(Consultations),
    JoinStorm(JoinStorm),
    Soak(Soak),
    Data(Data),
    Ramp(Ramp),
}

/// Publishers who only send and subscribers who only receive, in one room.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fanout {
    #[serde(default = "one")]
    pub publishers: u32,
    pub subscribers: u32,
}

/// Everybody sends to everybody, in one room.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Meeting {
    pub people: u32,
}

/// Many small rooms.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Consultations {
    pub rooms: u32,
    /// People in each room, taken in turn: [2, 2, 3] makes every third a room of three.
    pub people: Vec<u32>,
    /// A consultation lasts this long on average, then all leave and a new one begins. Absent: nobody leaves.
    pub stay_seconds: Option<f64>,
    /// In each room somebody sends a file this often on average. Absent: no files.
    pub file_every_seconds: Option<f64>,
    #[serde(default = "default_file")]
    pub file_kib: u32,
}

/// Many join at once, into rooms of `people`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JoinStorm {
    pub joins: u32,
    pub people: u32,
    /// Joins under way at the same time.
    pub at_once: u32,
}

/// Consultations for a long time, watching memory.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Soak {
    pub minutes: f64,
    pub rooms: u32,
    pub people: Vec<u32>,
    pub stay_seconds: f64,
    pub file_every_seconds: Option<f64>,
    #[serde(default = "default_file")]
    pub file_kib: u32,
}

/// Files over the reliable data channel, from one sender to all others of a room.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Data {
    pub receivers: u32,
    pub file_kib: u32,
    /// How many of the receivers read slowly.
    #[serde(default)]
    pub slow_receivers: u32,
    /// What a slow one takes.
    #[serde(default = "default_slow")]
    pub slow_kib_per_second: u32,
}

/// One load that grows until it breaks.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ramp {
    pub of: RampOf,
    /// Subscribers of a fan-out, or rooms of consultations, to begin with.
    pub from: u32,
    /// Where it ends if nothing breaks before.
    pub to: u32,
    /// Each step has this many times the load of the step before.
    #[serde(default = "default_factor")]
    pub factor: f64,
    /// People in each room of a ramp of consultations.
    #[serde(default = "two")]
    pub people: u32,
    /// The load is broken above this latency.
    #[serde(default = "default_p99")]
    pub p99_ms: f64,
    /// The load is broken above this share of lost packets.
    #[serde(default = "default_loss")]
    pub loss: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RampOf {
    Fanout,
    Consultations,
}

/// What each publisher sends.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tracks {
    pub video: Option<Video>,
    pub audio: Option<Audio>,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Video {
    #[serde(default = "default_codec")]
    pub codec: VideoCodec,
    #[serde(default)]
    pub simulcast: bool,
    /// Of the highest encoding.
    pub kbit_per_second: u32,
    #[serde(default = "default_frames")]
    pub frames_per_second: f64,
    #[serde(default = "default_pacing")]
    pub pacing: Pacing,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Audio {
    pub kbit_per_second: u32,
    /// Share of the time that is speech; in the rest a packet leaves every 400 ms, as with DTX.
    #[serde(default = "full")]
    pub speech: f64,
}

/// When to measure.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Measure {
    /// From the last join to the first window.
    pub settle_seconds: f64,
    /// The figures are the median of this many windows.
    pub windows: u32,
    pub window_seconds: f64,
    /// Joins that are timed, in a room of their own with next to no media. 0: none.
    pub joins: u32,
    /// Open data channels, as LiveKit's clients do.
    pub data_channels: bool,
}

impl Default for Measure {
    fn default() -> Self {
        Measure { settle_seconds: 1.5, windows: 3, window_seconds: 2.5, joins: 60, data_channels: true }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct File {
    about: String,
    #[serde(default)]
    without: Vec<String>,
    tracks: Option<Tracks>,
    measure: Option<Measure>,
    fanout: Option<Fanout>,
    meeting: Option<Meeting>,
    audio: Option<Fanout>,
    consultations: Option<Consultations>,
    join_storm: Option<JoinStorm>,
    soak: Option<Soak>,
    data: Option<Data>,
    ramp: Option<Ramp>,
}

impl Scenario {
    /// From the text of a file. Errors name the file, the line and what would have been right.
    pub fn parse(name: &str, text: &str) -> anyhow::Result<Scenario> {
        let file: File = toml::from_str(text)
            .map_err(|error| anyhow::anyhow!("{name}.toml: {}", error.to_string().trim()))?;
        let mut shapes: Vec<(&str, Shape)> = Vec::new();
        let File { fanout, meeting, audio, consultations, join_storm, soak, data, ramp, .. } = file;
        shapes.extend(fanout.map(|it| ("fanout", Shape::Fanout(it))));
        shapes.extend(meeting.map(|it| ("meeting", Shape::Meeting(it))));
        shapes.extend(audio.map(|it| ("audio", Shape::Audio(it))));
        shapes.extend(consultations.map(|it| ("consultations", Shape::Consultations(it))));
        shapes.extend(join_storm.map(|it| ("join-storm", Shape::JoinStorm(it))));
        shapes.extend(soak.map(|it| ("soak", Shape::Soak(it))));
        shapes.extend(data.map(|it| ("data", Shape::Data(it))));
        shapes.extend(ramp.map(|it| ("ramp", Shape::Ramp(it))));
        let named: Vec<&str> = shapes.iter().map(|(key, _)| *key).collect();
        if named.len() > 1 {
            bail!("{name}.toml: one kind of load a file, here are [{}]", named.join("] and ["));
        }
        let Some((_, shape)) = shapes.pop() else {
            bail!(
                "{name}.toml: no load: one of [fanout], [meeting], [audio], [consultations], [join-storm], [soak], [data], [ramp] is needed"
            );
        };
        let scenario = Scenario {
            name: name.to_owned(),
            about: file.about,
            without: file.without,
            shape,
            tracks: file.tracks.unwrap_or_default(),
            measure: file.measure.unwrap_or_default(),
        };
        validate::check(&scenario).with_context(|| format!("{name}.toml"))?;
        Ok(scenario)
    }

    /// A scenario by the path of its file, by its name in `folder`, or of those that come with the bench.
    pub fn find(word: &str, folder: Option<&Path>) -> anyhow::Result<Scenario> {
        let path = PathBuf::from(word);
        let path = if word.ends_with(".toml") {
            Some(path)
        } else {
            folder.map(|folder| folder.join(format!("{word}.toml"))).filter(|path| path.exists())
        };
        if let Some(path) = path {
            let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
            let name = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
            return Scenario::parse(&name, &text);
        }
        match BUILT_IN.iter().find(|(name, _)| *name == word) {
            Some((name, text)) => Scenario::parse(name, text),
            None => bail!("no scenario {word}: `chevet-bench scenarios` lists them, a path ends with .toml"),
        }
    }

    /// The file of a scenario that comes with the bench.
    pub fn text(name: &str) -> anyhow::Result<&'static str> {
        let found = BUILT_IN.iter().find(|(known, _)| *known == name).map(|(_, text)| *text);
        found.with_context(|| format!("no scenario {name}: `chevet-bench scenarios` lists them"))
    }

    /// The names that come with the bench, in the order in which `make bench` runs them.
    pub fn names() -> impl Iterator<Item = &'static str> {
        BUILT_IN.iter().map(|(name, _)| *name)
    }

    pub fn kind(&self) -> &'static str {
        match self.shape {
            Shape::Fanout(_) => "fanout",
            Shape::Meeting(_) => "meeting",
            Shape::Audio(_) => "audio",
            Shape::Consultations(_) => "consultations",
            Shape::JoinStorm(_) => "join-storm",
            Shape::Soak(_) => "soak",
            Shape::Data(_) => "data",
            Shape::Ramp(_) => "ramp",
        }
    }
}

impl Tracks {
    /// As the targets want them.
    pub fn specs(&self) -> Vec<TrackSpec> {
        let mut specs = Vec::new();
        if let Some(audio) = &self.audio {
            specs.push(TrackSpec::Audio {
                bits_per_second: audio.kbit_per_second * 1000,
                speech: audio.speech,
            });
        }
        if let Some(video) = &self.video {
            specs.push(TrackSpec::Video {
                codec: video.codec,
                simulcast: video.simulcast,
                bits_per_second: video.kbit_per_second * 1000,
                frames_per_second: video.frames_per_second,
                pacing: video.pacing,
            });
        }
        specs
    }

    /// The same tracks with next to nothing on them: for joins whose cost must not hide behind forwarding.
    pub fn quiet(&self) -> Tracks {
        Tracks {
            video: self.video.as_ref().map(|video| Video {
                simulcast: false,
                kbit_per_second: 16,
                frames_per_second: 2.0,
                ..video.clone()
            }),
            audio: self.audio.as_ref().map(|audio| Audio { speech: 0.0, ..audio.clone() }),
        }
    }

    /// Bits that a publisher sends each second, of its highest encoding, without headers. Pauses are counted as silence.
    pub fn bits_per_second(&self) -> f64 {
        let video = self.video.as_ref().map_or(0.0, |video| f64::from(video.kbit_per_second) * 1000.0);
        let audio =
            self.audio.as_ref().map_or(0.0, |audio| f64::from(audio.kbit_per_second) * 1000.0 * audio.speech);
        video + audio
    }

    /// Packets that a publisher sends each second on its highest encodings: video in packets of about 1,100 bytes, at least
    /// one for each frame, sound every 20 ms of speech and every 400 ms of silence.
    pub fn packets_per_second(&self) -> f64 {
        let video = self.video.as_ref().map_or(0.0, |video| {
            let frame = f64::from(video.kbit_per_second) * 125.0 / video.frames_per_second;
            (frame / 1100.0).ceil().max(1.0) * video.frames_per_second
        });
        let audio = self.audio.as_ref().map_or(0.0, |audio| 50.0 * audio.speech + 2.5 * (1.0 - audio.speech));
        video + audio
    }
}

fn one() -> u32 {
    1
}
fn two() -> u32 {
    2
}
fn full() -> f64 {
    1.0
}
fn default_file() -> u32 {
    512
}
fn default_slow() -> u32 {
    64
}
fn default_factor() -> f64 {
    1.5
}
fn default_p99() -> f64 {
    50.0
}
fn default_loss() -> f64 {
    0.005
}
fn default_codec() -> VideoCodec {
    VideoCodec::Vp8
}
fn default_frames() -> f64 {
    30.0
}
fn default_pacing() -> Pacing {
    Pacing::Paced
}

#[cfg(test)]
mod tests;
