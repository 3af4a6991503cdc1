//! What is known of a thin event before Stripe is asked, for those who ask and for dry runs.

use tierlift_core::{
    codes::Code,
    failure::Failure,
    policy::Policy,
    ports::{Message, Store, StoreError, StripeId},
    stripe::ThinEvent,
};

/// What a thin event comes to before Stripe is asked.
#[derive(Debug)]
pub enum Admitted {
    /// Stripe is asked for this object.
    Asks(ThinEvent, StripeId),
    /// It cannot be asked about.
    Parks(Failure),
    /// The ledger has it, or its snapshot twin.
    Duplicate,
}

/// Says whether Stripe is asked about a thin event, and asks nothing.
pub async fn admit<S: Store>(
    store: &S,
    policy: &Policy,
    message: &Message,
) -> Result<Admitted, StoreError> {
    let thin = match ThinEvent::parse(&message.body) {
        Ok(thin) => thin,
        Err(error) => return Ok(Admitted::Parks(Failure::new(error.code(), &error))),
    };
    let Some(object) = thin.object.clone().filter(|_| thin.livemode == policy.livemode) else {
        return Ok(Admitted::Parks(refusal(&thin, policy)));
    };
    if is_known(store, message, &thin).await? {
        return Ok(Admitted::Duplicate);
    }
    Ok(Admitted::Asks(thin, object))
}

/// Whether the ledger has the event, or the snapshot event of the same change.
async fn is_known<S: Store>(
    store: &S,
    message: &Message,
    thin: &ThinEvent,
) -> Result<bool, StoreError> {
    for event in [Some(&message.event), thin.twin.as_ref()].into_iter().flatten() {
        if store.ledger(event).await?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Why a thin event cannot be asked about.
fn refusal(thin: &ThinEvent, policy: &Policy) -> Failure {
    if thin.livemode == policy.livemode {
        return Failure::new(Code::EventThin, &"it names no object that can be retrieved");
    }
    let error = format!("livemode is {}, here it is {}", thin.livemode, policy.livemode);
    Failure::new(Code::LivemodeMismatch, &error)
}
