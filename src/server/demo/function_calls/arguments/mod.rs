//! Example arguments generated from the JSON Schema of a function's parameters.
//!
//! The result is the smallest useful value: required properties only, one element per array, defaults and
//! first choices of the schema. Supports the JSON Schema keywords common in tool declarations; `pattern`,
//! `not` and `if` are ignored.

use serde_json::{Map, Number, Value, json};
use thiserror::Error;

/// Maximum number of values in an example. A short schema can demand endless values, by `minItems` or `$ref`.
const MAX_VALUES: usize = 2_000;

/// Maximum length of a string generated for `minLength`.
const MAX_STRING_CHARS: u64 = 4_096;

/// Maximum nesting depth.
const MAX_DEPTH: usize = 32;

/// Maximum depth at which arrays get an optional element, so that recursive schemas end.
const SAMPLE_DEPTH: usize = 4;

/// Maximum number of schemas that apply to one value, by `allOf`, `anyOf`, `oneOf` and `$ref`.
const MAX_LAYERS: usize = 64;

/// Reason why there is no example.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub(crate) enum ArgumentError {
    /// The schema demands more than the limits allow.
    #[error("the schema asks for too large a value")]
    TooLarge,
    /// A reference to a missing part of the schema.
    #[error("the schema has no '{0}'")]
    Reference(String),
    /// Contradictory keywords, or `false`.
    #[error("the schema allows no value")]
    Impossible,
}

/// Returns a value that satisfies the `parameters` of a function; an empty object if there are none.
pub(crate) fn example(parameters: Option<&Value>) -> Result<Value, ArgumentError> {
    match parameters {
        None => Ok(json!({})),
        Some(Value::Object(schema)) if schema.is_empty() => Ok(json!({})),
        Some(schema) => ExampleBuilder { root: schema, values: 0 }.value(schema, 0, 0),
    }
}

struct ExampleBuilder<'a> {
    root: &'a Value,
    /// Number of values generated so far.
    values: usize,
}

/// All schemas that a value must satisfy; earlier ones take precedence.
struct Layers<'a>(Vec<&'a Map<String, Value>>);

impl<'a> Layers<'a> {
    fn get(&self, key: &str) -> Option<&'a Value> {
        self.0.iter().find_map(|layer| layer.get(key))
    }

    fn has(&self, keys: &[&str]) -> bool {
        keys.iter().any(|key| self.get(key).is_some())
    }

    fn numbers(&self, key: &'a str) -> impl Iterator<Item = f64> {
        self.0.iter().filter_map(move |layer| layer.get(key)?.as_f64())
    }

    fn count(&self, key: &'a str) -> Option<u64> {
        self.numbers(key).map(|count| count as u64).max()
    }

    fn smallest_count(&self, key: &'a str) -> Option<u64> {
        self.numbers(key).map(|count| count as u64).min()
    }

    fn property(&self, name: &str) -> Option<&'a Value> {
        self.0.iter().find_map(|layer| layer.get("properties")?.get(name))
    }

    /// Returns the first `type` other than `null`, if any.
    fn kind(&self) -> Option<&'a str> {
        match self.get("type")? {
            Value::String(kind) => Some(kind),
            Value::Array(kinds) => {
                let mut kinds = kinds.iter().filter_map(Value::as_str);
                let first = kinds.next()?;
                if first == "null" { Some(kinds.next().unwrap_or(first)) } else { Some(first) }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => None,
        }
    }

    /// Returns whether `value` has an allowed type and is in every `enum`.
    fn allows(&self, value: &Value) -> bool {
        let of_type = match self.get("type") {
            Some(Value::String(kind)) => is_of(value, kind),
            Some(Value::Array(kinds)) => {
                kinds.iter().filter_map(Value::as_str).any(|kind| is_of(value, kind))
            }
            Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_)) | None => true,
        };
        let listed = |layer: &&Map<String, Value>| match layer.get("enum").and_then(Value::as_array) {
            Some(values) => values.contains(value),
            None => true,
        };
        of_type && self.0.iter().all(listed)
    }
}

fn is_of(value: &Value, kind: &str) -> bool {
    match kind {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => value.as_f64().is_some_and(|number| number.fract() == 0.0),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        _ => false,
    }
}

