//! How Stripe's API is asked: `[stripe]`.

use tierlift_core::config::{ApiBase, Fetch, Key, Reconcile, StripeConfig, ValueError};

use super::{Reader, values::TomlValue};
use crate::config::STRIPE_KEYS;

impl Reader<'_> {
    pub(super) fn stripe(&mut self, value: TomlValue<'_, '_>, to: &mut StripeConfig) {
        let Some(table) = self.table(&Key::Stripe, "share_percent = 25", value) else { return };
        for (name, value) in table {
            match name.get_ref().as_ref() {
                "api_base" => self.text(&Key::ApiBase, ApiBase::FORMAT, value, &mut to.api_base),
                "share_percent" => self.share_percent(value, &mut to.share_percent),
                "reconcile" => {
                    self.text(&Key::Reconcile, Reconcile::FORMAT, value, &mut to.reconcile);
                }
                "fetch" => self.text(&Key::Fetch, Fetch::FORMAT, value, &mut to.fetch),
                _ => self.unknown(name, "in [stripe]", STRIPE_KEYS),
            }
        }
    }

    fn share_percent(&mut self, value: TomlValue<'_, '_>, to: &mut u32) {
        let key = Key::SharePercent;
        match self.number(&key, "a whole number from 1 to 100", ValueError::SharePercent, value) {
            Some(percent) if (1..=100).contains(&percent) => *to = percent,
            Some(percent) => {
                let error = ValueError::SharePercent(percent.to_string());
                self.invalid(&value.span(), &key, &error);
            }
            None => {}
        }
    }
}
