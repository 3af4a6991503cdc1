//! What a backend promises to operators.

use tierlift_core::{
    codes::Code,
    decide::{self, Erasure},
    failure::Failure,
    id::UserId,
    ledger::{Act, LedgerEntry, SystemEvent},
    limits::{DEAD_LETTERS_PAGE_BYTES_MAX, DISCARDED_KEPT_DAYS, WEBHOOK_BODY_BYTES_MAX},
    ports::{
        DeadLetters as _, Delivery, Discarded, Enqueue as _, Fate, LedgerFilter, Message,
        Operations as _, Queue as _, Store as _,
    },
    subscription::Status,
};
use tierlift_testkit::{
    facts::{customer_id, event_id, message, policy, subscription},
    harness::eventually,
};

use super::{
    OperationsBackend,
    apply::{AT, apply},
};

/// Makes a test of each promise to operators.
#[macro_export]
macro_rules! operations_promises {
    ($backend:ty) => {
        $crate::contract_tests!(@each $backend, operations:
            lists_dead_letters_page_by_page,
            ends_a_page_of_large_dead_letters_early,
            keeps_what_failed_before_a_redrive,
            discards_and_brings_back,
            keeps_a_note_on_a_group,
            lists_the_ledger_newest_first,
            lists_what_webhooks_did_by_customer_and_user,
            says_what_became_of_redriven_events,
            remembers_who_paused_it,
            erases_messages_and_notes,
            replaces_rows_of_the_ledger,
            keeps_what_an_erasure_left_blank_for_a_while,
        );
    };
}

/// Makes a test of each promise of a backend that is paused where it delivers.
#[macro_export]
macro_rules! pause_promises {
    ($backend:ty) => {
        $crate::contract_tests!(@each $backend, pause: delivers_nothing_while_it_is_paused,);
    };
}

pub(super) fn act(
    kind: SystemEvent,
    subject: &str,
    at: tierlift_core::time::Timestamp,
) -> LedgerEntry {
    let act = Act::new("eve", "an incident").unwrap();
    LedgerEntry::for_act(kind, subject, act, at).unwrap()
}

pub(super) async fn receive<B: OperationsBackend>(backend: &B) -> Delivery {
    backend.queue().receive(1).await.unwrap().remove(0)
}

async fn park<B: OperationsBackend>(backend: &B, event: &str, error: &str) {
    park_message(backend, message(event, event, backend.now()), error).await;
}

async fn park_message<B: OperationsBackend>(backend: &B, message: Message, error: &str) {
    backend.queue().enqueue(message).await.unwrap();
    let failure = Failure::new(Code::PlanUnmapped, &error);
    backend.queue().park(&receive(backend).await, failure).await.unwrap();
}

async fn listed<B: OperationsBackend>(backend: &B, max: usize) -> Vec<String> {
    let (mut events, mut after) = (Vec::new(), None);
    loop {
        let page = backend.operations().dead_letters(after.as_deref(), None, max).await.unwrap();
        assert!(page.items.len() <= max);
        events.extend(page.items.iter().map(|one| one.message.event.to_string()));
        after = page.next;
        if after.is_none() {
            return events;
        }
    }
}

/// Each once, the oldest first, whatever the size of a page; one that fails again comes last.
pub async fn lists_dead_letters_page_by_page<B: OperationsBackend>(backend: &B) {
    assert_eq!(backend.operations().dead_letters_end().await.unwrap(), None);
    for event in ["evt_1", "evt_2", "evt_3"] {
        park(backend, event, "no role").await;
    }
    let end = backend.operations().dead_letters_end().await.unwrap();
    assert!(backend.queue().redrive(&event_id("evt_1")).await.unwrap());
    let failure = Failure::new(Code::PlanUnmapped, &"no role");
    backend.queue().park(&receive(backend).await, failure).await.unwrap();
    for max in [1, 2, 3, 10] {
        assert_eq!(listed(backend, max).await, ["evt_2", "evt_3", "evt_1"], "{max}");
    }
    let before = backend.operations().dead_letters(None, end.as_deref(), 10).await.unwrap();
    assert_eq!(before.items.len(), 2);
    let behind = backend.operations().dead_letters(end.as_deref(), None, 10).await.unwrap();
    assert_eq!(behind.items[0].message.event.as_str(), "evt_1");
}

