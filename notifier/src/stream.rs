//! A stretch of the store's change feed to the sockets: users side by side, each in its order.

use futures_util::{StreamExt, stream};
use tierlift_core::{
    change::{Change, DeliveryContext},
    limits::USERS_NOTIFIED_AT_ONCE_MAX,
    ports::Sockets,
    time::Clock,
};

use crate::notify;

/// A committed change, as a feed brings it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct News {
    /// The change.
    pub change: Change,
    /// The webhook that caused it, if one did.
    pub origin: Option<DeliveryContext>,
}

/// Tells all of them; says for each, in the order given, whether every live socket knows it. What
/// is told for nothing (the user has no socket) is told.
pub async fn tell_all<S: Sockets>(sockets: &S, news: Vec<News>, clock: &Clock) -> Vec<bool> {
    let mut users: Vec<Vec<(usize, News)>> = Vec::new();
    let count = news.len();
    for (place, one) in news.into_iter().enumerate() {
        match users.iter_mut().find(|known| is_of_user(known, &one)) {
            Some(known) => known.push((place, one)),
            None => users.push(vec![(place, one)]),
        }
    }
    let mut told = vec![false; count];
    let mut done = stream::iter(users)
        .map(|news| async move { tell_user(sockets, news, clock).await })
        .buffer_unordered(USERS_NOTIFIED_AT_ONCE_MAX);
    while let Some(places) = done.next().await {
        for place in places {
            if let Some(told) = told.get_mut(place) {
                *told = true;
            }
        }
    }
    told
}

fn is_of_user(known: &[(usize, News)], news: &News) -> bool {
    known.first().is_some_and(|(_, first)| first.change.user == news.change.user)
}

/// In order, and no further than what could not be told: it comes again before the rest.
async fn tell_user<S: Sockets>(sockets: &S, news: Vec<(usize, News)>, clock: &Clock) -> Vec<usize> {
    let mut places = Vec::with_capacity(news.len());
    for (place, News { change, origin }) in news {
        let (user, event) = (change.user.as_str(), change.event.as_str());
        let trace = origin.as_ref().and_then(|origin| origin.trace.as_deref());
        let received_at = origin.as_ref().map(|origin| origin.received_at);
        let told = notify(sockets, &change, received_at, clock).await;
        let (sent, gone, failed) = (told.sent, told.gone, told.failed);
        tracing::info!(user, event, sent, gone, failed, trace, "told of a change");
        if failed > 0 {
            break;
        }
        places.push(place);
    }
    places
}

#[cfg(test)]
#[path = "stream_tests.rs"]
mod tests;
