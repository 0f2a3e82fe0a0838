//! Drawing of the panels.

use insta::assert_snapshot;

use super::*;
use crate::audio::api::Volume;
use crate::dsp::frame::SampleRate;
use crate::session::io::delay::DelayReport;
use crate::ui::event_log::{WireDirection, WireEvent};
use crate::ui::fixture::delay_report;
use crate::ui::input::panels::Panel;
use crate::ui::input::panels::devices::DevicesPanel;
use crate::ui::input::panels::events::{EventDetail, EventsPanel};
use crate::ui::input::panels::latency::LatencyPanel;
use crate::ui::input::panels::list::ListPosition;
use crate::ui::input::panels::settings::SettingsPanel;

/// Returns each panel.
pub(super) fn every_panel() -> [Panel; 4] {
    [
        Panel::Devices(DevicesPanel::default()),
        Panel::Settings(SettingsPanel::default()),
        Panel::Latency(LatencyPanel::default()),
        Panel::Events(EventsPanel::default()),
    ]
}

/// Returns editors without a panel, with the help, and with each panel.
pub(super) fn with_every_panel() -> Vec<Editor> {
    let help = Editor { help: true, ..Editor::default() };
    let panels = every_panel().map(|panel| Editor { panel: Some(panel), ..Editor::default() });
    [Editor::default(), help].into_iter().chain(panels).collect()
}

