//! Who depends on whom: Amazon's crates are behind one package, and that behind one feature.

use std::process::Command;

/// The crates that a package is built with, as its users build it.
fn tree(package: &str, features: &[&str]) -> String {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["tree", "--offline", "--edges", "normal,build", "--prefix", "none"]);
    cargo.args(["--package", package]).args(features);
    let listed = cargo.current_dir(env!("CARGO_MANIFEST_DIR")).output().unwrap();
    assert!(listed.status.success(), "{}", String::from_utf8_lossy(&listed.stderr));
    String::from_utf8(listed.stdout).unwrap()
}

fn of_amazon(tree: &str) -> Vec<&str> {
    let ours = ["aws-", "aws_", "lambda_", "serde_dynamo", "tierlift-aws"];
    tree.lines().filter(|line| ours.iter().any(|name| line.starts_with(name))).collect()
}

#[test]
fn one_machine_is_built_without_any_of_amazons_crates() {
    for package in ["tierlift-embedded", "tierlift-cli"] {
        assert_eq!(of_amazon(&tree(package, &[])), [""; 0], "{package}");
    }
}

#[test]
fn the_functions_are_built_with_them() {
    let found = tree("tierlift-worker", &["--features", "lambda"]);
    assert!(of_amazon(&found).iter().any(|line| line.starts_with("aws-sdk-dynamodb")), "{found}");
}
