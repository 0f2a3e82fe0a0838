//! `--vad local`: the sound side hears when somebody speaks, and turns are begun and committed on this side.
//!
//! What is committed is billed whole, so that the server gets nothing of what lies between turns. Each
//! begins with some sound from before it was noticed, which is kept here until then. Nothing is sent on a
//! guess: there is never anything to be taken back.

use std::collections::VecDeque;
use std::time::Duration;

use crate::dsp::frame::{Frame, SampleRate};
use crate::session::io::{Deadline, Notice, Reason};
use crate::session::plan::{Interrupt, LocalTurnPlan, TurnControl};
use crate::session::{Phase, Session};

/// How late speech is noticed at first.
const NOTICED_AFTER: Duration = Duration::from_millis(100);

/// How long a guess may take to become sure; what is older than this is no part of the turn.
const SURE_WITHIN: Duration = Duration::from_secs(1);

/// What the sound side hears, and what may belong to the turn that is about to begin.
#[derive(Debug)]
pub(crate) struct LocalVad {
    before: VecDeque<Frame>,
    samples: u64,
    /// How much is kept while nobody speaks.
    usual: u64,
    /// How much is kept while somebody seems to speak.
    most: u64,
    voice: VoiceState,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum VoiceState {
    Silent,
    /// Somebody seems to speak.
    Guessed,
    /// Somebody speaks; their turn began then.
    Sure(Duration),
    /// Somebody still speaks; what they said until then is committed.
    GoesOn(Duration),
}

impl LocalVad {
    pub(crate) fn new(rate: SampleRate, turns: &LocalTurnPlan) -> Self {
        let usual = turns.prefix + NOTICED_AFTER;
        Self {
            before: VecDeque::new(),
            samples: 0,
            usual: rate.samples(usual),
            most: rate.samples(usual + SURE_WITHIN),
            voice: VoiceState::Silent,
        }
    }

    fn keep(&mut self, frame: Frame) {
        self.samples += frame.samples.len() as u64;
        self.before.push_back(frame);
        self.trim();
    }

    fn hear(&mut self, voice: VoiceState) {
        self.voice = voice;
        self.trim();
    }

    fn trim(&mut self) {
        let most = match self.voice {
            VoiceState::Silent => self.usual,
            VoiceState::Guessed | VoiceState::Sure(_) | VoiceState::GoesOn(_) => self.most,
        };
        while self.samples > most {
            let Some(oldest) = self.before.pop_front() else { return };
            self.samples -= oldest.samples.len() as u64;
        }
    }

    fn take(&mut self) -> VecDeque<Frame> {
        self.samples = 0;
        std::mem::take(&mut self.before)
    }
}

impl Session {
    /// Returns what the sound side hears, where it decides: a server that takes no `turn_detection` does.
    fn local(&mut self) -> Option<&mut LocalVad> {
        let decides = self.plan.turn_control() == TurnControl::Local;
        self.local.as_mut().filter(|_| decides)
    }

    /// Keeps what the microphone hears between turns.
    pub(crate) fn keep_before_turn(&mut self, frame: Frame) {
        if let Some(local) = self.local() {
            local.keep(frame);
        }
    }

    /// Somebody seems to speak.
    pub(crate) fn local_voice_started(&mut self) {
        if let Some(local) = self.local()
            && local.voice == VoiceState::Silent
        {
            local.hear(VoiceState::Guessed);
        }
    }

    /// Somebody does speak: their turn begins some time ago.
    pub(crate) fn local_voice_confirmed(&mut self, now: Duration) {
        let muted = self.microphone.is_muted();
        let Some(local) = self.local().filter(|_| !muted) else { return };
        local.hear(VoiceState::Sure(now));
        let before = local.take();
        let early: u64 = before.iter().map(|frame| frame.samples.len() as u64).sum();
        let media = &mut self.microphone.media;
        media.turn_begins(media.captured().saturating_sub(early));
        media.send_latest(early);
        self.note_activity(now);
        match self.plan.interrupt {
            Interrupt::Server | Interrupt::Local => self.open_turn(now),
            Interrupt::Off => self.hold_turn(),
        }
        let audio_ms = self.written_ms();
        self.show(Notice::SpeechStarted { audio_ms });
        for frame in before {
            self.send_or_keep(now, frame);
        }
    }

    /// Nobody has spoken for as long as `silent`: the turn is over.
    pub(crate) fn local_voice_stopped(&mut self, now: Duration, silent: Duration) {
        self.close_local_turn(now, silent);
        self.latency.turn_heard(now, now.saturating_sub(silent));
        if let Some(local) = self.local() {
            local.hear(VoiceState::Silent);
        }
    }

    /// The microphone is closed: the turn is over, and nobody is heard until they speak anew.
    pub(crate) fn local_voice_muted(&mut self, now: Duration) {
        self.close_local_turn(now, Duration::ZERO);
        if let Some(local) = self.local() {
            local.hear(VoiceState::Silent);
            local.take();
        }
    }

    /// Nothing more will be said. What is only guessed may still become sure.
    pub(crate) fn local_input_ended(&mut self, now: Duration) {
        self.close_local_turn(now, Duration::ZERO);
    }

    fn close_local_turn(&mut self, now: Duration, silent: Duration) {
        let Some(local) = self.local() else { return };
        let is_said_already = match local.voice {
            VoiceState::Silent | VoiceState::Guessed => return,
            VoiceState::Sure(_) => false,
            VoiceState::GoesOn(since) => now.saturating_sub(since) <= silent,
        };
        local.hear(VoiceState::Silent);
        let audio_ms = self.written_ms();
        self.show(Notice::SpeechStopped { audio_ms });
        if is_said_already {
            self.drop_turn(now);
        } else {
            self.close_turn(now);
        }
    }

    /// Returns where the server is in what it hears, as it counts itself; nothing while it hears nothing.
    fn written_ms(&self) -> Option<u64> {
        matches!(self.phase, Phase::Live).then(|| self.latency.written_ms())
    }

    /// Returns when a turn without a pause has lasted long enough for its part to be committed.
    pub(crate) fn part_deadline(&self) -> Option<Deadline> {
        let longest = self.plan.local_turns.as_ref()?.longest?;
        let (VoiceState::Sure(since) | VoiceState::GoesOn(since)) = self.local.as_ref()?.voice else {
            return None;
        };
        let spoken = matches!(self.phase, Phase::Live) && self.microphone.user_speaks();
        spoken.then_some(Deadline { at: since + longest, reason: Reason::LongTurn })
    }

    /// Commits what was said so far of a long turn, and goes on with it.
    pub(crate) fn tick_part(&mut self, now: Duration) {
        let is_due = self.part_deadline().is_some_and(|deadline| now >= deadline.at);
        if !is_due {
            return;
        }
        self.close_turn(now);
        let media = &mut self.microphone.media;
        media.turn_begins(media.captured());
        self.hold_turn();
        if let Some(local) = self.local() {
            local.hear(VoiceState::GoesOn(now));
        }
    }
}
