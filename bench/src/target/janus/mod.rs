//! Debian's Janus with its VideoRoom plugin, started by the bench.

mod api;
mod config;
mod participant;

use std::collections::HashMap;
use std::net::{IpAddr, TcpListener};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, ensure};
use serde_json::json;
use tokio::sync::Mutex;

use self::api::Gateway;
use super::http::Http;
use super::process::{Folder, Process};
use super::{JoinSpec, ServerOptions, Session};
use crate::generator::Generator;

const READY: Duration = Duration::from_secs(20);

pub struct Janus {
    gateway: Arc<Gateway>,
    /// VideoRoom numbers its rooms.
    rooms: Mutex<HashMap<String, u64>>,
    process: Process,
    about: String,
}

impl Janus {
    pub async fn start(options: &ServerOptions) -> anyhow::Result<Janus> {
        ensure!(
            !options.address.is_loopback(),
            "Janus offers no loopback address: it is loaded in a network namespace of the bench's own, which this one is not"
        );
        let installed = config::Installed::find()?;
        let folder = Folder::make("janus", options.keep.as_deref())?;
        let port = free_port(IpAddr::from([127, 0, 0, 1]))?;
        config::write(&folder, &installed, options, port)?;
        let mut command = Command::new(&installed.program);
        command.arg("--configs-folder").arg(folder.path());
        let process = Process::start("janus", command, folder)?;
        let (http, url) = (Http::new(), format!("http://127.0.0.1:{port}/janus"));
        let info = format!("{url}/info");
        let about = process.wait("answer", READY, async || http.get(&info).await.ok()).await?;
        let version = about["version_string"].as_str().unwrap_or("of an unknown version").to_owned();
        let loops = match options.event_loops {
            0 => "a thread for each handle".to_owned(),
            loops => format!("event_loops = {loops}"),
        };
        let gateway = Gateway::open(http, &url).await?;
        Ok(Janus { gateway, rooms: Mutex::default(), process, about: format!("Janus {version}, {loops}") })
    }

    pub async fn join(&self, generator: &Generator, spec: JoinSpec) -> anyhow::Result<Session> {
        let room = self.room(&spec.room).await?;
        participant::join(&self.gateway, generator, room, spec).await
    }

    /// Opens it when it is new.
    async fn room(&self, name: &str) -> anyhow::Result<u64> {
        let mut rooms = self.rooms.lock().await;
        if let Some(number) = rooms.get(name) {
            return Ok(*number);
        }
        let number = 1000 + rooms.len() as u64;
        let mut handle = self.gateway.attach().await?;
        let created = handle
            .ask(json!({
                "request": "create",
                "room": number,
                "publishers": 100_000,
                // Neither a limit nor key frames by the clock.
                "bitrate": 0,
                "fir_freq": 0,
                "audiocodec": "opus",
                "videocodec": "vp8,h264",
                "audiolevel_ext": true,
                "transport_wide_cc_ext": true,
                "notify_joining": false,
            }))
            .await
            .context("no room")?;
        ensure!(created["videoroom"] == "created", "no room: {created}");
        handle.detach().await;
        rooms.insert(name.to_owned(), number);
        Ok(number)
    }

    pub fn about(&self) -> &str {
        &self.about
    }

    pub fn process(&self) -> &Process {
        &self.process
    }

    pub fn into_process(self) -> Process {
        self.process
    }
}

/// Free a moment ago.
fn free_port(address: IpAddr) -> anyhow::Result<u16> {
    Ok(TcpListener::bind((address, 0))?.local_addr()?.port())
}
