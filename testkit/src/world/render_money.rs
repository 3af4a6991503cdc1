//! Renders sessions, invoices, charges, refunds and disputes as Stripe's JSON.

use serde_json::{Value, json};

use super::account::World;
use super::objects::{Dispute, Invoice, Mode, Payment, Purpose, Refund, Report, Session};
use super::shape::ApiShape;

/// A session at the time of a report.
pub(super) fn session(world: &World, session: &Session, report: Report) -> Value {
    let mode = match session.mode {
        Mode::Subscription => "subscription",
        Mode::Payment => "payment",
        Mode::Setup => "setup",
    };
    let payment_status = match report {
        Report::Paid | Report::AsyncSucceeded => "paid",
        Report::NoPaymentRequired => "no_payment_required",
        Report::Unpaid | Report::AsyncFailed => "unpaid",
    };
    let mut object = json!({
        "id": session.id, "object": "checkout.session", "mode": mode, "status": "complete",
        "payment_status": payment_status, "customer": session.customer,
        "subscription": session.subscription, "payment_intent": session.payment_intent,
        "client_reference_id": session.client_reference_id, "metadata": session.metadata,
        "payment_link": session.payment_link, "livemode": world.rules.livemode, "currency": "usd",
        "customer_details": { "email": "someone@example.com" }, "created": session_created(session),
    });
    if !session.line_items.is_empty() {
        let lines = session.line_items.iter().enumerate().map(|(n, id)| line(world, n, id));
        let data = lines.collect::<Vec<_>>();
        object["line_items"] = json!({ "object": "list", "data": data, "has_more": false,
            "url": format!("/v1/checkout/sessions/{}/line_items", session.id) });
    }
    object
}

fn session_created(session: &Session) -> i64 {
    session.reports.first().map_or(0, |first| first.at - 60)
}

fn line(world: &World, number: usize, id: &str) -> Value {
    let price = world.prices.get(id);
    json!({
        "id": format!("li_{number}"), "object": "item", "quantity": 1, "amount_total": 2000,
        "price": { "id": id, "object": "price", "product": price.map(|price| price.product.clone()),
            "lookup_key": price.and_then(|price| price.lookup_key.clone()), "type": "one_time" },
    })
}

/// An invoice in its current state.
pub(super) fn invoice(world: &World, invoice: &Invoice) -> Value {
    let customer = world.subscriptions.get(&invoice.subscription).map(|s| s.customer.clone());
    let paid = invoice.paid_at.is_some();
    let mut object = json!({
        "id": invoice.id, "object": "invoice", "customer": customer, "created": invoice.created,
        "status": if paid { "paid" } else { "draft" }, "amount_due": invoice.amount,
        "amount_paid": if paid { invoice.amount } else { 0 }, "currency": "usd", "metadata": {},
        "total": invoice.amount, "livemode": world.rules.livemode,
    });
    match world.shape {
        ApiShape::Old => {
            let payment = invoice.charges.first().and_then(|charge| world.payments.get(charge));
            object["subscription"] = json!(invoice.subscription);
            object["paid"] = json!(paid);
            object["charge"] = json!(payment.map(|payment| payment.charge.clone()));
            object["payment_intent"] = json!(payment.and_then(|p| p.payment_intent.clone()));
        }
        ApiShape::Basil => {
            object["parent"] = json!({ "type": "subscription_details", "quote_details": null,
                "subscription_details": { "metadata": {}, "subscription": invoice.subscription } });
        }
    }
    object
}

/// One of the payments of an invoice.
pub(super) fn invoice_payment(world: &World, invoice: &Invoice, payment: &Payment) -> Value {
    json!({
        "id": format!("inpay_{}", payment.charge), "object": "invoice_payment", "status": "paid",
        "invoice": invoice.id, "amount_paid": payment.amount, "amount_requested": payment.amount,
        "created": world.now, "currency": "usd", "is_default": true, "livemode": world.rules.livemode,
        "payment": { "type": "payment_intent", "payment_intent": payment.payment_intent },
        "status_transitions": { "paid_at": invoice.paid_at, "canceled_at": null },
    })
}

/// A charge in its current state.
pub(super) fn charge(world: &World, payment: &Payment) -> Value {
    let refunded = payment.refunded_amount();
    let mut object = json!({
        "id": payment.charge, "object": "charge", "amount": payment.amount, "currency": "usd",
        "amount_refunded": refunded, "refunded": refunded == payment.amount, "paid": true,
        "status": "succeeded", "customer": payment.customer, "payment_intent": payment.payment_intent,
        "disputed": payment.dispute.is_some(), "livemode": world.rules.livemode, "metadata": {},
        "created": world.now,
    });
    if world.shape == ApiShape::Old {
        object["invoice"] = match &payment.purpose {
            Purpose::Invoice(id) => json!(id),
            Purpose::Session(_) => Value::Null,
        };
    }
    object
}

/// A refund in a status.
pub(super) fn refund(payment: &Payment, refund: &Refund, status: &str) -> Value {
    json!({
        "id": refund.id, "object": "refund", "amount": refund.amount, "currency": "usd",
        "charge": payment.charge, "payment_intent": payment.payment_intent, "status": status,
        "failure_reason": (status == "failed").then_some("expired_or_canceled_card"), "metadata": {},
    })
}

/// A dispute in a status.
pub(super) fn dispute(world: &World, payment: &Payment, dispute: &Dispute, status: &str) -> Value {
    json!({
        "id": dispute.id, "object": "dispute", "amount": payment.amount, "currency": "usd",
        "charge": payment.charge, "payment_intent": payment.payment_intent, "status": status,
        "reason": "fraudulent", "is_charge_refundable": status.starts_with("warning"),
        "livemode": world.rules.livemode, "metadata": {},
    })
}
