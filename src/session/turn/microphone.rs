//! The user's side of the sound: what is sent of the microphone, and how a turn ends.

use std::collections::VecDeque;
use std::time::Duration;

use crate::dsp::codec::Codec;
use crate::dsp::frame::{Frame, SampleRate};
use crate::protocol::events::client::ClientBody;
use crate::protocol::events::response::ResponseConfig;
use crate::session::errors::RequestKind;
use crate::session::io::delay::DelayOrigin;
use crate::session::io::{Notice, Output};
use crate::session::plan::{InputEndAction, Mode, Plan, TurnControl};
use crate::session::turn::media_time::MediaTime;
use crate::session::turn::unacked_audio::{TurnBoundary, UnackedAudio};
use crate::session::{Phase, Session};

/// How much is kept while the session opens, so that the first words are not lost.
const KEPT_BEFORE_LIVE: Duration = Duration::from_secs(10);

/// Servers refuse to commit less than this.
const LEAST_COMMIT: Duration = Duration::from_millis(100);

/// The state of the microphone's side.
#[derive(Debug)]
pub(crate) struct MicrophoneState {
    codec: Codec,
    rate: SampleRate,
    muted: bool,
    speech: SpeechPhase,
    /// What was sent and another server would have to hear again.
    recent: UnackedAudio,
    /// What is to be sent before all else: speech that the server before took with it.
    again: VecDeque<Frame>,
    kept: VecDeque<Frame>,
    kept_samples: u64,
    /// Samples that were too old to be kept while the connection was away.
    lost: u64,
    uncommitted: u64,
    pub(crate) media: MediaTime,
    ended: Option<InputEnd>,
}

/// Whether the user is in the middle of something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SpeechPhase {
    Silent,
    /// The server hears speech.
    Heard,
    /// The user holds the turn.
    Held,
    /// The user ended the turn while there was nobody to tell.
    Waiting,
}

/// The input is at its end.
#[derive(Debug)]
struct InputEnd {
    quiet_since: Duration,
}

impl MicrophoneState {
    pub(crate) fn new(plan: &Plan) -> Self {
        Self {
            codec: plan.settings.input_format.as_ref().map_or(Codec::Pcm16, |format| format.codec()),
            rate: plan.input_rate(),
            muted: false,
            speech: first_speech(plan),
            recent: UnackedAudio::new(
                plan.input_rate(),
                match plan.turn_control() {
                    TurnControl::Server => TurnBoundary::Late,
                    TurnControl::Manual | TurnControl::Local => TurnBoundary::AtOnce,
                },
            ),
            again: VecDeque::new(),
            kept: VecDeque::new(),
            kept_samples: 0,
            lost: 0,
            uncommitted: 0,
            media: MediaTime::new(plan.input_rate(), plan.mode == Mode::Transcribe)
                .beginning_at(plan.media_start),
            ended: None,
        }
    }

    pub(crate) fn user_speaks(&self) -> bool {
        match self.speech {
            SpeechPhase::Heard | SpeechPhase::Held => true,
            SpeechPhase::Silent | SpeechPhase::Waiting => false,
        }
    }

    pub(crate) fn is_muted(&self) -> bool {
        self.muted
    }

    /// Returns whether a turn is over that the server has neither captioned nor answered.
    pub(crate) fn is_unsettled(&self) -> bool {
        self.recent.has_unsettled()
    }

    /// The server knows what was said last, or answers it.
    pub(crate) fn settle(&mut self) {
        self.recent.acknowledge();
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.ended.is_some()
    }

    pub(crate) fn saw_activity(&mut self, now: Duration) {
        if let Some(ended) = &mut self.ended {
            ended.quiet_since = now;
        }
    }

    /// Returns since when nothing has happened after the end of the input.
    pub(crate) fn quiet_since(&self) -> Option<Duration> {
        self.ended.as_ref().map(|ended| ended.quiet_since)
    }

    /// The server's hearing ends with the connection; a turn that is held goes on. What is not settled is
    /// to be heard by the server that follows.
    pub(crate) fn server_gone(&mut self, control: TurnControl) {
        match (control, self.speech) {
            (TurnControl::Server, _) => self.speech = SpeechPhase::Silent,
            (TurnControl::Manual | TurnControl::Local, SpeechPhase::Silent)
                if self.recent.has_unsettled() =>
            {
                self.speech = SpeechPhase::Waiting;
            }
            (TurnControl::Manual | TurnControl::Local, _) => {}
        }
        self.again.append(&mut self.recent.take());
        self.uncommitted = 0;
        self.lost = 0;
    }

