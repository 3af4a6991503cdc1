//! The runbook: docs/operations.md, and the pages below docs/operations for a file, a disk or a machine that fails. What
//! they show to a shell is run by one, in the situation that it is for, and has to end it.

use std::{
    env,
    fs::{self, File},
    os::unix::fs::{FileExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, SystemTime},
};

use rustix::process::{Pid, Resource, Rlimit, prlimit};
use serde_json::Value;
use tierlift_testkit::{harness::now, webhook};

use super::{
    PLANS, SECRETS,
    operations::{Deployment, deliver, subscribe},
    printed,
    serving::Serving,
    tierlift,
};

/// The commands of a page, block by block: one in each line.
fn blocks(page: &str) -> Vec<Vec<String>> {
    let path = format!("{}/../docs/{page}", env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(path).unwrap();
    let block = |text: &str| text.split("```").next().unwrap().lines().map(str::to_owned).collect();
    page.split("```sh\n").skip(1).map(block).collect()
}

/// A machine that a server may run on, as systemd's service `tierlift`.
struct Machine {
    deployment: Deployment,
    serving: Option<Serving>,
    /// The folder of its data, in which commands are run.
    folder: PathBuf,
    /// Variables that a page names.
    variables: Vec<(&'static str, PathBuf)>,
}

impl Machine {
    /// A new one, where nothing has run yet.
    fn new() -> Self {
        let deployment = Deployment::new();
        deployment.configure(PLANS);
        let folder = deployment.folder.path().to_owned();
        Self { deployment, serving: None, folder, variables: Vec::new() }
    }

    /// One with a server, at which ada has paid.
    fn serving() -> Self {
        let mut machine = Self::new();
        machine.start();
        subscribe(machine.server(), "evt_ada", "ada", "a@b.example");
        machine.becomes("ada", "paid");
        machine
    }

    fn start(&mut self) {
        let data = self.folder.join("tierlift.db");
        let args = ["serve", "--listen", "127.0.0.1:0", "--data", data.to_str().unwrap()];
        self.serving = Some(Serving::start(tierlift(&self.deployment.folder, SECRETS, &args)));
    }

    fn stop(&mut self) {
        self.serving.take().unwrap().end();
    }

    fn server(&self) -> &Serving {
        self.serving.as_ref().unwrap()
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Runs a line as a shell does, in which this program is `tierlift`; returns what it printed.
    fn shell(&mut self, line: &str, status: i32) -> String {
        match line {
            "systemctl stop tierlift" => self.stop(),
            "systemctl start tierlift" => self.start(),
            _ => return self.command(line, status),
        }
        String::new()
    }

    fn command(&self, line: &str, status: i32) -> String {
        let program = Path::new(env!("CARGO_BIN_EXE_tierlift")).parent().unwrap();
        let (own, rest) = (self.folder.display(), env::var("PATH").unwrap());
        let path = format!("{own}:{}:{rest}", program.display());
        let address = self.serving.as_ref().and_then(|serving| serving.url.strip_prefix("http://"));
        let line = line.replace("127.0.0.1:8787", address.unwrap_or("127.0.0.1:1"));
        let mut command = Command::new("sh");
        command.args(["-c", &line]).current_dir(&self.folder).env_clear().env("PATH", path);
        command.env("USER", "eve").envs(self.variables.iter().map(|(name, value)| (name, value)));
        let output = command.output().unwrap();
        let printed = printed(&output);
        assert_eq!(output.status.code(), Some(status), "{line}: {printed}");
        printed
    }

    /// Runs a block, each line of which must succeed; returns what it printed.
    fn run(&mut self, block: &[String]) -> String {
        block.iter().map(|line| self.shell(line, 0)).collect()
    }

    fn role(&self, user: &str) -> Value {
        let answer = self.command(&format!("tierlift explain {user} --json"), 0);
        serde_json::from_str::<Value>(&answer).unwrap()["role"].clone()
    }

    fn becomes(&self, user: &str, role: &str) {
        for _ in 0..400 {
            if self.role(user) == role {
                return;
            }
        }
        panic!("{user} is {}", self.role(user));
    }

    /// The files of its folder whose name begins so.
    fn files(&self, prefix: &str) -> Vec<String> {
        let entries = fs::read_dir(&self.folder).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.filter(|name| name.starts_with(prefix)).collect()
    }
}

/// The event with which a user pays.
fn paid(user: &str) -> String {
    webhook::subscription(&format!("evt_{user}"), user, "active", now()).to_string()
}

#[test]
fn the_commands_of_the_runbook_do_what_it_says() {
    let mut machine = Machine::new();
    machine.deployment.configure("[plans]\nprice_other = \"paid\"\n");
    machine.start();
    subscribe(machine.server(), "evt_1", "ada", "a@b.example");
    subscribe(machine.server(), "evt_2", "bob", "a@b.example");
    machine.deployment.eventually("status", |it| it["deadLetters"] == 2);
    machine.stop();
    machine.deployment.configure(PLANS);
    machine.start();
    // What is never applied, whatever the plan map says.
    machine.shell("tierlift dead-letters discard evt_2 --reason later", 0);
    let lines: Vec<String> = blocks("operations.md").concat();
    assert!(lines.len() > 20, "{lines:?}");
    for line in lines {
        if line.starts_with("tierlift dead-letters discard") {
            machine.shell("tierlift dead-letters undiscard evt_2 --reason now", 0);
        }
        machine.shell(&line, 0);
    }
    assert_eq!(machine.role("ada"), "paid");
}

/// Limits the size of the files that a server may write: to it, the disk is full.
fn set_disk_full(serving: &Serving, is_full: bool) {
    let limit = Rlimit { current: is_full.then_some(1), maximum: None };
    prlimit(Some(Pid::from_child(&serving.child)), Resource::Fsize, limit).unwrap();
}

#[test]
fn a_full_disk_is_found_room_is_made_and_nothing_is_lost() {
    let mut machine = Machine::serving();
    let blocks = blocks("operations/disk-full.md");
    let [look, make_room, move_it, is_over] = &blocks[..] else { panic!("{blocks:?}") };
    set_disk_full(machine.server(), true);
    assert_eq!(deliver(machine.server(), &paid("bob")), 503);
    let old = machine.file("tierlift.db.before-1795000000");
    let week_ago = SystemTime::now() - Duration::from_hours(9 * 24);
    File::create(&old).unwrap().set_modified(week_ago).unwrap();
    assert!(machine.run(look).contains("tierlift.db-wal"));
    assert!(
        machine.command("curl -sS http://127.0.0.1:8787/readyz", 0).contains("queue.unavailable")
    );
    assert_eq!(machine.role("ada"), "paid");

    machine.run(make_room);
    assert!(!old.exists() && machine.file("tierlift.db").exists());
    set_disk_full(machine.server(), false);
    while machine.server().ask("/readyz", "").0 != 200 {}
    assert_eq!(deliver(machine.server(), &paid("bob")), 200);
    machine.run(is_over);
    machine.becomes("bob", "paid");

    // To a larger disk.
    let larger = machine.file("larger");
    fs::create_dir(&larger).unwrap();
    machine.variables.push(("LARGER", larger.clone()));
    for line in move_it {
        if line.starts_with("systemctl start") {
            machine.folder.clone_from(&larger);
        }
        machine.shell(line, 0);
    }
    machine.run(is_over);
    assert_eq!((machine.role("ada"), machine.role("bob")), ("paid".into(), "paid".into()));
}

#[test]
fn a_damaged_file_is_replaced_by_a_backup_and_what_came_after_it() {
    let mut machine = Machine::serving();
    machine.shell("tierlift backup backup.db", 0);
    assert_eq!(deliver(machine.server(), &paid("bob")), 200);
    fs::write(machine.file("events.jsonl"), paid("bob")).unwrap();
    machine.becomes("bob", "paid");
    machine.stop();
    let (path, state) = (machine.file("tierlift.db"), b"{\"user\":\"ada\"");
    let found = fs::read(&path).unwrap().windows(state.len()).position(|bytes| bytes == state);
    let file = File::options().write(true).open(&path).unwrap();
    file.write_all_at(b"?", found.unwrap() as u64).unwrap();
    machine.start();
    let ended = webhook::subscription("evt_end", "ada", "canceled", now());
    let ended = webhook::updated(ended, None).to_string();
    assert_eq!(deliver(machine.server(), &ended), 200);
    machine.deployment.eventually("status", |it| it["deadLetters"] == 1);

    let blocks = blocks("operations/damaged-file.md");
    let [look, save, choose, restore, catch_up, is_over] = &blocks[..] else {
        panic!("{blocks:?}")
    };
    assert!(machine.shell(&look[0], 1).contains("error[data.damaged]"));
    assert!(machine.run(&look[1..]).contains("store.corrupt"));
    machine.run(save);
    machine.run(choose);
    let printed = machine.run(restore);
    assert!(printed.contains("kept as tierlift.db.before-"), "{printed}");
    assert_eq!((machine.role("ada"), machine.role("bob")), ("paid".into(), "free".into()));
    machine.run(catch_up);
    machine.becomes("bob", "paid");
    machine.becomes("ada", "free");
    let printed = machine.run(is_over);
    assert!(printed.contains("no damage") && printed.contains("0 dead letters"), "{printed}");
}

/// Not even SQLite opens it. It is kept as it is.
#[test]
fn a_file_that_cannot_be_opened_is_replaced_as_well() {
    let mut machine = Machine::serving();
    machine.shell("tierlift backup backup.db", 0);
    machine.stop();
    let nonsense = vec![b'?'; 8_192];
    fs::write(machine.file("tierlift.db"), &nonsense).unwrap();
    let refused = machine.shell("tierlift status", 1);
    assert!(refused.contains("error[data."), "{refused}");
    machine.shell("tierlift restore backup.db", 0);
    let kept = machine.files("tierlift.db.before-");
    let file = kept.iter().find(|name| !name.ends_with("-wal")).unwrap();
    assert_eq!(fs::read(machine.file(file)).unwrap(), nonsense);
    machine.start();
    assert_eq!(machine.role("ada"), "paid");
}

#[test]
fn a_machine_is_replaced_by_its_file_or_by_a_backup() {
    let blocks = blocks("operations/another-machine.md");
    let [leave, arrive, restore, catch_up, is_over] = &blocks[..] else { panic!("{blocks:?}") };
    let mut old = Machine::serving();
    old.shell("tierlift backup backup.db", 0);
    assert_eq!(deliver(old.server(), &paid("bob")), 200);
    old.becomes("bob", "paid");

    let mut new = Machine::new();
    fs::remove_file(new.file("tierlift.toml")).unwrap();
    old.variables.push(("NEW", new.folder.clone()));
    old.run(leave);
    let printed = new.run(arrive);
    assert!(printed.contains("no damage"), "{printed}");
    assert_eq!((new.role("ada"), new.role("bob")), ("paid".into(), "paid".into()));
    new.run(is_over);

    let mut another = Machine::new();
    fs::copy(old.file("backup.db"), another.file("backup.db")).unwrap();
    fs::write(another.file("events.jsonl"), paid("bob")).unwrap();
    another.run(restore);
    assert_eq!((another.role("ada"), another.role("bob")), ("paid".into(), "free".into()));
    another.run(catch_up);
    another.becomes("bob", "paid");
    another.run(is_over);
}

/// Waits until everything is in the data file, as it is after a quiet moment.
fn is_quiet(machine: &Machine) {
    let is_complete = |metrics: &str| metrics.contains("\ntierlift_checkpoint_age_seconds 0\n");
    while !is_complete(machine.server().ask("/metrics", "").1.as_str().unwrap()) {}
}

/// Stripe's CLI, as far as the page uses it: it lists one event, and notes which it should resend.
const STRIPE: &str = r#"#!/bin/sh
case "$*" in
"events list --limit 100 --created-gte $SINCE") echo '{"data": [{"id": "evt_bob"}]}' ;;
"events resend evt_"*" --webhook-endpoint we_"*) echo "$3" >> resent ;;
*) echo "unknown: $*" >&2; exit 1 ;;
esac
"#;

