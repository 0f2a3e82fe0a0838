//! How fast events are read and written: deltas as they arrive, microphone sound as it leaves.

use divan::Bencher;
use divan::counter::{BytesCount, ItemsCount};
use rtvoice::protocol::decode;
use rtvoice::protocol::dialect::Dialect;
use rtvoice::protocol::encode;
use rtvoice::protocol::events::client::ClientBody;
use rtvoice::protocol::events::server::{ContentLocation, ServerBody, ServerEvent};
use rtvoice::protocol::value::Unknown;

/// Bytes of one millisecond of 24 kHz PCM16.
const BYTES_PER_MS: usize = 48;

fn main() {
    divan::main();
}

/// Returns sound that is not all zeros, so that its base64 is not all one letter.
fn sound(milliseconds: usize) -> Vec<u8> {
    (0..milliseconds * BYTES_PER_MS).map(|index| (index * 31 % 251) as u8).collect()
}

fn event(body: ServerBody) -> ServerEvent {
    ServerEvent { event_id: Some("event_Ct1OkPD2bUvRkXvvdkiHf".to_owned()), body, unknown: Unknown::new() }
}

fn place() -> ContentLocation {
    ContentLocation {
        response_id: Some("resp_Ct1OkhbgNQBuFX2HeE0P9".to_owned()),
        item_id: Some("item_Ct1OkNEvGW5s0xZERnV95".to_owned()),
        output_index: Some(0),
        content_index: Some(0),
    }
}

#[divan::bench(args = [Dialect::Ga, Dialect::Beta])]
fn read_audio_delta_of_100_ms(bencher: Bencher<'_, '_>, dialect: Dialect) {
    let delta = ServerBody::AudioDelta { place: place(), delta: sound(100) };
    let text = encode::server_event(&event(delta), dialect);
    bencher
        .counter(ItemsCount::new(1_usize))
        .counter(BytesCount::new(text.len()))
        .bench(|| decode::server_event(divan::black_box(&text)));
}

#[divan::bench]
fn read_transcript_delta(bencher: Bencher<'_, '_>) {
    let delta = ServerBody::TranscriptDelta { place: place(), delta: " Loud".to_owned() };
    let text = encode::server_event(&event(delta), Dialect::Ga);
    bencher
        .counter(ItemsCount::new(1_usize))
        .counter(BytesCount::new(text.len()))
        .bench(|| decode::server_event(divan::black_box(&text)));
}

#[divan::bench]
fn write_append_of_20_ms(bencher: Bencher<'_, '_>) {
    let append = ClientBody::AudioAppend(sound(20)).without_id();
    let length = encode::client_event(&append, Dialect::Ga).len();
    bencher
        .counter(ItemsCount::new(1_usize))
        .counter(BytesCount::new(length))
        .bench(|| encode::client_event(divan::black_box(&append), Dialect::Ga));
}

#[divan::bench]
fn write_audio_delta_of_100_ms(bencher: Bencher<'_, '_>) {
    let delta = event(ServerBody::AudioDelta { place: place(), delta: sound(100) });
    let length = encode::server_event(&delta, Dialect::Ga).len();
    bencher
        .counter(ItemsCount::new(1_usize))
        .counter(BytesCount::new(length))
        .bench(|| encode::server_event(divan::black_box(&delta), Dialect::Ga));
}