    /// The input is read again: nothing of it is kept, and its end is still to come.
    fn forget_audio(&mut self) {
        self.again.clear();
        self.kept.clear();
        (self.kept_samples, self.lost, self.ended) = (0, 0, None);
    }

    /// Returns how many milliseconds of the microphone were too old to be kept.
    pub(crate) fn lost_while_away(&mut self) -> u64 {
        let lost = std::mem::take(&mut self.lost);
        u64::try_from(self.rate.duration(lost).as_millis()).unwrap_or(u64::MAX)
    }

    fn keep(&mut self, frame: Frame) {
        self.kept_samples += frame.samples.len() as u64;
        self.kept.push_back(frame);
        while self.kept_samples > self.rate.samples(KEPT_BEFORE_LIVE) {
            let Some(oldest) = self.kept.pop_front() else { return };
            self.kept_samples -= oldest.samples.len() as u64;
            self.lost += oldest.samples.len() as u64;
        }
    }

    /// The server measures time by what it gets: muted, silence is kept and sent, not nothing.
    fn heard(&self, frame: &Frame) -> Frame {
        if self.muted { Frame::new(frame.rate, vec![0; frame.samples.len()]) } else { frame.clone() }
    }
}

fn samples(frames: &VecDeque<Frame>) -> u64 {
    frames.iter().map(|frame| frame.samples.len() as u64).sum()
}

fn first_speech(plan: &Plan) -> SpeechPhase {
    if is_one_turn(plan) { SpeechPhase::Held } else { SpeechPhase::Silent }
}

/// A file whose turns are ended by hand is one turn as a whole.
fn is_one_turn(plan: &Plan) -> bool {
    plan.turn_control() == TurnControl::Manual && plan.at_input_end == InputEndAction::End
}

impl Session {
    pub(crate) fn mic(&mut self, now: Duration, frame: &Frame) {
        self.microphone.media.capture(frame);
        self.rollover.hear(now, frame);
        let frame = self.microphone.heard(frame);
        match (self.plan.turn_control(), self.microphone.speech) {
            (TurnControl::Server, _) | (TurnControl::Manual | TurnControl::Local, SpeechPhase::Held) => {
                self.send_or_keep(now, frame);
            }
            (TurnControl::Local, SpeechPhase::Silent | SpeechPhase::Heard | SpeechPhase::Waiting) => {
                self.keep_before_turn(frame);
            }
            (TurnControl::Manual, SpeechPhase::Silent | SpeechPhase::Heard | SpeechPhase::Waiting) => {}
        }
    }

    /// Goes back to the first turn without a caption, if the input can be read again.
    pub(crate) fn rewind_input(&mut self, first_uncaptioned: Option<Duration>) {
        if !self.plan.rewinds_input {
            return;
        }
        let captioned = self.microphone.media.captioned();
        let to = first_uncaptioned.map_or(captioned, |start| start.min(captioned));
        self.microphone.media.rewind(to);
        self.microphone.forget_audio();
        self.outputs.push(Output::Rewind(to));
    }

    /// Sends what is for the server, or keeps it until there is one.
    pub(crate) fn send_or_keep(&mut self, now: Duration, frame: Frame) {
        match self.phase {
            Phase::Connecting | Phase::Opening(_) | Phase::Reconnecting(_) => self.microphone.keep(frame),
            Phase::Live => self.append(now, frame),
            Phase::Closing(_) | Phase::Over => {}
        }
    }

    fn append(&mut self, now: Duration, frame: Frame) {
        if self.is_out_of_money() {
            return;
        }
        let audio = self.microphone.codec.encode(&frame.samples);
        self.latency.wrote(now, frame.samples.len());
        self.microphone.uncommitted += frame.samples.len() as u64;
        self.microphone.media.send(frame.samples.len() as u64);
        self.microphone.recent.sent(frame);
        self.send_unnamed(ClientBody::AudioAppend(audio));
    }

    pub(crate) fn send_kept_audio(&mut self, now: Duration) {
        self.microphone.kept_samples = 0;
        if self.plan.turn_control() != TurnControl::Server && self.microphone.speech != SpeechPhase::Silent {
            self.microphone.recent.begin();
        }
        let again = std::mem::take(&mut self.microphone.again);
        self.microphone.media.send_again(samples(&again));
        for frame in again {
            self.append(now, frame);
        }
        let kept = std::mem::take(&mut self.microphone.kept);
        self.microphone.media.send_latest(samples(&kept));
        for frame in kept {
            self.append(now, frame);
        }
        // What was kept is heard only from here on: a turn may still be found in it.
        self.microphone.saw_activity(now);
        let is_over = self.microphone.has_ended() && is_one_turn(&self.plan);
        if is_over || self.microphone.speech == SpeechPhase::Waiting {
            self.commit_turn(now);
        }
    }

