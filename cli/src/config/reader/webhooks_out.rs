//! Webhooks to the host: where it takes them.

use tierlift_core::config::{Key, WebhookUrl};
use toml::de::DeValue;

use super::{Reader, values::TomlValue};
use crate::config::WEBHOOKS_OUT_KEYS;

impl Reader<'_> {
    pub(super) fn webhooks_out(&mut self, value: TomlValue<'_, '_>, to: &mut Option<WebhookUrl>) {
        let expected = "url = \"https://app.example.com/webhooks/tierlift\"";
        let Some(table) = self.table(&Key::WebhooksOut, expected, value) else { return };
        for (name, value) in table {
            if name.get_ref() != "url" {
                self.unknown(name, "in [webhooks_out]", WEBHOOKS_OUT_KEYS);
                continue;
            }
            let DeValue::String(text) = value.get_ref() else {
                self.wrong_type(&Key::WebhooksOutUrl, WebhookUrl::FORMAT, value);
                continue;
            };
            match text.parse() {
                Ok(url) => *to = Some(url),
                Err(error) => self.invalid(&value.span(), &Key::WebhooksOutUrl, &error),
            }
        }
    }
}
