//! One round of asking Stripe: about the customers about whom something is unclear, about payments that were given
//! back and of which nobody knows what they paid for, and, once a day, about everything. The reconciliation is done
//! whatever becomes of the others, and the first error fails the round, so that an alarm reports it.
//!
//! A round ends with its time. Who was not asked about stays due, and a reconciliation goes on behind its latest
//! page. What was asked, and when it may be asked again, is remembered as long as the function lives; one that
//! starts asks at once.

use std::{sync::Arc, time::Duration};

use tierlift_aws::{lambda::Function, queue::Queue, store::Store};
use tierlift_core::{
    codes::Code,
    config::{Fetch, Reconcile},
    limits::FETCHES_PER_ROUND_MAX,
    policy::Policy,
    ports::{ReconciliationRecord as _, StoreError},
    reconciliation::Reconciliation,
    time::Clock,
};
use tierlift_stripe::Client;
use tierlift_worker::{
    fetch::Fetcher,
    reconcile::{self, Pass, report},
};
use tokio::{
    sync::Mutex,
    time::{Instant, timeout_at},
};

use crate::rotating_client::RotatingClient;

/// Why a round failed. The next one goes on from where it was.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Stripe was not asked, or did not answer as asked, or the store or the queue failed.
    #[error(transparent)]
    Asking(#[from] reconcile::Error),
    /// A reconciliation has read no page in its time.
    #[error("the reconciliation has read no page in this round")]
    Stalled,
}

impl Error {
    const fn code(&self) -> Code {
        match self {
            Self::Asking(error) => error.code(),
            Self::Stalled => Code::StripeUnavailable,
        }
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        Self::Asking(error.into())
    }
}

/// What a round needs.
#[derive(Debug)]
pub struct Inquiry {
    stripe: Arc<RotatingClient>,
    store: Store,
    queue: Queue,
    policy: Policy,
    clock: Clock,
    fetcher: Mutex<Fetcher>,
}

impl Inquiry {
    /// Opens what the function's environment describes.
    pub fn open(function: &Function) -> anyhow::Result<Self> {
        let Function { environment, sdk, clock, .. } = function;
        let (table, policy) = (environment.table()?, environment.policy()?);
        let (url, dead) = (environment.queue_url()?, environment.dead_letter_queue_url()?);
        Ok(Self {
            stripe: RotatingClient::need(environment, sdk, clock, policy.livemode)?.into(),
            store: Store::new(sdk, table),
            queue: Queue::new(sdk, url, dead, table),
            policy,
            clock: clock.clone(),
            fetcher: Mutex::default(),
        })
    }

    /// Who is asked.
    #[must_use]
    pub const fn stripe(&self) -> &Arc<RotatingClient> {
        &self.stripe
    }

    /// Does one round, which takes no longer than `time`. What is unclear takes at most half of it.
    pub async fn run(&self, time: Duration) -> Result<(), Error> {
        let start = Instant::now();
        let done = self.ask(start + time / 2, start + time).await;
        if let Err(error) = &done {
            tracing::error!(code = error.code().as_str(), %error, "Stripe not asked");
        }
        done
    }

    async fn ask(&self, fetch_until: Instant, reconcile_until: Instant) -> Result<(), Error> {
        let client = self.stripe.current().await;
        let client = client.map_err(|error| reconcile::Error::from(error.into_stripe_error()))?;
        let fetched = self.fetch(&client, fetch_until).await;
        let reconciled = self.reconcile(&client, reconcile_until).await;
        fetched.and(reconciled)
    }

    /// Asks about those who are due and what payments paid for, one batch after another.
    async fn fetch(&self, client: &Client, until: Instant) -> Result<(), Error> {
        if self.stripe.config().fetch == Fetch::Never {
            return Ok(());
        }
        let mut fetcher = self.fetcher.lock().await;
        if let Ok(done) = timeout_at(until, self.fetch_all(&mut fetcher, client)).await {
            return done;
        }
        tracing::info!("fetch goes on in the next round");
        Ok(())
    }

    async fn fetch_all(&self, fetcher: &mut Fetcher, client: &Client) -> Result<(), Error> {
        let Self { store, queue, clock, .. } = self;
        while fetcher.fetch_due(client, store, queue, clock).await? >= FETCHES_PER_ROUND_MAX {}
        while fetcher.fetch_payments(client, store, queue, clock).await? >= FETCHES_PER_ROUND_MAX {}
        Ok(())
    }

    /// Reconciles if it is time to, or goes on with what another round began.
    async fn reconcile(&self, client: &Client, until: Instant) -> Result<(), Error> {
        if self.stripe.config().reconcile == Reconcile::Never {
            return Ok(());
        }
        let latest = self.store.reconciliation().await?;
        let Some(due) = Reconciliation::due(latest, self.clock.now()) else { return Ok(()) };
        let because = due.because.as_str();
        let Self { store, queue, policy, clock, .. } = self;
        let pass = Pass {
            stripe: client,
            store,
            queue,
            policy,
            clock,
            is_dry_run: false,
            backlog_max: None,
        };
        let mut pages: u64 = 0;
        let run = pass.run(due, |_| pages += 1);
        match timeout_at(until, run).await {
            Ok(done) => report(&done?),
            Err(_) if pages == 0 => return Err(Error::Stalled),
            Err(_) => tracing::info!(because, pages, "reconciliation goes on in the next round"),
        }
        Ok(())
    }
}
