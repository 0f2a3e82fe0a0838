//! A session, the demo endpoint, a file to send and a caption file, without I/O but the file that is read.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Write};
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use crate::audio::options::{ListenMode, Processing, SpeechRule};
use crate::call::captions::file_feed::{FileFeed, FileFeedOptions, Pace};
use crate::captions::format::{CaptionWriter, Format};
use crate::captions::resume::{WARM_UP, Whole, last_whole};
use crate::dsp::audio_file::read_clip;
use crate::dsp::frame::SampleRate;
use crate::dsp::media_file::TrackSelection;
use crate::dsp::resample::to_int;
use crate::dsp::wav::WavWriter;
use crate::protocol::close::CloseCause;
use crate::protocol::dialect::Dialect;
use crate::protocol::events::client::ClientBody;
use crate::protocol::settings::{AudioFormat, SessionKind, SessionSettings, Transcription};
use crate::protocol::value::FieldUpdate;
use crate::protocol::{decode, encode};
use crate::server::demo::faults::Faults;
use crate::server::demo::http::admission::Peer;
use crate::server::demo::machine::{Machine, MachineAction, MachineInput, MachineSetup};
use crate::session::Session;
use crate::session::io::{EndReason, Input, Notice, Output, UserUtterance};
use crate::session::plan::{InputEndAction, LocalTurnPlan, Mode, Plan};
use crate::ui::output::captions::{CaptionLines, CueRelease};
use crate::ui::output::presenter::NoticeWriter;

/// Unix time at the start.
const UNIX_START: u64 = 1_800_000_000;

/// A recording of some turns, with known beginnings.
pub(super) struct Talk {
    _folder: tempfile::TempDir,
    path: PathBuf,
    /// When the speech of each turn begins.
    pub(super) onsets: Vec<Duration>,
}

impl Talk {
    /// Writes a recording of turns of this length: for each one the silence before it in milliseconds, and its share
    /// of full loudness.
    pub(super) fn write(length: Duration, turns: &[(u64, f32)]) -> Self {
        let recording = include_bytes!("../../../../assets/hello.wav");
        let (rate, hello) = read_clip(recording.as_slice()).expect("it comes with the project");
        let is_loud = |sample: &f32| sample.abs() > 0.02;
        let first = hello.iter().position(is_loud).expect("it is speech");
        let length = usize::try_from(rate.samples(length)).expect("it is short");
        let last = hello.iter().rposition(is_loud).expect("it is speech").min(first + length);
        let mut samples: Vec<i16> = Vec::new();
        let mut onsets = Vec::new();
        for (silence, loudness) in turns {
            let silence =
                usize::try_from(rate.samples(Duration::from_millis(*silence))).expect("it is short");
            samples.resize(samples.len() + silence, 0);
            onsets.push(rate.duration(samples.len() as u64));
            samples.extend(hello[first..=last].iter().map(|sample| to_int(sample * loudness)));
        }
        samples.resize(samples.len() + rate.0 as usize, 0);
        let folder = tempfile::tempdir().expect("the temporary folder takes files");
        let path = folder.path().join("talk.wav");
        let mut file = WavWriter::new(File::create(&path).expect("it is new"), rate).expect("it is empty");
        file.write(&samples).and_then(|()| file.finish().map(drop)).expect("the file takes samples");
        Self { _folder: folder, path, onsets }
    }
}

/// A file in memory that stays when its writer is killed.
#[derive(Clone, Default)]
pub(super) struct MemoryFile {
    bytes: Rc<RefCell<Vec<u8>>>,
    /// Length before the last write.
    before: Rc<RefCell<usize>>,
}

impl MemoryFile {
    pub(super) fn text(&self) -> String {
        String::from_utf8(self.bytes.borrow().clone()).expect("captions are text")
    }

    /// Returns the file as of a kill within the last write: this share of it has reached the file.
    pub(super) fn torn(&self, share: f64) -> Vec<u8> {
        let (bytes, before) = (self.bytes.borrow(), *self.before.borrow());
        let written = ((bytes.len() - before) as f64 * share) as usize;
        bytes[..before + written].to_vec()
    }
}

impl Write for MemoryFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        *self.before.borrow_mut() = self.bytes.borrow().len();
        self.bytes.borrow_mut().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Keeps the final captions.
