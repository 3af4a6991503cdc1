//! The index of what operators list: acts, discarded dead letters and notes, the newest first. No webhook writes into
//! it. It is eventually consistent: what was written a moment ago may be missing.

use std::fmt::Debug;

use aws_sdk_dynamodb::{
    error::{ProvideErrorMetadata as _, SdkError},
    operation::query::QueryError,
    types::AttributeValue,
};
use tierlift_core::{ports::StoreError, time::Timestamp};

use super::{
    Store,
    error::unavailable,
    item::{self, Item, integer, number, text},
    listed_as::{LISTED_AS, LISTED_AT, Listed},
};

/// The name of the index.
const INDEX: &str = "operations";
/// The place of an item in the index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    at: i64,
    key: String,
}

impl Place {
    /// The place that a cursor stands for; `None` if it is no cursor of this index.
    pub(crate) fn parse(cursor: &str) -> Option<Self> {
        let (at, key) = cursor.split_once(' ')?;
        Some(Self { at: at.parse().ok()?, key: key.to_owned() })
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.at, self.key)
    }
}

impl Store {
    /// The items of a page, newest first: at most `max` of those at `since` or later, behind a place. Returns the
    /// place of the last one if more may follow.
    pub(crate) async fn listed(
        &self,
        what: Listed,
        since: Option<Timestamp>,
        behind: Option<&Place>,
        max: usize,
    ) -> Result<(Vec<Item>, Option<Place>), StoreError> {
        let start = behind.map(|Place { at, key }| {
            let mut start = Item::from([(item::PK.to_owned(), AttributeValue::S(key.clone()))]);
            what.insert(&mut start, Timestamp::from_micros(*at));
            start
        });
        let request = self
            .client
            .query()
            .table_name(&self.table)
            .index_name(INDEX)
            .key_condition_expression("#as = :as AND #at >= :since")
            .expression_attribute_names("#as", LISTED_AS)
            .expression_attribute_names("#at", LISTED_AT)
            .expression_attribute_values(":as", AttributeValue::S(what.as_str().to_owned()))
            .expression_attribute_values(":since", number(since.map_or(0, Timestamp::as_micros)))
            .scan_index_forward(false)
            .limit(i32::try_from(max).unwrap_or(i32::MAX).max(1))
            .set_exclusive_start_key(start);
        let page = request.send().await.map_err(|error| refused(&error))?;
        let next = page.last_evaluated_key.as_ref().and_then(place);
        let keys: Vec<String> = page.items().iter().filter_map(place).map(|it| it.key).collect();
        let mut found = self.get_all(&keys.iter().cloned().collect()).await?;
        Ok((keys.iter().filter_map(|key| found.remove(key)).collect(), next))
    }
}

/// A table that another stack or a person made may lack the index.
fn refused<R: Debug + Send + Sync + 'static>(error: &SdkError<QueryError, R>) -> StoreError {
    let message = error.message().unwrap_or_default();
    if error.code() == Some("ValidationException") && message.contains("specified index") {
        let missing = "the table lacks the index `operations`, which an ExistingTable needs for acts, notes and \
                       discarded dead letters; infrastructure/README.md says how to add it";
        return StoreError::Unavailable(missing.into());
    }
    unavailable(error)
}

fn place(entry: &Item) -> Option<Place> {
    Some(Place { at: integer(entry, LISTED_AT)?, key: text(entry, item::PK)?.to_owned() })
}

#[cfg(test)]
mod tests {
    use aws_sdk_dynamodb::error::ErrorMetadata;

    use super::*;

    /// The message is DynamoDB's.
    #[test]
    fn a_table_without_the_index_is_named_as_such() {
        let refusal = |message: &str| {
            let metadata = ErrorMetadata::builder().code("ValidationException").message(message);
            let error = QueryError::generic(metadata.build());
            refused(&SdkError::<QueryError, ()>::service_error(error, ())).to_string()
        };
        let missing = refusal("The table does not have the specified index: operations");
        assert!(missing.contains("lacks the index `operations`"), "{missing}");
        let other = refusal("1 validation error detected");
        assert!(!other.contains("lacks"), "{other}");
    }

    #[test]
    fn a_cursor_is_a_place() {
        let place = Place { at: 7, key: "EVENT#tierlift.x.1.a b".to_owned() };
        assert_eq!(Place::parse(&place.to_string()), Some(place));
        for cursor in ["", "7", "x EVENT#a"] {
            assert_eq!(Place::parse(cursor), None, "{cursor}");
        }
    }
}
