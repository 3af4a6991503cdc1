//! The records of which a table has one each: the policy that everything is under, and how far the latest
//! reconciliation has come.
//!
//! A record is replaced as a whole. One of a later version of tierlift stays as it is.

use aws_sdk_dynamodb::operation::put_item::PutItemError;
use serde::{Serialize, de::DeserializeOwned};
use tierlift_core::{
    limits::ITEM_BYTES_MAX,
    ports::{PolicyRecord, PolicyState, ReconciliationRecord, StoreError},
    reconciliation::Reconciliation,
};

use super::{
    Store,
    error::unavailable,
    item::{self, POLICY_KEY, RECONCILIATION_KEY, number},
    size,
};

impl Store {
    async fn record<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>, StoreError> {
        let item = self.get(key.to_owned()).await?;
        Ok(item.map(|item| item::parse_record(item, key)).transpose()?)
    }

    async fn set_record<T>(&self, key: &str, record: &T) -> Result<(), StoreError>
    where
        T: Serialize + DeserializeOwned + Sync,
    {
        let put = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(item::record_item(key, record)?))
            .condition_expression("attribute_not_exists(#pk) OR #shape <= :shape")
            .expression_attribute_names("#pk", item::PK)
            .expression_attribute_names("#shape", item::SHAPE_ATTRIBUTE)
            .expression_attribute_values(":shape", number(item::SHAPE));
        match put.send().await {
            Ok(_) => Ok(()),
            Err(error) => match error.as_service_error() {
                // Reading it says which later version wrote it.
                Some(PutItemError::ConditionalCheckFailedException(_)) => {
                    self.record::<T>(key).await.and(Err(StoreError::Conflict))
                }
                _ => Err(unavailable(&error)),
            },
        }
    }
}

impl PolicyRecord for Store {
    async fn policy_state(&self) -> Result<Option<PolicyState>, StoreError> {
        self.record(POLICY_KEY).await
    }

    async fn set_policy_state(&self, state: PolicyState) -> Result<(), StoreError> {
        self.set_record(POLICY_KEY, &state).await
    }
}

impl ReconciliationRecord for Store {
    async fn reconciliation(&self) -> Result<Option<Reconciliation>, StoreError> {
        self.record(RECONCILIATION_KEY).await
    }

    /// Where its report names more than an item can hold, only the counts are kept.
    async fn set_reconciliation(&self, state: Reconciliation) -> Result<(), StoreError> {
        self.set_record(RECONCILIATION_KEY, &fitting(state)?).await
    }
}

fn fitting(mut state: Reconciliation) -> Result<Reconciliation, StoreError> {
    if size::bytes(&item::record_item(RECONCILIATION_KEY, &state)?) > ITEM_BYTES_MAX {
        tracing::warn!("the report of the reconciliation is too long; its names are left out");
        state.report.forget_names();
    }
    Ok(state)
}

#[cfg(test)]
mod tests {
    use tierlift_core::{
        id::CustomerId, limits::RECONCILED_LISTED_MAX, observation::Because, time::Timestamp,
    };

    use super::*;

    #[test]
    fn a_report_that_no_item_can_hold_keeps_its_counts() {
        let mut state = Reconciliation::new(Because::Reconcile, Timestamp::from_secs(0));
        state.report.note_fixed(CustomerId::new("cus_1").ok());
        assert_eq!(fitting(state.clone()).unwrap(), state);
        for number in 0..RECONCILED_LISTED_MAX {
            let long = format!("{number:0>255}");
            state.report.note_fixed(CustomerId::new(&long).ok());
            state.report.note_unmapped(long);
        }
        let kept = fitting(state).unwrap();
        assert_eq!(kept.report.fixed, RECONCILED_LISTED_MAX as u64 + 1);
        assert!(kept.report.customers.is_empty() && kept.report.unmapped.is_empty());
    }

    #[test]
    fn a_reconciliation_is_stored_as_it_is() {
        let mut state = Reconciliation::new(Because::Reconcile, Timestamp::from_secs(9));
        for list in std::iter::successors(state.next.clone(), |place| {
            (place.list.as_str() != "events").then(|| tierlift_core::reconciliation::Place {
                list: place.list.next(),
                after: None,
            })
        }) {
            state.next = Some(list);
            state.report.note_unmapped("price_1".to_owned());
            let item = item::record_item(RECONCILIATION_KEY, &state).unwrap();
            let read = item::parse_record::<Reconciliation>(item, RECONCILIATION_KEY);
            assert_eq!(read.unwrap(), state);
        }
    }
}
