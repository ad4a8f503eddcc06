//! The layers: defaults or the `--dev` preset, then the file, then the environment.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::problem::{ConfigError, Problem};
use crate::value::Setting;
use crate::{Config, Secret, Visit, check};

/// What every environment variable of ours starts with: `CHEVET_SERVER__PORT` is `server.port`.
pub(crate) const PREFIX: &str = "CHEVET_";

/// Where to read from.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    pub dev: bool,
    pub file: Option<PathBuf>,
    /// The process's environment, given so that tests can bring their own.
    pub environment: Vec<(OsString, OsString)>,
}

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Origin {
    #[default]
    Default,
    Dev,
    /// The line in the file, from 1.
    File(usize),
    Environment(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Default => f.write_str("default"),
            Origin::Dev => f.write_str("--dev"),
            Origin::File(line) => write!(f, "line {line}"),
            Origin::Environment(name) => f.write_str(name),
        }
    }
}

/// A configuration and where each of its values came from.
#[derive(Debug, Clone)]
pub struct Loaded {
    pub config: Config,
    /// By full key, `server.port`. A key that is absent has its default.
    pub origins: BTreeMap<String, Origin>,
    /// Accepted, but the operator should know.
    pub warnings: Vec<String>,
}

impl Sources {
    /// From the process: its environment, and the file if one is named.
    pub fn of_process(dev: bool, file: Option<PathBuf>) -> Sources {
        Sources { dev, file, environment: std::env::vars_os().collect() }
    }

    pub fn load(&self) -> Result<Loaded, ConfigError> {
        match &self.file {
            None => self.load_text(None),
            Some(path) => {
                let text = std::fs::read_to_string(path)
                    .map_err(|source| ConfigError::Unreadable { path: path.display().to_string(), source })?;
                self.load_text(Some((path, &text)))
            }
        }
    }

    /// As [`Sources::load`], with the file's text already read.
    pub fn load_text(&self, file: Option<(&Path, &str)>) -> Result<Loaded, ConfigError> {
        let mut loaded = Loaded {
            config: if self.dev { Config::dev() } else { Config::default() },
            origins: BTreeMap::new(),
            warnings: Vec::new(),
        };
        if self.dev {
            for key in loaded.config.keys.keys() {
                loaded.origins.insert(format!("keys.{key}"), Origin::Dev);
            }
        }
        let mut problems = Vec::new();
        let name = file.map(|(path, _)| path.display().to_string()).unwrap_or_default();
        if let Some((_, text)) = file {
            read_file(&mut loaded, &name, text, &mut problems);
        }
        read_environment(&mut loaded, &self.environment, &mut problems);
        if problems.is_empty() {
            check::check(&mut loaded, &name, &mut problems);
        }
        if problems.is_empty() { Ok(loaded) } else { Err(ConfigError::Wrong(problems)) }
    }
}

/// The place an origin names, in words.
pub(crate) fn place(origin: &Origin, file: &str) -> String {
    match origin {
        Origin::Default => "the defaults".into(),
        Origin::Dev => "the --dev preset".into(),
        Origin::File(line) => format!("{file} line {line}"),
        Origin::Environment(name) => format!("the environment variable {name}"),
    }
}

fn line_of(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1
}

fn kind(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) => format!("\"{text}\""),
        DeValue::Integer(number) => number.to_string(),
        DeValue::Float(number) => number.to_string(),
        DeValue::Boolean(yes) => yes.to_string(),
        DeValue::Datetime(_) => "a date".into(),
        DeValue::Array(_) => "a list".into(),
        DeValue::Table(_) => "a table".into(),
    }
}

// ---- the file

fn read_file(loaded: &mut Loaded, name: &str, text: &str, problems: &mut Vec<Problem>) {
    let table = match DeTable::parse(text) {
        Ok(table) => table,
        Err(error) => {
            let line = error.span().map_or(1, |span| line_of(text, span.start));
            problems.push(Problem {
                place: format!("{name} line {line}"),
                key: String::new(),
                what: error.message().replace('\n', ", "),
                allowed: String::new(),
            });
            return;
        }
    };
    let mut reader = FileReader {
        name,
        text,
        root: table.get_ref(),
        section: "",
        known: BTreeMap::new(),
        origins: &mut loaded.origins,
        problems,
    };
    loaded.config.visit(&mut reader);
    reader.refuse_unknown();
}

