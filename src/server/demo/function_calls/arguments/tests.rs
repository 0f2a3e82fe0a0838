//! Example arguments, validated against their schemas by an independent validator.

use super::*;

#[expect(clippy::needless_pass_by_value, reason = "so that literals need no ampersand")]
fn made(schema: Value) -> Value {
    let value = example(Some(&schema)).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    assert!(validator.is_valid(&value), "{value} does not fit {schema}");
    value
}

#[test]
fn arguments_have_the_required_properties_and_their_types() {
    let schema = json!({ "type": "object", "required": ["city", "days", "wind", "detailed", "tags", "nothing"],
        "properties": {
            "city": { "type": "string", "description": "where" }, "days": { "type": "integer" },
            "wind": { "type": "number" }, "detailed": { "type": "boolean" }, "nothing": { "type": "null" },
            "tags": { "type": "array", "items": { "type": "string" } }, "optional": { "type": "string" } },
        "additionalProperties": false });
    assert_eq!(
        made(schema),
        json!({ "city": "example", "days": 1, "wind": 1, "detailed": true, "tags": ["example"], "nothing": null })
    );
}

#[test]
fn a_function_without_parameters_is_called_with_an_empty_object() {
    assert_eq!(example(None), Ok(json!({})));
    assert_eq!(made(json!({})), json!({}));
    assert_eq!(made(json!({ "type": "object", "properties": {} })), json!({}));
}

#[test]
fn constants_choices_and_defaults_of_the_schema_are_used() {
    let of = |schema: Value| {
        made(json!({ "type": "object", "required": ["a"], "properties": { "a": schema } }))["a"].take()
    };
    assert_eq!(of(json!({ "const": { "fixed": 7 } })), json!({ "fixed": 7 }));
    assert_eq!(of(json!({ "enum": ["celsius", "fahrenheit"] })), "celsius");
    assert_eq!(of(json!({ "type": "string", "enum": [null, 1, "b"] })), "b");
    assert_eq!(of(json!({ "type": ["null", "integer"], "default": null })), Value::Null);
    assert_eq!(of(json!({ "type": "string", "default": "Berlin" })), "Berlin");
    assert_eq!(of(json!({ "type": "string", "default": 7 })), "example");
    assert_eq!(of(json!({ "type": "string", "examples": ["Hamburg"] })), "Hamburg");
}

#[test]
fn numbers_and_strings_keep_their_bounds() {
    for (schema, expected) in [
        (json!({ "type": "integer", "minimum": 3 }), json!(3)),
        (json!({ "type": "integer", "exclusiveMinimum": 3 }), json!(4)),
        (json!({ "type": "integer", "maximum": -5 }), json!(-7)),
        (json!({ "type": "integer", "minimum": 2.5, "maximum": 3.5 }), json!(3)),
        (json!({ "type": "integer", "minimum": 7, "multipleOf": 5 }), json!(10)),
        (json!({ "type": "integer", "minimum": 0, "maximum": 0 }), json!(0)),
        (json!({ "type": "number", "exclusiveMinimum": 0.2, "exclusiveMaximum": 0.3 }), json!(0.25)),
        (json!({ "type": "number", "minimum": 0.1, "maximum": 0.1 }), json!(0.1)),
        (json!({ "type": "string", "minLength": 9 }), json!("examplexx")),
        (json!({ "type": "string", "maxLength": 2 }), json!("ex")),
        (json!({ "type": "string", "format": "date" }), json!("2026-01-01")),
        (json!({ "minimum": 5 }), json!(5)),
    ] {
        assert_eq!(made(schema.clone()), expected, "{schema}");
    }
}