#[test]
fn the_data_file_is_backed_up_each_way_and_what_came_later_is_resent() {
    let mut machine = Machine::serving();
    let blocks = blocks("operations/data-file.md");
    let [ways, resend] = &blocks[..] else { panic!("{blocks:?}") };
    let (check, ways) = ways.split_last().unwrap();
    assert_eq!(ways.len(), 3, "{ways:?}");
    for way in ways {
        is_quiet(&machine);
        machine.shell(way, 0);
        assert!(machine.shell(check, 0).contains("no damage"), "{way}");
        fs::rename(machine.file("backup.db"), machine.file("kept.db")).unwrap();
    }

    let path = format!("{}/../docs/operations/data-file.md", env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(path).unwrap();
    let quoted = page.split('`').find(|code| code.starts_with("sqlite3 -readonly tierlift.db \""));
    let since = machine.shell(quoted.unwrap(), 0);
    let age = now().as_secs() - since.trim().parse::<i64>().unwrap();
    assert!((3_600..7_200).contains(&age), "{since}");

    assert_eq!(deliver(machine.server(), &paid("bob")), 200);
    machine.becomes("bob", "paid");
    machine.stop();
    machine.shell("tierlift restore kept.db", 0);
    machine.start();
    assert_eq!((machine.role("ada"), machine.role("bob")), ("paid".into(), "free".into()));
    let stripe = machine.file("stripe");
    fs::write(&stripe, STRIPE).unwrap();
    fs::set_permissions(&stripe, fs::Permissions::from_mode(0o700)).unwrap();
    machine.variables.push(("SINCE", since.trim().into()));
    machine.shell(&resend.join("\n"), 0);
    assert_eq!(fs::read_to_string(machine.file("resent")).unwrap(), "evt_bob\n");
    assert_eq!(deliver(machine.server(), &paid("bob")), 200);
    machine.becomes("bob", "paid");
}

/// Of pages for AWS, tests-aws/tests/all/deploy_runbook.rs runs the commands.
#[test]
fn each_page_of_the_runbook_is_run() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/operations");
    let pages = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut pages: Vec<_> =
        pages.map(|page| page.file_name().unwrap().to_str().unwrap().to_owned()).collect();
    pages.sort_unstable();
    let run = ["another-machine.md", "damaged-file.md", "data-file.md", "disk-full.md"];
    assert_eq!(pages, [&run[..], &["region-unavailable.md"]].concat());
}