struct FileReader<'a> {
    name: &'a str,
    text: &'a str,
    root: &'a DeTable<'a>,
    section: &'static str,
    /// Section -> its keys. Those of a free section are not listed.
    known: BTreeMap<&'static str, Vec<&'static str>>,
    origins: &'a mut BTreeMap<String, Origin>,
    problems: &'a mut Vec<Problem>,
}

impl<'a> FileReader<'a> {
    fn refuse(&mut self, offset: usize, key: String, what: String, allowed: String) {
        let place = format!("{} line {}", self.name, line_of(self.text, offset));
        self.problems.push(Problem { place, key, what, allowed });
    }

    /// The section's table; `clinic.mail` is a table in a table.
    fn table(&self) -> Option<&'a DeTable<'a>> {
        let mut table = self.root;
        for part in self.section.split('.') {
            table = table.get(part)?.get_ref().as_table()?;
        }
        Some(table)
    }

    fn lookup(&self, key: &str) -> Option<&'a Spanned<DeValue<'a>>> {
        self.table()?.get(key)
    }

    fn refuse_unknown(&mut self) {
        let root = self.root;
        for (section, content) in root {
            let name: &str = section.get_ref();
            let sections: Vec<&str> = self.known.keys().copied().collect();
            if !self.known.contains_key(name) {
                let what = format!("there is no such section{}", suggestion(name, &sections));
                self.refuse(section.span().start, name.to_owned(), what, listing(&sections));
                continue;
            }
            self.refuse_unknown_keys(name, section.span().start, content.get_ref());
        }
    }

    /// In a known section and in those under it.
    fn refuse_unknown_keys(&mut self, name: &str, offset: usize, content: &'a DeValue<'a>) {
        let Some(table) = content.as_table() else {
            let what = format!("is {}, but this is a section", kind(content));
            self.refuse(offset, name.to_owned(), what, format!("[{name}] with keys under it"));
            return;
        };
        let keys = self.known.get(name).cloned().unwrap_or_default();
        if keys.is_empty() {
            return;
        }
        let under = self.known.keys().filter_map(|section| section.strip_prefix(name)?.strip_prefix('.'));
        let words: Vec<&str> = keys.iter().copied().chain(under).collect();
        for (key, value) in table {
            let word: &str = key.get_ref();
            let full = format!("{name}.{word}");
            if self.known.contains_key(full.as_str()) {
                self.refuse_unknown_keys(&full, key.span().start, value.get_ref());
            } else if !keys.contains(&word) {
                let what = format!("there is no such key{}", suggestion(word, &words));
                self.refuse(key.span().start, full, what, listing(&words));
            }
        }
    }
}

impl Visit for FileReader<'_> {
    fn section(&mut self, name: &'static str) {
        self.section = name;
        self.known.insert(name, Vec::new());
    }

    fn setting<T: Setting>(&mut self, key: &'static str, value: &mut T) {
        self.known.entry(self.section).or_default().push(key);
        let Some(found) = self.lookup(key) else { return };
        let full = format!("{}.{key}", self.section);
        match T::read(found.get_ref()) {
            Some(read) => {
                *value = read;
                self.origins.insert(full, Origin::File(line_of(self.text, found.span().start)));
            }
            None => {
                self.refuse(
                    found.span().start,
                    full,
                    format!("cannot be {}", if T::SECRET { "this".into() } else { kind(found.get_ref()) }),
                    T::allowed(),
                );
            }
        }
    }

    fn secrets(&mut self, secrets: &mut BTreeMap<String, Secret>) {
        let Some(table) = self.table() else { return };
        for (key, found) in table {
            let full = format!("{}.{}", self.section, key.get_ref());
            let offset = found.span().start;
            match found.get_ref().as_str() {
                Some(text) => {
                    secrets.insert(key.get_ref().to_string(), Secret::new(text));
                    self.origins.insert(full, Origin::File(line_of(self.text, offset)));
                }
                // The value may be a secret all the same: it is not repeated.
                None => self.refuse(offset, full, "is not a text".into(), String::allowed()),
            }
        }
    }
}

