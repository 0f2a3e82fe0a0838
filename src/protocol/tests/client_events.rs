//! Generators of client events that the schema of a dialect allows.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use crate::protocol::dialect::Dialect;
use crate::protocol::events::client::{ClientBody, ClientEvent};
use crate::protocol::events::item::{Item, ItemBody};
use crate::protocol::events::response::ResponseConfig;
use crate::protocol::tests::pieces::{
    audio_bytes, format, id, item, metadata, modality, settings, text, token_limit, tool_choice, tools, voice,
};

/// Generates an event that the dialect can express.
pub(super) fn client_event(dialect: Dialect) -> impl Strategy<Value = ClientEvent> {
    (option::of("[a-z0-9_]{0,40}"), body(dialect)).prop_map(|(event_id, body)| ClientEvent { event_id, body })
}

fn body(dialect: Dialect) -> BoxedStrategy<ClientBody> {
    prop_oneof![
        6 => settings(dialect).prop_map(|settings| ClientBody::SessionUpdate(Box::new(settings))),
        2 => audio_bytes().prop_map(ClientBody::AudioAppend),
        1 => Just(ClientBody::AudioCommit),
        1 => Just(ClientBody::AudioClear),
        1 => Just(ClientBody::OutputAudioClear),
        4 => (option::of(id()), item(dialect))
            .prop_map(|(previous_item_id, item)| ClientBody::ItemCreate { previous_item_id, item }),
        1 => id().prop_map(|item_id| ClientBody::ItemRetrieve { item_id }),
        1 => (id(), any::<u32>(), any::<u64>()).prop_map(|(item_id, content_index, audio_end_ms)| {
            ClientBody::ItemTruncate { item_id, content_index, audio_end_ms }
        }),
        1 => id().prop_map(|item_id| ClientBody::ItemDelete { item_id }),
        4 => response_config(dialect).prop_map(|config| ClientBody::ResponseCreate(Box::new(config))),
        1 => option::of(id()).prop_map(|response_id| ClientBody::ResponseCancel { response_id }),
    ]
    .boxed()
}

fn response_config(dialect: Dialect) -> BoxedStrategy<ResponseConfig> {
    let reference = id().prop_map(|id| Item {
        id: Some(id),
        body: ItemBody::Other("item_reference".to_owned()),
        ..Item::default()
    });
    let input = vec(prop_oneof![reference, item(dialect)], 0..3);
    let audio_bytes = (option::of(modality()), option::of(voice(dialect)), option::of(format()));
    let tools = (option::of(tools(dialect)), option::of(tool_choice(dialect)), option::of(token_limit()));
    let rest = (option::of(0.6..=1.2), option::of(id()), option::of(metadata()), option::of(input));
    (option::of(text()), audio_bytes, tools, rest)
        .prop_map(
            move |(
                instructions,
                (output, voice, output_format),
                (tools, tool_choice, max_output_tokens),
                rest,
            )| {
                let (temperature, conversation, metadata, input) = rest;
                ResponseConfig {
                    instructions,
                    output,
                    voice,
                    output_format,
                    tools,
                    tool_choice,
                    temperature: temperature.filter(|_| dialect == Dialect::Beta),
                    max_output_tokens,
                    conversation,
                    metadata,
                    input,
                }
            },
        )
        .boxed()
}
