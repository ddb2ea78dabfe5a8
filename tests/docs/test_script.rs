//! The script behind `./dev test`: whatever happens to a part or a lane, the run goes on to its summary, and a lane
//! that broke off makes it fail.

use std::process::Command;

use tests::files::root;

/// Runs `script` with the functions of `./dev test` and a folder for the parts; returns the exit code and the standard
/// output. On standard error bash may report that a lane has ended.
fn run(script: &str) -> (Option<i32>, String) {
    let folder = tempfile::tempdir().unwrap();
    let script = format!(
        "set -euo pipefail\nROOT=$PWD TARGET=$1\n. scripts/lib.sh\n. scripts/test.sh\n\
         mkdir -p \"$PARTS\"\n: >\"$PARTS/results\"\n{script}"
    );
    let mut command = Command::new("bash");
    command.args(["-c", &script, "bash"]).arg(folder.path()).current_dir(root());
    let output = command.output().unwrap();
    (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
}

#[test]
fn a_part_that_ends_while_progress_is_printed_does_not_end_the_run() {
    let (code, output) = run("echo one >\"$PARTS/one.log.running\"\n\
         echo two >\"$PARTS/two.log.running\"\n\
         cat() { [[ $1 != */one.log.running ]] || rm \"$1\"; command cat \"$1\"; }\n\
         what_runs\n\
         part three true\n\
         conclude");
    assert_eq!(code, Some(0), "{output}");
    assert!(output.contains("s: two\n"), "{output}");
    assert!(output.ends_with("0 passed, 0 failed, 0 skipped\n"), "{output}");
}

#[test]
fn a_lane_that_breaks_off_fails_the_run_and_the_summary_is_printed() {
    let (code, output) = run("good() { part one true; }\n\
         broken() { false; part two true; }\n\
         lanes broken good\n\
         conclude");
    assert_eq!(code, Some(1), "{output}");
    assert!(output.contains("-- one: ok"), "{output}");
    assert!(output.contains("Failed: broken\n"), "{output}");
    assert!(output.ends_with("0 passed, 1 failed, 0 skipped\n"), "{output}");
}

#[test]
fn a_failed_part_does_not_stop_the_parts_behind_it() {
    let (code, output) = run("lane() { part one false; part two true; }\nlanes lane\nconclude");
    assert_eq!(code, Some(1), "{output}");
    assert!(output.contains("-- two: ok"), "{output}");
    assert!(output.ends_with("0 passed, 1 failed, 0 skipped\n"), "{output}");
}
