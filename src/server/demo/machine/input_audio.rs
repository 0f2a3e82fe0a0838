//! Input audio of the machine: turns, commits, transcripts.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use crate::dsp::resample::to_floats;
use crate::dsp::vad::VadFrame;
use crate::protocol::events::item::{ContentPart, Item, ItemBody, ItemStatus, Role};
use crate::protocol::events::response::ResponseConfig;
use crate::protocol::events::server::{ServerBody, TokenLogprob};
use crate::protocol::settings::{Modality, SessionKind};
use crate::server::demo::active_settings::TurnRule;
use crate::server::demo::client_error::ClientError;
use crate::server::demo::conversation::ConversationEntry;
use crate::server::demo::faults::Fault;
use crate::server::demo::input_audio::measure::SpeechMeasurement;
use crate::server::demo::input_audio::vad::TurnChange;
use crate::server::demo::machine::Machine;
use crate::server::demo::usage::of_transcription;
use crate::server::demo::voice::persona::Prompt;

/// Silence after which the demo greets, in samples.
const GREETING_SILENCE: u64 = 24_000;

/// Size of the steps in which a long append is processed, since intermediate forms of audio take several
/// times its memory.
const APPEND_STEP_BYTES: usize = 64 << 10;

/// Audio kept before speech in addition to its padding, since the start is detected late.
const ONSET_DELAY: u64 = 24_000;

/// A turn in progress.
#[derive(Debug)]
pub(super) struct OngoingTurn {
    item_id: String,
    /// Start, padding included.
    start: u64,
}

/// A transcript not yet sent.
#[derive(Debug)]
pub(super) struct PendingCaption {
    item_id: String,
    transcript: String,
    samples: u64,
}

/// State of unprompted answers; positions are in appended audio.
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
    /// Notes the position at which the session was configured.
    pub(super) fn configured(&mut self, at: u64) {
        self.configured_at = at;
    }

    /// Notes the position at which an answer will have been played.
    pub(super) fn answered(&mut self, at: u64) {
        self.greeted = GreetingState::Done;
        self.idle_from = Some(at);
    }
}

