//! Null for an optional field means that the field is absent.
//!
//! Serializers of typed clients write every optional field that is not set as `null`. Such nulls are removed
//! before an event is checked and read. They stay where null has a meaning of its own ([`Rule::Nullable`],
//! for example `turn_detection`) and where the field is required.

use serde_json::{Map, Value};

use crate::server::demo::check::rule::{Field, Rule};

/// Whether an event was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Removed {
    /// At least one null was removed.
    Some,
    /// The event had none to remove.
    Nothing,
}

impl Removed {
    fn or(self, other: Self) -> Self {
        if self == Self::Some { self } else { other }
    }
}

/// Removes the nulls of optional fields from an object with these `fields`, at every depth.
pub(super) fn remove_nulls(fields: &[Field], values: &mut Map<String, Value>) -> Removed {
    in_object(fields, &|_| false, values)
}

/// `in_sibling` tells whether another variant of the same union has a field of this name: clients with one
/// class for all variants write the fields of all of them.
fn in_object(
    fields: &[Field],
    in_sibling: &dyn Fn(&str) -> bool,
    values: &mut Map<String, Value>,
) -> Removed {
    let before = values.len();
    values.retain(|name, value| {
        let field = fields.iter().find(|field| field.name == name);
        !(value.is_null() && field.map_or_else(|| in_sibling(name), Field::null_is_absent))
    });
    let removed = if values.len() < before { Removed::Some } else { Removed::Nothing };
    fields.iter().fold(removed, |removed, field| match values.get_mut(field.name) {
        Some(value) => removed.or(in_value(&field.rule, &|_| false, value)),
        None => removed,
    })
}

fn in_value(rule: &Rule, in_sibling: &dyn Fn(&str) -> bool, value: &mut Value) -> Removed {
    match (rule, value) {
        (Rule::Nullable(rule) | Rule::TextOr(_, rule), value) => in_value(rule, in_sibling, value),
        (Rule::List(rule), Value::Array(values)) => values
            .iter_mut()
            .fold(Removed::Nothing, |removed, value| removed.or(in_value(rule, in_sibling, value))),
        (Rule::Object(fields), Value::Object(values)) => in_object(fields, in_sibling, values),
        (Rule::Tagged(tag, variants), value) => {
            let variant = value.get(tag).and_then(Value::as_str);
            let Some((_, chosen)) = variants.iter().find(|(word, _)| Some(*word) == variant) else {
                return Removed::Nothing;
            };
            let in_union =
                |name: &str| in_sibling(name) || variants.iter().any(|(_, variant)| has_field(variant, name));
            in_value(chosen, &in_union, value)
        }
        (
            Rule::Anything
            | Rule::Text
            | Rule::Short(_)
            | Rule::Word(_)
            | Rule::Base64(_)
            | Rule::Integer(..)
            | Rule::Number(..)
            | Rule::Flag
            | Rule::List(_)
            | Rule::Sets(_)
            | Rule::Object(_)
            | Rule::Metadata,
            _,
        ) => Removed::Nothing,
    }
}

fn has_field(rule: &Rule, name: &str) -> bool {
    match rule {
        Rule::Nullable(rule) | Rule::TextOr(_, rule) => has_field(rule, name),
        Rule::Object(fields) => fields.iter().any(|field| field.name == name),
        Rule::Tagged(_, variants) => variants.iter().any(|(_, variant)| has_field(variant, name)),
        Rule::Anything
        | Rule::Text
        | Rule::Short(_)
        | Rule::Word(_)
        | Rule::Base64(_)
        | Rule::Integer(..)
        | Rule::Number(..)
        | Rule::Flag
        | Rule::List(_)
        | Rule::Sets(_)
        | Rule::Metadata => false,
    }
}