impl<'a> ExampleBuilder<'a> {
    /// Generates a value; values with different `index` differ if the schema allows it.
    fn value(&mut self, schema: &'a Value, depth: usize, index: usize) -> Result<Value, ArgumentError> {
        self.values += 1;
        if self.values > MAX_VALUES || depth > MAX_DEPTH {
            return Err(ArgumentError::TooLarge);
        }
        let mut layers = Layers(Vec::new());
        self.collect(schema, &mut layers.0, 0)?;
        if let Some(value) = layers.get("const") {
            return Ok(value.clone());
        }
        if let Some(choices) = layers.get("enum").and_then(Value::as_array) {
            let allowed: Vec<&Value> = choices.iter().filter(|value| layers.allows(value)).collect();
            let count = allowed.len().max(1);
            return allowed.get(index % count).map(|value| (*value).clone()).ok_or(ArgumentError::Impossible);
        }
        let examples = layers.get("examples").and_then(Value::as_array);
        let named = layers.get("default").into_iter().chain(examples.into_iter().flatten());
        if let Some(value) = named.filter(|value| layers.allows(value)).nth(index) {
            return Ok(value.clone());
        }
        match layers.kind().unwrap_or_else(|| implied_kind(&layers)) {
            "object" => self.object(&layers, depth),
            "array" => self.array(&layers, depth),
            "integer" => number(&layers, NumberKind::Yes, index),
            "number" => number(&layers, NumberKind::No, index),
            "boolean" => Ok(json!(index.is_multiple_of(2))),
            "null" => Ok(Value::Null),
            _ => string(&layers, index).map(Value::String),
        }
    }

    /// Collects the schemas that apply together with `schema`; of alternatives the first that is not null.
    fn collect(
        &self,
        schema: &'a Value,
        layers: &mut Vec<&'a Map<String, Value>>,
        depth: usize,
    ) -> Result<(), ArgumentError> {
        if layers.len() >= MAX_LAYERS || depth > MAX_DEPTH {
            return Err(ArgumentError::TooLarge);
        }
        let fields = match schema {
            Value::Object(fields) => fields,
            Value::Bool(false) => return Err(ArgumentError::Impossible),
            Value::Null | Value::Bool(true) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
                return Ok(());
            }
        };
        layers.push(fields);
        if let Some(reference) = fields.get("$ref").and_then(Value::as_str) {
            self.collect(self.resolve(reference)?, layers, depth + 1)?;
        }
        for schema in fields.get("allOf").and_then(Value::as_array).into_iter().flatten() {
            self.collect(schema, layers, depth + 1)?;
        }
        for key in ["anyOf", "oneOf"] {
            let choices = fields.get(key).and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
            let is_null = |schema: &&Value| schema.get("type").is_some_and(|kind| kind == "null");
            let choice = choices.iter().find(|schema| !is_null(schema)).or_else(|| choices.first());
            if let Some(schema) = choice {
                self.collect(schema, layers, depth + 1)?;
            }
        }
        Ok(())
    }

    /// Resolves a reference within the schema: a JSON pointer after `#`.
    fn resolve(&self, reference: &str) -> Result<&'a Value, ArgumentError> {
        let missing = || ArgumentError::Reference(reference.chars().take(100).collect());
        let pointer = reference.strip_prefix('#').ok_or_else(missing)?;
        let pointer = percent_encoding::percent_decode_str(pointer).decode_utf8_lossy();
        self.root.pointer(&pointer).ok_or_else(missing)
    }

    fn object(&mut self, layers: &Layers<'a>, depth: usize) -> Result<Value, ArgumentError> {
        let mut object = Map::new();
        let required = layers.0.iter().filter_map(|layer| layer.get("required")?.as_array());
        for name in required.flatten().filter_map(Value::as_str) {
            if !object.contains_key(name) {
                let schema = layers.property(name).unwrap_or(&Value::Bool(true));
                object.insert(name.to_owned(), self.value(schema, depth + 1, 0)?);
            }
        }
        let min = layers.count("minProperties").unwrap_or(0);
        let declared = layers.0.iter().filter_map(|layer| layer.get("properties")?.as_object());
        for (name, schema) in declared.flatten() {
            if (object.len() as u64) < min && !object.contains_key(name) {
                object.insert(name.clone(), self.value(schema, depth + 1, 0)?);
            }
        }
        let more = layers.get("additionalProperties").unwrap_or(&Value::Bool(true));
        for number in 1.. {
            if object.len() as u64 >= min {
                break;
            }
            let value = self.value(more, depth + 1, number)?;
            object.entry(format!("property_{number}")).or_insert(value);
        }
        Ok(Value::Object(object))
    }

    fn array(&mut self, layers: &Layers<'a>, depth: usize) -> Result<Value, ArgumentError> {
        let min = layers.count("minItems").unwrap_or(0);
        let max = layers.smallest_count("maxItems").unwrap_or(u64::MAX);
        let sample = u64::from(depth < SAMPLE_DEPTH).min(max);
        let first = layers.get("prefixItems").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        let rest = layers.get("items").unwrap_or(&Value::Bool(true));
        let mut array = Vec::new();
        while (array.len() as u64) < min.max(sample) {
            let schema = first.get(array.len()).unwrap_or(rest);
            match self.value(schema, depth + 1, array.len()) {
                // An optional element is omitted if no value is possible.
                Err(ArgumentError::Impossible) if array.len() as u64 >= min => break,
                value => array.push(value?),
            }
        }
        Ok(Value::Array(array))
    }
}

