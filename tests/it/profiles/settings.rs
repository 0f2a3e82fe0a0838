//! `config show` and `config edit`, and the example of the help.

use std::fs;

use super::{config, shown, with_file};
use crate::support::program::Program;

#[test]
fn config_show_lists_every_setting_in_force_with_its_origin() {
    let file = "[defaults]\nvad_preset = \"noisy\"\nidle = 15\n";
    let json = shown(with_file("config show --json", file));
    for (name, value, source) in [
        ("vad_threshold", serde_json::json!(0.75), "file"),
        ("silence_duration_ms", 800.into(), "file"),
        ("prefix_padding_ms", 300.into(), "file"),
        ("idle", serde_json::json!(15.0), "file"),
        ("echo", "auto".into(), "built-in"),
        ("interrupt", "server".into(), "built-in"),
        ("create_response", true.into(), "built-in"),
        ("noise_suppression", false.into(), "built-in"),
        ("transcription_model", "gpt-transcribe".into(), "built-in"),
    ] {
        let setting = &json["settings"][name];
        assert_eq!((&setting["value"], &setting["source"]), (&value, &source.into()), "{name}");
    }
    let text = with_file("config show", file).run().expect_code(0).text();
    let line = text.lines().find(|line| line.starts_with("silence_duration_ms ")).expect("it is listed");
    assert!(line.contains(" 800 ") && line.ends_with("file, line 2"), "{line}");
    assert!(text.lines().any(|line| line.starts_with("idle ") && line.contains(" 15 ")), "{text}");
}

#[cfg(unix)]
#[test]
fn config_edit_opens_the_editor_on_the_template_if_the_file_is_absent() {
    let edit = "sed -i s/^..silence_duration_ms.=.500/silence_duration_ms=700/";
    // VISUAL overrides EDITOR, and an empty one does not count.
    for (visual, editor) in [(edit, "false"), ("", edit)] {
        let program = Program::rtvoice("config edit").env("VISUAL", visual).env("EDITOR", editor);
        let path = config(&program);
        let outcome = program.run().expect_code(0);
        assert_eq!(outcome.text(), format!("{}: no errors\n", path.display()));
        let text = fs::read_to_string(&path).expect("it was created");
        assert!(text.contains("\nsilence_duration_ms=700\n") && text.contains("[profiles.work]"), "{text}");
    }
}

#[cfg(unix)]
#[test]
fn config_edit_reports_file_line_and_cause() {
    for (file, edit, message) in [
        ("[defaults]\nvad = \"off\"\n", "s/off/of/", ":2: vad cannot be \"of\""),
        ("[defaults]\nvad = \"off\"\n", "s/vad/vat/", ":2: unknown setting \"vat\""),
        ("[defaults]\nidle = 5\n", "s/5/0/", ":2: idle must be a number above 0"),
        ("[profiles.a]\nlike = \"xai\"\n", "s/xai/xi/", ":2: unknown profile \"xi\""),
        ("profile = \"xai\"\n", "s/xai/xi/", ":1: unknown profile \"xi\""),
    ] {
        let program = with_file("config edit", file).env("EDITOR", format!("sed -i {edit}"));
        let expected = format!("rtvoice: {}{message}", config(&program).display());
        let outcome = program.run().expect_code(3);
        assert!(outcome.stderr.starts_with(&expected), "{}", outcome.stderr);
    }
    // A file that is already invalid can be fixed.
    let program = with_file("config edit", "[defaults]\nvad = \"of\"\n").env("EDITOR", "sed -i s/of/off/");
    program.run().expect_code(0);
}

#[cfg(unix)]
#[test]
fn config_edit_reports_an_editor_that_fails() {
    for (editor, message) in [
        ("false", "the editor \"false\" failed (exit status: 1)"),
        ("no-such-editor -w", "the editor \"no-such-editor -w\" failed (exit status: 127)"),
    ] {
        let outcome = with_file("config edit", "").env("EDITOR", editor).run().expect_code(3);
        assert!(
            outcome.stderr.contains(message) && outcome.stderr.contains("set VISUAL"),
            "{}",
            outcome.stderr
        );
    }
}

#[test]
fn the_example_of_the_help_works_in_any_folder() {
    let help = Program::rtvoice("--help").run().expect_code(0).text();
    let example = help.lines().find_map(|line| line.strip_prefix("  rtvoice ")).expect("it has an example");
    assert!(!Program::rtvoice(example).run().expect_code(0).text().is_empty(), "{example}");
}
