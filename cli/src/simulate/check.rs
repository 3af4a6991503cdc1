//! How it ended: waits until the server has applied what it accepted, and asks for the roles.
//!
//! It asks as an application would: a token, `GET /session`, and a refresh where the token is stale.
//! Without a token there is nothing to ask with, and it says so rather than call that fine.

use std::{
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, anyhow, bail};
use serde::Deserialize;
use serde_json::{Value, json};
use tierlift_core::{
    codes::Code,
    id::{RevocationId, UserId},
    time::Timestamp,
    token,
};
use ureq::Agent;

use super::{now_millis, say, send};
use crate::{credentials::JWT_SECRET_VAR, exit::Failure};

/// How long a server may take to apply what it accepted.
const DRAIN_MAX: Duration = Duration::from_mins(2);
const PAUSE: Duration = Duration::from_millis(50);

/// Whose role must be what.
pub(super) struct Check<'a> {
    pub(super) url: &'a str,
    pub(super) users: &'a [String],
    pub(super) role: &'a str,
    pub(super) jwt_secret: Option<&'a str>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Issued {
    access_token: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Session {
    role: String,
    revocation_id: u64,
}

#[derive(Deserialize)]
struct Health {
    queue: Depth,
}

#[derive(Deserialize)]
struct Depth {
    queued: u64,
    dead: u64,
}

impl Check<'_> {
    /// Prints OK or MISMATCH for each user; fails where there is a mismatch.
    pub(super) fn run(&self) -> Result<(), Failure> {
        let agent = send::agent();
        if self.token(&agent, self.users.first().map_or("", String::as_str))?.is_none() {
            for user in self.users {
                say(&format!("{user}: expected role {}", self.role));
            }
            say(&format!("not checked: set {JWT_SECRET_VAR}, or simulate against a --demo server"));
            return Ok(());
        }
        let parked = self.drained(&agent)?;
        let mut mismatches = 0;
        for user in self.users {
            let session = self.session(&agent, user)?;
            let verdict = if session.role == self.role { "OK" } else { "MISMATCH" };
            mismatches += usize::from(session.role != self.role);
            say(&format!(
                "{verdict} {user}: role {}, expected {}, revocation id {}",
                session.role, self.role, session.revocation_id
            ));
        }
        if mismatches == 0 {
            return Ok(());
        }
        let hint = match parked {
            0 => String::new(),
            _ => format!("; the server has {parked} dead letters, is the price in [plans]?"),
        };
        Err(anyhow!("{mismatches} of {} roles are not as expected{hint}", self.users.len()).into())
    }

    /// Waits until the queue is empty; says how many dead letters there are.
    fn drained(&self, agent: &Agent) -> anyhow::Result<u64> {
        let start = Instant::now();
        loop {
            let url = format!("{}/healthz", self.url);
            let mut answer = agent.get(&url).call().with_context(|| url.clone())?;
            let text = answer.body_mut().read_to_string()?;
            let health: Health =
                serde_json::from_str(&text).with_context(|| format!("{url} answered {text:?}"))?;
            if health.queue.queued == 0 {
                return Ok(health.queue.dead);
            }
            if start.elapsed() > DRAIN_MAX {
                bail!("{} events are still queued after {DRAIN_MAX:?}", health.queue.queued);
            }
            thread::sleep(PAUSE);
        }
    }

    /// A token of a user: made by the secret, else by the demo's login; `None` where neither is.
    fn token(&self, agent: &Agent, user: &str) -> Result<Option<String>, Failure> {
        if let Some(secret) = self.jwt_secret {
            let secret = token::Secret::new(secret)
                .map_err(|error| Failure::Usage(format!("--jwt-secret: {error}")))?;
            let user = UserId::new(user).map_err(anyhow::Error::from)?;
            let now = Timestamp::from_millis(now_millis());
            return Ok(Some(secret.mint(&user, RevocationId::default(), now)));
        }
        let body = json!({ "userId": user }).to_string();
        let answer = agent
            .post(format!("{}/demo/login", self.url))
            .header("Content-Type", "application/json")
            .send(body);
        let mut answer = answer.map_err(anyhow::Error::from)?;
        if !answer.status().is_success() {
            return Ok(None);
        }
        let text = answer.body_mut().read_to_string().map_err(anyhow::Error::from)?;
        let issued: Option<Issued> = serde_json::from_str(&text).ok();
        Ok(issued.map(|issued| issued.access_token))
    }

    fn session(&self, agent: &Agent, user: &str) -> Result<Session, Failure> {
        let token = self.token(agent, user)?.context("no token").map_err(Failure::Run)?;
        Ok(match self.ask(agent, &token)? {
            Asked::Session(session) => session,
            Asked::Stale => {
                let fresh = self.refresh(agent, &token)?;
                match self.ask(agent, &fresh)? {
                    Asked::Session(session) => session,
                    Asked::Stale => return Err(anyhow!("{user}'s role is still changing").into()),
                }
            }
        })
    }

    fn ask(&self, agent: &Agent, token: &str) -> anyhow::Result<Asked> {
        let url = format!("{}/session", self.url);
        let bearer = format!("Bearer {token}");
        let mut answer = agent.get(&url).header("Authorization", &bearer).call()?;
        let text = answer.body_mut().read_to_string()?;
        if answer.status().is_success() {
            return Ok(Asked::Session(serde_json::from_str(&text)?));
        }
        let problem: Value = serde_json::from_str(&text).unwrap_or_default();
        if problem.get("code").and_then(Value::as_str) == Some(Code::TokenStale.as_str()) {
            return Ok(Asked::Stale);
        }
        bail!("{url}: {}: {text}; is the token secret the server's?", answer.status());
    }

    fn refresh(&self, agent: &Agent, token: &str) -> anyhow::Result<String> {
        let url = format!("{}/session/refresh", self.url);
        let bearer = format!("Bearer {token}");
        let mut answer = agent.post(&url).header("Authorization", &bearer).send_empty()?;
        let text = answer.body_mut().read_to_string()?;
        let issued: Issued =
            serde_json::from_str(&text).with_context(|| format!("{url} answered {text:?}"))?;
        Ok(issued.access_token)
    }
}

enum Asked {
    Session(Session),
    Stale,
}
