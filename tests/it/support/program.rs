//! Runs a program in a clean environment of its own, with a limit of time, and keeps what it said.

use std::ffi::OsString;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, Command, ExitStatus, Stdio};
use std::thread;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use super::watched::Watched;

/// Longest run of a program that is asked for nothing else.
const LIMIT: Duration = Duration::from_secs(120);
/// What stays readable in a pipe after the program's end is read in no time, even on a loaded machine.
const DRAIN: Duration = Duration::from_secs(60);

/// A program that is to be run.
#[derive(Debug)]
pub(crate) struct Program {
    /// The executable.
    pub(crate) path: PathBuf,
    /// Its arguments.
    pub(crate) args: Vec<OsString>,
    /// Its whole environment.
    pub(crate) env: Vec<(OsString, OsString)>,
    /// Home, current folder and place for files; empty at first, gone at the end.
    pub(crate) home: TempDir,
    stdin: Option<Vec<u8>>,
}

/// A program that runs; dropping it ends it.
#[derive(Debug)]
pub(crate) struct Running {
    process: u32,
    status: Watched<Option<ExitStatus>>,
    stdin: Option<ChildStdin>,
    stdout: Watched<Said>,
    stderr: Watched<Said>,
    home: Option<TempDir>,
}

/// What a stream said so far.
#[derive(Debug, Default)]
pub(crate) struct Said {
    bytes: Vec<u8>,
    ended: bool,
}

/// What a program left behind.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// Its exit code; none if a signal ended it.
    pub(crate) code: Option<i32>,
    /// All of its standard output.
    pub(crate) stdout: Vec<u8>,
    /// All of its standard error, where broken text is shown as such.
    pub(crate) stderr: String,
    /// The folder it ran in.
    pub(crate) home: TempDir,
}

impl Program {
    /// Takes the program under test with arguments split at blanks; see [`Program::arg`] for others.
    pub(crate) fn rtvoice(args: &str) -> Self {
        Self::at(Path::new(env!("CARGO_BIN_EXE_rtvoice"))).arg_words(args)
    }

    /// Takes a shell script.
    pub(crate) fn shell(script: &str) -> Self {
        Self::at(Path::new("/bin/sh")).arg("-c").arg(script)
    }

    fn at(path: &Path) -> Self {
        let home = tempfile::Builder::new()
            .prefix("rtvoice-test-")
            .tempdir()
            .expect("the temporary folder takes files");
        let env = clean_environment(home.path());
        Self { path: path.to_owned(), args: Vec::new(), env, home, stdin: None }
    }

    /// Adds one argument.
    pub(crate) fn arg(mut self, arg: impl Into<OsString>) -> Self {
        self.args.push(arg.into());
        self
    }

    /// Adds arguments that are split at blanks.
    pub(crate) fn arg_words(self, args: &str) -> Self {
        args.split_whitespace().fold(self, Self::arg)
    }

    /// Sets one variable.
    pub(crate) fn env(mut self, name: &str, value: impl Into<OsString>) -> Self {
        self.env.retain(|(known, _)| known != name);
        self.env.push((name.into(), value.into()));
        self
    }

    /// Sets many variables, a sound server's for instance.
    pub(crate) fn envs<'a>(self, variables: impl IntoIterator<Item = (&'a str, OsString)>) -> Self {
        variables.into_iter().fold(self, |program, (name, value)| program.env(name, value))
    }

    /// Hands in all of standard input; without it, standard input is empty.
    pub(crate) fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.stdin = Some(bytes.into());
        self
    }

    /// Returns the path of a file in the folder the program runs in.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    /// Runs to the end.
    pub(crate) fn run(mut self) -> Outcome {
        let input = self.stdin.take().unwrap_or_default();
        let mut running = self.start();
        let mut pipe = running.stdin.take().expect("the pipe was just made");
        // A program that ends before it has read all is a subject of tests; the broken pipe is not.
        let writer = thread::spawn(move || pipe.write_all(&input).and_then(|()| pipe.flush()).is_ok());
        let outcome = running.wait(LIMIT);
        writer.join().expect("the writing thread does not panic");
        outcome
    }

    /// Starts it, with a standard input that stays open until [`Running::close_stdin`].
    pub(crate) fn start(self) -> Running {
        let mut command = Command::new(&self.path);
        command.args(&self.args).env_clear().envs(self.env.iter().cloned()).current_dir(self.home.path());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child =
            command.spawn().unwrap_or_else(|error| panic!("{} does not start: {error}", self.path.display()));
        let stdout = read_in_background(child.stdout.take().expect("the pipe was asked for"));
        let stderr = read_in_background(child.stderr.take().expect("the pipe was asked for"));
        let (process, stdin, status) = (child.id(), child.stdin.take(), Watched::new(None));
        let ended = status.clone();
        thread::spawn(move || {
            let status = child.wait().expect("a child can be waited for");
            ended.with(|ended| *ended = Some(status));
        });
        Running { process, status, stdin, stdout, stderr, home: Some(self.home) }
    }
}

