//! `chevet serve --dev` on ports that the system picks, with an empty data directory, and tokens for it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, ensure};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

pub struct Server {
    child: Child,
    data: PathBuf,
    log: PathBuf,
    pub port: u16,
}

/// What a token says beyond the room and the identity.
pub struct Claims {
    pub secret: &'static str,
    /// Seconds from now, negative for the past.
    pub expires: i64,
    pub may_join: bool,
}

impl Default for Claims {
    fn default() -> Claims {
        Claims { secret: "secret", expires: 3600, may_join: true }
    }
}

pub fn token(room: &str, identity: &str, claims: &Claims) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs() as i64;
    let body = json!({
        "iss": "devkey",
        "sub": identity,
        "nbf": now - 7200,
        "exp": now + claims.expires,
        "video": { "roomJoin": claims.may_join, "room": room },
    });
    let key = EncodingKey::from_secret(claims.secret.as_bytes());
    jsonwebtoken::encode(&Header::new(Algorithm::HS256), &body, &key).unwrap_or_default()
}

/// `CHEVET_BIN`, else what cargo built beside this test.
fn binary() -> anyhow::Result<PathBuf> {
    let path = match std::env::var_os("CHEVET_BIN") {
        // Tests run in the directory of their crate, one below the root.
        Some(path) => Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path),
        None => {
            let test = std::env::current_exe()?;
            test.ancestors().nth(2).context("a test is two levels below its target directory")?.join("chevet")
        }
    };
    ensure!(
        path.exists(),
        "no server to test: `cargo build --bin chevet`, or set CHEVET_BIN ({})",
        path.display()
    );
    Ok(path.canonicalize()?)
}

impl Server {
    /// `name` is that of the log in tests/out/rust.
    pub async fn start(name: &str) -> Server {
        Server::launch(name).await.unwrap_or_else(|error| panic!("{error:#}"))
    }

