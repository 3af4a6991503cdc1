//! Live sockets behind API Gateway: one row of the table for each, and its management API to push to
//! them
//! (<https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-how-to-call-websocket-api-connections.html>).
//!
//! A row is a hint: only a push shows whether a socket is live. The row of a socket that ended without
//! `$disconnect` is deleted after the next push to it, or by its TTL.
//!
//! The failure of one socket is that socket's alone: what API Gateway refuses to deliver to it, such as to a client
//! that does not read, ends the socket, and its client comes back and asks for a snapshot. Only what concerns all
//! sockets is an error: a missing right, or an API that cannot be reached.

mod deduped;

use std::{
    fmt,
    hash::{Hash, Hasher},
    sync::Arc,
};

use aws_sdk_apigatewaymanagement::{self as gateway, error::SdkError, primitives::Blob};
use aws_sdk_dynamodb::{self as dynamodb, types::AttributeValue};
use tierlift_core::{
    change::Change,
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
/// The user of a socket.
const USER: &str = "conn_user";
/// Time at which a socket was opened, in milliseconds since the epoch.
const CONNECTED_AT: &str = "connected_at";
/// Time at which the token was issued that opened it, in the same way, if the token says so.
const TOKEN_ISSUED_AT: &str = "token_issued_at";
/// Time from which that token is refused, in the same way.
const TOKEN_VALID_UNTIL: &str = "token_valid_until";
/// The index of sockets by user.
const INDEX: &str = "connections";

/// API Gateway's id of a socket.
#[derive(Clone)]
pub struct ConnectionId {
    id: Arc<str>,
    /// When it was opened, where the index says so. It is no part of the id.
    opened_at: Option<Timestamp>,
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
        Self { id: id.into(), opened_at: None }
    }

    /// The id in a row of the index.
    fn of_row(row: &Item) -> Option<Self> {
        let id = text(row, PK)?.strip_prefix(PREFIX)?.into();
        let opened_at = integer(row, CONNECTED_AT).map(Timestamp::from_millis);
        Some(Self { id, opened_at })
    }

    /// The text of the id.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.id
    }

    fn key(&self) -> String {
        format!("{PREFIX}{}", self.id)
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
        self.delete_row(socket).await
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

    async fn row(
        &self,
        socket: &ConnectionId,
        consistent: bool,
    ) -> Result<Option<Item>, SocketsError> {
        let request = self.rows.get_item().table_name(&self.table).consistent_read(consistent);
        let request = request.key(PK, AttributeValue::S(socket.key()));
        Ok(request.send().await.map_err(|error| failed(&error))?.item)
    }

    async fn delete_row(&self, socket: &ConnectionId) -> Result<(), SocketsError> {
        let request = self.rows.delete_item().table_name(&self.table);
        let request = request.key(PK, AttributeValue::S(socket.key()));
        request.send().await.map_err(|error| failed(&error))?;
        Ok(())
    }

    /// A page of a user's sockets, and the key at which the next one starts.
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
        Ok(sockets)
    }

    /// A socket whose token has expired hears that instead, and ends.
    async fn push_change(
        &self,
        socket: &ConnectionId,
        _: &Arc<Change>,
        text: &str,
    ) -> Result<Pushed, SocketsError> {
        // The row's times never change, so any copy of it will do. An unreadable one ends at the client's next frame.
        let row = self.row(socket, false).await?.unwrap_or_default();
        let valid_until = integer(&row, TOKEN_VALID_UNTIL).map(Timestamp::from_millis);
        if valid_until.is_some_and(|until| until <= self.clock.now()) {
            self.end_with(socket, frame::TOKEN_EXPIRED).await?;
            return Ok(Pushed::Gone);
        }
        self.push(socket, text).await
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
        self.delete_row(socket).await
    }
}

impl GatewaySockets for Connections {
    async fn open(&self, socket: &ConnectionId, holder: &Holder) -> Result<(), SocketsError> {
        let Holder { user, opened_at, token } = holder;
        let mut attributes = Item::from([
            (USER.to_owned(), AttributeValue::S(user.to_string())),
            (CONNECTED_AT.to_owned(), number(opened_at.as_millis())),
            (TOKEN_VALID_UNTIL.to_owned(), number(token.valid_until.as_millis())),
            (TTL.to_owned(), number(opened_at.plus_secs(CONNECTION_KEPT_SECS).as_secs())),
        ]);
        attributes
            .extend(token.issued_at.map(|at| (TOKEN_ISSUED_AT.to_owned(), number(at.as_millis()))));
        let request = self.rows.put_item().table_name(&self.table);
        request
            .set_item(Some(new_item(socket.key(), attributes)))
            .send()
            .await
            .map_err(|error| failed(&error))?;
        Ok(())
    }

    async fn holder(&self, socket: &ConnectionId) -> Result<Option<Holder>, SocketsError> {
        let Some(row) = self.row(socket, true).await? else { return Ok(None) };
        let key = socket.key();
        check_item(&row, &key).map_err(|error| SocketsError(error.into()))?;
        let time = |name| integer(&row, name).map(Timestamp::from_millis);
        match (text(&row, USER).map(UserId::new), time(CONNECTED_AT), time(TOKEN_VALID_UNTIL)) {
            (Some(Ok(user)), Some(opened_at), Some(valid_until)) => {
                let token = TokenTimes { issued_at: time(TOKEN_ISSUED_AT), valid_until };
                Ok(Some(Holder { user, opened_at, token }))
            }
            _ => Err(SocketsError(format!("{key} names no user or no time").into())),
        }
    }

    async fn close(&self, socket: &ConnectionId) -> Result<(), SocketsError> {
        match self.gateway.delete_connection().connection_id(socket.as_str()).send().await {
            Ok(_) => {}
            Err(error) if is_gone(&error) => {}
            Err(error) => return Err(failed(&error)),
        }
        self.delete_row(socket).await
    }
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
