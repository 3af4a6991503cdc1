//! A deployment: its settings, its address, its data file, its end.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    process::{Command, Stdio},
};

use rustix::process::{Pid, Signal, kill_process};

use super::{SECRETS, check, printed, serving::Serving, tierlift};

#[test]
fn a_deployment_is_what_its_file_and_environment_say() {
    let folder = tempfile::tempdir().unwrap();
    let config = "roles = [\"a\", \"b\"]\nplans.price_b = \"b\"\npolicy.past_due = \"revoke\"\n";
    std::fs::write(folder.path().join("other.toml"), config).unwrap();
    let args = ["serve", "--listen", "127.0.0.1:0", "--config", "other.toml"];
    let serving = Serving::start(tierlift(&folder, SECRETS, &args));
    assert_eq!(serving.ask("/demo", "").0, 404);
    let secrets = ["--secret", SECRETS[0].1, "--jwt-secret", SECRETS[1].1, "--price", "price_b"];
    let checked = |role| [&secrets[..], &["--expect", role]].concat();
    serving.trigger(&folder, "upgrade", &checked("b"), 0, "OK ada: role b");
    serving.trigger(&folder, "past_due", &checked("a"), 0, "OK ada: role a");
    let unchecked = ["--secret", SECRETS[0].1, "--price", "price_b"];
    serving.trigger(&folder, "upgrade", &unchecked, 0, "not checked");
    serving.end();
}

#[test]
fn a_changed_plan_is_listed_first_and_applied_at_a_hangup() {
    let folder = tempfile::tempdir().unwrap();
    let config = |role: &str| {
        let text = format!("roles = [\"free\", \"paid\", \"pro\"]\nplans.price_pro = \"{role}\"\n");
        std::fs::write(folder.path().join("tierlift.toml"), text).unwrap();
    };
    config("paid");
    let args = ["serve", "--listen", "127.0.0.1:0"];
    let serving = Serving::start(tierlift(&folder, SECRETS, &args));
    let secrets = ["--secret", SECRETS[0].1, "--jwt-secret", SECRETS[1].1];
    let checked = |role| [&secrets[..], &["--expect", role]].concat();
    serving.trigger(&folder, "upgrade", &checked("paid"), 0, "OK ada: role paid");

    config("pro");
    let dry_run = || {
        // Beside the server, and without its secrets.
        let output = tierlift(&folder, &[], &["serve", "--dry-run"]).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", printed(&output));
        printed(&output)
    };
    assert_eq!(dry_run(), "ada\tpaid → pro\n1 account would change: paid → pro: 1\n");
    kill_process(Pid::from_child(&serving.child), Signal::HUP).unwrap();
    let applied = (0..1_000).any(|_| dry_run() == "0 accounts would change\n");
    assert!(applied, "{}", dry_run());
    serving.trigger(&folder, "past_due", &checked("pro"), 0, "OK ada: role pro");

    // A file that is wrong changes nothing.
    std::fs::write(folder.path().join("tierlift.toml"), "plans.price_pro = 1").unwrap();
    kill_process(Pid::from_child(&serving.child), Signal::HUP).unwrap();
    serving.trigger(&folder, "upgrade", &checked("pro"), 0, "OK ada: role pro");
    serving.end();
}

#[test]
fn a_second_server_gets_neither_the_address_nor_the_data_file() {
    let folder = tempfile::tempdir().unwrap();
    let demo = Serving::demo(&folder);
    let address = demo.url.trim_start_matches("http://");
    for (listen, data, error) in [
        (address, "other.db", "error[listen.failed]: cannot listen on"),
        ("127.0.0.1:0", "demo.db", "error[data.in_use]: demo.db is in use"),
    ] {
        let args = ["serve", "--demo", "--listen", listen, "--data", data];
        let output = tierlift(&folder, &[], &args).output().unwrap();
        let printed = printed(&output);
        assert_eq!(output.status.code(), Some(1), "{printed}");
        assert!(printed.contains(error), "{printed}");
    }
    demo.end();
    let args = ["trigger", "upgrade", "--user", "ada", "--url", "http://127.0.0.1:9"];
    check(&[], None, &args, 1, &["error[server.unavailable]: http://127.0.0.1:9/webhooks/stripe"]);
}

#[test]
fn every_signal_ends_the_server_in_order_or_not_at_all() {
    let folder = tempfile::tempdir().unwrap();
    for signal in [Signal::TERM, Signal::INT, Signal::QUIT] {
        let mut serving = Serving::demo(&folder);
        let pid = Pid::from_child(&serving.child);
        for harmless in [Signal::HUP, Signal::USR1, Signal::USR2, Signal::XFSZ] {
            kill_process(pid, harmless).unwrap();
        }
        let (status, _) = serving.ask("/healthz", "");
        assert_eq!(status, 200);
        kill_process(pid, signal).unwrap();
        assert_eq!(serving.child.wait().unwrap().code(), Some(0), "{signal:?}");
    }
}

#[test]
fn a_file_that_may_not_grow_is_no_end_of_the_server() {
    let folder = tempfile::tempdir().unwrap();
    let program = tierlift(&folder, &[], &[]);
    let limited = "ulimit -f 512; exec \"$0\" serve --demo --listen 127.0.0.1:0 --data demo.db";
    let mut shell = Command::new("sh");
    shell.args(["-c", limited]).arg(program.get_program()).current_dir(&folder);
    let serving = Serving::start(shell);
    let posted = (0..2_000).find_map(|user| {
        let (status, body) = serving.simulate(&format!("user{user}"), "upgrade");
        (status != 202).then_some(body)
    });
    let refused = posted.expect("the file has a limit").to_string();
    assert!(refused.contains("503") && refused.contains("queue.unavailable"), "{refused}");
    let (status, _) = serving.ask("/healthz", "");
    assert_eq!(status, 200, "it is alive");
}

#[test]
fn a_second_signal_does_not_wait() {
    let folder = tempfile::tempdir().unwrap();
    let args = ["serve", "--demo", "--listen", "127.0.0.1:0"];
    let mut serving = Serving::start_logging(tierlift(&folder, &[], &args), Stdio::piped());
    let mut log = BufReader::new(serving.child.stderr.take().unwrap()).lines();
    // A webhook whose body does not come holds up the end. It is waited for once it is asked for.
    let mut slow = TcpStream::connect(serving.url.trim_start_matches("http://")).unwrap();
    let head = "POST /webhooks/stripe HTTP/1.1\r\nhost: localhost\r\nstripe-signature: t=1,v1=0\r\n\
                content-length: 9\r\nexpect: 100-continue\r\n\r\n";
    slow.write_all(head.as_bytes()).unwrap();
    let mut asked = [0; 12];
    slow.read_exact(&mut asked).unwrap();
    assert_eq!(&asked, b"HTTP/1.1 100");
    let pid = Pid::from_child(&serving.child);
    kill_process(pid, Signal::TERM).unwrap();
    assert!(log.any(|line| line.unwrap().contains("signal again to end at once")));
    kill_process(pid, Signal::TERM).unwrap();
    assert_eq!(serving.child.wait().unwrap().code(), Some(1));
}
