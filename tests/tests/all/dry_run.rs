//! A dry run is exact: what is said about a dead letter is what a redrive then does, in generated histories whose
//! plan map was wrong at first.

use std::time::Duration;

use tierlift_core::{
    explain::Prediction,
    id::EventId,
    ledger::LedgerEntry,
    policy::{PlanConfig, Policy, PolicyConfig},
    ports::{
        DeadLetters as _, Delivery, Enqueue as _, Group, Message, Operations as _, Queue as _,
        Store as _,
    },
    stripe::event::Head,
    time::Timestamp,
};
use tierlift_embedded::Db;
use tierlift_testkit::{
    clock::ManualClock,
    world::{self, Delivery as Deliveries, Event, World},
};
use tierlift_worker::{Done, Settled, Verdict, attempt, decide_only, settle};

/// Histories that are tried.
const WORLDS: u64 = 60;
/// Longer than a message that is ready needs.
const PATIENCE: Duration = Duration::from_secs(20);

/// The policy of a world, with its plans or with none of them.
pub(crate) fn policy(world: &World, has_plans: bool) -> Policy {
    let rules = &world.rules;
    let plan = |(key, plan): (&String, &world::Plan)| PlanConfig {
        days: plan.days,
        ..PlanConfig::new(key, &plan.role)
    };
    let config = PolicyConfig {
        roles: rules.roles.clone(),
        plans: rules.plans.iter().filter(|_| has_plans).map(plan).collect(),
        user_id_keys: rules.user_id_keys.clone(),
        ..PolicyConfig::default()
    };
    Policy::new(config).unwrap()
}

pub(crate) fn message(event: &Event, received_at: Timestamp) -> Option<Message> {
    let body = event.body.to_string();
    let Ok(Head::Wanted { id, kind, customer }) = Head::parse(body.as_bytes(), &[]) else {
        return None;
    };
    let group = Group::new(&id, customer.as_ref());
    Some(Message { event: id, kind, group, received_at, trace: None, body: body.into() })
}

/// One deployment, driven message by message.
pub(crate) struct Deployment {
    pub(crate) db: Db,
    clock: ManualClock,
    pub(crate) folder: tempfile::TempDir,
}

impl Deployment {
    pub(crate) fn new(now: Timestamp) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = ManualClock::new(now);
        let db = Db::open(&folder.path().join("tierlift.db"), clock.clock()).unwrap();
        Self { db, clock, folder }
    }

    async fn receive(&self) -> Delivery {
        let received = tokio::time::timeout(PATIENCE, self.db.receive(1));
        received.await.expect("a message should be ready").unwrap().remove(0)
    }

    async fn predict(&self, message: &Message, policy: &Policy) -> Prediction {
        let decision = decide_only(&self.db, policy, message, self.clock.now()).await.unwrap();
        (&decision).into()
    }

    /// Applies the next message; returns what that was, in the words of a prediction.
    pub(crate) async fn apply(&self, policy: &Policy) -> Prediction {
        let delivery = self.receive().await;
        let verdict = attempt(&self.db, policy, &delivery, &self.clock.clock()).await;
        let done = self.done(&delivery.message.event, &verdict).await;
        match settle(&self.db, &delivery, verdict).await {
            Settled::Done(_) => self.db.delete(vec![delivery.receipt]).await.unwrap(),
            Settled::Parked => {}
            Settled::Retained { .. } => panic!("a retry of {}", delivery.message.event),
        }
        done
    }

    async fn done(&self, event: &EventId, verdict: &Verdict) -> Prediction {
        match verdict {
            Verdict::Park(failure) => failure.into(),
            Verdict::Done(Done::Duplicate) => Prediction::Duplicate,
            Verdict::Done(Done::Committed(committed)) => {
                let row: LedgerEntry = self.db.ledger(event).await.unwrap().unwrap();
                Prediction::Applies {
                    outcome: row.outcome,
                    cause: row.cause,
                    owners: row.owners.iter().map(Into::into).collect(),
                    notices: committed.changes.len(),
                }
            }
            Verdict::Retry { .. } | Verdict::Release { .. } | Verdict::Wait { .. } => {
                panic!("{event}: {verdict:?}")
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_dry_run_says_of_a_dead_letter_is_what_its_redrive_does() {
    let (mut redriven, mut upgraded) = (0_u64, 0_u64);
    let seeds = world::seeds(WORLDS);
    let worlds = seeds.end - seeds.start;
    for seed in seeds {
        let world = World::generate(seed);
        let deployment = Deployment::new(Timestamp::from_secs(world.now));
        let (wrong, right) = (policy(&world, false), policy(&world, true));
        for event in Deliveries::shuffle(&world, seed) {
            let Some(message) = message(event, deployment.clock.now()) else { continue };
            deployment.db.enqueue(message.clone()).await.unwrap();
            let predicted = deployment.predict(&message, &wrong).await;
            assert_eq!(deployment.apply(&wrong).await, predicted, "seed {seed}: {}", event.body);
        }
        let letters = deployment.db.dead_letters(None, None, 1_000).await.unwrap().items;
        for letter in letters {
            let event = &letter.message.event;
            let predicted = deployment.predict(&letter.message, &right).await;
            assert!(deployment.db.redrive(event).await.unwrap());
            assert_eq!(deployment.apply(&right).await, predicted, "seed {seed}: {event}");
            assert_eq!(deployment.db.get(event).await.unwrap().is_none(), predicted.leaves());
            redriven += 1;
            if let Prediction::Applies { owners, .. } = &predicted {
                let changed = owners.iter().filter(|owner| owner.from_role != owner.to_role);
                upgraded += changed.count() as u64;
            }
        }
    }
    eprintln!("{worlds} worlds, {redriven} dead letters redriven, {upgraded} roles changed");
    assert!(worlds < WORLDS || redriven > worlds * 2 && upgraded > worlds / 2);
}
