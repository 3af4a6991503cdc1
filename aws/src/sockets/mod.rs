//! Live sockets behind API Gateway: one row of the table for each, one more for each account beside its
//! user's own that its token speaks for, and its management API to push to them
//! (<https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-how-to-call-websocket-api-connections.html>).
//!
//! A row is a hint: only a push shows whether a socket is live. The rows of a socket that ended without
//! `$disconnect` are deleted after the next push to it, or by their TTL. The socket's own row is written last, so
//! that whoever is found by another account has one.
//!
//! The failure of one socket is that socket's alone: what API Gateway refuses to deliver to it, such as to a client
//! that does not read, ends the socket, and its client comes back and asks for a snapshot. Only what concerns all
//! sockets is an error: a missing right, or an API that cannot be reached.

mod deduped;

use std::{
    collections::BTreeSet,
    fmt,
    hash::{Hash, Hasher},
    sync::Arc,
};

use aws_sdk_apigatewaymanagement::{self as gateway, error::SdkError, primitives::Blob};
use aws_sdk_dynamodb::{
    self as dynamodb,
    types::{AttributeValue, ReturnValue},
};
use futures_util::future::try_join_all;
use tierlift_core::{
    id::UserId,
    limits::{
        CONNECTION_KEPT_SECS, CONNECTION_OPENING_SECS, CONNECTION_PAGES_MAX,
        CONNECTIONS_PER_PAGE_MAX,
    },
    ports::{GatewaySockets, Holder, Pushed, Sockets, SocketsError},
    time::{Clock, Timestamp},
    token::TokenTimes,
    wire::frame,
};

use crate::{
    Sdk,
    sdk::with_sources,
    store::{Item, PK, TTL, check_item, integer, new_item, number, text},
};

pub use deduped::DedupedSockets;

const PREFIX: &str = "CONN#";
/// In the key of a row by which a socket follows an account beside its user's own: behind the id, before a number.
const FOLLOWS: char = '#';
/// The user of a socket, or an account that it follows.
const USER: &str = "conn_user";
/// The accounts beside the user's own, in the order of the claims.
const OTHERS: &str = "others";
/// Time at which a socket was opened, in milliseconds since the epoch.
const CONNECTED_AT: &str = "connected_at";
/// Time at which the token was issued that opened it, in the same way, if the token says so.
const TOKEN_ISSUED_AT: &str = "token_issued_at";
/// Time from which that token is refused, in the same way.
const TOKEN_VALID_UNTIL: &str = "token_valid_until";
/// The index of sockets by account.
const INDEX: &str = "connections";

/// API Gateway's id of a socket.
#[derive(Clone)]
pub struct ConnectionId {
    id: Arc<str>,
    /// When it was opened, where the index says so. It is no part of the id.
    opened_at: Option<Timestamp>,
    /// The number of the followed account by which the index found it, beside its user's own. Nor is this.
    follows: Option<usize>,
}

impl PartialEq for ConnectionId {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

impl Eq for ConnectionId {}

impl Hash for ConnectionId {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.id.hash(state);
    }
}

impl ConnectionId {
    /// The id as API Gateway writes it.
    #[must_use]
    pub fn new(id: &str) -> Self {
        Self { id: id.into(), opened_at: None, follows: None }
    }

    /// The id in a row of the index.
    fn of_row(row: &Item) -> Option<Self> {
        let key = text(row, PK)?.strip_prefix(PREFIX)?;
        let (id, follows) = match key.split_once(FOLLOWS) {
            Some((id, number)) => (id, Some(number.parse().ok()?)),
            None => (key, None),
        };
        let opened_at = integer(row, CONNECTED_AT).map(Timestamp::from_millis);
        Some(Self { id: id.into(), opened_at, follows })
    }

    /// The text of the id.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.id
    }

    fn key(&self) -> String {
        format!("{PREFIX}{}", self.id)
    }

    /// The key of the row by which the socket follows the account of that number.
    fn follower_key(&self, number: usize) -> String {
        format!("{PREFIX}{}{FOLLOWS}{number}", self.id)
    }

    /// Whether its handshake may not have ended: API Gateway does not know the socket until then.
    fn is_opening(&self, now: Timestamp) -> bool {
        self.opened_at.is_some_and(|at| now < at.plus_secs(CONNECTION_OPENING_SECS))
    }
}

impl fmt::Debug for ConnectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.id)
    }
}

/// The sockets of one WebSocket API.
#[derive(Clone, Debug)]
pub struct Connections {
    rows: dynamodb::Client,
    gateway: gateway::Client,
    table: String,
    clock: Clock,
}