#[test]
fn nested_objects_arrays_alternatives_and_references_are_supported() {
    let place = json!({ "type": "object", "required": ["lat"], "properties": { "lat": { "type": "number",
        "minimum": -90, "maximum": 90 } } });
    let schema = json!({ "type": "object", "$defs": { "place": place, "a/b": { "type": "integer" } },
        "required": ["route", "unit", "either", "both", "pair", "matrix", "odd"],
        "properties": {
            "route": { "type": "array", "items": { "$ref": "#/$defs/place" }, "minItems": 2 },
            "unit": { "anyOf": [{ "type": "null" }, { "enum": ["km", "mi"] }] },
            "either": { "oneOf": [{ "type": "string", "maxLength": 3 }, { "type": "integer" }] },
            "both": { "allOf": [{ "$ref": "#/$defs/place" }, { "required": ["lon"],
                "properties": { "lon": { "type": "number" } } }] },
            "pair": { "type": "array", "prefixItems": [{ "type": "integer" }, { "const": "x" }],
                "items": false, "minItems": 2 },
            "matrix": { "type": "array", "items": { "type": "array", "items": { "type": "number" } } },
            "odd": { "$ref": "#/$defs/a~1b" } } });
    assert_eq!(
        made(schema),
        json!({ "route": [{ "lat": 1 }, { "lat": 1 }], "unit": "km", "either": "exa",
            "both": { "lat": 1, "lon": 1 }, "pair": [1, "x"], "matrix": [[1]], "odd": 1 })
    );
}

#[test]
fn alternatives_next_to_properties_add_what_they_require() {
    let schema = json!({ "type": "object", "properties": { "id": { "type": "integer" }, "name": {} },
        "anyOf": [{ "required": ["id"] }, { "required": ["name"] }] });
    assert_eq!(made(schema), json!({ "id": 1 }));
}

#[test]
fn elements_of_an_array_differ() {
    let set =
        |items: Value| made(json!({ "type": "array", "items": items, "minItems": 3, "uniqueItems": true }));
    assert_eq!(set(json!({ "type": "integer", "minimum": 5 })), json!([5, 6, 7]));
    assert_eq!(set(json!({ "enum": ["a", "b", "c"] })), json!(["a", "b", "c"]));
    set(json!({ "type": "string" }));
}

#[test]
fn a_recursive_schema_ends() {
    let node = json!({ "type": "object", "required": ["children"], "properties": { "children": {
        "type": "array", "items": { "$ref": "#" } } } });
    assert!(made(node).to_string().len() < 200);
}

#[test]
fn a_schema_that_demands_too_much_is_an_error() {
    let endless =
        json!({ "type": "object", "required": ["next"], "properties": { "next": { "$ref": "#" } } });
    assert_eq!(example(Some(&endless)), Err(ArgumentError::TooLarge));
    let circle = json!({ "$ref": "#" });
    assert_eq!(example(Some(&circle)), Err(ArgumentError::TooLarge));
    for (key, value) in [("minItems", json!(1_000_000_000)), ("minItems", json!(1e300))] {
        let mut schema = json!({ "type": "array" });
        schema[key] = value;
        assert_eq!(example(Some(&schema)), Err(ArgumentError::TooLarge), "{schema}");
    }
    let long = json!({ "type": "string", "minLength": 1_000_000_000 });
    assert_eq!(example(Some(&long)), Err(ArgumentError::TooLarge));
    // Each level doubles the size: 2^20 values.
    let mut bomb = json!({ "type": "object" });
    for level in 0..20 {
        let next = json!({ "$ref": format!("#/$defs/{}", level + 1) });
        bomb["$defs"][level.to_string()] = json!({ "type": "object", "required": ["a", "b"],
            "properties": { "a": next, "b": next } });
    }
    bomb["$defs"]["20"] = json!({ "type": "integer" });
    bomb["$ref"] = json!("#/$defs/0");
    assert_eq!(example(Some(&bomb)), Err(ArgumentError::TooLarge));
}

#[test]
fn an_unsatisfiable_schema_is_an_error() {
    for schema in
        [json!(false), json!({ "enum": [] }), json!({ "type": "integer", "minimum": 0.2, "maximum": 0.8 })]
    {
        assert_eq!(example(Some(&schema)), Err(ArgumentError::Impossible), "{schema}");
    }
    let reference = json!({ "$ref": "https://example.com/schema" });
    assert!(matches!(example(Some(&reference)), Err(ArgumentError::Reference(_))));
}