/// However many are asked for, only some bodies are in memory at a time; the pages together have all of them.
pub async fn ends_a_page_of_large_dead_letters_early<B: OperationsBackend>(backend: &B) {
    let body_bytes = WEBHOOK_BODY_BYTES_MAX * 3 / 4;
    let events: Vec<String> = (10..34).map(|number| format!("evt_{number}")).collect();
    assert!(events.len() * body_bytes > DEAD_LETTERS_PAGE_BYTES_MAX);
    for event in &events {
        let body = format!("{{\"id\":\"{event}\",\"note\":\"{}\"}}", "x".repeat(body_bytes));
        let message = Message { body: body.into(), ..message(event, event, backend.now()) };
        park_message(backend, message, "no role").await;
    }
    let page = backend.operations().dead_letters(None, None, 200).await.unwrap();
    let sizes: Vec<usize> = page.items.iter().map(|one| one.message.body.len()).collect();
    let (all, last) = (sizes.iter().sum::<usize>(), sizes.last().copied().unwrap_or_default());
    assert!(all - last < DEAD_LETTERS_PAGE_BYTES_MAX, "{all} bytes on a page");
    assert!(page.next.is_some());
    assert_eq!(listed(backend, 200).await, events);
}

/// A dead letter that fails again has both failures, and its attempts begin at one.
pub async fn keeps_what_failed_before_a_redrive<B: OperationsBackend>(backend: &B) {
    park(backend, "evt_1", "no role").await;
    assert!(backend.queue().redrive(&event_id("evt_1")).await.unwrap());
    let delivery = receive(backend).await;
    assert_eq!(delivery.attempt, 1);
    let failure = Failure::new(Code::StoreUnavailable, &"the store is unavailable");
    backend.queue().park(&delivery, failure).await.unwrap();
    let record = backend.queue().get(&event_id("evt_1")).await.unwrap().unwrap().failure;
    assert_eq!((record.cause, record.attempts), (Code::StoreUnavailable, 1));
    let earlier: Vec<_> = record.earlier.iter().map(|it| (it.cause, it.error.as_str())).collect();
    assert_eq!(earlier, [(Code::PlanUnmapped, "no role")]);
}

/// What is discarded, once there are `count`: an index may follow its table.
async fn discarded<B: OperationsBackend>(backend: &B, count: usize) -> Vec<Discarded> {
    let mut discarded = Vec::new();
    eventually(&format!("{count} are discarded"), async || {
        discarded = backend.operations().discarded(None, 10).await.unwrap().items;
        discarded.len() == count
    })
    .await;
    discarded
}

/// A discarded one is listed as such, with who and why, until it is brought back.
pub async fn discards_and_brings_back<B: OperationsBackend>(backend: &B) {
    let operations = backend.operations();
    park(backend, "evt_1", "no role").await;
    let (event, now) = (event_id("evt_1"), backend.now());
    let entry = act(SystemEvent::Discarded, "evt_1", now);
    assert!(!operations.discard(&event_id("evt_9"), entry.clone()).await.unwrap());
    assert_eq!(backend.store().ledger(&entry.event).await.unwrap(), None);
    let before = backend.queue().get(&event).await.unwrap();
    assert!(operations.discard(&event, entry.clone()).await.unwrap());
    assert!(!operations.discard(&event, entry.clone()).await.unwrap());
    assert_eq!(backend.queue().get(&event).await.unwrap(), None);
    assert_eq!(backend.store().ledger(&entry.event).await.unwrap(), Some(entry));
    let discarded = discarded(backend, 1).await.remove(0);
    assert_eq!((discarded.act.actor(), discarded.act.reason()), ("eve", "an incident"));
    assert_eq!(discarded.expires_at, now.plus_days(DISCARDED_KEPT_DAYS));

    let entry = act(SystemEvent::Undiscarded, "evt_1", now);
    assert!(operations.undiscard(&event, entry.clone()).await.unwrap());
    assert!(!operations.undiscard(&event, entry).await.unwrap());
    assert_eq!(self::discarded(backend, 0).await, []);
    assert_eq!(backend.queue().get(&event).await.unwrap(), before);
}

