//! The data file at a start, `tierlift check`, and what `tierlift restore` refuses.

use std::{
    fs::{self, File},
    os::unix::fs::FileExt as _,
    path::Path,
};

use super::{printed, serving::Serving, tierlift};

#[test]
fn a_file_without_its_log_is_refused_until_the_loss_is_accepted() {
    let folder = tempfile::tempdir().unwrap();
    let demo = Serving::demo(&folder);
    demo.trigger(&folder, "upgrade", &[], 0, "OK ada");
    drop(demo);
    // What a copy of the one file is.
    for beside in ["demo.db-wal", "demo.db-mark"] {
        fs::remove_file(folder.path().join(beside)).unwrap();
    }
    let args = ["serve", "--demo", "--listen", "127.0.0.1:0", "--data", "demo.db"];
    for args in [&args[..], &["check", "--data", "demo.db"]] {
        let output = tierlift(&folder, &[], args).output().unwrap();
        let printed = printed(&output);
        assert_eq!(output.status.code(), Some(1), "{printed}");
        assert!(printed.contains("error[data.incomplete]: demo.db lacks"), "{printed}");
        assert!(printed.contains("--accept-data-loss"), "{printed}");
    }
    let args = [&args[..], &["--accept-data-loss"]].concat();
    Serving::start(tierlift(&folder, &[], &args)).end();
    let output = tierlift(&folder, &[], &["check", "--data", "demo.db"]).output().unwrap();
    assert_eq!((output.status.code(), printed(&output)), (Some(0), "demo.db: no damage\n".into()));
}

#[test]
fn names_that_are_no_files_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    for name in [":memory:", "file:x?mode=memory"] {
        let args = ["serve", "--demo", "--listen", "127.0.0.1:0", "--data", name];
        let output = tierlift(&folder, &[], &args).output().unwrap();
        let printed = printed(&output);
        assert_eq!(output.status.code(), Some(1), "{printed}");
        assert!(printed.contains("error[data.unusable]"), "{printed}");
    }
}

#[test]
fn damage_is_listed_while_the_file_is_in_use() {
    let folder = tempfile::tempdir().unwrap();
    let demo = Serving::demo(&folder);
    demo.trigger(&folder, "upgrade", &[], 0, "OK ada");
    demo.end();
    damage(&folder.path().join("demo.db"));
    let demo = Serving::demo(&folder);
    let output = tierlift(&folder, &[], &["check", "--data", "demo.db"]).output().unwrap();
    let printed = printed(&output);
    assert_eq!(output.status.code(), Some(1), "{printed}");
    assert!(printed.contains("error[data.damaged]: demo.db is damaged"), "{printed}");
    demo.end();
}

#[test]
fn a_damaged_backup_is_not_restored() {
    let folder = tempfile::tempdir().unwrap();
    let demo = Serving::demo(&folder);
    demo.trigger(&folder, "upgrade", &[], 0, "OK ada");
    demo.end();
    let (data, backup) = (folder.path().join("demo.db"), folder.path().join("backup.db"));
    fs::copy(&data, &backup).unwrap();
    damage(&backup);
    let before = (fs::read(&data).unwrap(), names(folder.path()));
    let args = ["restore", "backup.db", "--data", "demo.db"];
    let output = tierlift(&folder, &[], &args).output().unwrap();
    let printed = printed(&output);
    assert_eq!(output.status.code(), Some(1), "{printed}");
    assert!(printed.contains("error[data.damaged]: the backup is damaged"), "{printed}");
    assert_eq!((fs::read(&data).unwrap(), names(folder.path())), before);
}

/// Makes an account's row unreadable.
fn damage(path: &Path) {
    let state = b"{\"user\":\"ada\"";
    let found = fs::read(path).unwrap().windows(state.len()).position(|bytes| bytes == state);
    let file = File::options().write(true).open(path).unwrap();
    file.write_all_at(b"?", found.unwrap() as u64).unwrap();
}

fn names(folder: &Path) -> Vec<String> {
    let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
    let mut names: Vec<_> = names.map(|name| name.into_string().unwrap()).collect();
    names.sort();
    names
}
