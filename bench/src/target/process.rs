//! A server process of ours: its folder, its log, its end.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// After SIGTERM, until it is killed.
const STOP: Duration = Duration::from_secs(10);
/// Of its log, shown with an error.
const TAIL: usize = 30;

/// A folder of its own for a process, removed at the end unless it shall be kept.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    remove: bool,
}

impl Folder {
    /// Readable by this user only: keys are written into it.
    pub fn make(name: &str, keep: Option<&Path>) -> anyhow::Result<Folder> {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let path = match keep {
            Some(keep) => keep.join(format!("{name}-{number}")),
            None => std::env::temp_dir().join(format!("chevet-bench-{}-{name}-{number}", std::process::id())),
        };
        let made = fs::create_dir_all(&path).and_then(|()| {
            use std::os::unix::fs::PermissionsExt;
            fs::set_permissions(&path, fs::Permissions::from_mode(0o700))
        });
        made.with_context(|| format!("{} cannot be made", path.display()))?;
        // The server may run in another working directory than ours.
        Ok(Folder { path: path.canonicalize()?, remove: keep.is_none() })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn write(&self, name: &str, text: &str) -> anyhow::Result<PathBuf> {
        let path = self.path.join(name);
        fs::write(&path, text).with_context(|| format!("{} cannot be written", path.display()))?;
        Ok(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if self.remove {
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}

/// A process that ends, by its number, when this is dropped.
#[derive(Debug)]
pub struct Process {
    name: String,
    pid: u32,
    child: Mutex<Child>,
    log: PathBuf,
    /// Removed with this.
    _folder: Folder,
}

impl Process {
    /// Starts it in its folder, with all that it says in a log there.
    pub fn start(name: &str, mut command: Command, folder: Folder) -> anyhow::Result<Process> {
        let log = folder.path().join("log");
        let file = fs::File::create(&log)?;
        command.current_dir(folder.path()).stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file);
        let program = command.get_program().to_owned();
        let child = command.spawn().with_context(|| format!("{} cannot be started", program.display()))?;
        Ok(Process { name: name.to_owned(), pid: child.id(), child: Mutex::new(child), log, _folder: folder })
    }

    pub fn pid(&self) -> u32 {
        self.pid
    }

    #[cfg(test)]
    pub fn folder(&self) -> &Folder {
        &self._folder
    }

    #[cfg(test)]
    pub fn usage(&self) -> anyhow::Result<super::Usage> {
        super::Usage::of(self.pid)
    }

    /// All that it said so far.
    pub fn log(&self) -> String {
        fs::read(&self.log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
    }

    /// The last lines of its log, for an error.
    pub fn tail(&self) -> String {
        let log = self.log();
        let lines: Vec<&str> = log.lines().collect();
        let last = lines.get(lines.len().saturating_sub(TAIL)..).unwrap_or_default().join("\n");
        format!("--- the end of what {} said\n{last}\n---", self.name)
    }

    /// An error with the end of its log when it has ended.
    pub fn alive(&self) -> anyhow::Result<()> {
        match self.ended()? {
            None => Ok(()),
            Some(status) => bail!("{} has ended ({status})\n{}", self.name, self.tail()),
        }
    }

    fn ended(&self) -> std::io::Result<Option<ExitStatus>> {
        self.child.lock().unwrap_or_else(PoisonError::into_inner).try_wait()
    }

    /// Looks every 20 ms until it is ready. `what` completes "does not ..." in the error.
    pub async fn wait<T>(
        &self,
        what: &str,
        patience: Duration,
        mut ready: impl AsyncFnMut() -> Option<T>,
    ) -> anyhow::Result<T> {
        let begin = Instant::now();
        loop {
            if let Some(found) = ready().await {
                return Ok(found);
            }
            self.alive()?;
            if begin.elapsed() > patience {
                bail!("{} does not {what} within {} s\n{}", self.name, patience.as_secs(), self.tail());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// SIGTERM, then SIGKILL after 10 s, which is an error. So is a death before or a failure while it stops.
    pub async fn stop(self) -> anyhow::Result<()> {
        self.alive()?;
        kill(Pid::from_raw(i32::try_from(self.pid)?), Signal::SIGTERM)?;
        let begin = Instant::now();
        while begin.elapsed() < STOP {
            if let Some(status) = self.ended()? {
                if !status.success() {
                    bail!("{} did not stop in order ({status})\n{}", self.name, self.tail());
                }
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        bail!(
            "{} had to be killed {} s after it was told to stop\n{}",
            self.name,
            STOP.as_secs(),
            self.tail()
        )
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let child = self.child.get_mut().unwrap_or_else(PoisonError::into_inner);
        if matches!(child.try_wait(), Ok(None)) {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Usage;
    use super::*;

    fn shell(script: &str) -> Process {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        let folder = Folder::make("test", None).expect("a folder");
        Process::start("the script", command, folder).expect("sh")
    }

    #[tokio::test]
    async fn a_process_that_ends_at_once_is_told_with_its_last_words() {
        let process = shell("echo no room in the inn; exit 3");
        let error = process.wait("get ready", Duration::from_secs(5), async || None::<()>).await;
        let text = format!("{:#}", error.expect_err("it ended"));
        assert!(text.contains("no room in the inn") && text.contains("exit status: 3"), "{text}");
    }

    #[tokio::test]
    async fn a_process_is_stopped_in_order_and_its_folder_is_removed() {
        let process = shell("trap 'exit 0' TERM; echo up; while :; do sleep 0.01; done");
        let up = process
            .wait("say so", Duration::from_secs(5), async || process.log().contains("up").then_some(()));
        up.await.expect("up");
        let (pid, path) = (process.pid(), process.folder().path().to_owned());
        assert!(process.usage().is_ok());
        process.stop().await.expect("in order");
        assert!(Usage::of(pid).is_err() && !path.exists());
    }

    #[tokio::test]
    async fn a_dropped_process_is_gone() {
        let process = shell("trap '' TERM; while :; do sleep 0.01; done");
        let pid = process.pid();
        drop(process);
        assert!(Usage::of(pid).is_err());
    }
}
