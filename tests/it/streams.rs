//! Standard streams that are closed, full, piped in or not read: nothing panics, nothing is lost without a word,
//! and a signal ends the program all the same.

use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use rustix::process::Signal;

use crate::support::program::{Program, send_signal};
use crate::support::signal::Sound;
use crate::support::speech;
use crate::support::watched::Watched;

/// Longest wait for one thing, on a loaded machine too.
const LIMIT: Duration = Duration::from_secs(120);

/// When a full terminal or pipe takes nothing for this long, it is full.
const FULL: Duration = Duration::from_millis(500);

/// Commands that write to standard output, and end by themselves.
const COMMANDS: [&str; 8] = [
    "chat --demo keys",
    "chat --demo --json keys",
    "config show --demo",
    "doctor --demo --no-sound",
    "completions bash",
    "man talk",
    "talk --help",
    "--version",
];

/// Runs a command with redirections, with nothing on standard input.
fn redirected(command: &str, redirections: &str) -> (i32, String, String) {
    let program = env!("CARGO_BIN_EXE_rtvoice");
    let outcome = Program::shell(&format!("{program} {command} </dev/null {redirections}")).run();
    let text = outcome.text();
    (outcome.code.expect("no signal ends it"), text, outcome.stderr)
}

#[test]
fn a_closed_standard_output_loses_no_answer_silently() {
    for command in COMMANDS {
        let (code, _, said) = redirected(command, ">&-");
        assert_eq!(code, 4, "{command}: {said}");
        assert!(
            said.ends_with("rtvoice: cannot write to standard output: it is closed\n"),
            "{command}: {said}"
        );
    }
}

