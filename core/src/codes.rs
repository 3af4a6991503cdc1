//! Every stable code of tierlift: why a request is refused, why an event failed, why a command ended.
//!
//! A code is dotted, `subject.what_happened`, and never changes its meaning. Each has one page under
//! `docs/codes/`, compiled in, so that a command can print it and a problem document can point to it.
//! A code says why, and nothing about what to do with a message: that is the caller's decision.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The path under which a server answers with the page of a code. A problem document's `type` is this
/// path and the code, as RFC 9457 (section 3.1.1) recommends for a relative reference.
pub const PAGES_PATH: &str = "/codes/";

/// Where a code is seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Seen {
    /// In a failure record: an event failed for this reason.
    Cause,
    /// In a problem document: a request was refused for this reason.
    Problem,
    /// Both.
    CauseAndProblem,
    /// On stderr: a command ended for this reason.
    Exit,
    /// In a problem document and on stderr.
    ProblemAndExit,
    /// Among the findings of `tierlift doctor`.
    Finding,
}

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $seen:ident;)*) => {
        /// A stable code.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum Code {
            $($(#[$doc])* #[serde(rename = $code)] $name,)*
        }

        impl Code {
            /// Every code, in the order of the documentation.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// The code's text.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $code,)* }
            }

            /// Where it is seen.
            #[must_use]
            pub const fn seen(self) -> Seen {
                match self { $(Self::$name => Seen::$seen,)* }
            }

            /// Its page, as Markdown.
            #[must_use]
            pub const fn page(self) -> &'static str {
                match self {
                    $(Self::$name => include_str!(concat!("../../docs/codes/", $code, ".md")),)*
                }
            }

            /// The code of that text.
            #[must_use]
            pub fn parse(text: &str) -> Option<Self> {
                match text { $($code => Some(Self::$name),)* _ => None }
            }
        }
    };
}

