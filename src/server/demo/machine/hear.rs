//! What the machine makes of the client's sound: turns, commits, captions.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use crate::dsp::resample::to_floats;
use crate::dsp::vad::VadFrame;
use crate::protocol::events::item::{ContentPart, Item, ItemBody, ItemStatus, Role};
use crate::protocol::events::response::ResponseConfig;
use crate::protocol::events::server::ServerBody;
use crate::protocol::settings::{Modality, SessionKind};
use crate::server::demo::conversation::ConversationEntry;
use crate::server::demo::effective::TurnRule;
use crate::server::demo::faults::Fault;
use crate::server::demo::hearing::measure::SpeechMeasurement;
use crate::server::demo::hearing::vad::TurnChange;
use crate::server::demo::machine::Machine;
use crate::server::demo::mistake::ClientError;
use crate::server::demo::usage::of_transcription;
use crate::server::demo::voice::persona::Prompt;

/// So much silence, and the demo greets.
const GREETING_AFTER: u64 = 24_000;

/// A long append is heard in steps of this size, as the intermediate forms of sound take several times as much
/// memory as its bytes.
const APPEND_STEP_BYTES: usize = 64 << 10;

/// So much is kept before speech besides its padding, because its beginning is noticed late.
const NOTICED_LATE: u64 = 24_000;

/// A turn in progress.
#[derive(Debug)]
pub(super) struct OngoingTurn {
    item_id: String,
    /// Padding included.
    start: u64,
}

/// A caption that waits.
#[derive(Debug)]
pub(super) struct PendingCaption {
    item_id: String,
    transcript: String,
    samples: u64,
}

/// When the endpoint speaks without being spoken to; places are in written sound.
#[derive(Debug, Default)]
pub(super) struct ProactiveSpeech {
    configured_at: u64,
    greeted: GreetingState,
    idle_from: Option<u64>,
}

#[derive(Debug, Default, PartialEq, Eq)]
enum GreetingState {
    #[default]
    NotYet,
    Done,
}

impl ProactiveSpeech {
    /// Notes that the session was configured at this place.
    pub(super) fn configured(&mut self, at: u64) {
        self.configured_at = at;
    }

    /// Notes that an answer will have been heard at this place.
    pub(super) fn answered(&mut self, at: u64) {
        self.greeted = GreetingState::Done;
        self.idle_from = Some(at);
    }
}

/// Returns milliseconds of samples at 24 kHz.
pub(super) fn ms(samples: u64) -> u64 {
    samples / 24
}

impl Machine {
    pub(super) fn append(&mut self, now: Duration, bytes: &[u8]) -> Result<(), ClientError> {
        self.buffer.check_room(bytes.len())?;
        for part in bytes.chunks(APPEND_STEP_BYTES) {
            self.append_part(now, part);
        }
        Ok(())
    }

    fn append_part(&mut self, now: Duration, bytes: &[u8]) {
        let samples = self.buffer.append(bytes);
        for hop in self.ear.process(&to_floats(&samples)) {
            self.hear(now, hop);
        }
        if let Some(rule) = self.effective.turns() {
            if self.turn.is_none() {
                let kept = rule.padding + NOTICED_LATE;
                self.buffer.forget_before(self.buffer.range().end.saturating_sub(kept));
            }
            self.take_initiative(now, &rule);
        }
    }

    fn hear(&mut self, now: Duration, hop: VadFrame) {
        let rule = self.effective.turns();
        self.trace.hear(hop, rule.as_ref().unwrap_or(&TurnRule::PLAIN));
        let Some(rule) = rule else { return };
        match self.turns.hear(hop, &rule) {
            Some(TurnChange::Started(onset)) => self.start_turn(now, onset, &rule),
            Some(TurnChange::Stopped(speech)) => self.end_turn(now, speech, hop.end),
            None => {}
        }
    }

    fn start_turn(&mut self, now: Duration, onset: u64, rule: &TurnRule) {
        let start = onset.saturating_sub(rule.padding).max(self.buffer.range().start);
        let item_id = self.ids.next("item");
        self.turn = Some(OngoingTurn { item_id: item_id.clone(), start });
        self.initiative.idle_from = None;
        self.emit(ServerBody::SpeechStarted { audio_start_ms: Some(ms(start)), item_id: Some(item_id) });
        if rule.interrupts {
            self.interrupt(now);
        }
    }

    fn end_turn(&mut self, now: Duration, speech: Range<u64>, end: u64) {
        let Some(OngoingTurn { item_id, start }) = self.turn.take() else { return };
        self.emit(ServerBody::SpeechStopped { audio_end_ms: Some(ms(end)), item_id: Some(item_id.clone()) });
        self.commit_sound(item_id, start..end, Some(speech));
        self.answer_turn(now);
    }

    /// Answers by itself where the session says so; where an answer is still on its way there is none.
    fn answer_turn(&mut self, now: Duration) {
        let answers = self.effective.turns().is_some_and(|rule| rule.answers);
        if answers && self.setup.peer.kind == SessionKind::Realtime && !self.is_answering() {
            let (config, cue) = (ResponseConfig::default(), self.cue());
            match self.demanded_call(&config, &cue) {
                Ok(call) => self.answer(now, config, &cue, call),
                Err(mistake) => self.refuse(None, mistake),
            }
        } else {
            self.tell_late_captions();
        }
    }

