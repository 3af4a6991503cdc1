//! A disk that is nearly full: the server says so before anything fails, and works on. The disk is a file system of its own
//! in memory, which the server alone sees.

use std::{fs, path::PathBuf, process::Command};

use rustix::process::Pid;
use tierlift_testkit::{harness::now, webhook};

use super::{
    PLANS, SECRETS,
    operations::{Deployment, deliver},
    serving::Serving,
    tierlift,
};

/// Its size: the 128 MiB that have to be left, and some room.
const DISK: &str = "mount -t tmpfs -o size=176m tmpfs disk && exec \"$@\"";
const ROOM_BYTES: usize = 48 * 1024 * 1024;

/// Starts a server in a mount namespace of its own, with its data on that disk.
fn serve(deployment: &Deployment) -> Serving {
    fs::create_dir(deployment.folder.path().join("disk")).unwrap();
    let server = ["serve", "--listen", "127.0.0.1:0", "--data", "disk/tierlift.db"];
    let server = tierlift(&deployment.folder, SECRETS, &server);
    let mut command = Command::new("unshare");
    command.args(["--map-root-user", "--mount", "sh", "-c", DISK, "sh"]);
    command.arg(server.get_program()).args(server.get_args());
    command.current_dir(&deployment.folder);
    command.envs(server.get_envs().filter_map(|(name, value)| Some((name, value?))));
    Serving::start(command)
}

/// The disk, as the server sees it.
fn disk(deployment: &Deployment, serving: &Serving) -> PathBuf {
    let root = format!("/proc/{}/root", Pid::from_child(&serving.child).as_raw_nonzero());
    let folder = deployment.folder.path().strip_prefix("/").unwrap();
    PathBuf::from(root).join(folder).join("disk")
}

#[test]
fn a_disk_that_is_nearly_full_is_reported_and_the_server_works_on() {
    let deployment = Deployment::new();
    deployment.configure(PLANS);
    let serving = serve(&deployment);
    let ready = || {
        let (status, answer) = serving.ask("/readyz", "");
        (status, answer["code"].as_str().map(str::to_owned))
    };
    assert_eq!(ready(), (200, None));
    let log = disk(&deployment, &serving).join("another-programs.log");
    fs::write(&log, vec![b'x'; ROOM_BYTES]).unwrap();
    assert_eq!(ready(), (503, Some("disk.full".to_owned())));

    let event = webhook::subscription("evt_1", "ada", "active", now());
    assert_eq!(deliver(&serving, &event.to_string()), 200);
    while serving.ask("/healthz", "").1["queue"]["queued"] != 0 {}
    assert_eq!(ready(), (503, Some("disk.full".to_owned())));
    assert_eq!(serving.ask("/healthz", "").1["queue"]["dead"], 0);

    fs::remove_file(log).unwrap();
    assert_eq!(ready(), (200, None));
    serving.end();
}
