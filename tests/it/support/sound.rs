//! A sound server of the test's own, with a speaker and a microphone that are not there.
//!
//! No sound card, no root and no D-Bus are needed, and the sound server of the person who tests is
//! not touched: everything lives in one temporary folder and ends with the test.

use std::ffi::OsString;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::Duration;

use rustix::process::Signal;
use tempfile::TempDir;

use super::program::send_signal;
use super::seats::{Length, Seat};
use super::signal::Sound;
use super::watched::Watched;

/// Samples a second of both devices and of recordings.
pub(crate) const RATE: usize = 48_000;
/// What the program plays to by default.
pub(crate) const SPEAKER: &str = "test_speaker";
/// What the program hears by default.
pub(crate) const MICROPHONE: &str = "test_microphone";

/// What is played here is heard by the microphone.
const FEED: &str = "test_feed";
/// A server starts in a tenth of a second; a loaded machine takes longer.
const START: Duration = Duration::from_secs(60);

/// A sound server; dropping it ends it.
#[derive(Debug)]
pub(crate) struct SoundServer {
    folder: TempDir,
    server: Option<Child>,
    /// Nothing for the second server of a test.
    _seat: Option<Seat>,
}

/// What is played on a device, from the moment of asking; dropping it ends it.
#[derive(Debug)]
pub(crate) struct Recording {
    recorder: Child,
    taken: Watched<Taken>,
}

/// A voice that speaks into the microphone; dropping it ends it.
#[derive(Debug)]
pub(crate) struct Speaking(Child);

#[derive(Debug, Default)]
struct Taken {
    bytes: Vec<u8>,
    ended: bool,
}

impl SoundServer {
    /// Starts one as soon as few enough others play, and returns when it answers.
    pub(crate) fn start() -> Self {
        Self::start_on(Some(Seat::take(Length::Usual)))
    }

    /// Starts one for a test that plays for long, before those that play for less.
    pub(crate) fn start_for_long() -> Self {
        Self::start_on(Some(Seat::take(Length::Long)))
    }

    fn start_on(seat: Option<Seat>) -> Self {
        // Short, because the path of a socket has at most 107 bytes.
        let folder =
            tempfile::Builder::new().prefix("rtvoice-sound-").tempdir_in("/tmp").expect("/tmp takes files");
        for name in ["home", "run", "tmp"] {
            std::fs::create_dir(folder.path().join(name)).expect("/tmp takes files");
        }
        let mut server = Self { folder, server: None, _seat: seat };
        server.write("cookie", &[0; 256]);
        server.write("alsa.conf", ALSA.as_bytes());
        server.write(
            "client.conf",
            format!("autospawn = no\nenable-shm = no\ndefault-server = {}\n", server.address()).as_bytes(),
        );
        server.write("devices.pa", server.devices().as_bytes());
        server.restart();
        server
    }

    /// Returns the variables by which a program finds this server and nothing else.
    pub(crate) fn env(&self) -> Vec<(&'static str, OsString)> {
        vec![
            ("XDG_RUNTIME_DIR", self.path("run").into()),
            ("PULSE_SERVER", self.address().into()),
            ("PULSE_RUNTIME_PATH", self.path("run").into()),
            ("PULSE_STATE_PATH", self.path("home").into()),
            ("PULSE_CLIENTCONFIG", self.path("client.conf").into()),
            ("PULSE_COOKIE", self.path("cookie").into()),
            ("ALSA_CONFIG_PATH", self.path("alsa.conf").into()),
            ("DBUS_SESSION_BUS_ADDRESS", "disabled:".into()),
            ("DBUS_SYSTEM_BUS_ADDRESS", "disabled:".into()),
        ]
    }

