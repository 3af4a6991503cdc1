//! Unexpected and broken bodies: none causes a panic.

use super::*;

fn odd_value() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "\\PC{0,9}".prop_map(Value::from),
        Just(json!([])),
        Just(json!({})),
        Just(json!({"id": "cus_2"})),
        Just(json!([{"id": "si_1"}, {}])),
        Just(json!({"data": [{}]})),
        Just(json!("canceled")),
    ]
}

fn real_body() -> impl Strategy<Value = &'static str> {
    proptest::sample::select([&BODIES[..], &billing::BODIES].concat())
}

/// Every position in a value, as the keys that lead there.
fn places(value: &Value, here: &str, out: &mut Vec<String>) {
    out.push(here.to_owned());
    match value {
        Value::Object(fields) => {
            for (key, inner) in fields {
                places(inner, &format!("{here}/{key}"), out);
            }
        }
        Value::Array(list) => {
            for (place, inner) in list.iter().enumerate() {
                places(inner, &format!("{here}/{place}"), out);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn garbage_is_no_panic(body in vec(any::<u8>(), 0..300)) {
        read(&body);
    }

    /// A real body with one value replaced by an unexpected one: no panic, and never two customers.
    #[test]
    fn odd_values_in_real_bodies_are_no_panic(
        body in real_body(),
        edits in vec((any::<Index>(), odd_value()), 1..4),
    ) {
        let mut value: Value = serde_json::from_str(body).unwrap();
        for (place, odd) in edits {
            let mut all = Vec::new();
            places(&value, "", &mut all);
            *value.pointer_mut(place.get::<String>(&all)).unwrap() = odd;
        }
        if let Some((head, event)) = read(value.to_string().as_bytes()) {
            prop_assert!(agree(head.as_ref(), &event), "{:?}: {:?}", head, event);
        }
    }

    /// A real body with bytes changed, removed or doubled.
    #[test]
    fn broken_real_bodies_are_no_panic(
        body in real_body(),
        edits in vec((any::<Index>(), any::<Index>(), 0..4_u8, any::<u8>()), 1..5),
    ) {
        let mut bytes = body.as_bytes().to_vec();
        for (from, to, how, byte) in edits {
            let (a, b) = (from.index(bytes.len()), to.index(bytes.len()));
            let (from, to) = (a.min(b), a.max(b).min(a.min(b) + 60));
            match how {
                0 => bytes[from] = byte,
                1 => drop(bytes.drain(from..to.min(bytes.len() - 1))),
                2 => { let copy = bytes[from..to].to_vec(); bytes.splice(to..to, copy); }
                _ => bytes.truncate(bytes.len() - (to - from) / 8),
            }
        }
        if let Some((Some(head), event)) = read(&bytes) {
            prop_assert!(agree(Some(&head), &event), "{:?}: {:?}", head, event);
        }
    }
}
