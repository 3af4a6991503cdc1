//! Builds the expressions of one DynamoDB update. Every name has a placeholder, because DynamoDB
//! reserves many words.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;

use crate::store::{Item, number};

/// The parts of an update.
#[derive(Default)]
pub(super) struct Update {
    sets: Vec<String>,
    remove: String,
    add: String,
    /// The condition expression.
    pub(super) condition: String,
    /// The placeholders of names.
    pub(super) names: HashMap<String, String>,
    /// The placeholders of values.
    pub(super) values: Item,
}

impl Update {
    /// Sets attributes.
    pub(super) fn set(mut self, item: Item) -> Self {
        for (attribute, value) in item {
            let (name, value) = (self.name(&attribute), self.value(&attribute, value));
            self.sets.push(format!("{name} = {value}"));
        }
        self
    }

    /// Sets attributes that do not exist yet.
    pub(super) fn set_if_absent(mut self, item: Item) -> Self {
        for (attribute, value) in item {
            let (name, value) = (self.name(&attribute), self.value(&attribute, value));
            self.sets.push(format!("{name} = if_not_exists({name}, {value})"));
        }
        self
    }

    /// Removes an attribute; none, if the name is empty.
    pub(super) fn remove(mut self, attribute: &str) -> Self {
        if !attribute.is_empty() {
            self.remove = self.name(attribute);
        }
        self
    }

    /// Adds one to a counter.
    pub(super) fn increment(mut self, attribute: &str) -> Self {
        let (name, value) = (self.name(attribute), self.value(attribute, number(1)));
        self.add = format!("{name} {value}");
        self
    }

    /// Updates nothing if an attribute already has the value to which it is set here.
    pub(super) fn unless_equal(mut self, attribute: &str) -> Self {
        let name = self.name(attribute);
        self.condition = format!("attribute_not_exists({name}) OR {name} <> :{attribute}");
        self
    }

    /// The update expression.
    pub(super) fn expression(&self) -> String {
        let sets = self.sets.join(", ");
        let clauses = [("SET", &sets), ("REMOVE", &self.remove), ("ADD", &self.add)];
        let used = clauses.iter().filter(|(_, clause)| !clause.is_empty());
        used.map(|(verb, clause)| format!("{verb} {clause}")).collect::<Vec<_>>().join(" ")
    }

    fn name(&mut self, attribute: &str) -> String {
        let name = format!("#{attribute}");
        self.names.insert(name.clone(), attribute.to_owned());
        name
    }

    fn value(&mut self, attribute: &str, value: AttributeValue) -> String {
        let name = format!(":{attribute}");
        self.values.insert(name.clone(), value);
        name
    }
}