/// The latest note on each group, with who wrote it.
pub async fn keeps_a_note_on_a_group<B: OperationsBackend>(backend: &B) {
    let operations = backend.operations();
    assert!(operations.notes().await.unwrap().is_empty());
    for _ in 0..2 {
        let entry = act(SystemEvent::Noted, "plan.unmapped", backend.now());
        operations.set_note("plan.unmapped", entry).await.unwrap();
    }
    eventually("there is a note", async || operations.notes().await.unwrap().len() == 1).await;
    let notes = operations.notes().await.unwrap();
    assert_eq!(notes["plan.unmapped"].act.reason(), "an incident");
}

/// All of it in pages, or what a filter asks for.
pub async fn lists_the_ledger_newest_first<B: OperationsBackend>(backend: &B) {
    let operations = backend.operations();
    for subject in ["a", "b", "c"] {
        let entry = act(SystemEvent::Noted, subject, backend.now());
        operations.set_note(subject, entry).await.unwrap();
    }
    let all = LedgerFilter { acts_only: true, ..LedgerFilter::default() };
    eventually("three acts are listed", async || {
        operations.ledger_page(&all, None, 10).await.unwrap().items.len() == 3
    })
    .await;
    let first = operations.ledger_page(&all, None, 2).await.unwrap();
    let second = operations.ledger_page(&all, first.next.as_deref(), 2).await.unwrap();
    let rows = first.items.iter().chain(&second.items);
    let last: Vec<_> = rows.map(|row| row.event.as_str().rsplit('.').next().unwrap()).collect();
    assert_eq!(last, ["c", "b", "a"]);
    let user = Some(UserId::new("ada").unwrap());
    let adas = LedgerFilter { user, ..LedgerFilter::default() };
    assert_eq!(operations.ledger_page(&adas, None, 2).await.unwrap().items, []);
    let later = LedgerFilter { since: Some(backend.now().plus_days(1)), ..all };
    assert_eq!(operations.ledger_page(&later, None, 2).await.unwrap().items, []);
}

/// Rows of webhooks, in pages, newest first: all, or those of one customer or one user.
pub async fn lists_what_webhooks_did_by_customer_and_user<B: OperationsBackend>(backend: &B) {
    for (event, user) in [("evt_1", "ada"), ("evt_2", "bob"), ("evt_3", "ada"), ("evt_4", "ada")] {
        let customer = format!("cus_{user}");
        apply(backend, &subscription(event, &customer, Some(user), Status::Active, AT)).await;
    }
    let all = LedgerFilter::default();
    let customer = LedgerFilter { customer: Some(customer_id("cus_ada")), ..all.clone() };
    let user = LedgerFilter { user: Some(UserId::new("bob").unwrap()), ..all.clone() };
    for (filter, count) in [(&all, 4), (&customer, 3), (&user, 1)] {
        let (mut rows, mut before) = (Vec::new(), None);
        loop {
            let page =
                backend.operations().ledger_page(filter, before.as_deref(), 2).await.unwrap();
            rows.extend(page.items);
            before = page.next;
            if before.is_none() {
                break;
            }
        }
        assert_eq!(rows.len(), count, "{filter:?}: {rows:?}");
        assert!(rows.is_sorted_by(|a, b| a.processed_at >= b.processed_at), "{rows:?}");
    }
}