#[test]
fn a_standard_error_that_takes_nothing_changes_no_exit_code() {
    for redirections in ["2>&-", "2>/dev/full"] {
        for command in COMMANDS {
            let (code, text, _) = redirected(command, redirections);
            assert_eq!(code, 0, "{command} {redirections}");
            assert!(!text.is_empty(), "{command} {redirections}");
        }
        for (command, expected) in
            [("--nonsense", 2), ("man nonsense", 2), ("chat hi --url ws://127.0.0.1:1", 5)]
        {
            assert_eq!(redirected(command, redirections).0, expected, "{command} {redirections}");
        }
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_standard_output_is_an_error_at_the_end() {
    for command in COMMANDS {
        let (code, _, said) = redirected(command, ">/dev/full");
        assert_eq!(code, 4, "{command}: {said}");
        let says = "rtvoice: cannot write to standard output: No space left on device";
        assert!(said.contains(says), "{command}: {said}");
        assert_eq!(redirected(command, ">/dev/full 2>&1").0, 4, "{command}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_under_the_output_is_an_error_at_the_end() {
    let hello = speech::hello_path();
    let call = format!("talk --demo --plain --input {} --output", hello.display());
    thread::scope(|scope| {
        let file = scope.spawn(|| redirected(&format!("{call} /dev/full"), ""));
        let pipe = scope.spawn(|| redirected(&format!("{call} -"), ">/dev/full"));
        for (call, names) in [(file, "/dev/full"), (pipe, "standard output")] {
            let (code, _, said) = call.join().expect("a call does not panic");
            assert_eq!(code, 4, "{said}");
            let last = said.lines().rfind(|line| line.starts_with("rtvoice: ")).unwrap_or_default();
            assert!(last.contains(&format!("cannot write {names}: No space left")), "{said}");
            assert!(
                said.contains(&format!("error: cannot write {names}")),
                "it is reported when it happens: {said}"
            );
        }
    });
}

/// A call that has begun, in a process whose streams the test holds.
fn call(flags: &str, stdout: impl Into<Stdio>, stderr: impl Into<Stdio>) -> (std::process::Child, Program) {
    let program = Program::rtvoice(&format!("talk --demo --input null --output answer.wav {flags}"));
    let mut command = Command::new(&program.path);
    command.args(&program.args).env_clear().envs(program.env.iter().cloned());
    command.current_dir(program.home.path()).stdin(Stdio::null()).stdout(stdout).stderr(stderr);
    (command.spawn().expect("the program starts"), program)
}

/// Writes into a pipe or a terminal that no one reads until it takes nothing more.
fn fill(mut full: impl Write + Send + 'static) {
    let written = Watched::new(0_usize);
    let counted = written.clone();
    thread::spawn(move || {
        while full.write_all(b"x").is_ok() {
            counted.with(|count| *count += 1);
        }
    });
    let mut last = 0;
    while let Some(more) = written.wait_for(FULL, |count| (*count > last).then_some(*count)) {
        last = more;
    }
    assert!(last > 0, "something was written");
}

fn wait_for_end(mut child: std::process::Child) -> Option<i32> {
    let status = Watched::new(None);
    let ended = status.clone();
    thread::spawn(move || {
        let code = child.wait().expect("a child can be waited for").code();
        ended.with(|ended| *ended = Some(code));
    });
    status.wait_for(LIMIT, |status| *status).expect("it ends")
}

#[test]
fn a_signal_ends_a_call_whose_lines_no_one_reads() {
    for (flags, signal, code) in
        [("--json", Signal::TERM, 143), ("--plain", Signal::INT, 130), ("--json -v", Signal::HUP, 129)]
    {
        let (mut reader, writer) = std::io::pipe().expect("the system gives a pipe");
        let held = writer.try_clone().expect("a pipe can be held");
        let errors = writer.try_clone().expect("a pipe can be held");
        let (child, program) = call(flags, writer, errors);
        let mut first = [0; 1];
        reader.read_exact(&mut first).expect("the call begins");
        fill(held);
        send_signal(child.id(), signal);
        assert_eq!(wait_for_end(child), Some(code), "{flags}");
        // A greeting may have begun; whatever was written of it is a whole file.
        let answer = program.file("answer.wav");
        if answer.exists() {
            Sound::read(&answer);
        }
        drop(reader);
    }
}

#[test]
fn a_signal_ends_a_call_on_a_terminal_that_no_one_reads() {
    // The terminal is full before the screen is drawn, and in the middle of a call.
    for begins in [false, true] {
        for (signal, code) in [(Signal::TERM, 143), (Signal::HUP, 129)] {
            let (master, slave) = pty_process::blocking::open().expect("the system gives a pseudo-terminal");
            master.resize(pty_process::Size::new(24, 80)).expect("the terminal takes its size");
            let master = Arc::new(master);
            let modes = || format!("{:?}", rustix::termios::tcgetattr(&*master).expect("it has modes"));
            let held = slave.as_fd().try_clone_to_owned().expect("the terminal can be held");
            let before = modes();
            if !begins {
                fill(std::fs::File::from(held.try_clone().expect("the terminal can be held")));
            }
            let program =
                Program::rtvoice("talk --demo --input null --output null").env("TERM", "xterm-256color");
            let command = pty_process::blocking::Command::new(&program.path).args(&program.args).env_clear();
            let variables = program.env.iter().map(|(name, value)| (name, value));
            let command = command.envs(variables).current_dir(program.home.path());
            let child = command.spawn(slave).expect("the program starts");
            if begins {
                read_until(&*master, "LIVE");
                fill(std::fs::File::from(held.try_clone().expect("the terminal can be held")));
            } else {
                // The program takes the terminal, and is stuck in its first write to it.
                let never = Watched::new(());
                let look =
                    || never.wait_for(Duration::from_millis(10), |()| (modes() != before).then_some(()));
                assert!((0..10_000).any(|_| look().is_some()), "the terminal is taken");
            }
            send_signal(child.id(), signal);
            assert_eq!(wait_for_end(child), Some(code), "{signal:?}, begins: {begins}");
            assert_eq!(modes(), before, "{signal:?}, begins: {begins}");
        }
    }
}

#[test]
fn a_terminal_that_hangs_up_ends_the_call_as_its_signal_does() {
    let (master, slave) = pty_process::blocking::open().expect("the system gives a pseudo-terminal");
    master.resize(pty_process::Size::new(24, 80)).expect("the terminal takes its size");
    let program = Program::rtvoice("talk --demo --input null --output null").env("TERM", "xterm-256color");
    let command = pty_process::blocking::Command::new(&program.path).args(&program.args).env_clear();
    let variables = program.env.iter().map(|(name, value)| (name, value));
    let child = command.envs(variables).current_dir(program.home.path()).spawn(slave).expect("it starts");
    read_until(&master, "LIVE");
    drop(master);
    assert_eq!(wait_for_end(child), Some(129));
}

/// Reads the terminal until a word is on it.
fn read_until(mut master: impl Read, word: &str) {
    let (mut seen, mut block) = (Vec::new(), [0; 4096]);
    while !String::from_utf8_lossy(&seen).contains(word) {
        let length = master.read(&mut block).expect("the screen is drawn");
        seen.extend_from_slice(&block[..length]);
    }
}

#[test]
fn a_question_is_read_from_standard_input_by_a_dash_and_without_a_byte_order_mark() {
    for (args, stdin) in [
        ("chat --demo - --json", "what are keys for?"),
        ("chat --demo --json", "\u{feff}what are keys for?\n"),
    ] {
        let program = Program::rtvoice(args).arg("--trace=trace.jsonl").stdin(stdin);
        let outcome = program.run().expect_code(0);
        let trace = std::fs::read_to_string(outcome.home.path().join("trace.jsonl")).expect("it was written");
        assert!(trace.contains("\"text\":\"what are keys for?\""), "{args}: {trace}");
    }
    let nothing = Program::rtvoice("chat --demo -").run().expect_code(2);
    assert!(nothing.stderr.contains("hint: "), "{}", nothing.stderr);
}

#[test]
fn piped_lines_are_a_conversation_where_plain_is_asked_for() {
    for command in ["chat --demo --plain", "talk --demo --plain --input null --output null"] {
        let program = Program::rtvoice(command).arg("--trace=trace.jsonl");
        let outcome = program.stdin("\u{feff}what are keys for?\nand what is this?\n").run().expect_code(0);
        let trace = std::fs::read_to_string(outcome.home.path().join("trace.jsonl")).expect("it was written");
        let at = |text: &str| trace.find(text).unwrap_or_else(|| panic!("no {text} in {command}: {trace}"));
        let (first, second) = (at("\"text\":\"what are keys for?\""), at("\"text\":\"and what is this?\""));
        assert!(
            trace[first..second].contains("\"response.done\""),
            "the first is answered before the second"
        );
        assert!(!trace.contains("response.cancel"), "{command}: no answer is interrupted");
        assert!(outcome.text().len() > 40, "{}", outcome.text());
    }
}

#[test]
fn piped_sound_is_captioned_without_being_named() {
    let wav = std::fs::read(speech::hello_path()).expect("the recording is there");
    let outcome = Program::rtvoice("transcribe --demo").stdin(wav).run().expect_code(0);
    assert!(outcome.text().starts_with("[speech "), "{}", outcome.text());
    let program = env!("CARGO_BIN_EXE_rtvoice");
    let from_file = format!("{program} transcribe --demo < {}", speech::hello_path().display());
    assert!(Program::shell(&from_file).run().expect_code(0).text().starts_with("[speech "));
    let nothing = Program::rtvoice("transcribe --demo").run().expect_code(4);
    assert!(nothing.stderr.contains("standard input contains no audio"), "{}", nothing.stderr);
}

#[test]
fn a_locale_without_utf_8_gets_lines_in_ascii() {
    for (locale, is_ascii) in [("C", true), ("POSIX", true), ("C.UTF-8", false)] {
        let call = Program::rtvoice("talk --demo --plain --input null --output null --idle 0.01");
        let said = call.env("LC_ALL", locale).run().expect_code(0).stderr;
        assert_eq!(said.starts_with("connecting..."), is_ascii, "{locale}: {said}");
        assert_eq!(said.is_ascii(), is_ascii, "{locale}: {said}");
        let help = Program::rtvoice("talk --help").env("LANG", locale).run().expect_code(0).text();
        assert!(help.is_ascii() || !is_ascii, "{locale}: {help}");
    }
}