    async fn launch(name: &str) -> anyhow::Result<Server> {
        let out = Path::new(env!("CARGO_MANIFEST_DIR")).join("out/rust");
        std::fs::create_dir_all(&out)?;
        let log = out.join(format!("{name}.server.log"));
        let data = std::env::temp_dir().join(format!("chevet-test-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&data)?;
        let file = std::fs::File::create(&log)?;
        let mut command = Command::new(binary()?);
        // Our own variables are not the server's settings, and it refuses names that it does not know.
        for (key, _) in std::env::vars_os().filter(|(key, _)| key.to_string_lossy().starts_with("CHEVET_")) {
            command.env_remove(key);
        }
        let child = command
            .args(["serve", "--dev"])
            .envs([
                ("CHEVET_SERVER__PORT", "0"),
                ("CHEVET_RTC__BIND", "127.0.0.1"),
                ("CHEVET_RTC__UDP_PORT", "0"),
                ("CHEVET_RTC__TCP_PORT", "0"),
                ("CHEVET_RTC__WORKERS", "1"),
                ("CHEVET_LOGGING__LEVEL", "debug"),
            ])
            .env("CHEVET_SERVER__DATA_DIR", &data)
            .current_dir(&data)
            .stdin(Stdio::null())
            .stdout(file.try_clone()?)
            .stderr(file)
            .kill_on_drop(true)
            .spawn()?;
        let mut server = Server { child, data, log, port: 0 };
        let end = tokio::time::Instant::now() + crate::DEADLINE;
        loop {
            server.port = server.said_port().unwrap_or(0);
            if server.port != 0 && server.get("/readyz").await.is_ok_and(|(status, _)| status == 200) {
                return Ok(server);
            }
            ensure!(server.alive(), "the server ended at once\n{}", server.tail());
            ensure!(tokio::time::Instant::now() < end, "the server does not get ready\n{}", server.tail());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Where the server keeps what must outlive it.
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// Runs another command of the program, on this data directory: whether it went well, and what it said.
    pub async fn command(words: &[&str], data: &Path) -> anyhow::Result<(bool, String)> {
        let mut command = Command::new(binary()?);
        for (key, _) in std::env::vars_os().filter(|(key, _)| key.to_string_lossy().starts_with("CHEVET_")) {
            command.env_remove(key);
        }
        let output = command.args(words).env("CHEVET_SERVER__DATA_DIR", data).stdin(Stdio::null()).output();
        let output = tokio::time::timeout(crate::DEADLINE, output).await.context("it hangs")??;
        let said = [output.stdout, output.stderr].concat();
        Ok((output.status.success(), String::from_utf8_lossy(&said).into_owned()))
    }

    /// A POST with a JSON body: status and the whole answer.
    pub async fn post(&self, path: &str, body: &serde_json::Value) -> std::io::Result<(u16, String)> {
        let body = body.to_string();
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-type: application/json\r\n\
             content-length: {}\r\n\r\n",
            body.len()
        );
        self.exchange((head + &body).as_bytes(), Duration::from_secs(10)).await
    }

    fn said_port(&self) -> Option<u16> {
        let log = std::fs::read_to_string(&self.log).ok()?;
        let (_, rest) = log.split_once("listening on http://")?;
        // The line may be half written.
        let (address, _) = rest.split_once('\n')?;
        address.rsplit_once(':')?.1.trim().parse().ok()
    }

    pub fn alive(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    pub fn tail(&self) -> String {
        let text = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        let last = lines.get(lines.len().saturating_sub(40)..).unwrap_or_default();
        format!("--- {}\n{}", self.log.display(), last.join("\n"))
    }

    /// Resident memory, in KiB.
    pub fn resident_kib(&self) -> u64 {
        let status = self.child.id().map(|pid| format!("/proc/{pid}/status"));
        let text = status.and_then(|path| std::fs::read_to_string(path).ok()).unwrap_or_default();
        let line = text.lines().find(|line| line.starts_with("VmRSS:")).unwrap_or_default();
        line.split_whitespace().nth(1).and_then(|number| number.parse().ok()).unwrap_or(0)
    }

    pub async fn connect(&self) -> std::io::Result<TcpStream> {
        TcpStream::connect(("127.0.0.1", self.port)).await
    }

    /// Sends bytes, reads until the server closes or `patience` is over; status (0 if there was none) and all of it.
    pub async fn exchange(&self, request: &[u8], patience: Duration) -> std::io::Result<(u16, String)> {
        let mut stream = self.connect().await?;
        // The server may answer and close before it has read all of it.
        let written = stream.write_all(request).await;
        let mut answer = Vec::new();
        let read = tokio::time::timeout(patience, stream.read_to_end(&mut answer)).await;
        let text = String::from_utf8_lossy(&answer).into_owned();
        if text.is_empty() {
            written?;
            if let Ok(read) = read {
                read?;
            }
        }
        let status = text.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
        Ok((status, text))
    }

    pub async fn get(&self, path: &str) -> std::io::Result<(u16, String)> {
        let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
        self.exchange(request.as_bytes(), Duration::from_secs(10)).await
    }

    /// What /metrics says: the name with its labels, and the value.
    pub async fn metrics(&self) -> BTreeMap<String, f64> {
        let (_, text) = self.get("/metrics").await.unwrap_or_default();
        let values = text.lines().filter(|line| !line.starts_with('#'));
        let values = values.filter_map(|line| line.trim().rsplit_once(' '));
        values.filter_map(|(name, value)| Some((name.to_owned(), value.parse().ok()?))).collect()
    }

    /// The sum over all labels of the metrics whose names begin so.
    pub async fn metric(&self, prefix: &str) -> f64 {
        let metrics = self.metrics().await;
        metrics.iter().filter(|(name, _)| name.starts_with(prefix)).map(|(_, value)| value).sum()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.start_kill();
        let _ = std::fs::remove_dir_all(&self.data);
    }
}
