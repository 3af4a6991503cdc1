//! Organisations, and the feed of changes: what every backend promises to hosts.

use std::{
    collections::BTreeSet,
    sync::{Arc, OnceLock},
};

use futures_util::future::join_all;
use serde_json::json;
use tierlift_core::{
    id::UserId,
    ledger::Act,
    ports::{ChangeLog as _, Store as _},
    token::{ServiceTokens, TokenConfig, TokenKeys},
};
use tierlift_embedded::{Db, Registry, revoke};
use tierlift_session::Access;
use tierlift_testkit::{
    facts::user_id,
    harness::{
        client::{Request, Response},
        socket::Socket,
        token_secret,
    },
};
use tierlift_tests::{
    changes,
    deployment::{Deployment, SERVICE_TOKEN},
    organisation_tests,
    organisations::member,
};

use crate::server::TestServer;

/// A server, and what it shares with a program that embeds it.
struct Host {
    server: TestServer,
    access: Arc<Access<Db>>,
    sockets: Registry,
}

async fn start() -> Host {
    let change = |settings: &mut tierlift_embedded::Settings| {
        let account_claims = ["sub", "org_id"].map(str::to_owned).into();
        let rules = TokenConfig { account_claims, ..TokenConfig::default() }.rules();
        settings.keys = TokenKeys::new(Some(token_secret())).with_rules(rules);
        settings.service_tokens = ServiceTokens::parse(&format!("web:{SERVICE_TOKEN}")).unwrap();
    };
    let parts = OnceLock::new();
    let server = TestServer::start_with(change, |server| {
        parts.set((Arc::clone(server.access()), server.sockets().clone())).ok();
        server
    })
    .await;
    let (access, sockets) = parts.into_inner().unwrap();
    Host { server, access, sockets }
}

impl Deployment for Host {
    fn path(&self, route: &str) -> String {
        route.to_owned()
    }

    async fn send(&self, request: Request<'_>) -> Response {
        self.server.send(request).await
    }

    async fn socket(&self, token: &str) -> Socket {
        self.server.socket(token).await
    }

    async fn subscription(&self, account: &str, status: &str) {
        self.server.subscription(account, status).await;
    }

    async fn revoke(&self, account: &str) {
        let act = Act::new("support@example.com", "contract ended").unwrap();
        let account = UserId::new(account).unwrap();
        revoke(&self.access, &self.sockets, &account, &act).await.unwrap();
    }

    async fn next_second(&self) {
        self.server.pass_secs(1);
    }
}

organisation_tests!(start());

#[tokio::test]
async fn changes_are_followed_in_order_and_without_a_gap() {
    changes::changes_are_followed_in_order_and_without_a_gap(&start().await).await;
}

/// A thousand members, each with an open tab: the change is one of one account, whoever it is for.
#[tokio::test]
async fn an_organisation_of_a_thousand_members_changes_in_one_transaction() {
    const MEMBERS: usize = 1_000;
    let host = start().await;
    let server = &host.server;
    let mut tabs = join_all((0..MEMBERS).map(async |number| {
        server.socket(&member(&host, &format!("member{number}"), &["org"]).await).await
    }))
    .await;
    let mut changes = 0;
    for (status, kind, role) in
        [("active", "ROLE_UPGRADED", "paid"), ("unpaid", "ROLE_DOWNGRADED", "free")]
    {
        server.subscription("org", status).await;
        let mut events = BTreeSet::new();
        for (number, tab) in tabs.iter_mut().enumerate() {
            let frame = tab.hear().await;
            assert_eq!((&frame["type"], &frame["role"]), (&json!(kind), &json!(role)));
            assert_eq!(frame["userId"], format!("member{number}"));
            events.insert((frame["eventId"].to_string(), frame["accountVersion"].as_u64()));
        }
        changes += 1;
        assert_eq!(events.len(), 1, "{events:?}");
        assert_eq!(server.db.latest_change().await.unwrap().position, changes);
        let account = server.db.account(&user_id("org")).await.unwrap().unwrap();
        assert_eq!((account.role.as_str(), account.version.0), (role, changes));
    }
    // Each was notified once: the next frame is the answer to a question.
    for frame in join_all(tabs.iter_mut().map(Socket::sync)).await {
        assert_eq!(frame["type"], "SNAPSHOT");
    }
    for number in 0..MEMBERS {
        let account = server.db.account(&user_id(&format!("member{number}"))).await.unwrap();
        assert_eq!(account, None, "a member's own account");
    }
}