    pub(super) fn commit(&mut self) -> Result<(), ClientError> {
        self.buffer.check_commit()?;
        let range = self.buffer.range();
        let turn = self.turn.take();
        self.turns.reset();
        let speech = self.trace.take();
        let item_id = turn.map_or_else(|| self.ids.next("item"), |turn| turn.item_id);
        self.commit_sound(item_id, range, speech);
        // Where nothing is answered there is nothing to be later than.
        if self.setup.peer.kind == SessionKind::Transcription {
            self.tell_late_captions();
        }
        Ok(())
    }

    pub(super) fn clear(&mut self) {
        self.buffer.forget_before(u64::MAX);
        self.turns.reset();
        self.trace.take();
        self.turn = None;
        self.emit(ServerBody::AudioCleared);
    }

    /// Makes a user item of what lies in `range`; everything before its end is used up.
    fn commit_sound(&mut self, item_id: String, range: Range<u64>, speech: Option<Range<u64>>) {
        let sound = self.buffer.copy(range.clone());
        let start = range.start.max(self.buffer.range().start);
        self.buffer.forget_before(range.end);
        self.trace.take();
        let index = |at: u64| usize::try_from(at.saturating_sub(start)).unwrap_or(usize::MAX);
        let heard =
            SpeechMeasurement::measure(&sound, speech.map(|speech| index(speech.start)..index(speech.end)));
        let transcript = heard.transcript();
        let item = user_item(item_id.clone());
        let samples = sound.len() as u64;
        let entry = ConversationEntry {
            sound: Arc::from(sound),
            heard: Some(heard),
            samples,
            ..ConversationEntry::written(item.clone())
        };
        let previous = self.conversation.push(entry);
        self.emit(ServerBody::AudioCommitted {
            previous_item_id: previous.clone(),
            item_id: Some(item_id.clone()),
        });
        self.emit_item(previous, item);
        if self.effective.transcription().is_some() {
            self.late_captions.push(PendingCaption { item_id, transcript, samples });
        }
        if !self.setup.faults.has(Fault::TranscriptLate) {
            self.tell_late_captions();
        }
    }

    /// Tells the captions that wait.
    pub(super) fn tell_late_captions(&mut self) {
        for PendingCaption { item_id, transcript, samples } in std::mem::take(&mut self.late_captions) {
            if let Some(entry) = self.conversation.find_mut(&item_id) {
                set_transcript(&mut entry.item, &transcript);
            }
            if !transcript.is_empty() {
                self.emit(ServerBody::TranscriptionDelta {
                    item_id: item_id.clone(),
                    content_index: Some(0),
                    delta: transcript.clone(),
                });
            }
            let model = self.effective.transcription().and_then(|captions| captions.model.clone());
            let usage = of_transcription(model.as_deref(), samples, &transcript);
            self.emit(ServerBody::TranscriptionCompleted {
                item_id,
                content_index: Some(0),
                transcript,
                usage: Some(usage),
            });
        }
    }

    /// Greets, or answers a long silence.
    fn take_initiative(&mut self, now: Duration, rule: &TurnRule) {
        let busy = self.turn.is_some() || self.is_answering();
        if busy || !rule.answers || self.setup.peer.kind == SessionKind::Transcription {
            return;
        }
        let written = self.buffer.range().end;
        if self.initiative.greeted == GreetingState::NotYet
            && self.conversation.is_empty()
            && self.effective.modality() == Modality::Audio
            && written >= self.initiative.configured_at + GREETING_AFTER
        {
            self.initiative.greeted = GreetingState::Done;
            self.answer(now, ResponseConfig::default(), &Prompt::Greeting, None);
            return;
        }
        let due = self.initiative.idle_from.zip(rule.idle).map(|(from, idle)| from + idle);
        if due.is_some_and(|due| written >= due) {
            self.time_out(now, written);
        }
    }

    /// Nobody has spoken for the idle timeout.
    fn time_out(&mut self, now: Duration, written: u64) {
        let start = self.initiative.idle_from.take().unwrap_or(written);
        let item_id = self.ids.next("item");
        self.emit(ServerBody::IdleTimeout {
            audio_start_ms: Some(ms(start)),
            audio_end_ms: Some(ms(written)),
            item_id: Some(item_id.clone()),
        });
        self.commit_sound(item_id, start..written, None);
        self.answer(now, ResponseConfig::default(), &Prompt::Idle, None);
    }
}

fn user_item(id: String) -> Item {
    let content = vec![ContentPart::InputAudio { audio: None, transcript: None }];
    Item {
        id: Some(id),
        status: Some(ItemStatus::Completed),
        body: ItemBody::Message { role: Role::User, content },
        ..Item::default()
    }
}

fn set_transcript(item: &mut Item, words: &str) {
    if let ItemBody::Message { content, .. } = &mut item.body {
        for part in content {
            if let ContentPart::InputAudio { transcript, .. } = part {
                *transcript = Some(words.to_owned());
            }
        }
    }
}