codes! {
    /// The `Stripe-Signature` header is missing or empty.
    SignatureMissing = "signature.missing", Problem;
    /// The `Stripe-Signature` header has no single readable time.
    SignatureMalformed = "signature.malformed", Problem;
    /// The `Stripe-Signature` header has no `v1` signature.
    SignatureNoV1 = "signature.no_v1", Problem;
    /// No signature matches any active secret.
    SignatureMismatch = "signature.mismatch", Problem;
    /// The signature is older than the tolerance.
    SignatureExpired = "signature.expired", Problem;
    /// The signature is from the future.
    SignatureFuture = "signature.future", Problem;

    /// The body is not what its type promises.
    PayloadMalformed = "payload.malformed", CauseAndProblem;
    /// A test event at a live deployment, or a live event at a test deployment.
    LivemodeMismatch = "livemode.mismatch", Cause;
    /// None of a live subscription's prices is in the plan map.
    PlanUnmapped = "plan.unmapped", Cause;
    /// An event shows only some items of a subscription, and the plan map has none of those.
    ItemsTruncated = "items.truncated", Cause;
    /// The customer has more subscriptions or purchases than are kept.
    CustomerTooLarge = "customer.too_large", Cause;
    /// The user has more customers than are kept.
    AccountTooLarge = "account.too_large", Cause;
    /// The payment has more disputes, or the invoice more payments, than are kept.
    PaymentTooLarge = "payment.too_large", Cause;
    /// A refunded or disputed payment whose subject is unknown.
    PaymentUnlinked = "payment.unlinked", Cause;
    /// Something that was paid for has no owner.
    OwnerUnknown = "owner.unknown", Cause;
    /// The event is from the future.
    EventFuture = "event.future", Cause;
    /// A thin event, which has no object.
    EventThin = "event.thin", Cause;
    /// Other writers kept committing first.
    StoreConflict = "store.conflict", Cause;
    /// The store cannot be read or written.
    StoreUnavailable = "store.unavailable", CauseAndProblem;
    /// A stored row is not what was written.
    StoreCorrupt = "store.corrupt", CauseAndProblem;
    /// The message was delivered as often as allowed and never settled.
    DeliveryExhausted = "delivery.exhausted", Cause;
    /// The worker panicked while it applied the event.
    WorkerPanicked = "worker.panicked", Cause;

    /// The body's declared content type is not accepted.
    ContentTypeUnsupported = "content_type.unsupported", Problem;
    /// The body is too large.
    BodyTooLarge = "body.too_large", Problem;
    /// The body did not arrive in time.
    BodyTimeout = "body.timeout", Problem;
    /// The connection ended before the body did.
    BodyIncomplete = "body.incomplete", Problem;
    /// The body is not the JSON that the route expects.
    BodyInvalid = "body.invalid", Problem;
    /// The request took too long.
    RequestTimeout = "request.timeout", Problem;
    /// There is no room for the request.
    ServerOverloaded = "server.overloaded", Problem;
    /// The request has no single valid `Host` header.
    HostInvalid = "host.invalid", Problem;
    /// The request is for another host.
    HostRefused = "host.refused", Problem;
    /// No such route.
    RouteNotFound = "route.not_found", Problem;
    /// The route does not have this method.
    MethodNotAllowed = "method.not_allowed", Problem;
    /// The signing or token secrets cannot be read.
    SecretsUnavailable = "secrets.unavailable", Problem;
    /// The queue cannot be written.
    QueueUnavailable = "queue.unavailable", Problem;
    /// Nothing has left the queue for minutes.
    QueueStalled = "queue.stalled", Problem;
    /// The data file or its log was moved, replaced or deleted.
    DataMoved = "data.moved", Problem;
    /// The disk of the data file is nearly full.
    DiskFull = "disk.full", Problem;

    /// No bearer token was sent.
    TokenMissing = "token.missing", Problem;
    /// The token is not valid here.
    TokenInvalid = "token.invalid", Problem;
    /// The token has expired.
    TokenExpired = "token.expired", Problem;
    /// The user's tokens were revoked after the token was issued.
    TokenRevoked = "token.revoked", Problem;
    /// The token's session has reached its maximum age.
    TokenSessionExpired = "token.session_expired", Problem;
    /// The role has changed since the token was issued.
    TokenStale = "token.stale", Problem;
    /// No service token was sent.
    ServiceTokenMissing = "service_token.missing", Problem;
    /// The service token is none of the deployment's.
    ServiceTokenInvalid = "service_token.invalid", Problem;
    /// No operator's token was sent.
    OperatorTokenMissing = "operator_token.missing", Problem;
    /// The operator's token is none of the deployment's.
    OperatorTokenInvalid = "operator_token.invalid", Problem;
    /// The operator's token may only read.
    OperatorTokenReadOnly = "operator_token.read_only", Problem;
    /// The issuer's key set cannot be fetched.
    KeySetUnavailable = "key_set.unavailable", Problem;
    /// The route needs a higher role.
    RoleRequired = "role.required", Problem;
    /// The user lacks a feature.
    FeatureRequired = "feature.required", Problem;
    /// The policy has no such role.
    RoleUnknown = "role.unknown", Problem;
    /// Stripe knows no such Checkout Session.
    CheckoutNotFound = "checkout.not_found", Problem;
    /// The Checkout Session is not this user's.
    CheckoutForeign = "checkout.foreign", Problem;
    /// The Checkout Session is not paid.
    CheckoutUnpaid = "checkout.unpaid", Problem;
    /// The user asks about checkouts too often.
    CheckoutRateLimited = "checkout.rate_limited", Problem;
    /// The id of a grant was used for another grant.
    GrantConflict = "grant.conflict", Problem;
    /// The service did not grant what it withdraws.
    GrantMissing = "grant.missing", Problem;
    /// The user has as many grants by services as are kept.
    GrantsExhausted = "grants.exhausted", Problem;
    /// What followed a cursor is not kept any more.
    CursorExpired = "cursor.expired", Problem;
    /// The query is not one that the route has.
    QueryInvalid = "query.invalid", Problem;
    /// Tokens are issued by another issuer.
    RefreshUnavailable = "refresh.unavailable", Problem;
    /// The page's origin is not allowed.
    OriginRefused = "origin.refused", Problem;
    /// The socket does not offer the subprotocol.
    SubprotocolRequired = "subprotocol.required", Problem;
    /// The request is no WebSocket handshake.
    UpgradeRequired = "upgrade.required", Problem;
    /// The process holds as many sockets as allowed.
    SocketsExhausted = "sockets.exhausted", Problem;

    /// The demo has no subscription to act on.
    SubscriptionMissing = "subscription.missing", Problem;
    /// A generated webhook was refused by the server.
    WebhookRefused = "webhook.refused", ProblemAndExit;
    /// The demo knows no such action.
    ActionUnknown = "action.unknown", Problem;
    /// The demo's delay is out of range.
    DelayInvalid = "delay.invalid", Problem;
    /// Too many delayed actions of the demo are waiting.
    DelaysExhausted = "delays.exhausted", Problem;
    /// What an operator asks for does not exist.
    SubjectMissing = "subject.missing", ProblemAndExit;
    /// The user id is unusable.
    UserInvalid = "user.invalid", Problem;

    /// An argument or the environment must change before the command can run.
    UsageInvalid = "usage.invalid", Exit;
    /// The configuration file does not exist.
    ConfigMissing = "config.missing", Exit;
    /// The configuration file is refused.
    ConfigInvalid = "config.invalid", Exit;
    /// A secret is not set.
    SecretMissing = "secret.missing", Exit;
    /// A secret is unusable.
    SecretInvalid = "secret.invalid", Exit;
    /// Stripe's API knows no such object.
    StripeNotFound = "stripe.not_found", Exit;
    /// Stripe's API does not accept the key.
    StripeUnauthorized = "stripe.unauthorized", Exit;
    /// The key lacks a right.
    StripeForbidden = "stripe.forbidden", Exit;
    /// The key is of test mode at a live deployment, or the reverse.
    StripeWrongMode = "stripe.wrong_mode", Exit;
    /// Stripe's API allows no further request now.
    StripeRateLimited = "stripe.rate_limited", Exit;
    /// Stripe's API cannot be reached, or fails.
    StripeUnavailable = "stripe.unavailable", Exit;
    /// Stripe's API answered something else than what was asked.
    StripeAnswerUnexpected = "stripe.answer_unexpected", Exit;
    /// No webhook endpoint at Stripe leads to the server.
    EndpointMissing = "endpoint.missing", Finding;
    /// The webhook endpoint is disabled.
    EndpointDisabled = "endpoint.disabled", Finding;
    /// The webhook endpoint does not get every event that bears on access.
    EndpointEventsMissing = "endpoint.events_missing", Finding;
    /// The webhook endpoint gets events that nobody needs.
    EndpointEventsUnneeded = "endpoint.events_unneeded", Finding;
    /// The webhook endpoint sends the events of another version of Stripe's API.
    EndpointVersionDiffers = "endpoint.version_differs", Finding;
    /// An active price has no plan.
    PriceUnmapped = "price.unmapped", Finding;
    /// A plan names something that is not sold.
    PlanUnused = "plan.unused", Finding;
    /// This machine's clock differs from Stripe's.
    ClockSkewed = "clock.skewed", Finding;
    /// Stripe could not deliver webhooks.
    DeliveriesFailed = "deliveries.failed", Finding;
    /// The server refuses what is signed with the configured secret.
    SecretMismatch = "secret.mismatch", Finding;
    /// No server answers at the given address.
    ServerSilent = "server.silent", Finding;
    /// There is no key, so Stripe is not asked.
    KeyMissing = "key.missing", Finding;
    /// A demo would be unsafe or pointless with these settings.
    DemoRefused = "demo.refused", Exit;
    /// The address cannot be listened on.
    ListenFailed = "listen.failed", Exit;
    /// The data file is in use by another process.
    DataInUse = "data.in_use", Exit;
    /// The data file cannot be used.
    DataUnusable = "data.unusable", Exit;
    /// The data file lacks what was in its log.
    DataIncomplete = "data.incomplete", Exit;
    /// Something in the data file is damaged.
    DataDamaged = "data.damaged", Exit;
    /// The server that events are sent to does not answer.
    ServerUnavailable = "server.unavailable", Exit;
    /// AWS could not be reached, or did not allow what was asked.
    AwsUnavailable = "aws.unavailable", Exit;
    /// There is no stack of that name in the account and region.
    StackMissing = "stack.missing", Exit;
    /// The program that asks AWS was not found, or is of another release.
    ProgramMissing = "program.missing", Exit;
    /// A user's role is not the expected one.
    RoleUnexpected = "role.unexpected", Exit;
    /// The command was understood and failed.
    CommandFailed = "command.failed", Exit;
}

