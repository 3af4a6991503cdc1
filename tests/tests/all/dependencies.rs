//! Which package may depend on which: Amazon's crates stay behind one package, and that one behind
//! the functions and the operators' program.

use std::process::Command;

/// Runs `cargo tree` and returns its lines.
fn tree(arguments: &[&str]) -> Vec<String> {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["tree", "--offline", "--prefix", "none", "--format", "{p}"]).args(arguments);
    let output = cargo.current_dir(env!("CARGO_MANIFEST_DIR")).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

/// The crates that are compiled for the users of a package.
fn crates_of(package: &str) -> Vec<String> {
    tree(&["--edges", "normal,build", "--all-features", "--package", package])
}

/// Whether a line of the tree names one of these crates, or one that begins so.
fn names(line: &str, crates: &[&str]) -> bool {
    crates.iter().any(|name| line.starts_with(name))
}

#[test]
fn server_and_stages_are_compiled_without_aws() {
    let aws = [
        "aws-",
        "aws_",
        "lambda_",
        "serde_dynamo",
        "tierlift-aws",
        "tierlift-functions",
        "tierlift-operations-aws",
    ];
    for package in [
        "tierlift-core",
        "tierlift-ingest",
        "tierlift-worker",
        "tierlift-notifier",
        "tierlift-session",
        "tierlift-operations",
        "tierlift-embedded",
        "tierlift-cli",
    ] {
        let found = crates_of(package).into_iter().filter(|line| names(line, &aws));
        assert_eq!(found.collect::<Vec<_>>(), [""; 0], "{package}");
    }
}

#[test]
fn only_a_build_with_traces_has_opentelemetry() {
    for package in ["tierlift-cli", "tierlift-functions"] {
        let edges = ["--edges", "normal,build", "--package", package];
        let is_there = |features: &[&str]| {
            let found = tree(&[&edges[..], features].concat());
            found.iter().any(|line| names(line, &["opentelemetry"]))
        };
        assert!(!is_there(&[]), "{package}");
        assert!(is_there(&["--features", "otlp"]), "{package}");
    }
}

#[test]
fn aws_is_compiled_without_stages() {
    let stages = ["ingest", "worker", "notifier", "session", "operations"]
        .map(|name| format!("tierlift-{name}"));
    let stages = stages.each_ref().map(String::as_str);
    let found = crates_of("tierlift-aws").into_iter().filter(|line| names(line, &stages));
    assert_eq!(found.collect::<Vec<_>>(), [""; 0]);
}

#[test]
fn only_functions_operators_and_tests_depend_on_aws() {
    let edges = ["--workspace", "--edges", "normal,build,dev", "--depth", "1"];
    let mut found = tree(&[&edges[..], &["--invert", "tierlift-aws"]].concat());
    let allowed =
        ["tierlift-aws ", "tierlift-functions ", "tierlift-operations-aws ", "tierlift-tests-aws "];
    assert!(found.iter().any(|line| names(line, &allowed[1..2])), "{found:?}");
    found.retain(|line| !line.is_empty() && !names(line, &allowed));
    assert_eq!(found, [""; 0]);
}