/// An editor with some events, and a panel.
fn showing(panel: Panel) -> Editor {
    let mut editor = Editor { panel: Some(panel), ..typing("half a") };
    for (at, direction, kind, bytes) in [
        (900, WireDirection::Out, "input_audio_buffer.append", 710),
        (1_800, WireDirection::Out, "input_audio_buffer.append", 710),
        (1_820, WireDirection::In, "input_audio_buffer.speech_started", 140),
        (2_100, WireDirection::NextIn, "session.updated", 1_840),
        (2_300, WireDirection::In, "response.output_audio.delta", 12_800),
    ] {
        let at = Duration::from_millis(at);
        let json = Some(r#"{"type":"x","nested":{"key":"k-1","text":"evil \u001b[2J\u202e"}}"#.into());
        editor.events.push(WireEvent { at, direction, kind: kind.to_owned(), bytes, json, lost: 0 });
    }
    editor
}

/// A call with everything that panels show.
fn rich() -> Model {
    let mut model = interrupted();
    model.info.volume = Some(Volume::clamped(80));
    model.info.settings.instructions = "Answer briefly,\nplease.".to_owned();
    let entry = |direction, name: &str, in_use: bool| DeviceEntry {
        direction,
        id: format!("pulseaudio:{name}"),
        name: name.to_owned(),
        host: "pulseaudio".to_owned(),
        rate: in_use.then_some(SampleRate(48_000)),
        is_default: in_use,
        in_use,
    };
    let entries = vec![
        entry(Direction::Input, "USB Headset\u{1b}[2J", true),
        entry(Direction::Input, "Built-in Audio", false),
        entry(Direction::Output, "Built-in Audio", true),
    ];
    model.apply(NOW, &Notice::Devices(entries));
    let report = delay_report();
    let mut slow = report.last;
    slow.first_sample = Some(Duration::from_millis(1_280));
    for last in [slow, report.last] {
        model.apply(NOW, &Notice::Delay(Box::new(DelayReport { last, ..report })));
    }
    model
}

#[test]
fn the_help_is_drawn_over_the_conversation() {
    let mut editor = Editor { help: true, ..typing("half a") };
    assert_snapshot!(text((80, 24), &rich(), &editor), @r#"
    " you are speaking  01:32 · delay 0.6 s · volume 80 % · gpt-realtime, marin  LIVE"
    "────────────────────────────────────────────────────────────────────────────────"
    "── Keys ────────────────────────────────────────────────────────────────────────"
    "Call                                                                            "
    "> Ctrl-C, Ctrl-Q                  end                                           "
    "  Ctrl-D                          leave, while nothing is typed                 "
    "  Ctrl-T, Space                   mute or unmute the microphone                 "
    "  Esc                             stop the answer                               "
    "  Alt-Up                          make the assistant louder                     "
    "  Alt-Down                        make the assistant softer                     "
    "  F2                              choose the microphone or speaker              "
    "  F3                              show and change settings                      "
    "  F8                              clear the conversation, pressed twice         "
    "Conversation                                                                    "
    "  Enter                           send the text                                 "
    "  Alt-Enter, Shift-Enter, Ctrl-J  start a new line                              "
    "  Tab                             complete a name                               "
    "  PgUp                            scroll up by a page                           "
    "  PgDn                            scroll down by a page                         "
    "  Ctrl-Home                       scroll to the beginning                       "
    "─────────────────────────────────────────────── response 640 ms (32 ms local) ──"
    " You ██████████████───│───  -9 dB     Assistant ─────────────────────           "
    "> half a                                                                        "
    " type to filter   Enter run   Esc close   ↑↓ move                               "
    "#);
    (editor.help_filter, editor.help_selected) = ("mute".to_owned(), 0);
    assert_snapshot!(text((30, 10), &rich(), &editor), @r#"
    " you are speaking  01:32  LIVE"
    "── Keys ──────────────────────"
    "filter: mute                  "
    "> Ctrl-T  mute or unmute the …"
    "Ctrl-T: mute or unmute the    "
    "microphone                    "
    "──────────────────────────────"
    " You ███▍│   Assistant ─────  "
    "> half a                      "
    " type to filter   Enter run  …"
    "#);
}

#[test]
fn the_devices_are_drawn_with_levels_and_rates() {
    let editor = showing(Panel::Devices(DevicesPanel { list: ListPosition::at(2), listed_at: 0 }));
    assert_snapshot!(text((64, 20), &rich(), &editor), @r#"
    " you are speaking    01:32 · 0.6 s · vol 80 · gpt-realtime  LIVE"
    "────────────────────────────────────────────────────────────────"
    "── Devices ─────────────────────────────────────────────────────"
    "microphone  ██████████████████████████▋──────│──────  -9 dB     "
    "speaker     ────────────────────────────────────────            "
    "microphones                                                     "
    "  system default (USB Headset)                                  "
    "  USB Headset  (in use)  48000 Hz, pulseaudio                   "
    "> Built-in Audio  pulseaudio                                    "
    "speakers                                                        "
    "  system default (Built-in Audio)                               "
    "  Built-in Audio  (in use)  48000 Hz, pulseaudio                "
    "────────────────────────────────────────────────────────────────"
    "                                                                "
    "▌ You                                                      01:32"
    "▌ Stop.                                                         "
    "─────────────────────────────── response 640 ms (32 ms local) ──"
    " You ████████▋─│──  -9 dB     Assistant ─────────────           "
    "> half a                                                        "
    " ↑↓ move   Enter use   T test tone   Space mute   Esc close     "
    "#);
    assert_snapshot!(text((30, 8), &rich(), &editor), @r#"
    " you are speaking  01:32  LIVE"
    "── Devices ───────────────────"
    "  USB Headset  (in use)       "
    "> Built-in Audio  pulseaudio  "
    "speakers                      "
    " You ███▍│   Assistant ─────  "
    "> half a                      "
    " ↑↓ move   Enter use   T test…"
    "#);
}

#[test]
fn each_setting_says_when_a_change_applies() {
    let editor = showing(Panel::Settings(SettingsPanel::default()));
    assert_snapshot!(text((80, 24), &rich(), &editor), @r#"
    " you are speaking  01:32 · delay 0.6 s · volume 80 % · gpt-realtime, marin  LIVE"
    "────────────────────────────────────────────────────────────────────────────────"
    "── Settings ────────────────────────────────────────────────────────────────────"
    "> voice         marin                                                new session"
    "  volume        80 %                                                 now        "
    "  speed         100 %                                                now        "
    "  instructions  Answer briefly, please.                              now        "
    "  model         gpt-realtime                                         new session"
    "  noise preset  office                                               next call  "
    "  theme         auto                                                 now        "
    "  language      en                                                   now        "
    "────────────────────────────────────────────────────────────────────────────────"
    "▌ Tell me about the sea, please, and take your time.                            "
    "                                                                                "
    "▌ Assistant                                                              01:32  "
    "▌ The sea covers most of the earth, and it is deeper than the mountains are     "
    "▌ high. (not heard)                                                             "
    "                                                                                "
    "▌ You                                                                    01:32  "
    "▌ Stop.                                                                         "
    "─────────────────────────────────────────────── response 640 ms (32 ms local) ──"
    " You ██████████████───│───  -9 dB     Assistant ─────────────────────           "
    "> half a                                                                        "
    " ↑↓ move   ←→ change   Enter edit   Esc close                                   "
    "#);
    assert_snapshot!(text((40, 12), &rich(), &editor), @r#"
    " you are speaking    01:32 · 0.6 s  LIVE"
    "── Settings ────────────────────────────"
    "> voice         marin        new session"
    "  volume        80 %         now        "
    "  speed         100 %        now        "
    "  instructions  Answer brie… now        "
    "  model         gpt-realtime new session"
    "  noise preset  office       next call  "
    "  theme         auto         now        "
    " You ██████▋─│─   Assistant ──────────  "
    "> half a                                "
    " ↑↓ move   ←→ change   Enter edit   Esc…"
    "#);
}

#[test]
fn the_latency_of_the_last_answers_is_drawn_as_bars() {
    let editor = showing(Panel::Latency(LatencyPanel::default()));
    assert_snapshot!(text((80, 24), &rich(), &editor), @r#"
    " you are speaking  01:32 · delay 0.6 s · volume 80 % · gpt-realtime, marin  LIVE"
    "────────────────────────────────────────────────────────────────────────────────"
    "── Latency ─────────────────────────────────────────────────────────────────────"
    "█ server and network   ▒ this machine                                           "
    ">   2 ██████████████████▒                     0.64 s  server  0.61  client  0.03"
    "    1 ██████████████████▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒  1.28 s  server  0.61  client  0.67"
    "turn detected 0.21 s · committed 0.21 s · accepted 0.23 s · first data 0.59 s   "
    "first audio 0.61 s · first sample 0.64 s                                        "
    "────────────────────────────────────────────────────────────────────────────────"
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
    "─────────────────────────────────────────────── response 640 ms (32 ms local) ──"
    " You ██████████████───│───  -9 dB     Assistant ─────────────────────           "
    "> half a                                                                        "
    " ↑↓ move   Esc close                                                            "
    "#);
    assert_snapshot!(text((40, 12), &rich(), &editor), @r#"
    " you are speaking    01:32 · 0.6 s  LIVE"
    "── Latency ─────────────────────────────"
    "█ server and network   ▒ this machine   "
    ">   2 ████████████▎▒              0.64 s"
    "    1 ████████████▎▒▒▒▒▒▒▒▒▒▒▒▒▒  1.28 s"
    "turn detected 0.21 s · committed 0.21 s "
    "accepted 0.23 s · first data 0.59 s     "
    "first audio 0.61 s · first sample 0.64 s"
    "────────────────────────────────────────"
    " You ██████▋─│─   Assistant ──────────  "
    "> half a                                "
    " ↑↓ move   Esc close                    "
    "#);
}

#[test]
fn protocol_events_are_drawn_with_folded_audio() {
    let editor = showing(Panel::Events(EventsPanel::default()));
    assert_snapshot!(text((80, 16), &rich(), &editor), @r#"
    " you are speaking  01:32 · delay 0.6 s · volume 80 % · gpt-realtime, marin  LIVE"
    "────────────────────────────────────────────────────────────────────────────────"
    "── Events ──────────────────────────────────────────────────────────────────────"
    "      1.80 → input_audio_buffer.append x 2                                1420 B"
    "      1.82 ← input_audio_buffer.speech_started                             140 B"
    "      2.10 ← next: session.updated                                        1840 B"
    ">     2.30 ← response.output_audio.delta                                   12 kB"
    "────────────────────────────────────────────────────────────────────────────────"
    "▌ high. (not heard)                                                             "
    "                                                                                "
    "▌ You                                                                    01:32  "
    "▌ Stop.                                                                         "
    "─────────────────────────────────────────────── response 640 ms (32 ms local) ──"
    " You ██████████████───│───  -9 dB     Assistant ─────────────────────           "
    "> half a                                                                        "
    " ↑↓ move   Enter JSON   / filter   P pause   Esc close                          "
    "#);
    let mut editor = showing(Panel::Events(EventsPanel::default()));
    let line = editor.events.line(0).unwrap().clone();
    let detail = EventDetail::of(&line.event, (40, &rich().strings().panels), |json| {
        json.replace("k-1", "[key hidden]")
    });
    editor.panel = Some(Panel::Events(EventsPanel { detail: Some(detail), ..EventsPanel::default() }));
    assert_snapshot!(text((40, 16), &rich(), &editor), @r#"
    " you are speaking    01:32 · 0.6 s  LIVE"
    "────────────────────────────────────────"
    "── Event ───────────────────────────────"
    "{                                       "
    "  "nested": {                           "
    "    "key": "[key hidden]",              "
    "    "text": "evil \u001b[2J\u202e"      "
    "  },                                    "
    "  "type": "x"                           "
    "}                                       "
    "────────────────────────────────────────"
    "▌ Stop.                                 "
    "─────── response 640 ms (32 ms local) ──"
    " You ██████▋─│─   Assistant ──────────  "
    "> half a                                "
    " ↑↓ scroll   Esc back                   "
    "#);
}

#[test]
fn a_wide_screen_has_the_panel_next_to_the_conversation() {
    let editor = showing(Panel::Settings(SettingsPanel::default()));
    assert_snapshot!(text((120, 16), &rich(), &editor), @r#"
    " you are speaking                                          01:32 · delay 0.6 s · volume 80 % · gpt-realtime, marin  LIVE"
    "────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────"
    "                                                                        │── Settings ───────────────────────────────────"
    "▌ You                                                              01:32│> voice         marin               new session"
    "▌ Tell me about the sea, please, and take your time.                    │  volume        80 %                now        "
    "                                                                        │  speed         100 %               now        "
    "▌ Assistant                                                        01:32│  instructions  Answer briefly, pl… now        "
    "▌ The sea covers most of the earth, and it is deeper than the mountains │  model         gpt-realtime        new session"
    "▌ are high. (not heard)                                                 │  noise preset  office              next call  "
    "                                                                        │  theme         auto                now        "
    "▌ You                                                              01:32│  language      en                  now        "
    "▌ Stop.                                                                 │                                               "
    "─────────────────────────────────────────────────────────────────────────────────────── response 640 ms (32 ms local) ──"
    " You ████████████████────│───  -9 dB     Assistant ────────────────────────                                             "
    "> half a                                                                                                                "
    " ↑↓ move   ←→ change   Enter edit   Esc close                                                                           "
    "#);
}

#[test]
fn a_panel_leaves_the_composer_the_microphone_and_the_meters_and_has_the_cursor() {
    for (columns, rows) in [(20, 5), (40, 12), (80, 24), (120, 40), (200, 50)] {
        let help = Editor { help: true, ..typing("half a") };
        for editor in every_panel().map(showing).into_iter().chain([help]) {
            let (mut terminal, _) = screen((columns, rows), &rich(), &editor);
            let cursor = terminal.get_cursor_position().unwrap();
            let drawn = terminal.backend().to_string();
            let lines: Vec<&str> = drawn.lines().collect();
            assert!(lines[0].contains("LIVE"), "{drawn}");
            assert!(lines.iter().any(|line| line.starts_with("\"> half a")), "{drawn}");
            assert!(rows < 8 || lines.iter().any(|line| line.contains("You █")), "{drawn}");
            let row: String =
                (cursor.x..columns).map(|x| terminal.backend().buffer()[(x, cursor.y)].symbol()).collect();
            let is_marked = row.starts_with("> ") && !row.contains("half a");
            assert!(is_marked, "at {columns}x{rows}: {drawn}");
        }
    }
}