impl Running {
    /// Writes to standard input.
    pub(crate) fn write(&mut self, bytes: &[u8]) {
        let pipe = self.stdin.as_mut().expect("standard input is open");
        pipe.write_all(bytes).and_then(|()| pipe.flush()).expect("the program reads its standard input");
    }

    /// Ends standard input.
    pub(crate) fn close_stdin(&mut self) {
        self.stdin = None;
    }

    /// Waits for a whole line of standard output that satisfies, and returns it.
    pub(crate) fn wait_for_line(&self, limit: Duration, satisfies: impl Fn(&str) -> bool) -> String {
        let found = self.stdout.wait_for(limit, |said| {
            let text = String::from_utf8_lossy(&said.bytes).into_owned();
            let line = text.split_inclusive('\n').filter(|line| line.ends_with('\n')).map(str::trim_end);
            let line = line.into_iter().find(|line| satisfies(line)).map(str::to_owned);
            line.map(Ok).or_else(|| said.ended.then_some(Err(())))
        });
        let Some(Ok(line)) = found else { panic!("the line did not come; {}", self.story()) };
        line
    }

    /// Waits for a JSON line of the given `type` that satisfies, and returns it.
    pub(crate) fn wait_for_json(
        &self,
        limit: Duration,
        kind: &str,
        satisfies: impl Fn(&Value) -> bool,
    ) -> Value {
        let parse = |line: &str| serde_json::from_str::<Value>(line).ok();
        let fits = |line: &str| parse(line).is_some_and(|value| value["type"] == kind && satisfies(&value));
        parse(&self.wait_for_line(limit, fits)).expect("the line was just parsed")
    }

    /// Returns the process id.
    pub(crate) fn process(&self) -> u32 {
        self.process
    }

    /// Sends a signal, unless it has ended.
    #[cfg(unix)]
    pub(crate) fn signal(&self, signal: rustix::process::Signal) {
        self.status.with(|status| {
            if status.is_none() {
                send_signal(self.process, signal);
            }
        });
    }

    /// Waits for its end.
    pub(crate) fn wait(mut self, limit: Duration) -> Outcome {
        let Some(status) = self.status.wait_for(limit, |status| *status) else {
            panic!("the program does not end within {limit:?}; {}", self.story());
        };
        self.stdin = None;
        let stdout = drained(&self.stdout);
        let stderr = String::from_utf8_lossy(&drained(&self.stderr)).into_owned();
        let home = self.home.take().expect("waiting takes the program, so that it happens once");
        Outcome { code: status.code(), stdout, stderr, home }
    }

    fn story(&self) -> String {
        let text = |said: &mut Said| String::from_utf8_lossy(&said.bytes).into_owned();
        let (stdout, stderr) = (self.stdout.with(text), self.stderr.with(text));
        format!("standard output:\n{stdout}\nstandard error:\n{stderr}")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        #[cfg(unix)]
        self.signal(rustix::process::Signal::KILL);
    }
}

impl Outcome {
    /// Checks the exit code, and shows what was said where it is another.
    pub(crate) fn expect_code(self, code: i32) -> Self {
        assert_eq!(
            self.code,
            Some(code),
            "exit code\nstandard output:\n{}\nstandard error:\n{}",
            self.text(),
            self.stderr
        );
        self
    }

    /// Returns standard output as text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    /// Returns each line of standard output as a JSON object.
    pub(crate) fn json_lines(&self) -> Vec<Value> {
        json_lines(&self.text())
    }
}

/// Returns each line as a JSON object.
pub(crate) fn json_lines(text: &str) -> Vec<Value> {
    let parse =
        |line: &str| serde_json::from_str(line).unwrap_or_else(|error| panic!("no JSON: {error}: {line}"));
    let values: Vec<Value> = text.lines().map(parse).collect();
    assert!(values.iter().all(Value::is_object), "a line is no object: {text}");
    values
}

/// Sends a signal to a process that has not been waited for.
#[cfg(unix)]
pub(crate) fn send_signal(process: u32, signal: rustix::process::Signal) {
    let process = i32::try_from(process).ok().and_then(rustix::process::Pid::from_raw);
    let process = process.expect("a process id is a positive number");
    // The process may be a zombie already; that is what a signal wants.
    rustix::process::kill_process(process, signal).unwrap_or_default();
}

