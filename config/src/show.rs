//! The effective configuration as TOML, with where each value came from. Secrets stay hidden.

use std::collections::BTreeMap;
use std::fmt::Write;

use crate::read::{Loaded, Origin};
use crate::value::{Setting, quote};
use crate::{Secret, Visit};

/// Where the comments start, in columns.
const COMMENT_COLUMN: usize = 44;

/// What `chevet config` prints.
pub fn effective(loaded: &Loaded) -> String {
    let mut printer = Printer { out: String::new(), section: "", origins: &loaded.origins };
    // The walk is one for reading and printing, hence mutable; what it walks here is a copy.
    loaded.config.clone().visit(&mut printer);
    printer.out
}

struct Printer<'a> {
    out: String,
    section: &'static str,
    origins: &'a BTreeMap<String, Origin>,
}

impl Printer<'_> {
    fn line(&mut self, key: &str, value: &str) {
        let text = format!("{key} = {value}");
        let origin = self.origins.get(&format!("{}.{key}", self.section)).cloned().unwrap_or_default();
        // Writing to a String cannot fail.
        let _ = writeln!(self.out, "{text:COMMENT_COLUMN$} # {origin}");
    }
}

impl Visit for Printer<'_> {
    fn section(&mut self, name: &'static str) {
        self.section = name;
        let gap = if self.out.is_empty() { "" } else { "\n" };
        let _ = writeln!(self.out, "{gap}[{name}]");
    }

    fn setting<T: Setting>(&mut self, key: &'static str, value: &mut T) {
        self.line(key, &value.show());
    }

    fn secrets(&mut self, secrets: &mut BTreeMap<String, Secret>) {
        if secrets.is_empty() {
            self.out.push_str("# none: `chevet serve` generates one and keeps it in server.data_dir\n");
        }
        for (key, secret) in secrets {
            let shown = quote(&format!("*** ({} characters)", secret.expose().chars().count()));
            // A key that TOML would not take bare is quoted.
            let bare =
                key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-') && !key.is_empty();
            let text = if bare { key.clone() } else { quote(key) };
            let origin = self.origins.get(&format!("{}.{key}", self.section)).cloned().unwrap_or_default();
            let line = format!("{text} = {shown}");
            let _ = writeln!(self.out, "{line:COMMENT_COLUMN$} # {origin}");
        }
    }
}