    /// Starts the server in the same place with the same devices: they come back.
    pub(crate) fn restart(&mut self) {
        self.kill();
        let mut command = self.tool("pulseaudio", "pulseaudio");
        command.args(["-n", "--daemonize=no", "--use-pid-file=no", "--exit-idle-time=-1", "--realtime=no"]);
        command.args(["--log-target=stderr", "--log-level=info", "-F"]).arg(self.path("devices.pa"));
        let mut server = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("pulseaudio starts");
        let log = watch_log(server.stderr.take().expect("the pipe was asked for"));
        self.server = Some(server);
        let ready = log.wait_for(START, |log| {
            if log.0.contains("Daemon startup complete") { Some(true) } else { log.1.then_some(false) }
        });
        assert_eq!(ready, Some(true), "pulseaudio does not start:\n{}", log.with(|log| log.0.clone()));
        let answer = self.control(&["info"]);
        assert!(
            answer.contains(&format!("Default Source: {MICROPHONE}")),
            "pulseaudio has other devices:\n{answer}"
        );
    }

    /// Ends the server at once: the devices are gone, as if unplugged.
    pub(crate) fn kill(&mut self) {
        if let Some(mut server) = self.server.take() {
            server.kill().expect("a child can be ended");
            server.wait().expect("a child can be waited for");
            // The socket is there unless the server never came up.
            std::fs::remove_file(self.path("run/native")).unwrap_or_default();
        }
    }

    /// Sends a signal to the server: one that is stopped hangs, as a broken one does.
    pub(crate) fn signal(&self, signal: Signal) {
        let server = self.server.as_ref().expect("it was started");
        send_signal(server.id(), signal);
    }

