//! The program: reads the settings, starts the media server, the control plane and the doors, stops them in order.

mod cli;
mod links;
mod logging;
mod pages;
mod secrets;
mod serve;
mod settings;

use std::net::SocketAddr;
use std::process::ExitCode;

use chevet_config::{EXAMPLE, Loaded, Sources, effective};
use clap::Parser;

use cli::{Cli, Command, Settings, TokenRequest};

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Serve { settings, demo } => load(&settings).and_then(|loaded| serve::run(loaded, demo)),
        Command::Config { example: true, .. } => {
            print!("{EXAMPLE}");
            Ok(())
        }
        Command::Config { settings, .. } => load(&settings).map(|loaded| {
            print!("{}", effective(&loaded));
            warn(&loaded);
        }),
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
    let tokens = links::signer(&secrets::keys(config)?, config.dev)?;
    let token = links::token(&tokens, request)?;
    let base = links::base_url(config, SocketAddr::new(config.server.bind, config.server.port));
    println!("token  {token}\nlink   {}", links::join_link(&base, &token));
    Ok(())
}