impl Connections {
    /// The sockets whose rows are in `table`, behind the `@connections` endpoint of an API's stage.
    #[must_use]
    pub fn new(sdk: &Sdk, table: impl Into<String>, endpoint: &str) -> Self {
        let config = gateway::config::Builder::from(sdk.config()).endpoint_url(endpoint).build();
        Self {
            rows: dynamodb::Client::new(sdk.config()),
            gateway: gateway::Client::from_conf(config),
            table: table.into(),
            clock: crate::clock(),
        }
    }

    /// Ends a socket that cannot be reached. If that fails as well, its row is gone nevertheless, and its next frame
    /// ends it.
    async fn end(&self, socket: &ConnectionId) -> Result<(), SocketsError> {
        let request = self.gateway.delete_connection().connection_id(socket.as_str());
        if let Err(error) = request.send().await {
            tracing::debug!(?socket, error = %with_sources(&error), "could not close socket");
        }
        self.delete_rows(socket).await
    }

    /// Ends a socket. The gateway does it with a code of its own, so a frame says why before that.
    async fn end_with(
        &self,
        socket: &ConnectionId,
        (code, reason): (u16, &str),
    ) -> Result<(), SocketsError> {
        match self.push(socket, &frame::close(code, reason)).await? {
            Pushed::Sent => self.close(socket).await,
            Pushed::Gone => self.forget(socket).await,
        }
    }

    async fn put_row(&self, key: String, attributes: Item) -> Result<(), SocketsError> {
        let request = self.rows.put_item().table_name(&self.table);
        let request = request.set_item(Some(new_item(key, attributes)));
        request.send().await.map_err(|error| failed(&error))?;
        Ok(())
    }

    /// Deletes the rows of a socket: its own, and those that it names. One that is left over from a deletion that
    /// was interrupted is deleted once the index has found it.
    async fn delete_rows(&self, socket: &ConnectionId) -> Result<(), SocketsError> {
        let own = self.delete_row(socket.key()).await?.unwrap_or_default();
        let mut followers: BTreeSet<usize> = (0..followed(&own)).collect();
        followers.extend(socket.follows);
        let keys = followers.into_iter().map(|number| socket.follower_key(number));
        try_join_all(keys.map(|key| self.delete_row(key))).await?;
        Ok(())
    }

    /// Deletes a row; returns what it was.
    async fn delete_row(&self, key: String) -> Result<Option<Item>, SocketsError> {
        let request = self.rows.delete_item().table_name(&self.table);
        let request = request.key(PK, AttributeValue::S(key)).return_values(ReturnValue::AllOld);
        Ok(request.send().await.map_err(|error| failed(&error))?.attributes)
    }

    /// A page of the sockets that follow an account, and the key at which the next one starts.
    async fn page(
        &self,
        user: &UserId,
        start: Option<Item>,
    ) -> Result<(Vec<ConnectionId>, Option<Item>), SocketsError> {
        let page = self
            .rows
            .query()
            .table_name(&self.table)
            .index_name(INDEX)
            .key_condition_expression("#user = :user")
            .expression_attribute_names("#user", USER)
            .expression_attribute_values(":user", AttributeValue::S(user.to_string()))
            .scan_index_forward(false)
            .limit(i32::try_from(CONNECTIONS_PER_PAGE_MAX).unwrap_or(i32::MAX))
            .set_exclusive_start_key(start)
            .send()
            .await
            .map_err(|error| failed(&error))?;
        let ids = page.items().iter().filter_map(ConnectionId::of_row).collect();
        Ok((ids, page.last_evaluated_key))
    }
}

impl Sockets for Connections {
    type Id = ConnectionId;

    /// Newest first, so that those above a limit are at the end. The index is eventually consistent.
    async fn for_user(&self, user: &UserId) -> Result<Vec<ConnectionId>, SocketsError> {
        let (mut sockets, mut next) = self.page(user, None).await?;
        for _ in 1..CONNECTION_PAGES_MAX {
            let Some(start) = next else { break };
            let more;
            (more, next) = self.page(user, Some(start)).await?;
            sockets.extend(more);
        }
        if next.is_some() {
            tracing::error!(user = user.as_str(), "more sockets than can be listed");
        }
        Ok(sockets)
    }

    async fn push(&self, socket: &ConnectionId, text: &str) -> Result<Pushed, SocketsError> {
        let request = self.gateway.post_to_connection().connection_id(socket.as_str());
        match request.data(Blob::new(text)).send().await {
            Ok(_) => Ok(Pushed::Sent),
            Err(error) if is_gone(&error) => Ok(Pushed::Gone),
            Err(error) if concerns_all(&error) => Err(failed(&error)),
            Err(error) => {
                tracing::warn!(?socket, error = %with_sources(&error), "socket ended");
                self.end(socket).await?;
                Ok(Pushed::Gone)
            }
        }
    }

