//! The header: order of its facts, and what is shortened and omitted first.

use insta::assert_snapshot;

use super::*;
use crate::protocol::events::response::Usage;
use crate::session::io::delay::{Delay, DelayReport};
use crate::session::io::{TurnState, UsageReport};
use crate::ui::fixture::{ECHO, delay_report};
use crate::ui::model::TurnDetectionKind;

/// A call with every fact.
fn busy() -> Model {
    let mut model = call();
    model.info.profile = "work".to_owned();
    model.info.turn_detection = Some(TurnDetectionKind::Semantic);
    let usage = UsageReport {
        last: None,
        total: Usage::default(),
        usd: None,
        total_usd: 0.1043,
        unpriced: 0,
        transcribed_seconds: 0.0,
        unknown: 0,
    };
    for notice in
        [Notice::Usage(Box::new(usage)), Notice::Echo(ECHO), Notice::Delay(Box::new(delay_report()))]
    {
        model.apply(NOW, &notice);
    }
    model
}

fn header(columns: u16, model: &Model) -> String {
    let drawn = text((columns, 1), model, &Editor::default());
    drawn.lines().next().unwrap_or_default().trim_matches('"').to_owned()
}

#[test]
fn facts_are_shortened_then_omitted_in_a_fixed_order() {
    let rows: Vec<_> = [130, 120, 110, 100, 90, 80, 70, 60, 50, 40, 30, 20, 12]
        .map(|columns| header(columns, &busy()))
        .into();
    assert_snapshot!(rows.join("\n"), @r#"
    listening   01:32 · $0.1043 · $0.068/min · delay 0.6 s · echo aec 43 dB · semantic VAD · profile work · gpt-realtime, marin  LIVE
    listening        01:32 · $0.1043 · $0.068/min · delay 0.6 s · echo aec 43 dB · semantic VAD · work · gpt-realtime  LIVE
    listening   01:32 · $0.1043 · $0.07/min · delay 0.6 s · echo aec 43 dB · semantic · work · gpt-realtime  LIVE
    listening       01:32 · $0.1043 · $0.07/min · 0.6 s · aec 43 · semantic · work · gpt-realtime  LIVE
    listening              01:32 · $0.10 · $0.07/min · 0.6 s · aec 43 · semantic · work  LIVE
    listening    01:32 · $0.10 · $0.07/min · 0.6 s · aec 43 · semantic · work  LIVE
    listening             01:32 · $0.10 · 0.6 s · aec 43 · semantic  LIVE
    listening   01:32 · $0.10 · 0.6 s · aec 43 · semantic  LIVE
    listening    01:32 · $0.10 · 0.6 s · aec 43  LIVE
    listening   01:32 · $0.10 · 0.6 s  LIVE
    listening         01:32  LIVE
    listening      LIVE
    list…  LIVE
    "#);
}

#[test]
fn the_microphone_stands_at_the_right_end_in_every_state() {
    let mut model = busy();
    for columns in [20, 40, 80, 120] {
        assert!(header(columns, &model).ends_with(" LIVE"));
    }
    model.apply(NOW, &Notice::Muted(true));
    for connection in [ConnectionState::Live, ConnectionState::Reconnecting] {
        model.apply(NOW, &Notice::Connection(connection));
        for columns in [20, 40, 80, 120] {
            assert!(header(columns, &model).ends_with(" MUTED"), "{}", header(columns, &model));
        }
    }
    assert!(header(60, &model).starts_with(" connection lost, reconnecting…"));
    model.apply(NOW, &Notice::Device(Direction::Output, DeviceState::Lost("gone".to_owned())));
    assert!(header(60, &model).ends_with(" NO SPEAKER MUTED"));
}

#[test]
fn facts_stay_in_place_when_the_microphone_is_muted() {
    let mut model = busy();
    let place = |model: &Model| header(80, model).find("01:32");
    let before = place(&model);
    model.apply(NOW, &Notice::Muted(true));
    assert_eq!(place(&model), before);
}

#[test]
fn a_delay_from_one_second_on_is_slow() {
    let delayed = |milliseconds| {
        let mut model = busy();
        let report = delay_report();
        let last = Delay { first_sample: Some(Duration::from_millis(milliseconds)), ..report.last };
        model.apply(NOW, &Notice::Delay(Box::new(DelayReport { last, ..report })));
        let (terminal, _) = screen((130, 1), &model, &Editor::default());
        let is_error = |cell: &ratatui::buffer::Cell| cell.fg == Theme::colored().error.fg.unwrap();
        let cells = terminal.backend().buffer().content().iter();
        cells.filter(|cell| is_error(cell)).map(|cell| cell.symbol()).collect::<String>()
    };
    assert_eq!(delayed(999), "");
    assert_eq!(delayed(1_000), "delay 1.0 s slow");
    assert_eq!(delayed(12_340), "delay 12.3 s slow");
}

#[test]
fn thinking_counts_seconds_from_the_first_on() {
    let mut model = busy();
    model.apply(NOW - Duration::from_millis(900), &Notice::Turn(TurnState::Thinking));
    assert!(header(80, &model).starts_with(" thinking  "));
    model.apply(NOW - Duration::from_millis(2_100), &Notice::Turn(TurnState::Thinking));
    assert!(header(80, &model).starts_with(" thinking, 2 s "));
}