    /// A turn that is being made here ends with the mute: silence is billed like speech.
    pub(crate) fn set_muted(&mut self, now: Duration, muted: bool) {
        match self.plan.turn_control() {
            TurnControl::Manual if muted && !is_one_turn(&self.plan) => self.close_turn(now),
            TurnControl::Local if muted => self.local_voice_muted(now),
            TurnControl::Manual | TurnControl::Local | TurnControl::Server => {}
        }
        self.microphone.muted = muted;
        self.outputs.push(Output::SetMuted(muted));
        self.show(Notice::Muted(muted));
    }

    pub(crate) fn mic_dropped(&mut self, frames: u64) {
        match self.phase {
            Phase::Live => {
                let message =
                    format!("the connection is too slow: {frames} frames of the microphone were dropped");
                self.show(Notice::Error { code: None, message });
            }
            // Nobody was told to speak yet; the microphone was only open before the connection was.
            Phase::Connecting
            | Phase::Opening(_)
            | Phase::Reconnecting(_)
            | Phase::Closing(_)
            | Phase::Over => {
                self.show(Notice::Debug(format!("{frames} frames came before there was a connection")));
            }
        }
    }

    pub(crate) fn speech_started(&mut self, now: Duration, audio_ms: Option<u64>) {
        if self.ignores_server_vad("speech_started") {
            return;
        }
        self.microphone.speech = SpeechPhase::Heard;
        self.microphone.recent.begin();
        self.microphone.saw_activity(now);
        // The turn before was not over.
        self.latency.abandon_unanswered();
        self.microphone.media.server_turn_started(audio_ms);
        self.show(Notice::SpeechStarted { audio_ms });
        if self.plan.server_interrupts() {
            self.interrupt_by_server(now);
        }
    }

    pub(crate) fn speech_stopped(&mut self, now: Duration, audio_ms: Option<u64>) {
        if self.ignores_server_vad("speech_stopped") {
            return;
        }
        self.speech_is_over();
        self.microphone.media.server_turn_stopped(audio_ms);
        self.show(Notice::SpeechStopped { audio_ms });
        if self.is_answered_by_server() {
            self.latency.turn_found(now, audio_ms, self.responses.older());
        }
        self.turn_found(now);
    }

    /// Some servers detect turns although that is turned off; their events must not end a turn of this side.
    fn ignores_server_vad(&mut self, event: &str) -> bool {
        let is_ignored = self.plan.turn_control() != TurnControl::Server;
        if is_ignored {
            self.show(Notice::Debug(format!("ignored {event}: turns are detected on this side")));
        }
        is_ignored
    }

    fn speech_is_over(&mut self) {
        if self.microphone.speech == SpeechPhase::Heard {
            self.microphone.speech = SpeechPhase::Silent;
            self.microphone.recent.end();
        }
    }

    /// The server has a whole turn, and answers it where it is asked to.
    fn turn_found(&mut self, now: Duration) {
        self.microphone.saw_activity(now);
        if self.is_answered_by_server() {
            self.responses.expect();
        }
    }

    fn is_answered_by_server(&self) -> bool {
        self.plan.mode == Mode::Talk && self.plan.server_answers()
    }

    pub(crate) fn audio_committed(
        &mut self,
        now: Duration,
        previous_item_id: Option<String>,
        item_id: Option<String>,
    ) {
        self.microphone.saw_activity(now);
        // Some servers leave out speech_stopped.
        if self.microphone.speech == SpeechPhase::Heard && self.is_answered_by_server() {
            self.latency.turn_found_by_commit(now, self.responses.older());
        }
        self.latency.committed(now);
        self.sent.acknowledge(&RequestKind::Commit);
        self.speech_is_over();
        if let Some(item_id) = item_id {
            self.user_item(&item_id, previous_item_id);
        }
        let asks = self.plan.turn_control() == TurnControl::Server && !self.plan.server_answers();
        if asks && self.plan.mode == Mode::Talk {
            self.ask_for_answer(now, ResponseConfig::default());
        }
    }

    /// The user begins a turn by hand.
    pub(crate) fn begin_turn(&mut self, now: Duration) {
        if self.plan.turn_control() != TurnControl::Manual || self.microphone.speech == SpeechPhase::Held {
            return;
        }
        if self.microphone.muted {
            self.show(Notice::Info("the microphone is muted: unmute it to speak".into()));
            return;
        }
        self.microphone.media.turn_begins(self.microphone.media.captured());
        self.open_turn(now);
    }

