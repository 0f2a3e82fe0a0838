//! What shells and `man` are given to read.

use crate::support::program::Program;

#[test]
fn each_shell_is_told_all_commands_and_their_flags() {
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
