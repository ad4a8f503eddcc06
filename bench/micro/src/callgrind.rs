//! Runs this very program under `valgrind --tool=callgrind` and reads what was counted.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, bail, ensure};

/// Names of [`crate::measure`], whatever way they are mangled. Two patterns that begin alike behind their first star are
/// not both found (valgrind 3.19).
const REGION: &str = "*counted_region*";
const END: &str = "*end_of_figure*";

/// Instructions of each unit of work, in the order of the run.
pub type Figures = Vec<(String, f64)>;

pub fn version() -> anyhow::Result<String> {
    let output = Command::new("valgrind")
        .arg("--version")
        .output()
        .context("valgrind does not start; `tools/setup test` installs it")?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// What a run gave: its figures, and the lines that describe it (name, value).
pub struct Counted {
    pub figures: Figures,
    pub told: Vec<(String, String)>,
}

/// Counts. The dumps stay in `folder`, for `callgrind_annotate`.
pub fn count(folder: &Path) -> anyhow::Result<Counted> {
    version()?;
    if folder.exists() {
        std::fs::remove_dir_all(folder)?;
    }
    std::fs::create_dir_all(folder)?;
    let out = folder.join("callgrind");
    let program = std::env::current_exe().context("the path of this program")?;
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--quiet", "--dump-instr=no"])
        .arg(format!("--callgrind-out-file={}", out.display()))
        .arg(format!("--toggle-collect={REGION}"))
        .arg(format!("--dump-before={END}"))
        .arg(program)
        .arg("run")
        // What could differ between two users of one machine.
        .env_clear()
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .context("valgrind does not start")?;
    ensure!(output.status.success(), "the counted run ended with {}", output.status);
    let text = String::from_utf8(output.stdout).context("the counted run printed something strange")?;
    let mut counted = Counted { figures: Vec::new(), told: Vec::new() };
    for line in text.lines() {
        let (name, value) = line.split_once('\t').with_context(|| format!("not a figure: {line}"))?;
        let Some(name) = name.strip_prefix('#') else {
            let dump = dump(&out, counted.figures.len() + 1);
            let dumped = std::fs::read_to_string(&dump)
                .with_context(|| format!("{name} has no dump {}", dump.display()))?;
            let units: f64 = value.parse()?;
            counted.figures.push((name.to_owned(), total(&dumped)? as f64 / units));
            // A call that had begun before the dump did counts as none, and callgrind_annotate takes its costs for the
            // caller's own.
            let annotatable = dumped.replace("\ncalls=0 ", "\ncalls=1 ");
            std::fs::write(folder.join(format!("{name}.callgrind")), annotatable)?;
            std::fs::remove_file(&dump)?;
            continue;
        };
        counted.told.push((name.to_owned(), value.to_owned()));
    }
    let next = dump(&out, counted.figures.len() + 1);
    ensure!(!next.exists(), "there are more dumps than figures");
    Ok(counted)
}

/// Callgrind numbers its dumps from 1.
fn dump(out: &Path, number: usize) -> PathBuf {
    let mut name = out.as_os_str().to_owned();
    name.push(format!(".{number}"));
    PathBuf::from(name)
}

/// The instructions of a dump (Callgrind Format Specification: `totals`, of the one event `Ir`).
fn total(dump: &str) -> anyhow::Result<u64> {
    let value = |name| dump.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
    ensure!(value("events:") == Some("Ir"), "the dump does not count instructions");
    let Some(total) = value("totals:") else { bail!("the dump has no total") };
    let total = total.parse().with_context(|| format!("not a total: {total}"))?;
    ensure!(total > 0, "nothing was counted: were the functions of the marks inlined?");
    Ok(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_total_of_a_dump_is_read_and_an_empty_one_is_refused() {
        let dump = "version: 1\nevents: Ir\nfn=(1) x\n1 5\ntotals: 1234\n";
        assert_eq!(total(dump).unwrap(), 1234);
        assert!(total("events: Ir\ntotals: 0\n").is_err());
        assert!(total("events: Ir\n").is_err());
        assert!(total("events: Ir Dr\ntotals: 3 4\n").is_err());
    }
}
