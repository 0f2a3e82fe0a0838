//! Snapshots of screens.

use insta::assert_snapshot;

use super::*;
use crate::protocol::events::response::Usage;
use crate::session::io::{EndReason, TurnState, UsageReport};
use crate::ui::input::push_to_talk::ReleaseEvents;

#[test]
fn a_call_on_a_usual_terminal() {
    assert_snapshot!(text((80, 24), &interrupted(), &Editor::default()), @r#"
    " you are speaking                              01:32 · gpt-realtime, marin  LIVE"
    "────────────────────────────────────────────────────────────────────────────────"
    "                                                                                "
    "                                                                                "
    "                                                                                "
    "                                                                                "
    "                                                                                "
    "                                                                                "
    "▌ Assistant                                                              01:32  "
    "▌ Hello! What would you like to know?                                           "
    "                                                                                "
    "▌ You                                                                    01:32  "
    "▌ Tell me about the sea, please, and take your time.                            "
    "                                                                                "
    "▌ Assistant                                                              01:32  "
    "▌ The sea covers most of the earth, and it is deeper than the mountains are     "
    "▌ high. (not heard)                                                             "
    "                                                                                "
    "▌ You                                                                    01:32  "
    "▌ Stop.                                                                         "
    "────────────────────────────────────────────────────────────────────────────────"
    " You ██████████████───│───  -9 dB     Assistant ─────────────────────           "
    "> type a message                                                                "
    " Ctrl-C end  F1 help  Ctrl-T mute  Esc stop  PgUp scroll  Enter send            "
    "#);
}

#[test]
fn the_latency_is_shown_in_the_rule_if_it_fits() {
    let mut model = call();
    model.apply(NOW, &Notice::Delay(Box::new(crate::ui::fixture::delay_report())));
    let latency = "response 640 ms (32 ms local)";
    let row = |size| {
        text(size, &model, &Editor::default()).lines().find(|row| row.contains(latency)).map(str::to_owned)
    };
    assert_snapshot!(row((60, 14)).unwrap(), @r#""─────────────────────────── response 640 ms (32 ms local) ──""#);
    assert_snapshot!(row((40, 14)).unwrap(), @r#""─────── response 640 ms (32 ms local) ──""#);
    assert_eq!((row((32, 14)), row((80, 13))), (None, None));
}

#[test]
fn a_call_on_a_small_terminal() {
    assert_snapshot!(text((40, 10), &interrupted(), &Editor::default()), @r#"
    " you are speaking            01:32  LIVE"
    "▌ Assistant                        01:32"
    "▌ The sea covers most of the earth, and "
    "▌ it is deeper than the mountains are   "
    "▌ high. (not heard)                     "
    "▌ You                              01:32"
    "▌ Stop.                                 "
    " You ██████▋─│─   Assistant ──────────  "
    "> type a message                        "
    " Ctrl-C end  F1 help  Ctrl-T mute       "
    "#);
}

#[test]
fn a_call_on_a_tiny_terminal() {
    assert_snapshot!(text((20, 5), &interrupted(), &Editor::default()), @r#"
    " you are spea…  LIVE"
    "▌ (not heard)       "
    "▌ You          01:32"
    "▌ Stop.             "
    "> type a message    "
    "#);
}

#[test]
fn a_call_on_a_large_terminal() {
    let mut model = interrupted();
    let total = Usage { total_tokens: Some(1_234), ..Usage::default() };
    model.apply(
        NOW,
        &Notice::Usage(Box::new(UsageReport {
            last: None,
            total,
            usd: None,
            total_usd: 0.0,
            unpriced: 1,
            transcribed_seconds: 0.0,
            unknown: 0,
        })),
    );
    let drawn = text((200, 50), &model, &Editor::default());
    // There is only space between the header and the conversation.
    let rows: Vec<_> =
        drawn.lines().enumerate().filter(|(at, _)| *at < 2 || *at > 32).map(|(_, row)| row).collect();
    assert_snapshot!(rows.join("\n"), @r#"
    " you are speaking                                                                                                                                       01:32 · cost unknown · gpt-realtime, marin  LIVE"
    "────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────"
    "                                                                                                                                                                                                        "
    "▌ Assistant                                                              01:32                                                                                                                          "
    "▌ Hello! What would you like to know?                                                                                                                                                                   "
    "                                                                                                                                                                                                        "
    "▌ You                                                                    01:32                                                                                                                          "
    "▌ Tell me about the sea, please, and take your time.                                                                                                                                                    "
    "                                                                                                                                                                                                        "
    "▌ Assistant                                                              01:32                                                                                                                          "
    "▌ The sea covers most of the earth, and it is deeper than the mountains are                                                                                                                             "
    "▌ high. (not heard)                                                                                                                                                                                     "
    "                                                                                                                                                                                                        "
    "▌ You                                                                    01:32                                                                                                                          "
    "▌ Stop.                                                                                                                                                                                                 "
    "────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────"
    " You ████████████████────│───  -9 dB     Assistant ────────────────────────                                                                                                                             "
    "> type a message                                                                                                                                                                                        "
    " Ctrl-C end  F1 help  Ctrl-T mute  Esc stop  PgUp scroll  Enter send                                                                                                                                    "
    "#);
}

#[test]
fn wide_characters_long_words_and_errors_are_laid_out() {
    assert_snapshot!(text((60, 24), &odd(), &Editor::default()), @r#"
    " answering          01:32 · DEMO · gpt-realtime, marin MUTED"
    "────────────────────────────────────────────────────────────"
    "                                                            "
    "                                                            "
    "                                                            "
    "▌ Assistant                                            01:32"
    "▌ 今天天气很好，我们去公园散步吧。你觉得怎么样？我们可以带上" Hidden by multi-width symbols: [(3, " "), (5, " "), (7, " "), (9, " "), (11, " "), (13, " "), (15, " "), (17, " "), (19, " "), (21, " "), (23, " "), (25, " "), (27, " "), (29, " "), (31, " "), (33, " "), (35, " "), (37, " "), (39, " "), (41, " "), (43, " "), (45, " "), (47, " "), (49, " "), (51, " "), (53, " "), (55, " "), (57, " "), (59, " ")]
    "▌ 一些水果和饮料。 👩‍👩‍👧                                       " Hidden by multi-width symbols: [(3, " "), (5, " "), (7, " "), (9, " "), (11, " "), (13, " "), (15, " "), (17, " "), (20, " ")]
    "                                                            "
    "▌ You                                                  01:32"
    "▌ DonaudampfschifffahrtDonaudampfschifffahrtDonaudampfschiff"
    "▌ fahrtDonaudampfschifffahrt                                "
    "                                                            "
    "▌ Assistant                                            01:32"
    "▌ evil text                                                 "
    "                                                            "
    "· the rate limit of this organisation has been reached,     "
    "  please try again in 20 s (rate_limit)                     "
    "Error: the rate limit of this organisation has been reached,"
    "please try again in 20 s (rate_limit)                       "
    "────────────────────────────────────────────────────────────"
    " You MUTED                  Assistant ───────────           "
    "> type a message                                            "
    " Ctrl-C end  F1 help  Ctrl-T unmute  Esc stop  PgUp scroll  "
    "#);
}

#[test]
fn the_first_screen_shows_instructions() {
    let mut model = Model::new(CallInfo { manual_turns: true, demo: true, ..CallInfo::default() });
    assert_snapshot!(text((60, 8), &model, &Editor::default()), @r#"
    " connecting…                            00:00 · DEMO mic off"
    "                                                            "
    "                                                            "
    "                                                            "
    "                                                            "
    " You ███████▍─│─  -9 dB     Assistant ───────────           "
    "> type a message                                            "
    " Ctrl-C end  F1 help  Space speak  Ctrl-T mute  Esc stop    "
    "#);
    model.apply(NOW, &Notice::Connection(ConnectionState::Live));
    model.apply(NOW, &Notice::Ready(Ready::default()));
    assert_snapshot!(text((60, 8), &model, &Editor::default()), @r#"
    " your turn                              00:00 · DEMO mic off"
    "                                                            "
    "      Press Space to speak and again to get an answer.      "
    "                                                            "
    "                                                            "
    " You ███████▍─│─  -9 dB     Assistant ───────────           "
    "> type a message                                            "
    " Ctrl-C end  F1 help  Space speak  Ctrl-T mute  Esc stop    "
    "#);
    let mut editor = Editor::default();
    editor.push_to_talk.observe_releases(ReleaseEvents::Supported);
    assert_snapshot!(text((60, 8), &model, &editor), @r#"
    " your turn                              00:00 · DEMO mic off"
    "                                                            "
    "  Hold Space while you speak; release it to get an answer.  "
    "                                                            "
    "                                                            "
    " You ███████▍─│─  -9 dB     Assistant ───────────           "
    "> type a message                                            "
    " Ctrl-C end  F1 help  Space hold to talk  Ctrl-T mute       "
    "#);
    model.apply(NOW, &Notice::SpeakNow);
    model.turn = TurnState::User;
    let held = text((60, 8), &model, &editor);
    assert!(held.contains(" you are speaking") && held.contains("LIVE"), "{held}");
    assert!(held.contains("Space release to end"), "{held}");
}

#[test]
fn the_help_lists_the_keys() {
    let mut editor = typing("");
    editor.help = true;
    assert_snapshot!(text((80, 24), &odd(), &editor), @r#"
    " answering                              01:32 · DEMO · gpt-realtime, marin MUTED"
    "╭ Keys ────────────────────────────────────────────────────────────────────────╮"
    "│ Call                                                                         │"
    "│ > Ctrl-C, Ctrl-Q                  end                                        │"
    "│   Ctrl-D                          leave, while nothing is typed              │"
    "│   Ctrl-T, Space                   mute or unmute the microphone              │"
    "│   Esc                             stop the answer                            │"
    "│   F2                              choose the microphone or speaker           │"
    "│   F8                              clear the conversation, pressed twice      │"
    "│ Conversation                                                                 │"
    "│   Enter                           send the text                              │"
    "│   Alt-Enter, Shift-Enter, Ctrl-J  start a new line                           │"
    "│   Tab                             complete a name                            │"
    "│   PgUp                            scroll up by a page                        │"
    "│   PgDn                            scroll down by a page                      │"
    "│   Ctrl-Home                       scroll to the beginning                    │"
    "│   Ctrl-End                        scroll to the end                          │"
    "│   Ctrl-P                          recall the sent text before                │"
    "│   Ctrl-N                          recall the sent text after                 │"
    "│   Ctrl-R                          search sent texts                          │"
    "│   Ctrl-O                          edit the text in $VISUAL or $EDITOR        │"
    "│   Ctrl-A                          go to the start of the line                │"
    "╰────────────────────────────────────────────────────────────────── ↓ 20 more ─╯"
    " type to filter   Enter run   Esc close   ↑↓ move                               "
    "#);
    assert_snapshot!(text((40, 10), &odd(), &editor), @r#"
    " answering            01:32 · DEMO MUTED"
    "Call                                    "
    "> Ctrl-C     end                        "
    "  Ctrl-D     leave, while nothing is ty…"
    "  Ctrl-T     mute or unmute the microph…"
    "  Esc        stop the answer            "
    "  F2         choose the microphone or s…"
    "  F8         clear the conversation, pr…"
    "Conversation                            "
    " type to filter   Enter run   Esc close…"
    "#);
}

#[test]
fn the_end_is_shown_with_its_reason() {
    let mut model = call();
    model.apply(NOW, &Notice::End(EndReason::ServerClosed("maintenance".to_owned())));
    assert_snapshot!(text((60, 3), &model, &Editor::default()), @r#"
    " the server ended the call: maintenance        01:32 mic off"
    "                                                            "
    "> type a message                                            "
    "#);
}

/// A call with a disconnected microphone and a device list.
fn with_devices() -> Model {
    let mut model = odd();
    let entry = |direction, name: &str, in_use| DeviceEntry {
        direction,
        id: format!("pulseaudio:{name}"),
        name: name.to_owned(),
        is_default: in_use,
        in_use,
    };
    let entries = vec![
        entry(Direction::Input, "USB Headset\u{1b}[2J", true),
        entry(Direction::Input, "Built-in Audio", false),
        entry(Direction::Output, "Built-in Audio", true),
    ];
    model.apply(NOW, &Notice::Devices(entries));
    let lost = DeviceState::Lost("the sound system closed the connection".to_owned());
    model.apply(NOW, &Notice::Device(Direction::Input, lost));
    model
}

#[test]
fn the_device_list_is_drawn_over_the_conversation() {
    let mut editor = typing("");
    editor.picker = Some(2);
    assert_snapshot!(text((64, 16), &with_devices(), &editor), @r#"
    " answering             01:32 · DEMO · gpt-realtime, marin NO MIC"
    "╭ Devices ─────────────────────────────────────────────────────╮"
    "│ microphones                                                  │"
    "│   system default (USB Headset)                               │"
    "│   USB Headset  (in use)                                      │"
    "│ > Built-in Audio                                             │"
    "│ speakers                                                     │"
    "│   system default (Built-in Audio)                            │"
    "│   Built-in Audio  (in use)                                   │"
    "│                                                              │"
    "│                                                              │"
    "│                                                              │"
    "│                                                              │"
    "│                                                              │"
    "╰──────────────────────────────────────────────────────────────╯"
    " ↑↓ move   Enter select   Esc cancel                            "
    "#);
    assert_snapshot!(text((30, 6), &with_devices(), &editor), @r#"
    " answering        01:32 NO MIC"
    "╭ Devices ───────────────────╮"
    "│   system default (USB Hea… │"
    "│   USB Headset  (in use)    │"
    "│ > Built-in Audio           │"
    "╰────────────────────────────╯"
    "#);
}

#[test]
fn a_disconnected_device_is_shown_in_the_header() {
    let rows = text((80, 24), &with_devices(), &typing(""));
    assert!(rows.lines().next().is_some_and(|row| row.contains("NO MIC") && !row.contains("LIVE")), "{rows}");
    assert!(
        rows.contains("Error: the microphone is disconnected (the sound system closed the connection)"),
        "{rows}"
    );
    let mut model = with_devices();
    model.apply(NOW, &Notice::Device(Direction::Input, DeviceState::Back("USB".to_owned())));
    model.apply(NOW, &Notice::Device(Direction::Output, DeviceState::Lost("it was disconnected".to_owned())));
    let first = text((80, 24), &model, &typing(""));
    assert!(
        first.lines().next().is_some_and(|row| row.contains("MUTED") && row.contains("NO SPEAKER")),
        "{first}"
    );
    model.apply(NOW, &Notice::Device(Direction::Input, DeviceState::Closed));
    let first = text((80, 24), &model, &typing(""));
    assert!(first.lines().next().is_some_and(|row| row.contains("MUTED, CLOSED")), "{first}");
}
