//! Sales: subscriptions by the API and by checkout, purchases, and sessions that sell no plan.

use super::super::account::World;
use super::super::change::NewSubscription;
use super::super::checkout::NewSession;
use super::super::objects::{Metadata, Mode, Node, Report, Status};

const DAY: i64 = 86_400;

impl World {
    fn a_buyer(&mut self) -> Option<String> {
        let id = self.a_customer()?;
        (self.subscriptions_of(&id).len() < 3).then_some(id)
    }

    fn new_subscription(&mut self, naming_percent: usize) -> Option<NewSubscription> {
        let statuses = [Status::Active, Status::Active, Status::Trialing, Status::Incomplete];
        let status = self.rng.pick_or(&statuses, Status::Active);
        let trial = (status == Status::Trialing).then(|| self.rng.between(1, 20) * DAY);
        let days = self.rng.pick_or(&[7, 30, 30, 365], 30);
        let mut items = vec![];
        let mut taken = empty_node();
        for _ in 0..self.rng.pick_or(&[1, 1, 1, 2], 1) {
            let price = self.a_price(&taken)?;
            let quantity = self.rng.pick_or(&[Some(1), Some(1), Some(3), Some(0), None], Some(1));
            taken.items.push(self.item(&price, quantity, 0, 0));
            items.push((price, quantity, days * DAY));
        }
        let metadata = self.some_metadata(naming_percent);
        Some(NewSubscription { status, items, metadata, trial })
    }

    pub(super) fn act_subscribe(&mut self) -> bool {
        let Some(customer) = self.a_buyer() else {
            return false;
        };
        let Some(new) = self.new_subscription(65) else {
            return false;
        };
        let status = new.status;
        let id = self.add_subscription(&customer, new);
        match status {
            Status::Active => drop(self.pay_invoice(&id, 900, 1)),
            Status::Trialing => drop(self.pay_invoice(&id, 0, 1)),
            _ => drop(self.issue_invoice(&id, 900)),
        }
        true
    }

    pub(super) fn act_checkout_subscription(&mut self) -> bool {
        let Some(customer) = self.a_buyer() else {
            return false;
        };
        let Some(new) = self.new_subscription(40) else {
            return false;
        };
        let named = self.rules.named(&new.metadata);
        let report = match new.status {
            Status::Trialing => Report::NoPaymentRequired,
            _ if self.rng.chance(40) => Report::Unpaid,
            _ => Report::Paid,
        };
        let was_incomplete = new.status == Status::Incomplete;
        let id = self.add_subscription(&customer, new);
        self.tick_short();
        if report == Report::Paid {
            self.pay_invoice(&id, 900, 1);
        }
        if was_incomplete && report == Report::Paid {
            self.change(&id, |node| node.status = Status::Active);
        }
        let user = self.a_user();
        // An id that is not a user's occurs only if the metadata of the subscription names a user.
        let reference = match (named, self.rng.below(100)) {
            (Some(_), 0..=39) => Some("ref-5f3a".to_owned()),
            (Some(named), 40..=69) => Some(named),
            (None, 0..=49) => Some(user),
            _ => None,
        };
        let new = NewSession {
            customer: Some(customer),
            subscription: Some(id),
            client_reference_id: reference,
            metadata: self.some_metadata(40),
            report,
            ..NewSession::new(Mode::Subscription)
        };
        self.complete_session(new);
        true
    }

    /// Sells a plan.
    pub(super) fn act_purchase(&mut self, guest: bool) -> bool {
        let customer = if guest { None } else { self.a_customer() };
        if customer.is_none() && !guest {
            return false;
        }
        let account = (guest && self.rng.chance(10)).then_some("acct_evil".to_owned());
        let reports =
            [Report::Paid, Report::Paid, Report::Paid, Report::NoPaymentRequired, Report::Unpaid];
        let user = self.a_user();
        let mut new = NewSession {
            customer,
            account,
            client_reference_id: self.rng.chance(50).then_some(user),
            metadata: self.some_metadata(35),
            report: self.rng.pick_or(&reports, Report::Paid),
            ..NewSession::new(Mode::Payment)
        };
        self.choose_plan(&mut new);
        self.complete_session(new);
        true
    }

