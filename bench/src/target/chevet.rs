//! A Chevet that the bench starts, and LiveKit servers that run already.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use serde_json::json;

use super::http::Http;
use super::process::{Folder, Process};
use super::{ServerOptions, Usage};
use crate::signal::{self, Access};

const READY: Duration = Duration::from_secs(20);

/// A Chevet of ours, or a server elsewhere.
pub struct LiveKit {
    pub access: Access,
    process: Option<Process>,
    /// Of a server that runs already.
    watched: Option<u32>,
    about: String,
}

impl LiveKit {
    /// Starts a Chevet with keys and ports of its own.
    pub async fn start(options: &ServerOptions) -> anyhow::Result<LiveKit> {
        let binary = binary(options)?;
        let folder = Folder::make("chevet", options.keep.as_deref())?;
        let (key, secret) = ("bench".to_owned(), format!("{:032x}", rand::random::<u128>()));
        let mut settings = json!({
            "server": { "bind": options.address, "port": 0, "data_dir": folder.path().join("data") },
            "rtc": { "bind": options.address, "udp_port": 0, "tcp_port": "off" },
            "keys": { &key: secret },
            // The load is the bench's business.
            "limits": { "connections": 1_000_000 },
            "logging": { "level": "info" },
        });
        if let Some(workers) = options.workers {
            settings["rtc"]["workers"] = workers.into();
        }
        let file = folder.write("chevet.toml", &toml::to_string(&settings)?)?;
        let mut command = Command::new(&binary);
        // Our own variables are not the server's settings.
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("CHEVET_"))
        {
            command.env_remove(name);
        }
        command.arg("serve").arg("--config").arg(file);
        let process = Process::start("chevet", command, folder)?;
        let url = process.wait("say where it listens", READY, async || said_address(&process.log())).await?;
        let http = Http::new();
        let readyz = format!("{url}/readyz");
        process
            .wait("get ready", READY, async || {
                http.status(&readyz).await.is_ok_and(|status| status.is_success()).then_some(())
            })
            .await?;
        let workers =
            options.workers.map_or("a worker for each core".to_owned(), |count| format!("workers = {count}"));
        let about = format!("{}, {workers}", binary.display());
        let tls = signal::tls(None)?;
        let access = Access { url, key, secret, protocol: options.protocol, tls };
        Ok(LiveKit { access, process: Some(process), watched: None, about })
    }

    /// Checks that a server that runs already answers.
    pub async fn reach(options: &ServerOptions) -> anyhow::Result<LiveKit> {
        let url = options.url.clone().context("the server's --url is needed")?;
        let key = options.api_key.clone().context("the server's --api-key is needed")?;
        let secret = options.api_secret.clone().context("the server's --api-secret is needed")?;
        let url = url.trim_end_matches('/').to_owned();
        let plain = match url.split_once("://") {
            Some(("ws" | "http", rest)) => Some(format!("http://{rest}/")),
            // Behind TLS the first join tells.
            _ => None,
        };
        if let Some(address) = plain {
            let status = Http::new().status(&address).await?;
            ensure!(!status.is_server_error(), "{url} answers {status}");
        }
        let tls = signal::tls(options.ca.as_deref())?;
        if let Some(pid) = options.pid {
            Usage::of(pid).with_context(|| format!("process {pid} cannot be watched"))?;
        }
        let access = Access { url: url.clone(), key, secret, protocol: options.protocol, tls };
        Ok(LiveKit { access, process: None, watched: options.pid, about: url })
    }

    pub fn about(&self) -> &str {
        &self.about
    }

    pub fn pid(&self) -> Option<u32> {
        self.process.as_ref().map(Process::pid).or(self.watched)
    }

    pub fn process(&self) -> Option<&Process> {
        self.process.as_ref()
    }

    pub fn into_process(self) -> Option<Process> {
        self.process
    }
}

/// The one that was named, else the one beside this program.
fn binary(options: &ServerOptions) -> anyhow::Result<PathBuf> {
    let path = match &options.binary {
        Some(path) => path.clone(),
        None => std::env::current_exe()?.with_file_name("chevet"),
    };
    match path.canonicalize() {
        Ok(path) => Ok(path),
        Err(_) => bail!(
            "no server to load at {}: `cargo build --release --bin chevet` builds it, or name another",
            path.display()
        ),
    }
}

/// `... listening on http://127.0.0.1:34567`, once the line is whole.
fn said_address(log: &str) -> Option<String> {
    let (_, rest) = log.split_once("listening on ")?;
    let (line, _) = rest.split_once('\n')?;
    let address = line.split_whitespace().next()?;
    address.starts_with("http").then(|| address.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_is_read_when_its_line_is_whole() {
        let log = "INFO listening on http://127.0.0.1:34567";
        assert_eq!(said_address(log), None);
        assert_eq!(said_address(&format!("{log}\n")).as_deref(), Some("http://127.0.0.1:34567"));
    }
}