    /// Gives an order to the server, and returns its answer.
    pub(crate) fn control(&self, order: &[&str]) -> String {
        let output = finished(self.tool("pactl", "pulseaudio-utils").args(order), "pactl");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Returns how a voice speaks a text.
    pub(crate) fn speech(&self, text: &str) -> Sound {
        let path = self.speak_to_file(text);
        Sound::read(&path)
    }

    /// Adds a speaker of this name.
    pub(crate) fn add_speaker(&self, name: &str) {
        let description = format!("sink_properties=device.description={name}");
        let sink = format!("sink_name={name}");
        self.control(&["load-module", "module-null-sink", &sink, "norewinds=yes", &description]);
    }

    /// Speaks into the microphone; returns when all is spoken.
    pub(crate) fn say(&self, text: &str) {
        self.play(&self.speak_to_file(text));
    }

    /// Begins to speak into the microphone.
    pub(crate) fn begin_to_say(&self, text: &str) -> Speaking {
        let mut player = self.player(FEED, &self.speak_to_file(text));
        Speaking(player.spawn().expect("paplay starts"))
    }

    /// Plays a WAV file into the microphone; returns at its end.
    pub(crate) fn play(&self, wav: &Path) {
        self.play_to(FEED, wav);
    }

    /// Lets the microphone hear the speaker, `late_ms` late and softer by `loss_db`, as on loudspeakers.
    pub(crate) fn echo(&self, late_ms: u32, loss_db: u32) {
        let [source, sink] = [format!("source={SPEAKER}.monitor"), format!("sink={FEED}")];
        let late = format!("latency_msec={late_ms}");
        let module =
            self.control(&["load-module", "module-loopback", &source, &sink, &late, "adjust_time=0"]);
        let owner = format!("Owner Module: {}", module.trim());
        // The loopback's stream is there once the module is.
        let inputs = self.control(&["list", "sink-inputs"]);
        let of_loopback = inputs.split("Sink Input #").find(|input| input.contains(&owner));
        let number = of_loopback.and_then(|input| input.lines().next()).expect("a loopback has a stream");
        self.control(&["set-sink-input-volume", number, &format!("-{loss_db}dB")]);
    }

    /// Records what the speaker plays.
    pub(crate) fn record(&self) -> Recording {
        self.record_from(&format!("{SPEAKER}.monitor"))
    }

    /// Records a source, such as `SPEAKER.monitor`.
    pub(crate) fn record_from(&self, source: &str) -> Recording {
        let mut command = self.tool("parec", "pulseaudio-utils");
        command
            .args(["--device", source, "--format=s16le", "--channels=1", "--latency-msec=20"])
            .arg(format!("--rate={RATE}"));
        let mut recorder = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("parec starts");
        let taken = take_in_background(recorder.stdout.take().expect("the pipe was asked for"));
        let begun = taken.wait_for(START, |taken| {
            if taken.bytes.is_empty() { taken.ended.then_some(false) } else { Some(true) }
        });
        assert_eq!(begun, Some(true), "nothing can be recorded from {source}");
        Recording { recorder, taken }
    }

    fn play_to(&self, sink: &str, wav: &Path) {
        finished(&mut self.player(sink, wav), "paplay");
    }

    fn player(&self, sink: &str, wav: &Path) -> Command {
        let mut player = self.tool("paplay", "pulseaudio-utils");
        // Enough in hand for a player that a loaded machine does not wake in time.
        player.args(["--latency-msec=250", "--device", sink]).arg(wav).stdin(Stdio::null());
        player
    }

    fn speak_to_file(&self, text: &str) -> PathBuf {
        let speech =
            tempfile::Builder::new().suffix(".wav").tempfile_in(self.path("tmp")).expect("/tmp takes files");
        let (_, path) = speech.keep().expect("a temporary file can be kept");
        finished(
            self.tool("espeak-ng", "espeak-ng").args(["-v", "en-us", "-w"]).arg(&path).arg(text),
            "espeak-ng",
        );
        path
    }

    /// Prepares a program of the system in the server's environment, or fails with the package that has it.
    fn tool(&self, name: &str, package: &str) -> Command {
        let folders = std::env::var_os("PATH").unwrap_or_default();
        let found =
            std::env::split_paths(&folders).map(|folder| folder.join(name)).find(|path| path.is_file());
        let Some(path) = found else {
            panic!("`{name}` is not installed: install the package {package}, or run ./install.sh --test");
        };
        let mut command = Command::new(path);
        command.env_clear().env("PATH", folders).env("LANG", "C.UTF-8").env("HOME", self.path("home"));
        command.env("TMPDIR", self.path("tmp")).envs(self.env()).current_dir(self.folder.path());
        command
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn address(&self) -> String {
        format!("unix:{}", self.path("run/native").display())
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        let mut file = std::fs::File::create(self.path(name)).expect("/tmp takes files");
        file.write_all(bytes).expect("/tmp takes files");
    }

    /// `norewinds` keeps the virtual devices from holding two seconds of sound; a remapped source is a
    /// real microphone, where programs hide a speaker's monitor.
    fn devices(&self) -> String {
        let socket = self.path("run/native");
        format!(
            ".fail\n\
             load-module module-null-sink sink_name={SPEAKER} rate={RATE} channels=2 norewinds=yes sink_properties=device.description=Test-Speaker\n\
             load-module module-null-sink sink_name={FEED} rate={RATE} channels=1 norewinds=yes sink_properties=device.description=Test-Feed\n\
             load-module module-remap-source source_name={MICROPHONE} master={FEED}.monitor remix=no source_properties=device.description=Test-Microphone\n\
             set-default-sink {SPEAKER}\n\
             set-default-source {MICROPHONE}\n\
             load-module module-native-protocol-unix auth-anonymous=1 auth-cookie-enabled=0 socket={}\n",
            socket.display()
        )
    }
}

/// Neither the person's nor the system's ALSA configuration is read.
const ALSA: &str = "\
pcm.!default { type pulse }
ctl.!default { type pulse }
pcm.pulse { type pulse }
ctl.pulse { type pulse }
pcm.null { type null }
";

impl Drop for SoundServer {
    fn drop(&mut self) {
        self.kill();
    }
}

impl Recording {
    /// Returns what was recorded so far.
    pub(crate) fn so_far(&self) -> Sound {
        self.taken.with(|taken| sound_of(&taken.bytes))
    }

    /// Waits until what was recorded satisfies.
    pub(crate) fn wait_until(&self, limit: Duration, satisfies: impl Fn(&Sound) -> bool) {
        let found = self.taken.wait_for(limit, |taken| {
            if satisfies(&sound_of(&taken.bytes)) { Some(true) } else { taken.ended.then_some(false) }
        });
        assert_eq!(found, Some(true), "the recording does not come to this within {limit:?}");
    }

    /// Ends the recording.
    pub(crate) fn stop(self) -> Sound {
        send_signal(self.recorder.id(), Signal::INT);
        self.taken
            .wait_for(START, |taken| taken.ended.then_some(()))
            .expect("parec ends when it is asked to");
        // To compare it is to compute.
        self.so_far()
    }
}

impl Speaking {
    /// Returns whether it has not come to its end.
    pub(crate) fn goes_on(&mut self) -> bool {
        self.0.try_wait().expect("a child can be waited for").is_none()
    }
}

impl Drop for Speaking {
    fn drop(&mut self) {
        end(&mut self.0);
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        end(&mut self.recorder);
    }
}

fn end(child: &mut Child) {
    // It may have ended by itself; there is nothing to do about it in either case.
    child.kill().unwrap_or_default();
    child.wait().map(|_| ()).unwrap_or_default();
}

fn sound_of(bytes: &[u8]) -> Sound {
    let samples: Vec<i16> = bytes.as_chunks().0.iter().map(|pair| i16::from_le_bytes(*pair)).collect();
    Sound::new(&samples, RATE)
}

fn finished(command: &mut Command, name: &str) -> Output {
    let output = command
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|error| panic!("{name} does not start: {error}"));
    assert!(output.status.success(), "{name} failed: {}", String::from_utf8_lossy(&output.stderr));
    output
}

fn watch_log(stderr: impl Read + Send + 'static) -> Watched<(String, bool)> {
    let log = Watched::new((String::new(), false));
    let filled = log.clone();
    thread::spawn(move || {
        for line in BufReader::new(stderr).lines().map_while(Result::ok) {
            filled.with(|log| log.0 += &format!("{line}\n"));
        }
        filled.with(|log| log.1 = true);
    });
    log
}

fn take_in_background(mut stdout: impl Read + Send + 'static) -> Watched<Taken> {
    let taken = Watched::new(Taken::default());
    let filled = taken.clone();
    thread::spawn(move || {
        let mut block = [0; 8192];
        while let Some(length) = stdout.read(&mut block).ok().filter(|length| *length > 0) {
            filled.with(|taken| taken.bytes.extend_from_slice(&block[..length]));
        }
        filled.with(|taken| taken.ended = true);
    });
    taken
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(60);

    #[test]
    fn what_is_said_is_heard_by_the_microphone_and_not_by_the_speaker() {
        let server = SoundServer::start();
        let (microphone, speaker) = (server.record_from(MICROPHONE), server.record());
        server.say("one two three");
        let spoken = server.speech("one two three").at_rate(RATE);
        microphone.wait_until(LIMIT, |heard| heard.ms() >= spoken.ms() + 100);
        let heard = microphone.stop();
        assert!(heard.find(&spoken).correlation > 0.99, "{:?}", heard.find(&spoken));
        assert!(heard.dbfs() > -60.0, "{} dBFS", heard.dbfs());
        assert_eq!(speaker.stop().loud_ms(-80.0), None);
    }

    #[test]
    fn what_a_program_plays_is_recorded_without_gaps() {
        let server = SoundServer::start();
        let recording = server.record();
        let spoken = server.speak_to_file("a sentence without pauses");
        server.play_to(SPEAKER, &spoken);
        let spoken = Sound::read(&spoken).at_rate(RATE);
        recording.wait_until(LIMIT, |heard| heard.ms() >= spoken.ms() + 100);
        let heard = recording.stop();
        let found = heard.find(&spoken);
        assert!(found.correlation > 0.99, "{found:?}");
        let gaps = |sound: &Sound| sound.gaps_ms(-60.0, 60).len();
        assert_eq!(gaps(&heard), gaps(&spoken));
    }

    #[test]
    fn a_server_that_was_killed_comes_back_with_the_same_devices() {
        let mut server = SoundServer::start();
        let recording = server.record();
        server.kill();
        recording
            .taken
            .wait_for(LIMIT, |taken| taken.ended.then_some(()))
            .expect("a recorder ends without its server");
        server.restart();
        assert!(server.control(&["list", "short", "sinks"]).contains(SPEAKER));
        assert!(server.record().so_far().ms() > 0);
    }

    #[test]
    fn two_servers_do_not_know_each_other() {
        let (left, right) = (SoundServer::start(), SoundServer::start_on(None));
        let recording = right.record_from(MICROPHONE);
        left.say("hello");
        recording.wait_until(LIMIT, |heard| heard.ms() > 300);
        assert_eq!(recording.stop().loud_ms(-80.0), None);
    }
}
