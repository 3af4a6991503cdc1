//! What a server does with other programs: with a key it asks Stripe, and it sends webhooks to the host.

use std::{io, sync::Arc};

use tierlift_core::{config::WebhookUrl, ports::Stripe, webhook::Secrets};
use tierlift_notifier::webhook::Sender;
use tierlift_session::confirm::{self, Confirmer};

use super::Server;
use crate::{fetcher, reconciler, thin, webhooks::Dispatcher};

impl Server {
    /// Sends every change to that URL, signed with these secrets, from the first start with it on.
    pub fn with_webhooks_out(mut self, url: WebhookUrl, secrets: Secrets) -> io::Result<Self> {
        let dispatcher = Dispatcher::new(self.db.clone(), Sender::start(url, secrets)?);
        self.asking.push(Box::pin(dispatcher.run()));
        Ok(self)
    }

    /// Reconciles with what Stripe lists: at once if that was never done, then once a day, and when an operator asks
    /// for it.
    #[must_use]
    pub fn with_reconciler(self, stripe: impl Stripe + 'static) -> Self {
        self.reconciling(stripe, true)
    }

    /// Reconciles with what Stripe lists only when an operator asks for it.
    #[must_use]
    pub fn with_reconciler_on_demand(self, stripe: impl Stripe + 'static) -> Self {
        self.reconciling(stripe, false)
    }

    fn reconciling(mut self, stripe: impl Stripe + 'static, is_daily: bool) -> Self {
        let (handle, orders) = reconciler::Handle::new();
        self.reconciler = Some(handle.clone());
        let (db, policy, clock) =
            (self.db.clone(), self.access.policy.clone(), self.access.clock.clone());
        let reconciler = reconciler::Reconciler { stripe, db, policy, clock, handle };
        self.asking.push(Box::pin(reconciler.run(is_daily, orders)));
        self
    }

    /// Asks Stripe about the customers about whom the events leave something open, and for the objects that
    /// thin events name.
    #[must_use]
    pub fn with_fetcher(mut self, stripe: impl Stripe + 'static) -> Self {
        let stripe = Arc::new(stripe);
        let (db, clock) = (self.db.clone(), self.access.clock.clone());
        self.asking.push(Box::pin(fetcher::run(Arc::clone(&stripe), db, clock)));
        let (sender, ready) = thin::channel();
        self.asking.push(Box::pin(thin::run(stripe, self.consumer(), ready)));
        self.thin = Some(sender);
        self
    }

    /// Asks Stripe about a checkout when its page is back from it.
    #[must_use]
    pub fn with_confirmer(mut self, stripe: impl Stripe + Clone + 'static) -> Self {
        let (db, policy, clock) =
            (self.db.clone(), self.access.policy.clone(), self.access.clock.clone());
        let confirmer =
            Confirmer::new(stripe, db.clone(), db, policy, clock).with_wait(self.timeouts.confirm);
        self.confirm = confirm::router(Arc::clone(&self.access), confirmer);
        self
    }
}
