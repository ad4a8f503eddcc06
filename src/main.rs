//! The program: reads the settings, starts the media server, the control plane and the doors, stops them in order.

mod cli;
mod keep;
mod links;
mod logging;
mod outside;
mod pages;
mod secrets;
mod serve;
mod settings;

use std::io::Write;
use std::net::SocketAddr;
use std::process::ExitCode;

use chevet_config::{EXAMPLE, Loaded, Sources, effective};
use clap::Parser;

use cli::{Audit, Cli, Command, Settings, TokenRequest};

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Serve { settings, demo } => load(&settings).and_then(|loaded| serve::run(loaded, demo)),
        Command::Config { example: true, .. } => {
            say(EXAMPLE);
            Ok(())
        }
        Command::Config { settings, .. } => load(&settings).map(|loaded| {
            say(&effective(&loaded));
            warn(&loaded);
        }),
        Command::Backup { settings, to } => load(&settings).and_then(|loaded| keep::backup(&loaded, &to)),
        Command::Restore { settings, from } => {
            load(&settings).and_then(|loaded| keep::restore(&loaded, &from))
        }
        Command::Audit { command: Audit::Verify { settings } } => {
            load(&settings).and_then(|loaded| keep::verify(&loaded))
        }
        Command::Token { settings, request } => load(&settings).and_then(|loaded| token(&loaded, &request)),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("chevet: {}", told_once(&error));
            ExitCode::FAILURE
        }
    }
}

/// The chain of causes. Some errors repeat their cause in their own text: that cause is left out.
fn told_once(error: &anyhow::Error) -> String {
    let mut told = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if !told.contains(&cause) {
            told = if told.is_empty() { cause } else { format!("{told}: {cause}") };
        }
    }
    told
}

/// To standard output. A reader that went away, such as `head`, is no error.
pub(crate) fn say(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

fn load(settings: &Settings) -> anyhow::Result<Loaded> {
    Ok(Sources::of_process(settings.dev, settings.config.clone()).load()?)
}

fn warn(loaded: &Loaded) {
    for warning in &loaded.warnings {
        eprintln!("chevet: warning: {warning}");
    }
}

fn token(loaded: &Loaded, request: &TokenRequest) -> anyhow::Result<()> {
    let config = &loaded.config;
    // Only a server that reads the same file will take the token: a relative data_dir depends on where one stands.
    let made = config.keys.is_empty() && !secrets::file(config).exists();
    let keys = secrets::keys(config)?;
    if made {
        let file = std::path::absolute(secrets::file(config))?;
        eprintln!("chevet: made an API key in {}; start the server with the same data_dir", file.display());
    }
    let tokens = links::signer(&keys, config.dev)?;
    let token = links::token(&tokens, request)?;
    let base = links::base_url(config, SocketAddr::new(config.server.bind, config.server.port));
    say(&format!("token  {token}\nlink   {}\n", links::join_link(&base, &token)));
    Ok(())
}
