//! What was bought, remembered from run to run: live subscriptions by server and user.
//!
//! Stripe would know it; without Stripe a file does. It is no truth about any role: the server is.

use std::{
    collections::BTreeMap,
    env, fs, io,
    path::{Path, PathBuf},
};

use anyhow::Context as _;

use crate::exit::Failure;
use tierlift_testkit::lifecycle::Subscription;

type Known = BTreeMap<String, BTreeMap<String, Vec<Subscription>>>;

/// The file and what is in it.
#[derive(Debug)]
pub(crate) struct Memory {
    path: PathBuf,
    known: Known,
}

impl Memory {
    /// Reads the file; none is an empty memory.
    pub(crate) fn open(path: Option<PathBuf>) -> Result<Self, Failure> {
        let path = path.or_else(usual_path).ok_or_else(|| {
            Failure::Usage("neither XDG_STATE_HOME nor HOME is set; give --memory".to_owned())
        })?;
        let known = match fs::read(&path) {
            Ok(json) => serde_json::from_slice(&json)
                .with_context(|| format!("{} cannot be read; remove it", path.display()))?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Known::default(),
            Err(error) => return Err(anyhow::Error::from(error).context(shown(&path)).into()),
        };
        Ok(Self { path, known })
    }

    /// A user's live subscriptions at a server.
    pub(crate) fn of(&self, url: &str, user: &str) -> Vec<Subscription> {
        self.known.get(url).and_then(|users| users.get(user)).cloned().unwrap_or_default()
    }

    /// Replaces what is known of a user at a server.
    pub(crate) fn put(&mut self, url: &str, user: &str, live: Vec<Subscription>) {
        let users = self.known.entry(url.to_owned()).or_default();
        if live.is_empty() {
            users.remove(user);
        } else {
            users.insert(user.to_owned(), live);
        }
    }

    /// Writes the file, whole or not at all.
    pub(crate) fn save(&self) -> anyhow::Result<()> {
        if let Some(folder) = self.path.parent() {
            fs::create_dir_all(folder).with_context(|| shown(folder))?;
        }
        let mut beside = self.path.clone().into_os_string();
        beside.push(".new");
        let json = serde_json::to_vec(&self.known)?;
        fs::write(&beside, json)
            .and_then(|()| fs::rename(&beside, &self.path))
            .with_context(|| shown(&self.path))
    }
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

/// As the XDG base directories say.
fn usual_path() -> Option<PathBuf> {
    let set = |name| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let folder = set("XDG_STATE_HOME").or_else(|| Some(set("HOME")?.join(".local/state")))?;
    Some(folder.join("tierlift").join("simulate.json"))
}
