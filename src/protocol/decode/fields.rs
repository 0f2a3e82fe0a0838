//! Typed extraction of fields from a JSON object; unexpected values stay in the object.

use serde_json::Value;

use crate::protocol::value::{FieldUpdate, Unknown};

/// Field accessors of the decoders. `null` counts as absent and is removed.
pub(super) trait Fields {
    /// Takes a field that `read` accepts; `read` returns the value otherwise.
    fn take_with<T>(&mut self, key: &str, read: impl FnOnce(Value) -> Result<T, Value>) -> Option<T>;

    /// Takes from a nested object; its remainder stays under `key`.
    fn take_in<T>(&mut self, key: &str, read: impl FnOnce(&mut Unknown) -> Option<T>) -> Option<T>;

    /// Takes from each object of a list; if any object has a remainder, all remainders stay under `key`. A
    /// list with other values stays whole.
    fn take_each<T>(&mut self, key: &str, read: impl FnMut(&mut Unknown) -> T) -> Option<Vec<T>>;

    /// Takes a string.
    fn take_text(&mut self, key: &str) -> Option<String>;

    /// Takes a non-negative number, without its fraction.
    fn take_count(&mut self, key: &str) -> Option<u64>;

    /// Takes a non-negative number below 2³², without its fraction.
    fn take_index(&mut self, key: &str) -> Option<u32>;

    /// Takes a number.
    fn take_number(&mut self, key: &str) -> Option<f64>;

    /// Takes a Boolean.
    fn take_flag(&mut self, key: &str) -> Option<bool>;

    /// Takes a whole object.
    fn take_object(&mut self, key: &str) -> Option<Unknown>;

    /// Takes a field that distinguishes `null` from absence.
    fn take_setting<T>(
        &mut self,
        key: &str,
        take: impl FnOnce(&mut Self, &str) -> Option<T>,
    ) -> FieldUpdate<T>;

    /// Removes a field whose value is null or `word`, which carries no information.
    fn drop_word(&mut self, key: &str, word: &str);
}

impl Fields for Unknown {
    fn take_with<T>(&mut self, key: &str, read: impl FnOnce(Value) -> Result<T, Value>) -> Option<T> {
        let value = self.remove(key).filter(|value| !value.is_null())?;
        match read(value) {
            Ok(understood) => Some(understood),
            Err(value) => {
                self.insert(key.to_owned(), value);
                None
            }
        }
    }

    fn take_in<T>(&mut self, key: &str, read: impl FnOnce(&mut Unknown) -> Option<T>) -> Option<T> {
        let mut object = self.take_object(key)?;
        let taken = read(&mut object);
        if !object.is_empty() {
            self.insert(key.to_owned(), Value::Object(object));
        }
        taken
    }

    fn take_each<T>(&mut self, key: &str, mut read: impl FnMut(&mut Unknown) -> T) -> Option<Vec<T>> {
        let mut objects = self.take_with(key, objects)?;
        let taken = objects.iter_mut().map(&mut read).collect();
        if objects.iter().any(|rest| !rest.is_empty()) {
            self.insert(key.to_owned(), objects.into_iter().map(Value::Object).collect());
        }
        Some(taken)
    }

    fn take_text(&mut self, key: &str) -> Option<String> {
        self.take_with(key, |value| {
            let Value::String(text) = value else { return Err(value) };
            Ok(text)
        })
    }

    fn take_count(&mut self, key: &str) -> Option<u64> {
        self.take_with(key, |value| count(&value).ok_or(value))
    }

    fn take_index(&mut self, key: &str) -> Option<u32> {
        self.take_with(key, |value| count(&value).and_then(|count| u32::try_from(count).ok()).ok_or(value))
    }

    fn take_number(&mut self, key: &str) -> Option<f64> {
        self.take_with(key, |value| value.as_f64().ok_or(value))
    }

    fn take_flag(&mut self, key: &str) -> Option<bool> {
        self.take_with(key, |value| value.as_bool().ok_or(value))
    }

    fn take_object(&mut self, key: &str) -> Option<Unknown> {
        self.take_with(key, |value| {
            let Value::Object(object) = value else { return Err(value) };
            Ok(object)
        })
    }

    fn take_setting<T>(
        &mut self,
        key: &str,
        take: impl FnOnce(&mut Self, &str) -> Option<T>,
    ) -> FieldUpdate<T> {
        if self.get(key).is_some_and(Value::is_null) {
            self.remove(key);
            return FieldUpdate::Clear;
        }
        take(self, key).map_or(FieldUpdate::Keep, FieldUpdate::Set)
    }

    fn drop_word(&mut self, key: &str, word: &str) {
        if self.get(key).is_some_and(|value| value.is_null() || value == word) {
            self.remove(key);
        }
    }
}

/// Reads a whole number. Some servers divide by a rate and send fractional milliseconds.
fn count(value: &Value) -> Option<u64> {
    /// Up to here, every whole number is exact as `f64`.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    value.as_u64().or_else(|| {
        let number = value.as_f64().filter(|number| (0.0..=EXACT).contains(number))?;
        Some(number as u64)
    })
}

fn objects(value: Value) -> Result<Vec<Unknown>, Value> {
    let Value::Array(list) = value else { return Err(value) };
    if !list.iter().all(Value::is_object) {
        return Err(Value::Array(list));
    }
    let objects = list.into_iter().filter_map(|value| match value {
        Value::Object(object) => Some(object),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => None,
    });
    Ok(objects.collect())
}
