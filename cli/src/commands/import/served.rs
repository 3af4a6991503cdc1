//! An import or a reconciliation by the server that has the data file. The run is the server's: a command that is ended
//! ends nothing, and the same command shows the run again.
#![expect(clippy::indexing_slicing, reason = "a key that a JSON value lacks is null")]

use anyhow::{Context as _, anyhow};
use serde_json::{Value, json};
use tierlift_core::{codes::Code, observation::Because, reconciliation::Reconciliation};
use tierlift_embedded::{Imported, ObjectLines};

use super::{Progress, report};
use crate::{commands::print_line, error::Error, limits::RECONCILE_POLL_INTERVAL, operator::Door};

/// Has the server reconcile, and prints what it finds.
pub(super) fn reconcile(door: &Door, because: Because, is_dry_run: bool) -> Result<(), Error> {
    let asked = json!({ "because": because.as_str(), "dryRun": is_dry_run });
    let mut shown = door.post("/reconcile", &asked)?;
    if shown["isNew"] != true {
        print_line("the server is reconciling already; this is what it finds");
    }
    let number = shown["number"].clone();
    let mut progress: Option<Progress> = None;
    while shown["running"] == true && shown["number"] == number {
        if let Some(state) = state(&shown)? {
            progress.get_or_insert_with(|| Progress::new(&state)).show(&state);
        }
        std::thread::sleep(RECONCILE_POLL_INTERVAL);
        shown = door.get("/reconcile")?;
    }
    if let Some(progress) = progress {
        progress.end();
    }
    if let Some(code) = shown["failure"]["code"].as_str() {
        let code = Code::parse(code).unwrap_or(Code::CommandFailed);
        let detail = shown["failure"]["detail"].as_str().unwrap_or_default().to_owned();
        return Err(Error::failed(code, anyhow!(detail)));
    }
    if let Some(done) = state(&shown)? {
        for line in report::lines(&done, shown["dryRun"] == true) {
            print_line(&line);
        }
    }
    Ok(())
}

/// Has the server take lines of a file.
pub(super) fn import(door: &Door, lines: &ObjectLines) -> Result<Imported, Error> {
    let body = serde_json::to_value(lines).context("the lines are no JSON")?;
    let imported = door.post("/import", &body)?;
    Ok(serde_json::from_value(imported).context("the server's answer cannot be read")?)
}

fn state(shown: &Value) -> Result<Option<Reconciliation>, Error> {
    let state = serde_json::from_value(shown["state"].clone());
    Ok(state.context("the server's answer cannot be read")?)
}