/// Nothing of the person who runs the tests: no key, no configuration, no sound server.
fn clean_environment(home: &Path) -> Vec<(OsString, OsString)> {
    let folder = |name: &str| {
        let path = home.join(name);
        std::fs::create_dir_all(&path).expect("the temporary folder takes files");
        path.into_os_string()
    };
    let own = [
        ("HOME", home.as_os_str().to_owned()),
        ("XDG_CONFIG_HOME", folder(".config")),
        ("XDG_DATA_HOME", folder(".local/share")),
        ("XDG_STATE_HOME", folder(".local/state")),
        ("XDG_CACHE_HOME", folder(".cache")),
        ("XDG_RUNTIME_DIR", folder(".run")),
        ("TMPDIR", folder(".tmp")),
        ("DBUS_SESSION_BUS_ADDRESS", "disabled:".into()),
        ("LANG", "C.UTF-8".into()),
        ("PATH", std::env::var_os("PATH").unwrap_or_default()),
    ];
    own.map(|(name, value)| (name.into(), value)).to_vec()
}

fn read_in_background(mut stream: impl Read + Send + 'static) -> Watched<Said> {
    let said = Watched::new(Said::default());
    let filled = said.clone();
    thread::spawn(move || {
        let mut block = [0; 8192];
        while let Some(length) = stream.read(&mut block).ok().filter(|length| *length > 0) {
            filled.with(|said| said.bytes.extend_from_slice(&block[..length]));
        }
        filled.with(|said| said.ended = true);
    });
    said
}

/// Takes all that a stream said; a grandchild may keep it open, so that there is a limit.
fn drained(said: &Watched<Said>) -> Vec<u8> {
    said.wait_for(DRAIN, |said| said.ended.then_some(())).expect("a stream ends with its program");
    said.with(|said| std::mem::take(&mut said.bytes))
}

#[test]
fn the_program_under_test_is_found() {
    Program::rtvoice("--help").run().expect_code(0);
}

#[test]
fn what_a_program_says_and_its_exit_code_are_kept() {
    let outcome =
        Program::shell("cat; echo sorry >&2; exit 3").stdin("{\"type\":\"end\"}\n").run().expect_code(3);
    assert_eq!(outcome.json_lines()[0]["type"], "end");
    assert_eq!(outcome.stderr, "sorry\n");
}

#[test]
fn a_program_sees_no_variable_of_the_person_who_tests() {
    let outcome =
        Program::shell("env; pwd").env("LANG", "C").envs([("EXTRA", "1".into())]).run().expect_code(0);
    let names: Vec<String> =
        outcome.text().lines().filter_map(|line| Some(line.split_once('=')?.0.to_owned())).collect();
    let strangers =
        names.iter().filter(|name| name.contains("RTVOICE") || name.contains("KEY") || *name == "USER");
    assert_eq!(strangers.collect::<Vec<_>>(), [""; 0]);
    assert!(names.iter().any(|name| name == "EXTRA"));
    let folder = outcome.home.path().canonicalize().expect("the folder is kept");
    assert!(outcome.text().ends_with(&format!("{}\n", folder.display())));
}

#[cfg(unix)]
#[test]
fn a_running_program_is_talked_to_line_by_line_and_signalled() {
    // Who starts the tests may ignore INT, which no shell takes back. It reads on at the end: a signal is heeded
    // between two commands, one that comes just before a wait is not.
    let script = "trap 'echo bye; exit 5' TERM; \
                  while :; do read line && echo \"{\\\"type\\\":\\\"$line\\\"}\"; done";
    let program = Program::shell(script);
    let file = program.file("note.txt");
    let mut running = program.start();
    assert!(running.process() > 0);
    running.write(b"user\n");
    assert_eq!(running.wait_for_json(LIMIT, "user", |_| true)["type"], "user");
    std::fs::write(&file, "kept").expect("the folder is there");
    running.signal(rustix::process::Signal::TERM);
    running.close_stdin();
    let outcome = running.wait(LIMIT).expect_code(5);
    assert!(outcome.text().ends_with("bye\n"));
    assert!(file.exists(), "the folder lives as long as the outcome");
}

#[test]
fn a_running_program_notices_the_end_of_its_input() {
    let mut running = Program::shell("cat; echo over").start();
    running.write(b"one\n");
    running.wait_for_line(LIMIT, |line| line == "one");
    running.close_stdin();
    assert_eq!(running.wait(LIMIT).expect_code(0).text(), "one\nover\n");
}
