//! The runbook on AWS: what docs/operations.md and docs/operations/region-unavailable.md show to a shell is run by one, at a
//! deployed stack. `aws` is the stand-in of tests-aws/ministack/aws.py, which knows what the AWS CLI knows.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path, process::Stdio, time::Duration};

use tierlift_testkit::{
    child::{Child, announced},
    harness::tools,
};

use super::{
    deploy::{Stack, subscribed, template},
    person::Person,
};

/// The blocks of a page.
fn blocks(page: &str) -> Vec<String> {
    let path = format!("{}/../docs/{page}", env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(path).unwrap();
    let block = |text: &str| text.split("```").next().unwrap().to_owned();
    page.split("```bash\n").skip(1).map(block).collect()
}

fn program(folder: &Path, name: &str, script: &str) {
    let file = folder.join(name);
    fs::write(&file, format!("#!/bin/sh\nexec {script} \"$@\"\n")).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o700)).unwrap();
}

/// The shell of somebody who may do everything, with `tierlift` and `aws`.
struct Shell<'a> {
    root: Person<'a>,
}

impl<'a> Shell<'a> {
    fn new(stack: &'a Stack) -> Self {
        let (key, secret) = ("test".to_owned(), "test".to_owned());
        let root = Person { stack, key, secret, folder: tempfile::tempdir().unwrap() };
        let script = tools::script("tests-aws/ministack/aws.py");
        let python = tools::python();
        let folder = root.folder.path();
        program(folder, "aws", &format!("{} -B {}", python.display(), script.display()));
        program(folder, "tierlift", &tools::program("tierlift").display().to_string());
        Self { root }
    }

    /// Runs a block to its end, or to the first command that fails; returns what it printed.
    fn run(&self, block: &str, endpoint: &str, is_done: bool) -> String {
        let mut command = self.root.in_environment("bash");
        let path =
            format!("{}:{}", self.root.folder.path().display(), std::env::var("PATH").unwrap());
        command.args(["-euo", "pipefail", "-c", block]);
        command.env("PATH", path).env("AWS_ENDPOINT_URL", endpoint);
        let output = command.output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let printed = format!("{}{}", text(&output.stdout), text(&output.stderr));
        assert_eq!(output.status.success(), is_done, "{block}: {printed}");
        printed
    }

    /// Runs a block that serves until it is ended; it must announce where.
    fn serve(&self, block: &str) {
        let line = block.trim().strip_prefix("tierlift ").unwrap();
        let words = line.strip_suffix(" --aws --stack tierlift").unwrap();
        let mut command = self.root.command(&format!("{words} --stack tierlift"));
        let mut child = Child::spawn(command.stdout(Stdio::piped())).unwrap();
        let line = |line: &str| line.strip_prefix("console: ").map(str::to_owned);
        announced(child.stdout().unwrap(), line).unwrap();
        child.terminate(Duration::from_secs(30)).unwrap();
    }
}

#[tokio::test]
async fn the_commands_of_the_runbook_are_run_on_aws() {
    let stack = Stack::start_from(&template(), &["Plans=price_other=paid"]).await;
    let shell = Shell::new(&stack);
    let endpoint = stack.endpoint();
    stack.accepts(&subscribed("evt_ada", "ada")).await;
    shell.root.eventually("status", |it| it["deadLetters"] == 1);
    stack.update(&["Plans=price_pro=paid"]);

    let mut run = 0;
    for block in blocks("operations.md") {
        if block.starts_with("tierlift console") {
            shell.serve(&block);
        } else {
            shell.run(&block, &endpoint, true);
        }
        run += 1;
    }
    assert!(run >= 2, "{run}");
    shell.root.eventually("explain ada", |it| it["role"] == "paid");

    // The region is unavailable, and comes back.
    let blocks = blocks("operations/region-unavailable.md");
    let [look, back, replay, is_over] = &blocks[..] else { panic!("{blocks:?}") };
    let lines: Vec<&str> = look.lines().collect();
    for line in &lines {
        let printed = shell.run(line, "http://127.0.0.1:1", false);
        assert!(
            !line.starts_with("tierlift") || printed.contains("error[aws.unavailable]"),
            "{printed}"
        );
    }
    shell.run(look, &endpoint, true);
    let printed = shell.run(back, &endpoint, true);
    assert!(printed.contains("Enabled"), "{printed}");
    let event = subscribed("evt_bob", "bob").to_string();
    fs::write(shell.root.folder.path().join("events.jsonl"), event).unwrap();
    shell.run(replay, &endpoint, true);
    shell.root.eventually("explain bob", |it| it["role"] == "paid");
    shell.run(is_over, &endpoint, true);
}
