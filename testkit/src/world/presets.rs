//! Preset and random configurations, and their text as a configuration file.

use super::rng::Rng;
use super::rules::{DisputePolicy, Keep, PausePolicy, Rules, Stack, Unmapped, plans};

impl Rules {
    /// Two roles, and the defaults.
    pub fn two_roles() -> Self {
        let roles = ["free", "paid"].map(String::from).to_vec();
        let features = [("paid".into(), vec!["export".into()])].into();
        Self { plans: plans(&roles), roles, features, ..Self::default() }
    }

    /// Every policy takes access, at once.
    pub fn strict() -> Self {
        Self {
            past_due: Keep::Revoke,
            grace_days: 0,
            pause_collection: PausePolicy {
                keep_as_draft: Keep::Revoke,
                mark_uncollectible: Keep::Revoke,
                void: Keep::Revoke,
            },
            refund: Keep::Revoke,
            dispute: DisputePolicy::Revoke,
            purchase_refund: Keep::Revoke,
            purchase_dispute: DisputePolicy::Revoke,
            stack: Stack::Longest,
            ..Self::default()
        }
    }

    /// Every policy keeps access.
    pub fn lenient() -> Self {
        Self {
            grace_days: 14,
            unmapped_price: Unmapped::Ignore,
            ignore_prices: vec![],
            purchase_refund: Keep::Keep,
            purchase_dispute: DisputePolicy::Keep,
            ..Self::default()
        }
    }

    /// A platform on which one connected account counts.
    pub fn platform() -> Self {
        Self {
            connected_accounts: vec!["acct_good".into()],
            user_id_keys: vec!["userId".into()],
            dispute: DisputePolicy::RevokeWhenLost,
            refund: Keep::Revoke,
            ..Self::default()
        }
    }

    /// All presets, the default first.
    pub fn presets() -> Vec<Self> {
        vec![Self::default(), Self::two_roles(), Self::strict(), Self::lenient(), Self::platform()]
    }

    /// Returns a preset, in one of three cases, or a random configuration.
    pub fn generate(rng: &mut Rng) -> Self {
        let base = rng.pick_or(&Self::presets(), Self::default());
        if rng.chance(33) {
            return base;
        }
        let keep = |rng: &mut Rng| rng.pick_or(&[Keep::Keep, Keep::Revoke], Keep::Keep);
        let dispute = |rng: &mut Rng| {
            use DisputePolicy::{Keep, Revoke, RevokeWhenLost};
            rng.pick_or(&[Keep, Revoke, RevokeWhenLost], Keep)
        };
        Self {
            past_due: keep(rng),
            grace_days: rng.pick_or(&[0, 1, 3, 7], 3),
            pause_collection: PausePolicy {
                keep_as_draft: keep(rng),
                mark_uncollectible: keep(rng),
                void: keep(rng),
            },
            refund: keep(rng),
            dispute: dispute(rng),
            purchase_refund: keep(rng),
            purchase_dispute: dispute(rng),
            stack: rng.pick_or(&[Stack::Extend, Stack::Longest], Stack::Extend),
            ..base
        }
    }

    /// The text of the configuration file.
    pub fn toml(&self) -> String {
        let mut text = format!(
            "roles = {:?}\nlivemode = {}\nuser_id_keys = {:?}\nconnected_accounts = {:?}\n\n[plans]\n",
            self.roles, self.livemode, self.user_id_keys, self.connected_accounts
        );
        for (key, plan) in &self.plans {
            text += &match plan.days {
                None => format!("{key} = {:?}\n", plan.role),
                Some(days) => format!("{key} = {{ role = {:?}, days = {days} }}\n", plan.role),
            };
        }
        text.push_str("\n[features]\n");
        for (role, features) in &self.features {
            text += &format!("{role} = {features:?}\n");
        }
        text + &self.policy_toml()
    }

    fn policy_toml(&self) -> String {
        let pause = &self.pause_collection;
        format!(
            "\n[policy]\npast_due = {}\ngrace_days = {}\nunmapped_price = {}\nignore_prices = {:?}\n\
             pause_collection = {{ keep_as_draft = {}, mark_uncollectible = {}, void = {} }}\n\
             refund = {}\ndispute = {}\n\n[purchases]\nrefund = {}\ndispute = {}\nstack = {}\n",
            keep(self.past_due),
            self.grace_days,
            if self.unmapped_price == Unmapped::Park { "\"park\"" } else { "\"ignore\"" },
            self.ignore_prices,
            keep(pause.keep_as_draft),
            keep(pause.mark_uncollectible),
            keep(pause.void),
            keep(self.refund),
            dispute(self.dispute),
            keep(self.purchase_refund),
            dispute(self.purchase_dispute),
            if self.stack == Stack::Extend { "\"extend\"" } else { "\"longest\"" },
        )
    }
}

fn keep(policy: Keep) -> &'static str {
    match policy {
        Keep::Keep => "\"keep\"",
        Keep::Revoke => "\"revoke\"",
    }
}

fn dispute(policy: DisputePolicy) -> &'static str {
    match policy {
        DisputePolicy::Keep => "\"keep\"",
        DisputePolicy::Revoke => "\"revoke\"",
        DisputePolicy::RevokeWhenLost => "\"revoke_when_lost\"",
    }
}
