//! Who asks about which checkout at the moment: all tabs of a user share one question and its outcome, and each
//! user has an allowance of questions.

use std::{collections::HashMap, future::Future, time::Duration};

use tierlift_core::{
    id::UserId,
    limits::{
        CONFIRM_INTERVAL_SECS, CONFIRMED_KEPT_SECS, CONFIRMS_AT_ONCE_MAX, CONFIRMS_PER_USER_MAX,
    },
};
use tokio::{sync::watch, task::JoinHandle, time::Instant};

use super::{CheckoutSessionId, Refusal};

/// What came of asking, and when; `None` while it is asked.
pub(super) type Outcome = Option<(Result<Confirmed, Refusal>, Instant)>;

/// What is known about a checkout after it was asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Confirmed {
    /// What it paid for is applied.
    Applied,
    /// Stripe has not answered, or its answer is not applied yet.
    NotYet,
}

/// The questions that are open, or were answered a moment ago.
#[derive(Debug, Default)]
pub(super) struct Flights {
    open: HashMap<(UserId, CheckoutSessionId), Flight>,
    /// The time at which each user's allowance is whole again.
    whole_at: HashMap<UserId, Instant>,
}

/// A question. It ends with its value.
#[derive(Debug)]
struct Flight {
    outcome: watch::Receiver<Outcome>,
    task: JoinHandle<()>,
}

impl Drop for Flight {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Flight {
    /// Whether nobody can learn anything from it any more.
    fn is_over(&self, now: Instant) -> bool {
        let kept = Duration::from_secs(CONFIRMED_KEPT_SECS);
        match *self.outcome.borrow() {
            Some((_, at)) => now >= at + kept,
            None => self.task.is_finished(),
        }
    }
}

impl Flights {
    /// Joins the question of this user about this checkout, or begins it. `None` if there is no room for another
    /// one.
    pub(super) fn join<F>(
        &mut self,
        user: &UserId,
        checkout: &CheckoutSessionId,
        ask: impl FnOnce() -> F,
    ) -> Result<Option<watch::Receiver<Outcome>>, Refusal>
    where
        F: Future<Output = Result<Confirmed, Refusal>> + Send + 'static,
    {
        let now = Instant::now();
        self.open.retain(|_, flight| !flight.is_over(now));
        self.whole_at.retain(|_, whole_at| *whole_at > now);
        let key = (user.clone(), checkout.clone());
        if let Some(flight) = self.open.get(&key) {
            return Ok(Some(flight.outcome.clone()));
        }
        if self.open.len() >= CONFIRMS_AT_ONCE_MAX {
            return Ok(None);
        }
        self.take(user, now)?;
        let (sender, outcome) = watch::channel(None);
        let asking = ask();
        let task = tokio::spawn(async move {
            let result = asking.await;
            sender.send_replace(Some((result, Instant::now())));
        });
        self.open.insert(key, Flight { outcome: outcome.clone(), task });
        Ok(Some(outcome))
    }

    /// Takes one question of a user's allowance.
    fn take(&mut self, user: &UserId, now: Instant) -> Result<(), Refusal> {
        let interval = Duration::from_secs(CONFIRM_INTERVAL_SECS);
        let next = self.whole_at.get(user).copied().unwrap_or(now).max(now) + interval;
        let latest = now + interval * CONFIRMS_PER_USER_MAX;
        if next > latest {
            return Err(Refusal::RateLimited { retry_after: next - latest });
        }
        self.whole_at.insert(user.clone(), next);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    };

    use tokio::time::advance;

    use super::*;

    fn user(id: &str) -> UserId {
        UserId::new(id).unwrap()
    }

    fn checkout(id: &str) -> CheckoutSessionId {
        CheckoutSessionId::parse(id).unwrap()
    }

    /// Counts the questions that are asked, which take a second each.
    #[derive(Clone, Default)]
    struct Stripe(Arc<AtomicUsize>);

    impl Stripe {
        fn ask(
            &self,
        ) -> impl FnOnce() -> std::pin::Pin<
            Box<dyn Future<Output = Result<Confirmed, Refusal>> + Send>,
        > + use<> {
            let count = Arc::clone(&self.0);
            move || {
                count.fetch_add(1, Ordering::SeqCst);
                Box::pin(async {
                    tokio::time::sleep(Duration::from_secs(1)).await;
                    Ok(Confirmed::Applied)
                })
            }
        }

        fn asked(&self) -> usize {
            self.0.load(Ordering::SeqCst)
        }
    }

    #[tokio::test(start_paused = true)]
    async fn all_tabs_share_a_question_until_a_moment_after_its_answer() {
        let (stripe, mut flights) = (Stripe::default(), Flights::default());
        for _ in 0..20 {
            let joined = flights.join(&user("ada"), &checkout("cs_1"), stripe.ask()).unwrap();
            let mut outcome = joined.unwrap();
            let known = outcome.wait_for(Option::is_some).await.unwrap().map(|(result, _)| result);
            assert_eq!(known, Some(Ok(Confirmed::Applied)));
        }
        assert_eq!(stripe.asked(), 1);
        advance(Duration::from_secs(CONFIRMED_KEPT_SECS)).await;
        flights.join(&user("ada"), &checkout("cs_1"), stripe.ask()).unwrap();
        flights.join(&user("bob"), &checkout("cs_1"), stripe.ask()).unwrap();
        assert_eq!(stripe.asked(), 3, "another user has a question of their own");
    }

    #[tokio::test(start_paused = true)]
    async fn a_user_has_a_burst_of_questions_and_then_one_for_each_interval() {
        let (stripe, mut flights) = (Stripe::default(), Flights::default());
        let interval = Duration::from_secs(CONFIRM_INTERVAL_SECS);
        let mut number = 0;
        let mut join = |flights: &mut Flights| {
            number += 1;
            flights.join(&user("ada"), &checkout(&format!("cs_{number}")), stripe.ask()).err()
        };
        for _ in 0..CONFIRMS_PER_USER_MAX {
            assert_eq!(join(&mut flights), None);
        }
        assert_eq!(join(&mut flights), Some(Refusal::RateLimited { retry_after: interval }));
        advance(interval / 2).await;
        assert_eq!(join(&mut flights), Some(Refusal::RateLimited { retry_after: interval / 2 }));
        advance(interval / 2).await;
        assert_eq!(join(&mut flights), None);
        assert!(join(&mut flights).is_some());
        assert_eq!(flights.join(&user("bob"), &checkout("cs_1"), stripe.ask()).err(), None);
        advance(interval * CONFIRMS_PER_USER_MAX).await;
        flights.join(&user("eve"), &checkout("cs_1"), stripe.ask()).unwrap();
        assert_eq!(flights.whole_at.len(), 1, "a whole allowance is forgotten");
    }

    #[tokio::test(start_paused = true)]
    async fn questions_beyond_the_limit_are_not_asked_and_what_is_over_makes_room() {
        let (stripe, mut flights) = (Stripe::default(), Flights::default());
        let mut join = |number: usize| {
            let joined =
                flights.join(&user(&format!("u{number}")), &checkout("cs_1"), stripe.ask());
            joined.unwrap().is_some()
        };
        assert_eq!((0..300).filter(|number| join(*number)).count(), CONFIRMS_AT_ONCE_MAX);
        tokio::time::sleep(Duration::from_secs(2 + CONFIRMED_KEPT_SECS)).await;
        assert!(join(300));
    }
}
