use super::*;

fn refused(text: &str) -> String {
    format!("{:#}", Scenario::parse("mine", text).unwrap_err())
}

#[test]
fn every_scenario_that_comes_with_the_bench_is_valid_and_says_what_it_is() {
    for name in Scenario::names() {
        let scenario = Scenario::find(name, None).unwrap();
        assert!(scenario.about.len() > 20, "{name}: {}", scenario.about);
    }
}

#[test]
fn every_file_of_the_scenario_folder_comes_with_the_bench() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let stem = entry.path().file_stem().unwrap().to_string_lossy().into_owned();
        assert!(Scenario::names().any(|name| name == stem), "{stem} is not built in");
    }
}

#[test]
fn an_unknown_key_is_refused_with_its_line_and_the_allowed_ones() {
    let text =
        "about = 'x'\n[fanout]\nsubscribers = 3\nsubscriber = 4\n[tracks.audio]\nkbit_per_second = 32\n";
    let error = refused(text);
    assert!(error.contains("mine.toml") && error.contains("line 4"), "{error}");
    assert!(error.contains("`subscriber`") && error.contains("`publishers`"), "{error}");
}

#[test]
fn a_wrong_value_is_refused_with_its_line_and_the_allowed_ones() {
    let text =
        "about = 'x'\n[fanout]\nsubscribers = 3\n[tracks.video]\nkbit_per_second = 100\npacing = 'bursty'\n";
    let error = refused(text);
    assert!(error.contains("line 6") && error.contains("`burst`") && error.contains("`paced`"), "{error}");
}

#[test]
fn two_loads_and_none_are_refused_by_name() {
    let tracks = "[tracks.audio]\nkbit_per_second = 32\n";
    let both = refused(&format!("about = 'x'\n[meeting]\npeople = 3\n[fanout]\nsubscribers = 1\n{tracks}"));
    assert!(both.contains("[fanout] and [meeting]"), "{both}");
    let none = refused(&format!("about = 'x'\n{tracks}"));
    assert!(none.contains("[join-storm]"), "{none}");
}

#[test]
fn values_without_sense_are_refused_with_their_range() {
    let fps =
        "about = 'x'\n[meeting]\npeople = 3\n[tracks.video]\nkbit_per_second = 100\nframes_per_second = 0\n";
    assert!(refused(fps).contains("1 to 120"), "{}", refused(fps));
    let stranger = refused(
        "about = 'x'\nwithout = ['jitsi']\n[meeting]\npeople = 3\n[tracks.audio]\nkbit_per_second = 32\n",
    );
    assert!(stranger.contains("jitsi") && stranger.contains("janus-threads"), "{stranger}");
    let alone = "about = 'x'\n[meeting]\npeople = 1\n[tracks.audio]\nkbit_per_second = 32\n";
    assert!(refused(alone).contains("at least 2"), "{}", refused(alone));
    let silent = "about = 'x'\n[meeting]\npeople = 4\n";
    assert!(refused(silent).contains("nothing is sent"), "{}", refused(silent));
}

#[test]
fn the_quiet_form_of_the_tracks_sends_next_to_nothing() {
    let scenario = Scenario::find("fanout-200", None).unwrap();
    assert!(scenario.tracks.packets_per_second() > 200.0);
    assert!(scenario.tracks.quiet().packets_per_second() < 6.0);
    assert_eq!(scenario.tracks.quiet().specs().len(), scenario.tracks.specs().len());
}

#[test]
fn packets_follow_from_bit_rate_and_frame_rate() {
    let text = "about = 'x'\n[meeting]\npeople = 2\n[tracks]\nvideo = { kbit_per_second = 1500 }\naudio = { kbit_per_second = 32 }\n";
    let scenario = Scenario::parse("mine", text).unwrap();
    // 6,250 bytes a frame are six packets.
    assert_eq!(scenario.tracks.packets_per_second(), 6.0 * 30.0 + 50.0);
}