/// Queued, until it is applied or a dead letter again.
pub async fn says_what_became_of_redriven_events<B: OperationsBackend>(backend: &B) {
    for event in ["evt_1", "evt_2"] {
        park(backend, event, "no role").await;
    }
    for event in ["evt_1", "evt_2"] {
        assert!(backend.queue().redrive(&event_id(event)).await.unwrap());
    }
    let delivery = receive(backend).await;
    let failing = delivery.message.event.clone();
    let applied = if failing == event_id("evt_1") { "evt_2" } else { "evt_1" };
    let events = [failing, event_id(applied), event_id("evt_3")];
    let fates = async || backend.operations().fates(&events).await.unwrap();
    assert_eq!(fates().await, [Fate::Queued, Fate::Queued, Fate::Queued]);
    backend.queue().park(&delivery, Failure::new(Code::PlanUnmapped, &"again")).await.unwrap();
    apply(backend, &subscription(applied, "cus_2", Some("ada"), Status::Active, AT)).await;
    assert_eq!(fates().await, [Fate::Failed, Fate::Applied, Fate::Queued]);
}

/// Who, and why, until it goes on; each of both as an act in the ledger.
pub async fn remembers_who_paused_it<B: OperationsBackend>(backend: &B) {
    let operations = backend.operations();
    assert_eq!(operations.paused().await.unwrap(), None);
    let paused = act(SystemEvent::Paused, "worker", backend.now());
    for entry in [&paused, &act(SystemEvent::Paused, "worker", backend.now().plus_secs(1))] {
        operations.set_paused(true, entry.clone()).await.unwrap();
        let note = operations.paused().await.unwrap().unwrap();
        assert_eq!((note.act.actor(), note.at), ("eve", entry.processed_at));
    }
    assert_eq!(backend.store().ledger(&paused.event).await.unwrap(), Some(paused));
    for secs in [2, 3] {
        let resumed = act(SystemEvent::Resumed, "worker", backend.now().plus_secs(secs));
        operations.set_paused(false, resumed).await.unwrap();
        assert_eq!(operations.paused().await.unwrap(), None);
    }
}

/// A dead letter, a discarded one and a note are gone; erasing them again changes nothing.
pub async fn erases_messages_and_notes<B: OperationsBackend>(backend: &B) {
    let operations = backend.operations();
    for event in ["evt_1", "evt_2", "evt_3"] {
        park(backend, event, "no role").await;
    }
    let entry = act(SystemEvent::Discarded, "evt_2", backend.now());
    assert!(operations.discard(&event_id("evt_2"), entry).await.unwrap());
    let entry = act(SystemEvent::Noted, "plan.unmapped", backend.now());
    operations.set_note("plan.unmapped", entry).await.unwrap();
    discarded(backend, 1).await;
    for (event, is_there) in [("evt_1", true), ("evt_1", false), ("evt_2", true), ("evt_2", false)]
    {
        let erased =
            operations.erase_messages(&[event_id(event), event_id("evt_9")]).await.unwrap();
        assert_eq!(erased, usize::from(is_there), "{event}");
    }
    discarded(backend, 0).await;
    let entry = act(SystemEvent::Undiscarded, "evt_2", backend.now());
    assert!(!operations.undiscard(&event_id("evt_2"), entry).await.unwrap());
    assert_eq!(backend.queue().get(&event_id("evt_1")).await.unwrap(), None);
    assert!(backend.queue().get(&event_id("evt_3")).await.unwrap().is_some());
    for _ in 0..2 {
        operations.erase_note("plan.unmapped").await.unwrap();
    }
    eventually("there is no note", async || operations.notes().await.unwrap().is_empty()).await;
}