/// Converts samples at 24 kHz to milliseconds.
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
        for frame in self.vad.process(&to_floats(&samples)) {
            self.process_frame(now, frame);
        }
        if let Some(rule) = self.active.turns() {
            if self.turn.is_none() {
                let kept = rule.padding + ONSET_DELAY;
                self.buffer.discard_before(self.buffer.range().end.saturating_sub(kept));
            }
            self.speak_proactively(now, &rule);
        }
    }

    fn process_frame(&mut self, now: Duration, frame: VadFrame) {
        let rule = self.active.turns();
        self.speech_history.process_frame(frame, rule.as_ref().unwrap_or(&TurnRule::PLAIN));
        let Some(rule) = rule else { return };
        match self.turns.process_frame(frame, &rule) {
            Some(TurnChange::Started(onset)) => self.start_turn(now, onset, &rule),
            Some(TurnChange::Stopped(speech)) => self.end_turn(now, speech, frame.end),
            None => {}
        }
    }

    fn start_turn(&mut self, now: Duration, onset: u64, rule: &TurnRule) {
        let start = onset.saturating_sub(rule.padding).max(self.buffer.range().start);
        let item_id = self.ids.next("item");
        self.turn = Some(OngoingTurn { item_id: item_id.clone(), start });
        self.proactive.idle_from = None;
        self.emit(ServerBody::SpeechStarted { audio_start_ms: Some(ms(start)), item_id: Some(item_id) });
        if rule.interrupts {
            self.interrupt(now);
        }
    }

    fn end_turn(&mut self, now: Duration, speech: Range<u64>, end: u64) {
        let Some(OngoingTurn { item_id, start }) = self.turn.take() else { return };
        self.emit(ServerBody::SpeechStopped { audio_end_ms: Some(ms(end)), item_id: Some(item_id.clone()) });
        self.commit_audio(item_id, start..end, Some(speech));
        self.answer_turn(now);
    }

    /// Answers a turn if the session demands it and no answer is in progress.
    fn answer_turn(&mut self, now: Duration) {
        let answers = self.active.turns().is_some_and(|rule| rule.answers);
        if answers && self.setup.peer.kind == SessionKind::Realtime && !self.is_answering() {
            let (config, prompt) = (ResponseConfig::default(), self.prompt());
            match self.demanded_call(&config, &prompt) {
                Ok(call) => self.answer(now, config, &prompt, call),
                Err(error) => self.emit_error(None, error),
            }
        } else {
            self.emit_pending_captions();
        }
    }

    pub(super) fn commit(&mut self) -> Result<(), ClientError> {
        self.buffer.check_commit()?;
        let range = self.buffer.range();
        let turn = self.turn.take();
        self.turns.reset();
        let speech = self.speech_history.take();
        let item_id = turn.map_or_else(|| self.ids.next("item"), |turn| turn.item_id);
        self.commit_audio(item_id, range, speech);
        // Without answers, a transcript need not wait for one.
        if self.setup.peer.kind == SessionKind::Transcription {
            self.emit_pending_captions();
        }
        Ok(())
    }

    pub(super) fn clear(&mut self) {
        self.buffer.discard_before(u64::MAX);
        self.turns.reset();
        self.speech_history.take();
        self.turn = None;
        self.emit(ServerBody::AudioCleared);
    }

    /// Creates a user item from the audio in `range`; everything up to its end is consumed.
    fn commit_audio(&mut self, item_id: String, range: Range<u64>, speech: Option<Range<u64>>) {
        let pcm = self.buffer.copy(range.clone());
        let start = range.start.max(self.buffer.range().start);
        self.buffer.discard_before(range.end);
        self.speech_history.take();
        let index = |at: u64| usize::try_from(at.saturating_sub(start)).unwrap_or(usize::MAX);
        let measurement =
            SpeechMeasurement::measure(&pcm, speech.map(|speech| index(speech.start)..index(speech.end)));
        let transcript = measurement.transcript();
        let item = user_item(item_id.clone());
        let samples = pcm.len() as u64;
        // A session that only transcribes plays nothing back.
        let is_kept = self.setup.peer.kind == SessionKind::Realtime;
        let entry = ConversationEntry {
            pcm: if is_kept { Arc::from(pcm) } else { Arc::default() },
            measurement: Some(measurement),
            samples,
            ..ConversationEntry::written(item.clone())
        };
        let previous = self.conversation.push(entry);
        self.emit(ServerBody::AudioCommitted {
            previous_item_id: previous.clone(),
            item_id: Some(item_id.clone()),
        });
        self.emit_item(previous, item);
        if self.active.transcription().is_some() {
            self.pending_captions.push(PendingCaption { item_id, transcript, samples });
        }
        if !self.setup.faults.has(Fault::TranscriptLate) {
            self.emit_pending_captions();
        }
    }

    /// Emits the pending transcripts.
    pub(super) fn emit_pending_captions(&mut self) {
        for PendingCaption { item_id, transcript, samples } in std::mem::take(&mut self.pending_captions) {
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
            let model = self.active.transcription().and_then(|captions| captions.model.clone());
            let usage = of_transcription(model.as_deref(), samples, &transcript);
            let logprobs =
                if self.active.reports_logprobs() { certain_tokens(&transcript) } else { Vec::new() };
            self.emit(ServerBody::TranscriptionCompleted {
                item_id,
                content_index: Some(0),
                transcript,
                usage: Some(usage),
                logprobs,
                languages: Vec::new(),
            });
        }
    }

    /// Greets, or answers a long silence.
    fn speak_proactively(&mut self, now: Duration, rule: &TurnRule) {
        let busy = self.turn.is_some() || self.is_answering();
        if busy || !rule.answers || self.setup.peer.kind == SessionKind::Transcription {
            return;
        }
        let written = self.buffer.range().end;
        if self.proactive.greeted == GreetingState::NotYet
            && self.conversation.is_empty()
            && self.active.modality() == Modality::Audio
            && written >= self.proactive.configured_at + GREETING_SILENCE
        {
            self.proactive.greeted = GreetingState::Done;
            self.answer(now, ResponseConfig::default(), &Prompt::Greeting, None);
            return;
        }
        let due = self.proactive.idle_from.zip(rule.idle).map(|(from, idle)| from + idle);
        if due.is_some_and(|due| written >= due) {
            self.trigger_idle_timeout(now, written);
        }
    }

    /// Triggers the idle timeout.
    fn trigger_idle_timeout(&mut self, now: Duration, written: u64) {
        let start = self.proactive.idle_from.take().unwrap_or(written);
        let item_id = self.ids.next("item");
        self.emit(ServerBody::IdleTimeout {
            audio_start_ms: Some(ms(start)),
            audio_end_ms: Some(ms(written)),
            item_id: Some(item_id.clone()),
        });
        self.commit_audio(item_id, start..written, None);
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

/// Returns the words of a measurement, which are certain.
fn certain_tokens(transcript: &str) -> Vec<TokenLogprob> {
    let words = transcript.split_inclusive(' ');
    words
        .map(|word| TokenLogprob { token: word.to_owned(), logprob: 0.0, bytes: word.as_bytes().to_vec() })
        .collect()
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
