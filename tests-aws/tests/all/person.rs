//! People with credentials who run operators' commands at a deployed stack.

use std::process::Command;

use serde_json::Value;
use tierlift_testkit::{
    harness::{client::Request, tools},
    json_schema,
};

use super::{deploy::Stack, emulator::IAM_AUTHORIZATION};

/// How often a command is repeated until its answer is as wanted. Each takes a tenth of a second.
const REPEATS_MAX: usize = 200;

/// A person with credentials.
pub(super) struct Person<'a> {
    pub(super) stack: &'a Stack,
    pub(super) key: String,
    pub(super) secret: String,
    pub(super) folder: tempfile::TempDir,
}

impl<'a> Person<'a> {
    /// A person with these policies of the stack.
    pub(super) async fn with(stack: &'a Stack, name: &str, policies: &[&str]) -> Self {
        let user = format!("UserName={name}");
        iam(stack, &format!("Action=CreateUser&{user}")).await;
        for policy in policies {
            let policy = stack.output(policy);
            iam(stack, &format!("Action=AttachUserPolicy&{user}&PolicyArn={policy}")).await;
        }
        let made = iam(stack, &format!("Action=CreateAccessKey&{user}")).await;
        let element = |name: &str| {
            let after = made.split_once(&format!("<{name}>")).unwrap().1;
            after.split_once("</").unwrap().0.to_owned()
        };
        let folder = tempfile::tempdir().unwrap();
        Self { stack, key: element("AccessKeyId"), secret: element("SecretAccessKey"), folder }
    }

    /// Runs a command; returns what it printed.
    pub(super) fn run(&self, line: &str, status: i32) -> String {
        let output = self.command(line).output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let printed = format!("{}{}", text(&output.stdout), text(&output.stderr));
        assert_eq!(output.status.code(), Some(status), "{line}: {printed}");
        if status == 0 { text(&output.stdout) } else { printed }
    }

    pub(super) fn command(&self, line: &str) -> Command {
        // The command starts it.
        assert!(tools::program("tierlift-aws").exists());
        let mut command = self.in_environment(tools::program("tierlift"));
        command.args(line.split(' ')).arg("--aws");
        command
    }

    /// A program with their credentials, in their folder.
    pub(super) fn in_environment(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.folder).env_clear();
        command.env("USER", "eve").env("AWS_REGION", "us-east-1");
        command.env("AWS_ENDPOINT_URL", self.stack.endpoint());
        command.env("AWS_ACCESS_KEY_ID", &self.key).env("AWS_SECRET_ACCESS_KEY", &self.secret);
        command
    }

    pub(super) fn json(&self, line: &str) -> Value {
        serde_json::from_str(&self.run(&format!("{line} --json"), 0)).unwrap()
    }

    /// The answer of a command, which must be as the schema of that name describes it: the same as for a data file.
    pub(super) fn checked(&self, name: &str, line: &str) -> Value {
        let answer = self.json(line);
        check(name, &answer);
        answer
    }

    /// Repeats a command until its answer is as wanted.
    pub(super) fn eventually(&self, line: &str, is_wanted: impl Fn(&Value) -> bool) -> Value {
        for _ in 0..REPEATS_MAX {
            let answer = self.json(line);
            if is_wanted(&answer) {
                return answer;
            }
        }
        panic!("{line}: {}", self.json(line));
    }
}

/// Checks a value by one of the schemas of operators' answers.
pub(super) fn check(name: &str, value: &Value) {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/reference/operations.schema.json");
    let schema: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let errors = json_schema::errors_by(&schema, name, value);
    assert!(errors.is_empty(), "{name}: {errors:?}\n{value:#}");
}

/// Calls IAM as the account's root; returns its XML.
async fn iam(stack: &Stack, form: &str) -> String {
    let form = format!("{form}&Version=2010-05-08");
    let request = Request::new("POST", "/").header("authorization", IAM_AUTHORIZATION);
    let request = request.header("content-type", "application/x-www-form-urlencoded");
    let answer = stack.send(request.body(form.as_bytes())).await;
    assert_eq!(answer.status, 200, "{form}: {}", answer.body);
    answer.body
}

pub(super) const ACTS: [&str; 2] = ["OperatorReadPolicyArn", "OperatorActPolicyArn"];