    /// The user ends a turn by hand: theirs, or the one that the server hears.
    pub(crate) fn end_turn(&mut self, now: Duration) {
        match (self.plan.turn_control(), &self.phase) {
            (TurnControl::Manual, _) => self.close_turn(now),
            // The user may end a turn before the server hears that it is over.
            (TurnControl::Server, Phase::Live) if self.microphone.speech == SpeechPhase::Heard => {
                self.send(ClientBody::AudioCommit, RequestKind::Commit);
                // Otherwise it is asked for when the server has the turn, as after each.
                if self.plan.server_answers() || self.plan.mode == Mode::Transcribe {
                    self.answer_turn(now);
                }
            }
            (TurnControl::Server | TurnControl::Local, _) => {}
        }
        self.microphone.saw_activity(now);
    }

    pub(crate) fn switch_turn(&mut self, now: Duration) {
        match self.microphone.speech {
            SpeechPhase::Held => self.end_turn(now),
            SpeechPhase::Silent | SpeechPhase::Heard | SpeechPhase::Waiting => self.begin_turn(now),
        }
    }

    /// A turn begins that is to be committed here.
    pub(crate) fn open_turn(&mut self, now: Duration) {
        self.interrupt_by_user(now);
        self.hold_turn();
    }

    /// A turn begins that is to be committed here, and lets an answer be heard to its end.
    pub(crate) fn hold_turn(&mut self) {
        if self.microphone.speech == SpeechPhase::Silent {
            self.microphone.uncommitted = 0;
        }
        self.microphone.recent.begin();
        self.microphone.speech = SpeechPhase::Held;
    }

    /// The turn that is held is over: it is committed now, or when there is somebody to tell.
    pub(crate) fn close_turn(&mut self, now: Duration) {
        match self.phase {
            Phase::Live => self.commit_turn(now),
            Phase::Connecting | Phase::Opening(_) | Phase::Reconnecting(_) => {
                if self.microphone.speech == SpeechPhase::Held {
                    self.microphone.speech = SpeechPhase::Waiting;
                }
            }
            Phase::Closing(_) | Phase::Over => {}
        }
        self.microphone.saw_activity(now);
    }

    /// Nothing was said in the turn that is held.
    pub(crate) fn drop_turn(&mut self, now: Duration) {
        if !matches!(self.phase, Phase::Live) {
            self.close_turn(now);
            return;
        }
        self.microphone.speech = SpeechPhase::Silent;
        self.microphone.recent.end();
        self.microphone.uncommitted = 0;
        self.microphone.media.turn_dropped();
        self.send(ClientBody::AudioClear, RequestKind::Clear);
    }

    fn commit_turn(&mut self, now: Duration) {
        if !matches!(self.microphone.speech, SpeechPhase::Held | SpeechPhase::Waiting) {
            return;
        }
        self.microphone.speech = SpeechPhase::Silent;
        self.microphone.recent.end();
        let spoken = std::mem::take(&mut self.microphone.uncommitted);
        if spoken < self.microphone.rate.samples(LEAST_COMMIT) {
            self.microphone.recent.discard();
            self.microphone.media.turn_dropped();
            self.send(ClientBody::AudioClear, RequestKind::Clear);
            self.show(Notice::Info("that was too short to be heard".into()));
            return;
        }
        self.outcome.committed();
        self.microphone.media.turn_committed();
        self.send(ClientBody::AudioCommit, RequestKind::Commit);
        self.answer_turn(now);
    }

    /// A commit creates no answer by itself.
    fn answer_turn(&mut self, now: Duration) {
        match self.plan.mode {
            Mode::Talk | Mode::Chat | Mode::Ask => {
                self.latency.turn_ended(now, DelayOrigin::Commit);
                self.ask_for_answer(now, ResponseConfig::default());
            }
            Mode::Transcribe => self.transcript.expect_one_more(),
        }
    }

    pub(crate) fn input_ended(&mut self, now: Duration) {
        self.microphone.ended = Some(InputEnd { quiet_since: now });
        self.show(Notice::Debug("the input is at its end".into()));
        match (self.plan.turn_control(), &self.phase) {
            (TurnControl::Manual, Phase::Live) => self.commit_turn(now),
            (TurnControl::Local, _) => self.local_input_ended(now),
            (TurnControl::Manual | TurnControl::Server, _) => {}
        }
    }
}
