//! Dead letters in groups: by cause, by error or by type.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use tierlift_core::{
    limits::{DEAD_LETTER_GROUPS_MAX, DEAD_LETTERS_PAGE_MAX, GROUP_MEMBERS_MAX},
    ports::{DeadLetter, Note},
    time::Timestamp,
};

use crate::{Backend, Desk, Error, Filter, filter::event_of};

/// What dead letters are grouped by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum GroupBy {
    /// The latest cause.
    #[default]
    Cause,
    /// The latest error message.
    Error,
    /// The event type.
    Type,
}

/// The groups, the largest first.
#[derive(Debug, Serialize)]
pub struct Groups {
    /// Dead letters in all groups.
    pub total: usize,
    /// Dead letters in further groups than are listed.
    pub others: usize,
    /// The groups: at most [`DEAD_LETTER_GROUPS_MAX`], those that are met first from the oldest dead letter on.
    pub groups: Vec<Group>,
}

/// Dead letters that have something in common.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Group {
    /// What they have in common.
    pub key: String,
    /// How many there are.
    pub count: usize,
    /// The first failure of any.
    pub first_at: String,
    /// The latest failure of any.
    pub last_at: String,
    /// The latest error message.
    pub last_error: String,
    /// The event of the latest failure.
    pub last_event: String,
    /// Customers that are affected, at most [`GROUP_MEMBERS_MAX`].
    pub customers: usize,
    /// Users that their events name, at most [`GROUP_MEMBERS_MAX`].
    pub users: usize,
    /// What an operator wrote about the group.
    pub note: Option<String>,
}

struct Gathered {
    count: usize,
    first_at: Timestamp,
    last_at: Timestamp,
    last_error: String,
    last_event: String,
    customers: BTreeSet<String>,
    users: BTreeSet<String>,
}

impl Gathered {
    fn new(one: &DeadLetter) -> Self {
        Self {
            count: 0,
            first_at: one.failure.first_at,
            last_at: one.failure.last_at,
            last_error: String::new(),
            last_event: String::new(),
            customers: BTreeSet::new(),
            users: BTreeSet::new(),
        }
    }

    fn add(&mut self, one: &DeadLetter, user: Option<String>) {
        let DeadLetter { message, failure } = one;
        self.count += 1;
        self.first_at = self.first_at.min(failure.first_at);
        if failure.last_at >= self.last_at {
            self.last_at = failure.last_at;
            self.last_error.clone_from(&failure.last_error);
            self.last_event = message.event.to_string();
        }
        insert(&mut self.customers, message.group.0.to_string());
        if let Some(user) = user {
            insert(&mut self.users, user);
        }
    }
}

/// Adds a member of a group, within the limit.
fn insert(members: &mut BTreeSet<String>, member: String) {
    if members.len() < GROUP_MEMBERS_MAX {
        members.insert(member);
    }
}

impl<B: Backend> Desk<B> {
    /// The groups of the dead letters that a filter means. Only a page of dead letters is in memory at a time.
    pub async fn groups(&self, filter: &Filter, by: GroupBy) -> Result<Groups, Error> {
        let mut gathered: BTreeMap<String, Gathered> = BTreeMap::new();
        let (mut others, mut after, policy) = (0, None, self.policy.current());
        loop {
            let page =
                self.backend.dead_letters(after.as_deref(), None, DEAD_LETTERS_PAGE_MAX).await?;
            for one in &page.items {
                if !self.admits(filter, one).await? {
                    continue;
                }
                let key = match by {
                    GroupBy::Cause => one.failure.cause.to_string(),
                    GroupBy::Error => one.failure.last_error.clone(),
                    GroupBy::Type => one.message.kind.as_str().to_owned(),
                };
                if gathered.len() >= DEAD_LETTER_GROUPS_MAX && !gathered.contains_key(&key) {
                    others += 1;
                    continue;
                }
                let event = event_of(one, &policy);
                let user = event.and_then(|event| event.fact.user().map(ToString::to_string));
                gathered.entry(key).or_insert_with(|| Gathered::new(one)).add(one, user);
            }
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        let mut notes = self.backend.notes().await?;
        let groups = gathered.into_iter().map(|(key, it)| group(&mut notes, key, it));
        let mut groups: Vec<Group> = groups.collect();
        groups.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.key.cmp(&b.key)));
        let listed: usize = groups.iter().map(|group| group.count).sum();
        Ok(Groups { total: listed + others, others, groups })
    }
}

fn group(notes: &mut BTreeMap<String, Note>, key: String, it: Gathered) -> Group {
    let note = notes.remove(&key);
    Group {
        count: it.count,
        first_at: it.first_at.to_string(),
        last_at: it.last_at.to_string(),
        last_error: it.last_error,
        last_event: it.last_event,
        customers: it.customers.len(),
        users: it.users.len(),
        note: note.map(|note| format!("{} ({})", note.act.reason(), note.act.actor())),
        key,
    }
}
