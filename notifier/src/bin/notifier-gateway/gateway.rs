//! What happens on a socket of API Gateway, and what it is answered.
//!
//! API Gateway holds the socket; we keep a row that says whose it is. The index by user that a change
//! is told by may be a moment behind, so a socket that opens while its user's role changes could
//! miss the notice and get the snapshot of before. Its next ping brings that to light: where the
//! role changed lately and since the socket opened, a snapshot follows the pong.

use http::{HeaderMap, HeaderValue, Response, StatusCode, header::SEC_WEBSOCKET_PROTOCOL};
use tierlift_aws::{
    lambda::{Function, SocketEvent, What},
    sockets::{ConnectionId, Connections},
};
use tierlift_core::{
    codes::Code,
    id::UserId,
    limits::{CATCH_UP_SECS, COMMIT_SECS_MAX, SOCKET_FRAME_BYTES_MAX, SOCKETS_PER_USER_MAX},
    ports::{PushError, Sockets as _, Store as _},
    time::{Clock, Timestamp},
    wire::{
        frame::{self, ClientFrame, SUBPROTOCOL},
        problem,
        session::Session,
    },
};
use tierlift_notifier::{Close, Origins, Refused, Reply, answer, offered_token};
use tierlift_session::Rolling;

type Answer = Response<String>;

/// What it takes to serve sockets.
pub(crate) struct Gateway {
    rolling: Rolling,
    connections: Connections,
    origins: Origins,
    clock: Clock,
}

/// Why a socket does not open.
enum Closed {
    Offer(Refused),
    Session(tierlift_session::Error),
    Secrets(tierlift_aws::secrets::Error),
    Connections(PushError),
}

impl Gateway {
    /// What the function's environment says.
    pub(crate) async fn open(function: &Function) -> anyhow::Result<Self> {
        let environment = &function.environment;
        let endpoint = environment.connections_endpoint()?;
        let origins = Origins::parse(environment.allowed_origins())
            .map_err(|text| anyhow::anyhow!("TIERLIFT_ALLOWED_ORIGINS: {text:?} is no origin"))?;
        Ok(Self {
            rolling: Rolling::open(function).await?,
            connections: Connections::new(&function.sdk, environment.table()?, endpoint),
            origins,
            clock: function.clock.clone(),
        })
    }

    pub(crate) async fn answer(&self, SocketEvent { socket, what }: SocketEvent) -> Answer {
        match what {
            What::Opens(headers) => match self.let_in(&socket, &headers).await {
                Ok(()) => opened(),
                Err(error) => error.answer(),
            },
            What::Says(text) if text.len() > SOCKET_FRAME_BYTES_MAX => {
                self.close(&socket, Close::FrameTooLarge).await
            }
            What::Says(text) => self.reply(&socket, &text).await,
            What::SaysBytes => self.close(&socket, Close::FrameInvalid).await,
            What::Closed => self.closed(&socket).await,
        }
    }

    async fn let_in(&self, socket: &ConnectionId, headers: &HeaderMap) -> Result<(), Closed> {
        self.origins.check(headers).map_err(Closed::Offer)?;
        let token = offered_token(headers).map_err(Closed::Offer)?;
        let access = self.rolling.access().await.map_err(Closed::Secrets)?;
        let account = access.authenticate(token).await.map_err(Closed::Session)?;
        let opened = self.connections.open(socket, &account.user, self.clock.now()).await;
        opened.map_err(Closed::Connections)?;
        self.make_room(&account.user, socket).await;
        Ok(())
    }

    /// Of too many sockets of one user the oldest are closed. The index may be a moment behind, so
    /// for a moment there may be some more.
    async fn make_room(&self, user: &UserId, newest: &ConnectionId) {
        let Ok(mut sockets) = self.connections.for_user(user).await else { return };
        // The newest come first; this one may not be in the index yet.
        sockets.retain(|socket| socket != newest);
        for socket in sockets.iter().skip(SOCKETS_PER_USER_MAX - 1) {
            self.close(socket, Close::TooManySockets).await;
        }
    }

    async fn reply(&self, socket: &ConnectionId, text: &str) -> Answer {
        let (user, opened_at) = match self.connections.holder(socket).await {
            Ok(Some(holder)) => holder,
            // Nobody knows whose it is any more; the client connects again.
            Ok(None) => return self.close(socket, Close::GoingAway).await,
            Err(error) => {
                tracing::error!(?socket, %error, "whose socket it is cannot be read");
                return self.close(socket, Close::StoreUnavailable).await;
            }
        };
        // The token was checked when it opened; what is asked here needs no secret.
        let access = self.rolling.known();
        let now = self.clock.now();
        match answer(&access.store, &access.policy, &user, text, now).await {
            Reply::Text(text_back) => {
                if ClientFrame::parse(text) == Some(ClientFrame::Ping) {
                    self.catch_up(socket, &user, opened_at).await;
                }
                Response::new(text_back.into_owned())
            }
            Reply::Close(error) => self.close(socket, error).await,
        }
    }

    /// Sends a snapshot where the role changed in the socket's lifetime, and not so long ago that an
    /// earlier ping has told it.
    async fn catch_up(&self, socket: &ConnectionId, user: &UserId, opened_at: Timestamp) {
        let access = self.rolling.known();
        let Ok(Some(account)) = access.store.account(user).await else { return };
        let now = self.clock.now();
        // A role is assigned when it is decided; the commit and another host's clock may be later.
        let is_news = |at: Timestamp| {
            at.plus_secs(COMMIT_SECS_MAX) >= opened_at && now <= at.plus_secs(CATCH_UP_SECS)
        };
        if !account.role_assigned_at.is_some_and(is_news) {
            return;
        }
        let session = Session::new(&account, &access.policy, now);
        if let Err(error) = self.connections.push(socket, &frame::snapshot(&session)).await {
            tracing::warn!(?socket, %error, "no snapshot after the pong");
        }
    }

    /// API Gateway closes with a code of its own; ours is for the metrics.
    async fn close(&self, socket: &ConnectionId, reason: Close) -> Answer {
        if let Err(error) = self.connections.close(socket).await {
            tracing::warn!(?socket, %error, reason = reason.reason(), "not closed");
        }
        metrics::counter!("tierlift_sockets_closed_total", "reason" => reason.reason())
            .increment(1);
        Answer::default()
    }

    async fn closed(&self, socket: &ConnectionId) -> Answer {
        if let Err(error) = self.connections.remove(socket).await {
            tracing::warn!(?socket, %error, "not forgotten; its row has an end");
        }
        metrics::counter!("tierlift_sockets_closed_total", "reason" => "peer").increment(1);
        Answer::default()
    }
}

fn opened() -> Answer {
    let mut response = Answer::default();
    let spoken = HeaderValue::from_static(SUBPROTOCOL);
    response.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, spoken);
    response
}

impl Closed {
    fn answer(self) -> Answer {
        let unavailable =
            |code, detail| problem::response(StatusCode::SERVICE_UNAVAILABLE, code, detail);
        match self {
            Self::Offer(error) => error.answer(),
            Self::Session(error) => error.answer(),
            Self::Secrets(error) => error.answer(),
            Self::Connections(error) => {
                tracing::error!(%error, "a socket cannot be written down");
                unavailable(Code::StoreUnavailable, "the socket cannot be written down; try again")
            }
        }
    }
}