impl Code {
    /// The path of its page on a server.
    #[must_use]
    pub fn page_path(self) -> String {
        format!("{PAGES_PATH}{self}")
    }

    /// Whether failure records carry it.
    #[must_use]
    pub const fn is_cause(self) -> bool {
        matches!(self.seen(), Seen::Cause | Seen::CauseAndProblem)
    }

    /// Whether commands end with it.
    #[must_use]
    pub const fn is_exit(self) -> bool {
        matches!(self.seen(), Seen::Exit | Seen::ProblemAndExit)
    }

    /// Whether `tierlift doctor` finds it, and nothing else does.
    #[must_use]
    pub const fn is_finding(self) -> bool {
        matches!(self.seen(), Seen::Finding)
    }

    /// Whether problem documents carry it.
    #[must_use]
    pub const fn is_problem(self) -> bool {
        matches!(self.seen(), Seen::Problem | Seen::CauseAndProblem | Seen::ProblemAndExit)
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_dotted_lower_case_and_its_text_leads_back_to_it() {
        for code in Code::ALL {
            let text = code.as_str();
            let (subject, what) = text.split_once('.').unwrap();
            for word in [subject, what] {
                let plain = |c: char| c.is_ascii_lowercase() || c == '_' || c.is_ascii_digit();
                assert!(!word.is_empty() && word.chars().all(plain), "{text}");
            }
            assert_eq!(Code::parse(text), Some(*code));
            assert_eq!(serde_json::to_string(code).unwrap(), format!("\"{text}\""));
        }
        assert_eq!(Code::parse("token_stale"), None);
    }

    #[test]
    fn a_code_is_named_as_its_text() {
        for code in Code::ALL {
            let name = format!("{code:?}").to_lowercase();
            assert_eq!(name, code.as_str().replace(['.', '_'], ""));
        }
    }

    #[test]
    fn a_page_is_about_its_code() {
        for code in Code::ALL {
            assert!(code.page().starts_with(&format!("# `{code}`: ")), "{code}");
        }
    }
}
