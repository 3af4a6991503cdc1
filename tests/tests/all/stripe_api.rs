//! The client of Stripe's API against localstripe, which somebody else wrote.

use tierlift_core::{
    codes::Code,
    id::CustomerId,
    ports::{ListOf, Stripe as _, StripeId},
};
use tierlift_stripe::{Client, Key, Settings};
use tierlift_testkit::harness::{
    localstripe::{CARD_PAYS, Localstripe},
    now,
};

#[tokio::test(flavor = "multi_thread")]
async fn localstripe_is_read_like_stripe() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("localstripe.log");
    // Nothing listens on port 1, and nothing has to.
    let stripe = Localstripe::start(&log, "http://127.0.0.1:1/").await;
    let customer = stripe.customer(Some("ada"), CARD_PAYS).await;
    let subscription = stripe.subscribe(&customer, "price_pro", &[]).await;
    stripe.customer(None, CARD_PAYS).await;

    let key = Key::parse("sk_test_1234567").unwrap();
    let settings = Settings { base: stripe.base(), share_percent: 100, ..Settings::new(key) };
    let client = Client::new(settings);
    let answer = client.retrieve(&StripeId::parse(&subscription).unwrap()).await.unwrap();
    assert!(answer.object.contains(&subscription) && !answer.livemode);
    assert!((now().as_secs() - answer.window.to_secs).abs() <= 5, "{:?}", answer.window);
    assert!(answer.window.from_secs <= answer.window.to_secs);

    let customers = client.list(&ListOf::Customers, None).await.unwrap();
    assert_eq!((customers.items.len(), customers.next), (2, None));
    let customer = CustomerId::new(&customer).ok();
    let list = ListOf::Subscriptions { customer };
    let subscriptions = client.list(&list, None).await.unwrap();
    assert_eq!(subscriptions.items.len(), 1);
    let missing = client.retrieve(&StripeId::parse("sub_missing").unwrap()).await.unwrap_err();
    assert_eq!(missing.code(), Code::StripeNotFound);
}
