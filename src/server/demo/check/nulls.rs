//! Removal of nulls from optional fields.
//!
//! Serializers of typed clients write every unset optional field as `null`. Such nulls are removed before an
//! event is checked and decoded, but kept if null has its own meaning ([`Rule::Nullable`], for example
//! `turn_detection`) or the field is required.

use serde_json::{Map, Value};

use crate::server::demo::check::rule::{Field, Nested, Rule};

/// Whether an event was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Removed {
    /// At least one null was removed.
    Some,
    /// There was none.
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

/// Removes nulls from an object. `in_sibling` returns whether another variant of the same union has the
/// field: clients with one class for all variants write the fields of all of them.
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
    match (rule.nested(), value) {
        (Nested::Same(rule), value) => in_value(rule, in_sibling, value),
        (Nested::Elements(rule), Value::Array(values)) => values
            .iter_mut()
            .fold(Removed::Nothing, |removed, value| removed.or(in_value(rule, in_sibling, value))),
        (Nested::Fields(fields), Value::Object(values)) => in_object(fields, in_sibling, values),
        (Nested::Variants(tag, variants), value) => {
            let variant = value.get(tag).and_then(Value::as_str);
            let Some((_, chosen)) = variants.iter().find(|(word, _)| Some(*word) == variant) else {
                return Removed::Nothing;
            };
            let in_union =
                |name: &str| in_sibling(name) || variants.iter().any(|(_, variant)| has_field(variant, name));
            in_value(chosen, &in_union, value)
        }
        (Nested::None | Nested::Elements(_) | Nested::Fields(_), _) => Removed::Nothing,
    }
}

fn has_field(rule: &Rule, name: &str) -> bool {
    match rule.nested() {
        Nested::Same(rule) => has_field(rule, name),
        Nested::Fields(fields) => fields.iter().any(|field| field.name == name),
        Nested::Variants(_, variants) => variants.iter().any(|(_, variant)| has_field(variant, name)),
        Nested::None | Nested::Elements(_) => false,
    }
}