/// A row is replaced under the same event or under another one, and keeps its place.
pub async fn replaces_rows_of_the_ledger<B: OperationsBackend>(backend: &B) {
    let (user, pseudonym) = (UserId::new("ada").unwrap(), UserId::new("erased-1").unwrap());
    for (event, user) in [("evt_1", "ada"), ("evt_2", "bob")] {
        let customer = format!("cus_{user}");
        apply(backend, &subscription(event, &customer, Some(user), Status::Active, AT)).await;
    }
    let account = backend.store().account(&user).await.unwrap().unwrap();
    let revoke = Act::new("eve", "ada lost it").unwrap();
    let revoked = decide::revoke(account, revoke, &policy(), AT.plus_secs(1)).unwrap();
    let named = revoked.ledger.event.clone();
    backend.store().commit(revoked).await.unwrap();
    let operations = backend.operations();
    let filter = LedgerFilter { user: Some(user.clone()), ..LedgerFilter::default() };
    let found = operations.ledger_page(&filter, None, 10).await.unwrap().items;
    assert_eq!(found.len(), 2);
    let replaced =
        found.iter().map(|row| (row.event.clone(), row.clone().without_user(&user, &pseudonym)));
    let replaced: Vec<_> = replaced.collect();
    for _ in 0..2 {
        operations.replace_rows(replaced.clone()).await.unwrap();
    }
    assert_eq!(operations.ledger_page(&filter, None, 10).await.unwrap().items, []);
    assert_eq!(backend.store().ledger(&event_id("evt_1")).await.unwrap().unwrap(), replaced[1].1);
    let renamed = &replaced[0].0;
    assert_eq!(*renamed, named);
    let filter = LedgerFilter { user: Some(pseudonym), ..LedgerFilter::default() };
    let rows = operations.ledger_page(&filter, None, 10).await.unwrap().items;
    let events: Vec<_> = rows.iter().map(|row| row.event.as_str().to_owned()).collect();
    assert_eq!(events, ["tierlift.tokens.revoked.2.erased-1", "evt_1"]);
    assert_eq!(rows[0].act.as_ref().unwrap().reason(), "(erased)");
    let acts = LedgerFilter { acts_only: true, ..LedgerFilter::default() };
    eventually("the act has its new name", async || {
        let page = operations.ledger_page(&acts, None, 10).await.unwrap();
        page.items.len() == 1 && page.items[0].event.as_str() == events[0]
    })
    .await;
}

/// What is blank is still there, so that tokens of before are refused, and another event makes more of it.
pub async fn keeps_what_an_erasure_left_blank_for_a_while<B: OperationsBackend>(backend: &B) {
    let user = UserId::new("ada").unwrap();
    apply(backend, &subscription("evt_1", "cus_ada", Some("ada"), Status::Active, AT)).await;
    let erasure = Erasure::new(user.clone(), Act::new("eve", "a request").unwrap(), AT).unwrap();
    let (store, now) = (backend.store(), AT.plus_secs(1));
    let customer = store.customer(&customer_id("cus_ada")).await.unwrap().unwrap();
    let account = store.account(&user).await.unwrap();
    let accounts = [(user.clone(), account)].into();
    let commit = erasure.customer(customer, accounts, &policy(), now).unwrap();
    store.commit(commit).await.unwrap();
    assert!(store.customer(&customer_id("cus_ada")).await.unwrap().unwrap().is_blank());
    let account = store.account(&user).await.unwrap().unwrap();
    assert_eq!((account.role.as_str(), account.is_blank()), ("free", true));
    store.commit(erasure.account(account, &policy(), now).unwrap()).await.unwrap();
    let account = store.account(&user).await.unwrap().unwrap();
    assert!(account.revoked_before.is_some() && account.role_assigned_by.is_none());
    let later = subscription("evt_2", "cus_ada", Some("ada"), Status::Active, AT.plus_secs(9));
    apply(backend, &later).await;
    let account = store.account(&user).await.unwrap().unwrap();
    assert_eq!((account.role.as_str(), account.revocation_id.0), ("paid", 3));
    assert!(account.revoked_before.is_some());
}
