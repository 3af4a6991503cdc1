//! The outcome of a run: waits until the server has applied what it accepted, and compares roles.
//!
//! It asks as an application would: with a token, by `GET /session`, and with a refresh if the token
//! is stale. Without a token it cannot ask, and says so.

use std::{thread, time::Instant};

use anyhow::{Context as _, anyhow, bail};
use serde::Deserialize;
use serde_json::{Value, json};
use tierlift_core::{
    codes::Code,
    id::{RevocationId, UserId},
    token,
};
use tierlift_embedded::system_clock;
use ureq::Agent;

use super::print_line;
use crate::{
    credentials::JWT_SECRET_VAR,
    error::{Error, Problem},
    limits::{DRAIN_POLL_INTERVAL, DRAIN_TIMEOUT},
    webhooks,
};

/// The role that users must have.
pub(super) struct Check<'a> {
    pub(super) url: &'a str,
    pub(super) users: &'a [String],
    pub(super) role: &'a str,
    pub(super) jwt_secret: Option<&'a str>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct IssuedToken {
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
    queue: QueueDepth,
}

#[derive(Deserialize)]
struct QueueDepth {
    queued: u64,
    dead: u64,
}

enum SessionResponse {
    Session(Session),
    Stale,
}

impl Check<'_> {
    /// Prints OK or MISMATCH for each user; fails on a mismatch.
    pub(super) fn run(&self) -> Result<(), Error> {
        let agent = webhooks::agent();
        if self.token(&agent, self.users.first().map_or("", String::as_str))?.is_none() {
            for user in self.users {
                print_line(&format!("{user}: expected role {}", self.role));
            }
            let how = format!("set {JWT_SECRET_VAR}, or trigger against a --demo server");
            print_line(&format!("not checked: {how}"));
            return Ok(());
        }
        let dead_letters = self.wait_until_drained(&agent)?;
        let mut mismatches = 0;
        for user in self.users {
            let session = self.session(&agent, user)?;
            let verdict = if session.role == self.role { "OK" } else { "MISMATCH" };
            mismatches += usize::from(session.role != self.role);
            print_line(&format!(
                "{verdict} {user}: role {}, expected {}, revocation id {}",
                session.role, self.role, session.revocation_id
            ));
        }
        if mismatches == 0 {
            return Ok(());
        }
        let hint = match dead_letters {
            0 => String::new(),
            _ => format!("; the server has {dead_letters} dead letters, is the price in [plans]?"),
        };
        let error = anyhow!("{mismatches} of {} roles are not as expected{hint}", self.users.len());
        Err(Error::failed(Code::RoleUnexpected, error))
    }

    /// Waits until the queue is empty; returns the number of dead letters.
    fn wait_until_drained(&self, agent: &Agent) -> anyhow::Result<u64> {
        let start = Instant::now();
        loop {
            let url = format!("{}/healthz", self.url);
            let mut response = agent.get(&url).call().with_context(|| url.clone())?;
            let text = response.body_mut().read_to_string()?;
            let health: Health =
                serde_json::from_str(&text).with_context(|| format!("{url} answered {text:?}"))?;
            if health.queue.queued == 0 {
                return Ok(health.queue.dead);
            }
            if start.elapsed() > DRAIN_TIMEOUT {
                bail!("{} events are still queued after {DRAIN_TIMEOUT:?}", health.queue.queued);
            }
            thread::sleep(DRAIN_POLL_INTERVAL);
        }
    }

    /// A token for a user: signed with the secret, else from the demo's login, else `None`.
    fn token(&self, agent: &Agent, user: &str) -> Result<Option<String>, Error> {
        if let Some(secret) = self.jwt_secret {
            let secret = token::Secret::new(secret).map_err(|error| {
                Problem::new(Code::SecretInvalid, format!("--jwt-secret: {error}"))
            })?;
            let user = UserId::new(user).map_err(anyhow::Error::from)?;
            return Ok(Some(secret.mint(&user, RevocationId::default(), system_clock().now())));
        }
        Ok(self.demo_token(agent, user)?)
    }

    fn demo_token(&self, agent: &Agent, user: &str) -> anyhow::Result<Option<String>> {
        let mut response = agent
            .post(format!("{}/demo/login", self.url))
            .header("Content-Type", "application/json")
            .send(json!({ "userId": user }).to_string())?;
        if !response.status().is_success() {
            return Ok(None);
        }
        let text = response.body_mut().read_to_string()?;
        let issued: Option<IssuedToken> = serde_json::from_str(&text).ok();
        Ok(issued.map(|issued| issued.access_token))
    }

    fn session(&self, agent: &Agent, user: &str) -> Result<Session, Error> {
        let token = self.token(agent, user)?.context("the server issues no tokens")?;
        if let SessionResponse::Session(session) = self.get_session(agent, &token)? {
            return Ok(session);
        }
        let fresh = self.refresh(agent, &token)?;
        match self.get_session(agent, &fresh)? {
            SessionResponse::Session(session) => Ok(session),
            SessionResponse::Stale => Err(anyhow!("the role of {user} is still changing").into()),
        }
    }

    fn get_session(&self, agent: &Agent, token: &str) -> anyhow::Result<SessionResponse> {
        let url = format!("{}/session", self.url);
        let bearer = format!("Bearer {token}");
        let mut response = agent.get(&url).header("Authorization", &bearer).call()?;
        let text = response.body_mut().read_to_string()?;
        if response.status().is_success() {
            return Ok(SessionResponse::Session(serde_json::from_str(&text)?));
        }
        let problem: Value = serde_json::from_str(&text).unwrap_or_default();
        if problem.get("code").and_then(Value::as_str) == Some(Code::TokenStale.as_str()) {
            return Ok(SessionResponse::Stale);
        }
        bail!("{url}: {}: {text}; is --jwt-secret the server's?", response.status());
    }

    fn refresh(&self, agent: &Agent, token: &str) -> anyhow::Result<String> {
        let url = format!("{}/session/refresh", self.url);
        let bearer = format!("Bearer {token}");
        let mut response = agent.post(&url).header("Authorization", &bearer).send_empty()?;
        let text = response.body_mut().read_to_string()?;
        let issued: IssuedToken =
            serde_json::from_str(&text).with_context(|| format!("{url} answered {text:?}"))?;
        Ok(issued.access_token)
    }
}
