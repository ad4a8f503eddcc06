//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

const AFTER_HELP: &str = "\
Every setting stands in one TOML file; each can be set by the environment too (CHEVET_SECTION__KEY).
`chevet config` prints them all, with where each value came from.

Examples:
  chevet serve --dev --demo                  a server on loopback and two join links to try
  chevet serve --config /etc/chevet.toml     a server
  chevet token --room 12 --identity alice    a token and a join link";

/// Teleconsultation on one's own server: media server, signalling, API and pages in one program.
#[derive(Debug, Parser)]
#[command(version, after_help = AFTER_HELP, arg_required_else_help = true)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Start the server. SIGTERM or SIGINT stops it in order.
    Serve {
        #[command(flatten)]
        settings: Settings,
        /// Print two join links for one demonstration room.
        #[arg(long)]
        demo: bool,
    },
    /// Print the effective settings and where each came from. Secrets are masked.
    Config {
        #[command(flatten)]
        settings: Settings,
        /// Print the documented file of defaults instead, to start an own one from.
        #[arg(long)]
        example: bool,
    },
    /// Write a backup of the clinic's data, also while the server runs. The key file is not in it: keep it apart.
    Backup {
        #[command(flatten)]
        settings: Settings,
        /// The file to write. Refused if it exists.
        #[arg(value_name = "FILE")]
        to: PathBuf,
    },
    /// Make the clinic's data from a backup. Needs clinic.key in the data directory, and no data there yet.
    Restore {
        #[command(flatten)]
        settings: Settings,
        #[arg(value_name = "FILE")]
        from: PathBuf,
    },
    /// The audit trail of the clinic.
    Audit {
        #[command(subcommand)]
        command: Audit,
    },
    /// Print an access token and a join link for one participant.
    Token {
        #[command(flatten)]
        settings: Settings,
        #[command(flatten)]
        request: TokenRequest,
    },
}

#[derive(Debug, Subcommand)]
pub enum Audit {
    /// Prove that no event was changed or removed, also while the server runs.
    Verify {
        #[command(flatten)]
        settings: Settings,
    },
}

#[derive(Debug, Args)]
pub struct Settings {
    /// The settings file (TOML).
    #[arg(long, short, value_name = "FILE", env = "CHEVET_CONFIG")]
    pub config: Option<PathBuf>,
    /// Pages and API on loopback, port 7880 (media on all interfaces), API key `devkey` with the secret `secret`. For trying and testing only.
    #[arg(long)]
    pub dev: bool,
}

#[derive(Debug, Args)]
pub struct TokenRequest {
    /// The room to join.
    #[arg(long)]
    pub room: String,
    /// Who joins: unique in the room.
    #[arg(long)]
    pub identity: String,
    /// The name that others see.
    #[arg(long, default_value = "")]
    pub name: String,
    /// How long the token can be used to join: `30m`, `6h`.
    #[arg(long, default_value = "6h", value_parser = duration)]
    pub ttl: Duration,
    /// Sees and hears only.
    #[arg(long)]
    pub listen_only: bool,
    /// May also manage the room by the API.
    #[arg(long)]
    pub admin: bool,
}

fn duration(text: &str) -> Result<Duration, String> {
    chevet_config::duration(text).ok_or_else(|| "a whole number with its unit: 90s, 30m, 6h".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_token_lasts_six_hours_unless_told_otherwise() {
        let life = |extra: &[&str]| {
            let words = ["chevet", "token", "--room", "a", "--identity", "b"].iter().chain(extra);
            match Cli::try_parse_from(words).map(|cli| cli.command) {
                Ok(Command::Token { request, .. }) => Some(request.ttl.as_secs()),
                _ => None,
            }
        };
        assert_eq!(life(&[]), Some(6 * 3600));
        assert_eq!(life(&["--ttl", "30m"]), Some(1800));
        assert_eq!(life(&["--ttl", "30"]), None);
    }
}