    /// The row says with which token the socket was opened.
    async fn revoke(
        &self,
        socket: &ConnectionId,
        revoked_before: Timestamp,
    ) -> Result<bool, SocketsError> {
        let Some(holder) = self.holder(socket).await? else { return Ok(false) };
        if !holder.token.is_revoked(revoked_before) {
            return Ok(false);
        }
        self.end_with(socket, frame::REVOKED).await?;
        Ok(true)
    }

    /// A socket that is still opening is kept: its first `sync` brings what it missed.
    async fn forget(&self, socket: &ConnectionId) -> Result<(), SocketsError> {
        if socket.is_opening(self.clock.now()) {
            return Ok(());
        }
        self.delete_rows(socket).await
    }
}

impl GatewaySockets for Connections {
    async fn opened_by(&self, user: &UserId) -> Result<Vec<ConnectionId>, SocketsError> {
        let mut sockets = self.for_user(user).await?;
        sockets.retain(|socket| socket.follows.is_none());
        Ok(sockets)
    }

    async fn open(&self, socket: &ConnectionId, holder: &Holder) -> Result<(), SocketsError> {
        let Holder { user, others, opened_at, token } = holder;
        let indexed = |account: &UserId| {
            Item::from([
                (USER.to_owned(), AttributeValue::S(account.to_string())),
                (CONNECTED_AT.to_owned(), number(opened_at.as_millis())),
                (TTL.to_owned(), number(opened_at.plus_secs(CONNECTION_KEPT_SECS).as_secs())),
            ])
        };
        let followed = others.iter().enumerate();
        try_join_all(
            followed.map(|(number, account)| {
                self.put_row(socket.follower_key(number), indexed(account))
            }),
        )
        .await?;
        let mut own = indexed(user);
        own.insert(TOKEN_VALID_UNTIL.to_owned(), number(token.valid_until.as_millis()));
        own.extend(token.issued_at.map(|at| (TOKEN_ISSUED_AT.to_owned(), number(at.as_millis()))));
        if !others.is_empty() {
            let ids = others.iter().map(|id| AttributeValue::S(id.to_string())).collect();
            own.insert(OTHERS.to_owned(), AttributeValue::L(ids));
        }
        self.put_row(socket.key(), own).await
    }

    async fn holder(&self, socket: &ConnectionId) -> Result<Option<Holder>, SocketsError> {
        let key = socket.key();
        let request = self.rows.get_item().table_name(&self.table).consistent_read(true);
        let request = request.key(PK, AttributeValue::S(key.clone()));
        let answer = request.send().await.map_err(|error| failed(&error))?;
        let Some(row) = answer.item else { return Ok(None) };
        let holder = check_item(&row, &key).ok().and_then(|()| holder_of(&row));
        if holder.is_none() {
            tracing::error!(key, "the row of a socket cannot be understood");
        }
        Ok(holder)
    }

    async fn close(&self, socket: &ConnectionId) -> Result<(), SocketsError> {
        match self.gateway.delete_connection().connection_id(socket.as_str()).send().await {
            Ok(_) => {}
            Err(error) if is_gone(&error) => {}
            Err(error) => return Err(failed(&error)),
        }
        self.delete_rows(socket).await
    }
}

/// Who a row says holds its socket; `None` where tierlift did not write it.
fn holder_of(row: &Item) -> Option<Holder> {
    let time = |name| integer(row, name).map(Timestamp::from_millis);
    let token =
        TokenTimes { issued_at: time(TOKEN_ISSUED_AT), valid_until: time(TOKEN_VALID_UNTIL)? };
    let user = UserId::new(text(row, USER)?).ok()?;
    Some(Holder { user, others: others(row)?, opened_at: time(CONNECTED_AT)?, token })
}

/// The number of accounts beside the user's own that a row names.
fn followed(row: &Item) -> usize {
    row.get(OTHERS).and_then(|listed| listed.as_l().ok()).map_or(0, Vec::len)
}

/// The accounts beside the user's own that a row names; `None` where one of them is no id.
fn others(row: &Item) -> Option<Vec<UserId>> {
    let Some(listed) = row.get(OTHERS) else { return Some(Vec::new()) };
    let id = |value: &AttributeValue| UserId::new(value.as_s().ok()?).ok();
    listed.as_l().ok()?.iter().map(id).collect()
}

/// Whether the response is 410: the socket does not exist any more.
fn is_gone<E>(error: &SdkError<E>) -> bool {
    error.raw_response().is_some_and(|response| response.status().as_u16() == 410)
}

/// Whether a failed push would fail for every socket: there is no right to push (403), or no API at that address.
fn concerns_all<E>(error: &SdkError<E>) -> bool {
    let is_forbidden =
        error.raw_response().is_some_and(|response| response.status().as_u16() == 403);
    is_forbidden || matches!(error, SdkError::ConstructionFailure(_) | SdkError::DispatchFailure(_))
}

fn failed(error: &dyn std::error::Error) -> SocketsError {
    SocketsError(with_sources(error))
}