#[derive(Default)]
struct FinalCaptions(Rc<RefCell<Vec<UserUtterance>>>);

impl NoticeWriter for FinalCaptions {
    fn notice(&mut self, _at: Duration, notice: &Notice) -> io::Result<()> {
        if let Notice::User(line) = notice
            && line.is_final
            && !line.text.is_empty()
        {
            self.0.borrow_mut().push(line.clone());
        }
        Ok(())
    }
}

/// Numbers that are the same for the same seed.
pub(super) struct Lcg(u64);

impl Lcg {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) + 1)
    }

    /// Returns a number from 0 to 1.
    pub(super) fn share(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// A run of the program.
pub(super) struct World {
    session: Session,
    server: Option<Machine>,
    feed: FileFeed,
    lines: CaptionLines<FinalCaptions, MemoryFile>,
    pub(super) file: MemoryFile,
    captions: Rc<RefCell<Vec<UserUtterance>>>,
    pub(super) now: Duration,
    /// What the network has not delivered.
    arriving: VecDeque<Input>,
    network: Lcg,
    /// How much audio was sent.
    pub(super) sent: Duration,
    pub(super) ended: Option<EndReason>,
}

impl World {
    /// Begins a run that writes a new file.
    pub(super) fn new(talk: &Talk, format: Format, pace: Pace) -> Self {
        Self::resumed(talk, (format, pace), &[])
    }

    /// The same with turns that are detected on this side.
    pub(super) fn with_local_turns(talk: &Talk, format: Format, pace: Pace) -> Self {
        Self::run(talk, (format, pace), &[], Some(LOCAL_TURNS))
    }

    /// Begins a run that continues a file.
    pub(super) fn resumed(talk: &Talk, run: (Format, Pace), file: &[u8]) -> Self {
        Self::run(talk, run, file, None)
    }

    fn run(
        talk: &Talk,
        (format, pace): (Format, Pace),
        file: &[u8],
        local_turns: Option<LocalTurnPlan>,
    ) -> Self {
        let whole =
            if file.is_empty() { Whole::default() } else { last_whole(format, file).expect("it is ours") };
        let kept = usize::try_from(whole.bytes).expect("it is short");
        let output = MemoryFile::default();
        output.bytes.borrow_mut().extend_from_slice(&file[..kept]);
        let sent = whole.media_start();
        let warm_up = if local_turns.is_some() { Duration::ZERO } else { sent.min(WARM_UP) };
        let start = sent - warm_up;
        let captions = Rc::default();
        let writer = CaptionWriter::resumed(format, whole.cues);
        let presenter = FinalCaptions(Rc::clone(&captions));
        let lines = CaptionLines::new(presenter, output.clone(), writer, CueRelease::BeforeNextTurn);
        let feed = FileFeed::open(&FileFeedOptions {
            path: talk.path.clone(),
            selection: TrackSelection::default(),
            start,
            warm_up,
            rate: SampleRate::HZ_24000,
            pace,
            processing: match &local_turns {
                Some(turns) => Processing {
                    voice: ListenMode::Turns(SpeechRule {
                        threshold: turns.threshold,
                        silence: turns.silence,
                    }),
                    ..Processing::NONE
                },
                None => Processing::NONE,
            },
        });
        let mut world = Self {
            session: Session::new(Plan { media_start: start, warm_up, ..plan(local_turns) }),
            server: None,
            feed: feed.expect("the file is there"),
            lines: lines.resumed_at(whole),
            file: output,
            captions,
            now: Duration::ZERO,
            arriving: VecDeque::new(),
            network: Lcg::new(1),
            sent: Duration::ZERO,
            ended: None,
        };
        world.open();
        world
    }

    /// Runs to the end.
    pub(super) fn finish(mut self) -> (String, Vec<UserUtterance>) {
        while self.ended.is_none() {
            self.step();
        }
        assert_eq!(self.ended, Some(EndReason::InputEnded));
        let captions = self.captions.borrow().clone();
        (self.file.text(), captions)
    }

    /// Lets one thing happen.
    pub(super) fn step(&mut self) {
        // The network is late at times, so that audio and captions meet.
        if !self.arriving.is_empty() && self.network.share() < 0.3 {
            let input = self.arriving.pop_front().expect("there is one");
            return self.handle(input);
        }
        let waiting = self.session.uncaptioned_speech();
        let fed = waiting.map(|_| self.feed.due());
        let session = self.session.deadline().map(|deadline| deadline.at);
        let server = self.server.as_ref().and_then(Machine::deadline);
        let next = [fed, session, server].into_iter().flatten().min();
        let Some(next) = next.filter(|_| self.arriving.is_empty() || next <= Some(self.now)) else {
            let input = self.arriving.pop_front().expect("something happens next");
            return self.handle(input);
        };
        self.now = self.now.max(next);
        if session == Some(next) {
            self.handle(Input::Tick);
        } else if let (true, Some(waiting)) = (fed == Some(next), waiting) {
            let input = self.feed.next(self.now, waiting);
            self.handle(input);
        } else {
            self.serve(MachineInput::Tick);
        }
    }

    /// Breaks the connection; a share of what is on its way still arrives.
    pub(super) fn cut(&mut self, share: f64) {
        self.server = None;
        let count = (self.arriving.len() as f64 * share) as usize;
        self.arriving.truncate(count);
        self.arriving.push_back(Input::Closed(CloseCause::Broken("the line was cut".to_owned())));
    }

    fn open(&mut self) {
        self.arriving.clear();
        self.arriving.push_back(Input::Opened);
        let peer =
            Peer { dialect: Dialect::Ga, kind: SessionKind::Transcription, model: None, refusal: None };
        let faults = Faults::default();
        self.server =
            Some(Machine::new(MachineSetup { peer, faults, pace: 1.0, unix_time: UNIX_START, seed: 1 }));
        self.serve(MachineInput::Opened);
    }

    fn serve(&mut self, input: MachineInput) {
        let Some(server) = &mut self.server else { return };
        for action in server.handle(self.now, input) {
            match action {
                MachineAction::Send(text) => {
                    let event = decode::server_event(&text).expect("the demo sends events");
                    self.arriving.push_back(Input::Server(Box::new(event)));
                }
                MachineAction::Synthesize(_)
                | MachineAction::CancelSpeech(_)
                | MachineAction::Close { .. }
                | MachineAction::Drop
                | MachineAction::SendHalf(_) => {
                    panic!("captions are text, and nothing ends them: {action:?}")
                }
            }
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "captions of a file need few outputs")]
    fn handle(&mut self, input: Input) {
        for output in self.session.handle(self.now, input) {
            match output {
                Output::Send(event) => {
                    if let ClientBody::AudioAppend(audio) = &event.body {
                        self.sent += SampleRate::HZ_24000.duration(audio.len() as u64 / 2);
                    }
                    let text = encode::client_event(&event, self.session.dialect());
                    self.serve(MachineInput::Text(text));
                }
                Output::Open(_) => self.open(),
                Output::Rewind(to) => self.feed.rewind(to).expect("the file is still there"),
                Output::Show(notice) => self.lines.notice(self.now, &notice).expect("memory takes all"),
                Output::Close => {
                    self.server = None;
                    self.arriving.clear();
                    self.arriving.push_back(Input::Closed(CloseCause::Ours));
                }
                Output::End(reason) => self.ended = Some(reason),
                other => panic!("captions of a file need no such output: {other:?}"),
            }
        }
    }
}

/// How turns are detected on this side.
const LOCAL_TURNS: LocalTurnPlan = LocalTurnPlan {
    threshold: 0.5,
    silence: Duration::from_millis(500),
    prefix: Duration::from_millis(300),
    longest: Some(Duration::from_secs(20)),
};

fn plan(local_turns: Option<LocalTurnPlan>) -> Plan {
    let settings = SessionSettings {
        kind: SessionKind::Transcription,
        input_format: Some(AudioFormat::PCM24K),
        transcription: FieldUpdate::Set(Transcription {
            model: Some("gpt-4o-transcribe".to_owned()),
            ..Transcription::default()
        }),
        turn_detection: if local_turns.is_some() { FieldUpdate::Clear } else { FieldUpdate::Keep },
        ..SessionSettings::default()
    };
    Plan {
        local_turns,
        at_input_end: InputEndAction::End,
        unix_start: Duration::from_secs(UNIX_START),
        rewinds_input: true,
        ..Plan::new(Mode::Transcribe, settings)
    }
}
