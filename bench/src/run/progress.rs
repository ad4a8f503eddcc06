//! What is going on, on standard error: one line that changes on a terminal, a line for each scenario elsewhere.

use std::cell::RefCell;
use std::io::{IsTerminal, Write};
use std::time::Instant;

pub struct Progress {
    terminal: bool,
    begun: Instant,
    what: RefCell<String>,
}

impl Progress {
    pub fn new() -> Progress {
        Progress {
            terminal: std::io::stderr().is_terminal(),
            begun: Instant::now(),
            what: RefCell::new(String::new()),
        }
    }

    /// What the steps that follow belong to.
    pub fn begin(&self, what: &str) {
        what.clone_into(&mut self.what.borrow_mut());
        if !self.terminal {
            eprintln!("{} {what}", self.clock());
        }
    }

    /// Shown on a terminal until the next one.
    pub fn step(&self, step: &str) {
        if self.terminal {
            eprint!("\r\x1b[2K{} {}: {step}", self.clock(), self.what.borrow());
            let _ = std::io::stderr().flush();
        }
    }

    /// Stays.
    pub fn say(&self, line: &str) {
        if self.terminal {
            eprint!("\r\x1b[2K");
        }
        eprintln!("{} {line}", self.clock());
    }

    fn clock(&self) -> String {
        let seconds = self.begun.elapsed().as_secs();
        format!("{:02}:{:02}", seconds / 60, seconds % 60)
    }
}
