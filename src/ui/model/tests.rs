//! Tests of the model.

use super::*;

const NOW: Duration = Duration::from_secs(1);

fn user(item_id: &str, text: &str, after: Option<&str>) -> Notice {
    Notice::User(UserUtterance {
        item_id: item_id.to_owned(),
        text: text.to_owned(),
        is_final: true,
        after: after.map(str::to_owned),
        spoken: None,
        has_failed: false,
    })
}

fn assistant(item_id: &str, text: &str) -> Notice {
    Notice::Assistant(AssistantLine {
        item_id: item_id.to_owned(),
        text: text.to_owned(),
        is_final: false,
        heard_ms: Some(0),
        heard_bytes: 0,
        interrupted: false,
    })
}

fn order_after(notices: &[Notice]) -> String {
    let mut model = Model::default();
    notices.iter().for_each(|notice| model.apply(NOW, notice));
    model.entries.iter().map(|entry| entry.item_id.as_str()).collect::<Vec<_>>().join(" ")
}

#[test]
fn a_late_transcript_is_placed_before_its_answer() {
    let order =
        order_after(&[assistant("hello", "Hi."), assistant("answer", "Yes."), user("q", "?", Some("hello"))]);
    assert_eq!(order, "hello q answer");
}

#[test]
fn a_late_transcript_without_a_previous_item_is_placed_at_the_start_of_speech() {
    let started = Notice::SpeechStarted { audio_ms: None };
    let late = [started.clone(), assistant("answer", "Yes."), user("q", "?", None)];
    assert_eq!(order_after(&late), "q answer");
    let second =
        [assistant("hello", "Hi."), started, assistant("answer", "Yes."), user("q", "?", Some("unknown"))];
    assert_eq!(order_after(&second), "hello q answer");
}

#[test]
fn a_typed_line_without_a_previous_item_is_placed_at_the_end() {
    assert_eq!(order_after(&[assistant("hello", "Hi."), user("q", "?", None)]), "hello q");
}

#[test]
fn an_updated_line_replaces_the_old_one_in_place() {
    let mut model = Model::default();
    for notice in
        [user("q", "Wh", None), assistant("a", "So"), user("q", "What?", None), assistant("a", "So…")]
    {
        model.apply(NOW, &notice);
    }
    let texts: Vec<_> = model.entries.iter().map(|entry| entry.text.as_str()).collect();
    assert_eq!(texts, ["What?", "So…"]);
}

#[test]
fn the_played_part_is_measured_in_the_displayed_text() {
    let mut model = Model::default();
    let text = "\u{1b}[1mone\ttwo three";
    model.apply(
        NOW,
        &Notice::Assistant(AssistantLine {
            item_id: "a".to_owned(),
            text: text.to_owned(),
            is_final: true,
            heard_ms: Some(900),
            heard_bytes: text.find(" three").unwrap_or_default(),
            interrupted: true,
        }),
    );
    let entry = &model.entries[0];
    assert_eq!(entry.text.split_at(entry.unplayed_from()), ("one    two ", "three"));
}

#[test]
fn an_offset_inside_a_character_or_past_the_end_does_not_panic() {
    for heard_bytes in [1, 2, 99] {
        let mut model = Model::default();
        let line = AssistantLine {
            item_id: "a".to_owned(),
            text: "中".to_owned(),
            is_final: true,
            heard_ms: Some(1),
            heard_bytes,
            interrupted: true,
        };
        model.apply(NOW, &Notice::Assistant(line));
        assert!(model.entries[0].unplayed_from() <= 3);
    }
}

#[test]
fn a_silent_microphone_is_shown_until_it_has_audio_or_is_changed() {
    let silent = Notice::Device(Direction::Input, DeviceState::Silent("it is muted".to_owned()));
    let note_after = |then: Option<Notice>| {
        let mut model = Model::default();
        model.apply(NOW, &silent);
        then.iter().for_each(|notice| model.apply(NOW, notice));
        model.note.map(|note| (note.kind, note.text))
    };
    let device = |side, state| note_after(Some(Notice::Device(side, state)));
    let silence = note_after(None);
    let note = silence.as_ref().map(|(kind, text)| (*kind, text.as_str()));
    assert_eq!(
        note,
        Some((
            StatusNoteKind::Ongoing,
            "the microphone sends only silence (all samples are zero): it is muted"
        ))
    );
    assert_eq!(device(Direction::Input, DeviceState::Closed), None);
    let usb = || DeviceState::Open("USB".to_owned());
    assert_eq!(device(Direction::Input, usb()), None);
    assert_eq!(device(Direction::Output, usb()), silence);
    assert_eq!(device(Direction::Input, DeviceState::Sounds), None);
}

#[test]
fn a_clone_is_not_affected_by_later_notices() {
    let mut model = Model::default();
    model.apply(NOW, &assistant("a", "One"));
    let before = model.clone();
    model.apply(NOW, &assistant("a", "One, two"));
    assert_eq!(before.entries[0].text, "One");
}

#[test]
fn notices_stay_where_they_arrived() {
    let info = |text: &str| Notice::Info(text.into());
    let started = Notice::SpeechStarted { audio_ms: None };
    let mut model = Model::default();
    for notice in [
        assistant("hello", "Hi."),
        info("retrying"),
        info("retrying"),
        info("connected again"),
        started,
        assistant("answer", "Yes."),
        info("late\nnews"),
        user("q", "?", Some("hello")),
        user("typed", "!", Some("answer")),
    ] {
        model.apply(NOW, &notice);
    }
    let texts: Vec<_> = model.entries.iter().map(|entry| entry.text.as_str()).collect();
    assert_eq!(texts, ["Hi.", "retrying", "connected again", "?", "Yes.", "late news", "!"]);
}

#[test]
fn a_problem_is_a_note_and_a_notice() {
    let mut model = Model::default();
    model.apply(NOW, &Notice::Error { code: None, message: "no".to_owned() });
    assert_eq!(model.note.map(|note| (note.kind, note.text)), Some((StatusNoteKind::Error, "no".to_owned())));
    assert_eq!(model.entries[0].text, "no");
}

#[test]
fn an_update_keeps_the_number_and_the_time_of_an_entry() {
    let mut model = Model::default();
    model.apply(NOW, &assistant("a", "So"));
    model.apply(NOW * 2, &assistant("a", "So…"));
    model.apply(NOW * 2, &user("q", "?", None));
    let entries: Vec<_> = model.entries.iter().map(|entry| (entry.number, entry.at)).collect();
    assert_eq!(entries, [(0, NOW), (1, NOW * 2)]);
}
