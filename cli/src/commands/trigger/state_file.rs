//! The live subscriptions that `tierlift trigger` has created, kept from run to run.
//!
//! Stripe would know them; without Stripe a file does. It says nothing about roles: the server does.

use std::{
    collections::BTreeMap,
    env, fs, io,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use tierlift_core::codes::Code;
use tierlift_testkit::lifecycle::Subscription;

use crate::error::{Error, Problem};

/// Subscriptions by server and user.
type State = BTreeMap<String, BTreeMap<String, Vec<Subscription>>>;

/// The file and its content.
#[derive(Debug)]
pub(super) struct StateFile {
    path: PathBuf,
    state: State,
}

impl StateFile {
    /// Reads the file. A missing file is empty.
    pub(super) fn open(path: Option<PathBuf>) -> Result<Self, Error> {
        let path = path.or_else(default_path).ok_or_else(|| {
            let message = "neither XDG_STATE_HOME nor HOME is set; name a file with --state-file";
            Problem::new(Code::UsageInvalid, message)
        })?;
        let state = match fs::read(&path) {
            Ok(json) => serde_json::from_slice(&json).with_context(|| {
                format!("{} is damaged; delete it to start over", path.display())
            })?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => State::default(),
            Err(error) => return Err(anyhow::Error::from(error).context(shown(&path)).into()),
        };
        Ok(Self { path, state })
    }

    /// The live subscriptions of a user at a server.
    pub(super) fn subscriptions(&self, url: &str, user: &str) -> Vec<Subscription> {
        self.state.get(url).and_then(|users| users.get(user)).cloned().unwrap_or_default()
    }

    /// Replaces the live subscriptions of a user at a server.
    pub(super) fn replace(&mut self, url: &str, user: &str, live: Vec<Subscription>) {
        let users = self.state.entry(url.to_owned()).or_default();
        if live.is_empty() {
            users.remove(user);
        } else {
            users.insert(user.to_owned(), live);
        }
    }

    /// Writes the file atomically.
    pub(super) fn save(&self) -> anyhow::Result<()> {
        if let Some(folder) = self.path.parent() {
            fs::create_dir_all(folder).with_context(|| shown(folder))?;
        }
        let mut new = self.path.clone().into_os_string();
        new.push(".new");
        let json = serde_json::to_vec(&self.state)?;
        fs::write(&new, json)
            .and_then(|()| fs::rename(&new, &self.path))
            .with_context(|| shown(&self.path))
    }
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

/// The path by the XDG base directory specification.
fn default_path() -> Option<PathBuf> {
    let set = |name| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let folder = set("XDG_STATE_HOME").or_else(|| Some(set("HOME")?.join(".local/state")))?;
    Some(folder.join("tierlift").join("trigger.json"))
}