/// Returns the type implied by the keywords of a schema without `type`.
fn implied_kind(layers: &Layers<'_>) -> &'static str {
    if layers.has(&["properties", "required", "additionalProperties", "minProperties"]) {
        "object"
    } else if layers.has(&["items", "prefixItems", "minItems", "maxItems"]) {
        "array"
    } else if layers.has(&["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"]) {
        "number"
    } else {
        "string"
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum NumberKind {
    Yes,
    No,
}

/// Returns a number within the bounds: 1 if allowed, else the one closest to the lower bound.
fn number(layers: &Layers<'_>, whole: NumberKind, index: usize) -> Result<Value, ArgumentError> {
    // Draft 4 has `exclusiveMinimum: true` next to `minimum`.
    let excludes = |key: &str| layers.get(key) == Some(&Value::Bool(true));
    let lower = layers.numbers("minimum").reduce(f64::max);
    let upper = layers.numbers("maximum").reduce(f64::min);
    let above = layers.numbers("exclusiveMinimum").reduce(f64::max);
    let above = above.or_else(|| lower.filter(|_| excludes("exclusiveMinimum")));
    let below = layers.numbers("exclusiveMaximum").reduce(f64::min);
    let below = below.or_else(|| upper.filter(|_| excludes("exclusiveMaximum")));
    let fits = |number: f64| {
        lower.is_none_or(|lower| number >= lower)
            && upper.is_none_or(|upper| number <= upper)
            && above.is_none_or(|above| number > above)
            && below.is_none_or(|below| number < below)
    };
    let step = layers.numbers("multipleOf").next().filter(|step| *step > 0.0);
    let min = lower.into_iter().chain(above).reduce(f64::max);
    let max = upper.into_iter().chain(below).reduce(f64::min);
    let unit = step.unwrap_or(1.0);
    let start = min.or(max).unwrap_or(1.0);
    let on_step = |offset: f64| ((start / unit).floor() + offset) * unit;
    let steps = (-2..4).map(|offset| on_step(f64::from(offset)));
    let wanted = if step.is_none() && fits(1.0) { 1.0 } else { f64::NAN };
    let between = min.zip(max).map(|(min, max)| f64::midpoint(min, max));
    let between = between.filter(|_| whole == NumberKind::No && step.is_none());
    let whole_fits = |number: &f64| fits(*number) && (whole == NumberKind::No || number.fract() == 0.0);
    let first = [wanted].into_iter().chain(steps).chain(between).find(whole_fits);
    let first = first.ok_or(ArgumentError::Impossible)?;
    let next = first + unit * index as f64;
    let number = if whole_fits(&next) { next } else { first };
    json_number(number).map(Value::Number).ok_or(ArgumentError::Impossible)
}

/// Writes whole numbers without a fraction.
fn json_number(number: f64) -> Option<Number> {
    /// Up to here, every whole number is exact as `f64`.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if number.fract() == 0.0 && number.abs() <= EXACT {
        Some(Number::from(number as i64))
    } else {
        Number::from_f64(number)
    }
}

fn string(layers: &Layers<'_>, index: usize) -> Result<String, ArgumentError> {
    let format = layers.get("format").and_then(Value::as_str).unwrap_or_default();
    let mut text = match format {
        "date-time" => "2026-01-01T12:00:00Z",
        "date" => "2026-01-01",
        "time" => "12:00:00Z",
        "duration" => "PT1H",
        "email" | "idn-email" => "user@example.com",
        "hostname" | "idn-hostname" => "example.com",
        "ipv4" => "192.0.2.1",
        "ipv6" => "2001:db8::1",
        "uri" | "iri" | "url" => "https://example.com/",
        "uri-reference" | "iri-reference" => "/",
        "uuid" => "00000000-0000-4000-8000-000000000000",
        _ => "example",
    }
    .to_owned();
    if index > 0 && text == "example" {
        text = format!("example {}", index + 1);
    }
    let min = layers.count("minLength").unwrap_or(0);
    let max = layers.smallest_count("maxLength").unwrap_or(u64::MAX);
    if min > MAX_STRING_CHARS {
        return Err(ArgumentError::TooLarge);
    }
    while (text.chars().count() as u64) < min {
        text.push('x');
    }
    Ok(text.chars().take(usize::try_from(max).unwrap_or(usize::MAX)).collect())
}

#[cfg(test)]
mod tests;
