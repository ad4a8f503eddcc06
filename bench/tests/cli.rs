//! The program as a user runs it, against the floors, which need nothing else.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

const SMALL: &str = r#"
about = "one publisher to five, for a moment"
[fanout]
subscribers = 5
[tracks]
video = { kbit_per_second = 1500, pacing = "burst" }
audio = { kbit_per_second = 32 }
[measure]
settle_seconds = 0.5
windows = 2
window_seconds = 1.0
"#;

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("chevet-bench-cli-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Folder(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn bench(folder: &Path, words: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_chevet-bench")).args(words).current_dir(folder).output().unwrap()
}

#[test]
fn a_scenario_runs_against_both_floors_and_leaves_a_list_of_runs_and_a_page() {
    let folder = Folder::new("floors");
    std::fs::write(folder.0.join("small.toml"), SMALL).unwrap();
    let words = ["run", "small.toml", "--target", "floor,floor-gso", "--pin", "off", "--out", "out"];
    let output = bench(&folder.0, &words);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");

    let latest: Value =
        serde_json::from_slice(&std::fs::read(folder.0.join("out/latest.json")).unwrap()).unwrap();
    let runs = latest.as_array().unwrap();
    assert_eq!(runs.len(), 2, "{said}");
    for (run, target) in runs.iter().zip(["floor", "floor-gso"]) {
        assert_eq!((run["scenario"].as_str(), run["target"].as_str()), (Some("small"), Some(target)));
        // 5 x (6 x 30 + 50) = 1,150 packets a second; a busy machine may make the run void, but not empty.
        assert!(run["packets_per_second_received"].as_f64().unwrap() > 500.0, "{run}");
        assert!(run["us_per_packet"].as_f64().unwrap() > 0.1, "{run}");
        assert!(
            run["latency_us"]["p99"].as_f64().unwrap() >= run["latency_us"]["p50"].as_f64().unwrap(),
            "{run}"
        );
        let reasons = run["void_reasons"].as_array().unwrap();
        assert_eq!(run["void"].as_bool(), Some(!reasons.is_empty()));
        let served = |reason: &Value| !reason.as_str().unwrap().contains("not everybody was served");
        assert!(reasons.iter().all(served), "{run}");
    }
    let page = std::fs::read_to_string(folder.0.join("out/report.html")).unwrap();
    assert!(page.contains("<svg") && page.ends_with("</html>\n"));

    let again = bench(&folder.0, &["compare", "out/runs.jsonl", "--of", "floor-gso"]);
    assert!(again.status.success());
}

#[test]
fn what_cannot_be_measured_is_said_and_does_not_end_the_run() {
    let folder = Folder::new("missing");
    std::fs::write(folder.0.join("small.toml"), SMALL).unwrap();
    let words = [
        "run",
        "small.toml",
        "--target",
        "chevet",
        "--binary",
        "/nowhere/chevet",
        "--pin",
        "off",
        "--out",
        "out",
    ];
    let output = bench(&folder.0, &words);
    assert!(output.status.success());
    let latest: Value =
        serde_json::from_slice(&std::fs::read(folder.0.join("out/latest.json")).unwrap()).unwrap();
    let reason = latest[0]["void_reasons"][0].as_str().unwrap();
    assert!(reason.starts_with("not measured") && reason.contains("/nowhere/chevet"), "{reason}");
    assert_eq!(latest[0]["void"].as_bool(), Some(true));
    assert!(latest[0]["us_per_packet"].is_null());
}

#[test]
fn a_wrong_key_in_a_scenario_ends_the_program_with_its_line() {
    let folder = Folder::new("wrong");
    std::fs::write(folder.0.join("mine.toml"), SMALL.replace("subscribers", "subscriber")).unwrap();
    let output = bench(&folder.0, &["run", "mine.toml", "--target", "floor", "--out", "out"]);
    assert!(!output.status.success());
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("line 4") && said.contains("`subscribers`"), "{said}");
}

#[test]
fn the_scenarios_are_listed_and_printed_as_files_to_begin_with() {
    let folder = Folder::new("list");
    let list = String::from_utf8(bench(&folder.0, &["scenarios"]).stdout).unwrap();
    assert!(list.contains("fanout-200") && list.contains("consultations-40"), "{list}");
    let one = String::from_utf8(bench(&folder.0, &["scenarios", "meeting-8"]).stdout).unwrap();
    assert!(one.contains("[meeting]") && one.contains("people = 8"), "{one}");
}