// ---- the environment

fn read_environment(loaded: &mut Loaded, environment: &[(OsString, OsString)], problems: &mut Vec<Problem>) {
    let mut ours = BTreeMap::new();
    for (name, value) in environment {
        let Some(name) = name.to_str().filter(|name| name.starts_with(PREFIX)) else { continue };
        match value.to_str() {
            Some(value) => {
                ours.insert(name.to_owned(), value.to_owned());
            }
            None => problems.push(Problem {
                place: format!("the environment variable {name}"),
                key: String::new(),
                what: "is not UTF-8".into(),
                allowed: String::new(),
            }),
        }
    }
    let mut reader = EnvironmentReader {
        ours,
        section: "",
        sections: Vec::new(),
        known: BTreeSet::new(),
        origins: &mut loaded.origins,
        problems,
    };
    loaded.config.visit(&mut reader);
    reader.refuse_unknown();
}

struct EnvironmentReader<'a> {
    /// Variables not yet taken by a setting.
    ours: BTreeMap<String, String>,
    section: &'static str,
    sections: Vec<&'static str>,
    known: BTreeSet<String>,
    origins: &'a mut BTreeMap<String, Origin>,
    problems: &'a mut Vec<Problem>,
}

impl EnvironmentReader<'_> {
    /// What is left and looks like a setting. Other `CHEVET_` variables belong to whoever set them.
    fn refuse_unknown(&mut self) {
        let known: Vec<&str> = self.known.iter().map(String::as_str).collect();
        for name in self.ours.keys() {
            let rest = name.strip_prefix(PREFIX).unwrap_or(name);
            let section = rest.split('_').next().unwrap_or_default().to_ascii_lowercase();
            if !rest.contains("__") && !self.sections.contains(&section.as_str()) {
                continue;
            }
            self.problems.push(Problem {
                place: format!("the environment variable {name}"),
                key: String::new(),
                what: format!("there is no such setting{}", suggestion(name, &known)),
                allowed: "CHEVET_SECTION__KEY, as `chevet config` lists them".into(),
            });
        }
    }
}

impl Visit for EnvironmentReader<'_> {
    fn section(&mut self, name: &'static str) {
        self.section = name;
        self.sections.push(name);
    }

    fn setting<T: Setting>(&mut self, key: &'static str, value: &mut T) {
        let name = variable(self.section, key);
        let found = self.ours.remove(&name);
        self.known.insert(name.clone());
        let Some(text) = found else { return };
        let full = format!("{}.{key}", self.section);
        match T::from_text(&text) {
            Some(read) => {
                *value = read;
                self.origins.insert(full, Origin::Environment(name));
            }
            None => self.problems.push(Problem {
                place: format!("the environment variable {name}"),
                key: full,
                what: if T::SECRET { "cannot be this".into() } else { format!("cannot be \"{text}\"") },
                allowed: T::allowed(),
            }),
        }
    }

    /// `CHEVET_KEYS__mykey=secret`: the part after the underscores is the key, letter case kept.
    fn secrets(&mut self, secrets: &mut BTreeMap<String, Secret>) {
        let prefix = variable(self.section, "");
        let names: Vec<String> = self.ours.keys().filter(|name| name.starts_with(&prefix)).cloned().collect();
        for name in names {
            let key = name.strip_prefix(&prefix).unwrap_or_default().to_owned();
            if let Some(text) = self.ours.remove(&name) {
                self.origins.insert(format!("{}.{key}", self.section), Origin::Environment(name));
                secrets.insert(key, Secret::new(text));
            }
        }
    }
}

pub(crate) fn variable(section: &str, key: &str) -> String {
    format!("{PREFIX}{}__{}", section.to_ascii_uppercase().replace('.', "__"), key.to_ascii_uppercase())
}

// ---- words

fn suggestion(word: &str, known: &[&str]) -> String {
    let nearest = known.iter().map(|known| (strsim::damerau_levenshtein(word, known), known)).min();
    match nearest {
        Some((distance, nearest)) if distance <= 1 + nearest.len() / 4 => {
            format!("; did you mean \"{nearest}\"?")
        }
        _ => String::new(),
    }
}

fn listing(words: &[&str]) -> String {
    words.join(", ")
}
