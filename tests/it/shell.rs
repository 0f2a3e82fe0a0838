//! What shells and `man` are given to read.

use crate::support::program::Program;

#[test]
fn each_shell_is_reported_all_commands_and_their_flags() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = Program::rtvoice(&format!("completions {shell}")).run().expect_code(0).text();
        for word in ["transcribe", "completions", "max-cost", "output"] {
            assert!(script.contains(word), "{shell} knows no {word}");
        }
    }
    let unknown = Program::rtvoice("completions tcsh").run().expect_code(2);
    assert!(unknown.stderr.contains("bash") && unknown.text().is_empty(), "{}", unknown.stderr);
}

#[cfg(unix)]
#[test]
fn bash_completes_a_flag() {
    let program = env!("CARGO_BIN_EXE_rtvoice");
    let script = format!(
        "source <({program} completions bash); COMP_WORDS=(rtvoice talk --max); COMP_CWORD=2; \
         _rtvoice rtvoice --max talk; echo \"${{COMPREPLY[@]}}\""
    );
    let outcome = Program::shell(&format!("exec bash -c '{script}'")).run().expect_code(0);
    assert_eq!(outcome.text(), "--max-cost\n", "{}", outcome.stderr);
}

#[test]
fn there_is_a_page_of_the_program_and_of_each_command() {
    let page = |args: &str| Program::rtvoice(&format!("man {args}")).run().expect_code(0).text();
    assert!(page("").contains(".TH rtvoice 1") && page("").contains("rtvoice\\-transcribe(1)"));
    assert!(page("talk").contains(".TH rtvoice-talk 1") && page("talk").contains("\\-\\-max\\-cost"));
    let unknown = Program::rtvoice("man walk").run().expect_code(2);
    let said = "rtvoice: unknown command \"walk\"\nhint: commands: talk, chat,";
    assert!(unknown.stderr.starts_with(said), "{}", unknown.stderr);
}

/// What `install.sh` asks the program for, the program has.
#[test]
fn what_is_installed_next_to_the_program_can_be_printed() {
    let script = include_str!("../../install.sh");
    let files = script.lines().filter(|line| line.starts_with("share/"));
    let words: Vec<&str> = files.filter_map(|line| line.split_once(' ')).map(|(_, words)| words).collect();
    assert!(words.len() > 5, "{words:?}");
    for words in words {
        assert!(!Program::rtvoice(words).run().expect_code(0).text().is_empty(), "{words}");
    }
}