    /// Names what was bought in one or several ways, at least one of which is mapped.
    fn choose_plan(&mut self, new: &mut NewSession) {
        let text = |text: &str| text.to_owned();
        let ways = self.rng.below(7) + 1;
        if ways & 1 != 0 {
            let plan = self.rng.pick_or(&["month_pass", "week_pass", "lifetime"], "lifetime");
            new.metadata.insert(text("plan"), text(plan));
        }
        if ways & 2 != 0 {
            let last_way = ways == 2;
            let links = ["plink_life", "plink_pass", "plink_other"];
            let links = if last_way { &links[..2] } else { &links[..] };
            new.payment_link = self.rng.pick(links).map(text);
            if new.payment_link.as_deref() == Some("plink_other") && ways & 4 == 0 {
                new.metadata.insert(text("plan"), text("month_pass"));
            }
        }
        if ways & 4 != 0 {
            // Two mapped lines of one role would be ambiguous.
            let both: &[&str] = &["price_pass", "price_book"];
            let distinct = self.rules.roles.len() > 2;
            let credits = &["price_credits", "price_pass"];
            let lines: [&[&str]; 4] =
                [&["price_book"], &["price_pass"], credits, if distinct { both } else { credits }];
            let lines = self.rng.pick_or(&lines, lines[0]);
            new.line_items = lines.iter().map(|line| text(line)).collect();
        }
    }

    /// Sells something that is no plan, with the shop's own order number.
    pub(super) fn act_buy_credits(&mut self) -> bool {
        let customer = if self.rng.chance(70) { self.a_customer() } else { None };
        let number = self.rng.between(1, 3);
        let line = self.rng.chance(50).then_some("price_credits".to_owned());
        let report = self.rng.pick_or(&[Report::Paid, Report::Paid, Report::Unpaid], Report::Paid);
        let new = NewSession {
            customer,
            client_reference_id: Some(format!("order-{number}")),
            metadata: self.some_metadata(20),
            payment_link: self.rng.chance(20).then_some("plink_other".to_owned()),
            line_items: line.into_iter().collect(),
            report,
            ..NewSession::new(Mode::Payment)
        };
        self.complete_session(new);
        true
    }

    /// Saves a card.
    pub(super) fn act_set_up_card(&mut self) -> bool {
        let customer = self.a_customer();
        let (order, user) = ("order-9".to_owned(), self.a_user());
        let reference = self.rng.pick(&[order, user]);
        let new = NewSession {
            customer,
            client_reference_id: reference,
            metadata: self.some_metadata(30),
            report: Report::NoPaymentRequired,
            ..NewSession::new(Mode::Setup)
        };
        self.complete_session(new);
        true
    }

    /// Decides a pending payment; rarely, a failed one succeeds later.
    pub(super) fn act_finish_payment(&mut self, succeeded: bool) -> bool {
        let mut open = self.pending_sessions();
        if succeeded && self.rng.chance(20) {
            let failed = self.sessions.values().filter(|session| {
                session.reports.last().is_some_and(|last| last.value == Report::AsyncFailed)
            });
            open.extend(failed.map(|session| session.id.clone()).collect::<Vec<_>>());
        }
        let Some(id) = self.rng.pick(&open) else {
            return false;
        };
        let last = self.sessions.get(&id).and_then(|session| session.reports.last());
        let taken = last.is_some_and(|last| last.at == self.now && last.value != Report::Unpaid);
        self.advance(i64::from(taken));
        self.finish_payment(&id, succeeded);
        true
    }
}

fn empty_node() -> Node {
    Node {
        status: Status::Active,
        items: vec![],
        shown: 10,
        cancel_at: None,
        cancel_at_period_end: false,
        pause: None,
        trial_end: None,
        metadata: Metadata::new(),
        latest_invoice: None,
    }
}
