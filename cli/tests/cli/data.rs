//! The data file at a start, and `tierlift check`.

use std::{
    fs::{self, File},
    os::unix::fs::FileExt as _,
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
    let path = folder.path().join("demo.db");
    let state = b"{\"user\":\"ada\"";
    let found = fs::read(&path).unwrap().windows(state.len()).position(|bytes| bytes == state);
    let file = File::options().write(true).open(&path).unwrap();
    file.write_all_at(b"?", found.unwrap() as u64).unwrap();
    let demo = Serving::demo(&folder);
    let output = tierlift(&folder, &[], &["check", "--data", "demo.db"]).output().unwrap();
    let printed = printed(&output);
    assert_eq!(output.status.code(), Some(1), "{printed}");
    assert!(printed.contains("error[data.damaged]: demo.db is damaged"), "{printed}");
    demo.end();
}
