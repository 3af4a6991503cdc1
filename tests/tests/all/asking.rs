//! A data file that no server has, and the Stripe that is asked about it.

use std::time::Duration;

use tempfile::TempDir;
use tierlift_core::{policy::Policy, time::Timestamp};
use tierlift_embedded::Offline;
use tierlift_stripe::{Client, Key, Settings};
use tierlift_testkit::{clock::ManualClock, stripe_api::StripeApi};

const KEY: &str = "rk_test_1234567";

/// A data file, a client with a key, and the account of Stripe that it asks; all go by one clock.
pub(crate) struct Asking {
    pub(crate) api: StripeApi,
    pub(crate) clock: ManualClock,
    pub(crate) client: Client,
    pub(crate) offline: Offline,
    pub(crate) folder: TempDir,
}

impl Asking {
    /// An empty file and an empty account.
    pub(crate) async fn open(policy: Policy, now: Timestamp) -> Self {
        let clock = ManualClock::new(now);
        let api = StripeApi::start(KEY, clock.clock());
        let settings = Settings { base: api.base(), ..Settings::new(Key::parse(KEY).unwrap()) };
        let timeout = Duration::from_secs(5);
        let client = Client::new(Settings { share_percent: 100, timeout, ..settings });
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("tierlift.db");
        let offline = Offline::open(&data, policy, clock.clock()).await.unwrap();
        Self { api, clock, client, offline, folder }
    }
}
