//! Tests of the slash commands.

use super::*;

const CHAT: SlashContext =
    SlashContext { has_audio: false, has_screen: true, has_modes: false, language: UiLanguage::English };
const PLAIN_CALL: SlashContext =
    SlashContext { has_audio: true, has_screen: false, has_modes: false, language: UiLanguage::English };

fn parsed(text: &str, context: SlashContext) -> Result<SlashCommand, String> {
    match parse(text, context) {
        Ok(SubmittedText::Command(command)) => Ok(command),
        Ok(SubmittedText::Message(message)) => Err(format!("message {message}")),
        Err(error) => Err(error),
    }
}

#[test]
fn a_text_is_a_message_unless_it_begins_with_a_command() {
    for text in ["hello there", "/usr/bin is full", "/usr/bin", "1/2", "see /help"] {
        assert_eq!(parse(text, CHAT), Ok(SubmittedText::Message(text.to_owned())));
    }
    assert_eq!(parsed("  /quit ", CHAT), Ok(SlashCommand::Quit));
    assert_eq!(parsed("/end", CHAT), Ok(SlashCommand::Quit));
    assert_eq!(parsed("/ ring buffer", CHAT), Ok(SlashCommand::Find("ring buffer".to_owned())));
    assert_eq!(parsed("/", CHAT), Ok(SlashCommand::Find(String::new())));
    assert_eq!(parsed("/copy", CHAT), Ok(SlashCommand::Copy(CopyPart::Answer)));
    assert_eq!(parsed("/copy code", CHAT), Ok(SlashCommand::Copy(CopyPart::Code)));
    assert_eq!(parsed("/system be\nbrief", CHAT), Ok(SlashCommand::System("be\nbrief".to_owned())));
    let volume = SlashCommand::SetVolume(Volume::clamped(70));
    assert_eq!(parsed("/volume 70", PLAIN_CALL), Ok(volume.clone()));
    assert_eq!(parsed("/volume 70 %", PLAIN_CALL), Ok(volume));
    assert_eq!(parsed("/speed 1.25", PLAIN_CALL), Ok(SlashCommand::Speed(125)));
    assert_eq!(parsed("/speak", CHAT), Ok(SlashCommand::Speak(None)));
    assert_eq!(parsed("/speak off", CHAT), Ok(SlashCommand::Speak(Some(false))));
    assert_eq!(parsed("/image my cat.png", CHAT), Ok(SlashCommand::Image("my cat.png".to_owned())));
    let microphone = SlashCommand::UseDevice(Direction::Input, Some("USB mic".to_owned()));
    assert_eq!(parsed("/input USB mic", PLAIN_CALL), Ok(microphone));
    assert_eq!(parsed("/output default", PLAIN_CALL), Ok(SlashCommand::UseDevice(Direction::Output, None)));
}

#[test]
fn two_slashes_send_a_message_that_begins_with_one() {
    assert_eq!(parse("//help me", CHAT), Ok(SubmittedText::Message("/help me".to_owned())));
}

#[test]
fn an_unknown_command_is_an_error_with_the_nearest_name() {
    for (text, expected) in [
        ("/cler", "unknown command /cler; did you mean /clear?"),
        ("/ret please", "unknown command /ret; did you mean /retry?"),
        ("/xyzzyx", "unknown command /xyzzyx; try /help"),
    ] {
        assert_eq!(parsed(text, CHAT), Err(expected.to_owned()));
    }
}

#[test]
fn a_command_that_cannot_be_carried_out_is_one_sentence() {
    for (text, context, expected) in [
        ("/mute", CHAT, "/mute needs a call: a chat has no audio"),
        ("/speak loudly", CHAT, "/speak takes one of on, off"),
        ("/image", CHAT, "/image needs an argument: /image FILE"),
        ("/edit", PLAIN_CALL, "/edit needs the screen: leave out --plain"),
        ("/help me", CHAT, "/help takes no argument"),
        ("/save", CHAT, "/save needs an argument: /save FILE"),
        ("/copy all", CHAT, "/copy takes one of answer, source, code"),
        ("/volume 101", PLAIN_CALL, "/volume needs a whole number from 0 to 100"),
        ("/volume loud", PLAIN_CALL, "/volume needs a whole number from 0 to 100"),
        ("/speed 2", PLAIN_CALL, "/speed needs a number from 0.25 to 1.5"),
        ("/speed NaN", PLAIN_CALL, "/speed needs a number from 0.25 to 1.5"),
    ] {
        assert_eq!(parsed(text, context), Err(expected.to_owned()));
    }
}

#[test]
fn each_name_of_the_table_is_a_command() {
    for spec in COMMANDS.iter().filter(|spec| spec.name != "//") {
        assert!(command(spec.name, "1").is_some(), "{}", spec.name);
    }
}

#[test]
fn a_slash_offers_the_names() {
    assert_eq!(offers("/s", CHAT), ["/stop", "/save", "/system", "/speak", "/settings"]);
    assert_eq!(offers("/", CHAT).len(), 22);
    assert!(offers("/save x", CHAT).is_empty() && offers("hello", CHAT).is_empty());
}

#[test]
fn a_file_name_is_completed_after_a_command_that_takes_one() {
    assert_eq!(file_prefix("/save notes/to"), Some("notes/to"));
    assert_eq!(file_prefix("/image cat"), Some("cat"));
    assert_eq!(file_prefix("/system notes"), None);
    assert_eq!(common_prefix(&["talk.md", "tally.md"]), "tal");
    assert_eq!(common_prefix(&["äb", "äc"]), "ä");
    assert_eq!(common_prefix(&Vec::<String>::new()), "");
}
