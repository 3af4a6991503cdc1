//! The size of an item by DynamoDB's rules
//! (<https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html>).
//!
//! An item is measured before it is sent, so that one above the limit is refused without a round trip.

use aws_sdk_dynamodb::types::AttributeValue;

use super::item::Item;

/// Overhead of a list or a map.
const CONTAINER_BYTES: usize = 3;
/// Overhead of each element of a list or a map.
const ELEMENT_BYTES: usize = 1;

/// The size of an item in bytes: the names and the values of its attributes.
pub(super) fn bytes(item: &Item) -> usize {
    item.iter().map(|(name, value)| name.len() + value_bytes(value)).sum()
}

fn value_bytes(value: &AttributeValue) -> usize {
    if let AttributeValue::S(text) = value {
        text.len()
    } else if let AttributeValue::N(number) = value {
        number_bytes(number)
    } else if let AttributeValue::L(list) = value {
        CONTAINER_BYTES + list.iter().map(|it| ELEMENT_BYTES + value_bytes(it)).sum::<usize>()
    } else if let AttributeValue::M(map) = value {
        CONTAINER_BYTES + map.len() * ELEMENT_BYTES + bytes(map)
    } else if let AttributeValue::B(blob) = value {
        blob.as_ref().len()
    } else {
        // A boolean or a null. tierlift writes no other types.
        1
    }
}

/// An integer takes one byte per pair of digits, counted from the right, without zeros at either end;
/// one more byte; and one for a minus.
fn number_bytes(number: &str) -> usize {
    let digits = number.trim_start_matches('-');
    let sign_bytes = number.len() - digits.len();
    let digits = digits.trim_start_matches('0').as_bytes();
    let zero_pairs = digits.rchunks(2).take_while(|pair| pair.iter().all(|d| *d == b'0')).count();
    1 + sign_bytes + digits.len().div_ceil(2) - zero_pairs
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use aws_sdk_dynamodb::primitives::Blob;

    use super::*;

    #[test]
    fn numbers_are_pairs_of_digits() {
        for (number, bytes) in [
            ("0", 1),
            ("7", 2),
            ("42", 2),
            ("100", 2),
            ("123", 3),
            ("1000", 2),
            ("1230", 3),
            ("1795000000000000", 3),
            ("-7", 3),
            ("-9223372036854775808", 12),
        ] {
            assert_eq!(number_bytes(number), bytes, "{number}");
        }
    }

    #[test]
    fn an_item_is_its_names_and_values() {
        let text = |text: &str| AttributeValue::S(text.to_owned());
        let map = HashMap::from([("é".to_owned(), text("☂"))]);
        for (value, bytes) in [
            (text(""), 0),
            (text("é☂"), 5),
            (AttributeValue::Bool(true), 1),
            (AttributeValue::Null(true), 1),
            (AttributeValue::B(Blob::new([0; 7])), 7),
            (AttributeValue::L(vec![]), 3),
            (AttributeValue::L(vec![text("abc"), AttributeValue::Bool(false)]), 3 + 4 + 2),
            (AttributeValue::M(HashMap::new()), 3),
            (AttributeValue::M(map), 3 + 1 + 2 + 3),
        ] {
            let item = Item::from([("name".to_owned(), value.clone())]);
            assert_eq!(super::bytes(&item), 4 + bytes, "{value:?}");
        }
    }
}
