//! SIGHUP: reads the configuration file again while the server runs.

use std::path::PathBuf;

use tierlift_embedded::Reload;
use tokio::signal::unix::Signal;

use super::settings::{self, Rules};

/// What a running server can read again, and what it cannot replace.
pub(super) struct Reloader {
    pub(super) config: Option<PathBuf>,
    pub(super) demo: bool,
    pub(super) rules: Rules,
    pub(super) reload: Reload,
}

impl Reloader {
    /// Reads the file at every signal. A file that is wrong changes nothing.
    pub(super) async fn run(mut self, mut hangups: Signal) {
        while hangups.recv().await.is_some() {
            match settings::rules(self.config.as_deref(), self.demo) {
                Ok(rules) => self.replace(rules),
                Err(problem) => {
                    let error = problem.message.as_str();
                    tracing::error!(error, "configuration not read again; the old one stays");
                }
            }
        }
    }

    fn replace(&mut self, rules: Rules) {
        if rules.policy.livemode != self.rules.policy.livemode {
            tracing::error!("livemode changed, which needs another data file; the old rules stay");
            return;
        }
        let old = &self.rules;
        let of_start = |it: &Rules| {
            let Rules { allowed_origins, tokens, authorize_cookie, webhooks_out, .. } = it.clone();
            (allowed_origins, tokens, authorize_cookie, webhooks_out, it.stale_ok_seconds)
        };
        if of_start(&rules) != of_start(old) {
            tracing::warn!(
                "allowed_origins, webhooks_out, stale_ok_seconds and what concerns tokens or cookies take effect at the next \
                 start"
            );
        }
        tracing::info!("configuration read again");
        let (policy, accounts) = (rules.policy.clone(), rules.connected_accounts.clone());
        self.reload.replace(policy, accounts);
        self.rules = rules;
    }
}
