//! Answers of the machine: requests, ordered events and completion.

use std::time::Duration;

use crate::protocol::events::item::{ContentPart, Item, ItemStatus};
use crate::protocol::events::response::{Response, ResponseConfig, ResponseStatus, StatusDetails};
use crate::protocol::events::server::ServerBody;
use crate::protocol::settings::{AudioFormat, Modality, SessionKind, TokenLimit, Voice};
use crate::server::demo::answer::{
    ConversationMembership, DeliveryMode, OutgoingCall, OutputTruncation, Schedule, StreamedAnswer,
};
use crate::server::demo::client_error::ClientError;
use crate::server::demo::conversation::ConversationEntry;
use crate::server::demo::function_calls::choice::FunctionCall;
use crate::server::demo::machine::call::arguments_delta;
use crate::server::demo::machine::input_audio::ms;
use crate::server::demo::machine::shape::{assistant_item, item_place, place, rate_limits, shape};
use crate::server::demo::machine::{Machine, MachineAction};
use crate::server::demo::usage::{Tokens, of_response, output_audio_tokens, text_tokens};
use crate::server::demo::voice::delivery::{AnswerPiece, DeliveryTiming};
use crate::server::demo::voice::persona::{self, Prompt, SpeechPart};
use crate::server::demo::voice::speech::{SpeechRequest, SpeechTask};

/// Silence before the playback of the user's speech, in samples: 250 ms.
const SILENCE_BEFORE_PLAYBACK: usize = 6_000;

/// Silence after each sentence, in samples: 100 ms.
const SILENCE_AFTER_SENTENCE: usize = 2_400;

/// Maximum number of concurrent responses on a connection, out-of-band ones included. Each may hold five
/// minutes of audio, 30 MB.
const MAX_RESPONSES: usize = 4;

/// Manner in which an answer ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ResponseEnd {
    Sent,
    Cancelled(&'static str),
}

impl Machine {
    /// Handles `response.create`.
    pub(super) fn create_response(
        &mut self,
        now: Duration,
        config: ResponseConfig,
    ) -> Result<(), ClientError> {
        if self.setup.peer.kind == SessionKind::Transcription {
            return Err(ClientError::value("type", "A transcription session has no responses."));
        }
        let out_of_band = config.conversation.as_deref() == Some("none");
        if !out_of_band && let Some(active) = self.active() {
            let message = format!(
                "Conversation already has an active response in progress: {}. Wait until the response is \
                 finished before creating a new one.",
                active.id
            );
            return Err(ClientError::new("conversation_already_has_active_response", message));
        }
        if out_of_band && self.answers.len() >= MAX_RESPONSES {
            let message = format!(
                "Rate limit reached for responses outside of the conversation: at most {MAX_RESPONSES} responses \
                 are made at once. Wait until one is finished."
            );
            return Err(ClientError::new("rate_limit_exceeded", message));
        }
        let prompt = match &config.input {
            Some(items) => self.prompt_of(items)?,
            None => self.prompt(),
        };
        let call = self.demanded_call(&config, &prompt)?;
        self.answer(now, config, &prompt, call);
        Ok(())
    }

    /// Handles `response.cancel`.
    pub(super) fn cancel_response(&mut self, now: Duration, id: Option<&str>) -> Result<(), ClientError> {
        let wanted = |answer: &StreamedAnswer| match id {
            Some(id) => answer.id == id,
            None => answer.mode.membership == ConversationMembership::Conversation,
        };
        let index = self.answers.iter().position(wanted).ok_or_else(|| {
            ClientError::new("response_cancel_not_active", "Cancellation failed: no active response found")
        })?;
        self.finish(now, index, ResponseEnd::Cancelled("client_cancelled"));
        Ok(())
    }

    /// Cancels the answer in progress because the user speaks.
    pub(super) fn interrupt(&mut self, now: Duration) {
        let in_conversation =
            |answer: &StreamedAnswer| answer.mode.membership == ConversationMembership::Conversation;
        if let Some(index) = self.answers.iter().position(in_conversation) {
            self.finish(now, index, ResponseEnd::Cancelled("turn_detected"));
        }
    }

    /// Returns whether an answer in the conversation is in progress.
    pub(super) fn is_answering(&self) -> bool {
        self.active().is_some()
    }

    fn active(&self) -> Option<&StreamedAnswer> {
        self.answers.iter().find(|answer| answer.mode.membership == ConversationMembership::Conversation)
    }

    /// Starts an answer to `prompt`, or the function call if there is one.
    #[expect(clippy::too_many_arguments, reason = "a call replaces the answer to the prompt")]
    pub(super) fn answer(
        &mut self,
        now: Duration,
        config: ResponseConfig,
        prompt: &Prompt,
        call: Option<FunctionCall>,
    ) {
        let mode = self.mode(config);
        self.jobs += 1;
        let mut input = self.conversation.tokens();
        input.text += self.active.settings().instructions.as_deref().map_or(0, text_tokens);
        let parts = match mode.modality {
            Modality::Audio | Modality::Text if call.is_some() => Vec::new(),
            Modality::Audio => persona::spoken(prompt),
            Modality::Text => vec![SpeechPart::Say(persona::written(prompt))],
        };
        let call = call.map(|call| OutgoingCall { call_id: self.ids.next("call"), call });
        let answer = StreamedAnswer {
            id: self.ids.next("resp"),
            item_id: self.ids.next("item"),
            mode,
            parts,
            job: self.jobs,
            input,
            call,
            schedule: None,
            cut: None,
        };
        let response = self.response(&answer, ResponseStatus::InProgress);
        self.emit(ServerBody::ResponseCreated(Box::new(response)));
        let is_call = answer.call.is_some();
        let spoken = answer.mode.modality == Modality::Audio && !is_call;
        if spoken {
            self.actions.push(MachineAction::Synthesize(self.request(&answer)));
        }
        self.answers.push(answer);
        let index = self.answers.len() - 1;
        if is_call {
            self.start_call(now, index);
        } else if !spoken {
            self.start_streaming(now, index, Vec::new());
        }
    }

    fn mode(&self, config: ResponseConfig) -> DeliveryMode {
        let settings = self.active.settings();
        let out_of_band = config.conversation.as_deref() == Some("none");
        DeliveryMode {
            modality: config.output.unwrap_or(self.active.modality()),
            format: config
                .output_format
                .or_else(|| settings.output_format.clone())
                .unwrap_or(AudioFormat::PCM24K),
            voice: config.voice.unwrap_or_else(|| self.active.voice()),
            limit: config.max_output_tokens.or(settings.max_output_tokens).unwrap_or(TokenLimit::Unlimited),
            membership: if out_of_band {
                ConversationMembership::OutOfBand
            } else {
                ConversationMembership::Conversation
            },
            metadata: config.metadata,
        }
    }

    fn request(&self, answer: &StreamedAnswer) -> SpeechRequest {
        let lines = answer.parts.iter().filter_map(|part| match part {
            SpeechPart::Say(text) => Some(text.clone()),
            SpeechPart::Play { .. } => None,
        });
        SpeechRequest {
            job: answer.job,
            lines: lines.collect(),
            voice: match &answer.mode.voice {
                Voice::Named(name) | Voice::Custom(name) => name.clone(),
            },
            speed: self.active.settings().speed.unwrap_or(1.0),
        }
    }

    /// Starts the answer that waits for this speech; ignores speech of a cancelled answer.
    pub(super) fn start_spoken_answer(&mut self, now: Duration, speech: SpeechTask) {
        if let Some(index) = self.answers.iter().position(|answer| answer.job == speech.job) {
            self.start_streaming(now, index, speech.utterances);
        }
    }

    /// Starts sending a prepared answer.
    fn start_streaming(&mut self, now: Duration, index: usize, utterances: Vec<Vec<i16>>) {
        let answer = &self.answers[index];
        let timing =
            DeliveryTiming { now, pace: self.setup.pace, faults: &self.setup.faults, seed: answer.job };
        let text = answer.parts.iter().map(SpeechPart::text).collect::<Vec<_>>().join(" ");
        let schedule = match answer.mode.modality {
            Modality::Audio => {
                Schedule::spoken(&text, joined(&answer.parts, utterances), &answer.mode, timing)
            }
            Modality::Text => Schedule::written(&text, &answer.mode, timing),
        };
        let item = assistant_item(&answer.item_id, ItemStatus::InProgress, Vec::new());
        let part = match answer.mode.modality {
            Modality::Audio => ContentPart::Audio { audio: None, transcript: Some(String::new()) },
            Modality::Text => ContentPart::Text(String::new()),
        };
        let place = place(answer);
        self.answers[index].schedule = Some(schedule);
        self.emit_output_added(index, item);
        self.emit(ServerBody::ContentPartAdded { place, part });
    }

    /// Emits the start of an answer's item and adds it to the conversation.
    pub(super) fn emit_output_added(&mut self, index: usize, item: Item) {
        let answer = &self.answers[index];
        let (place, belongs) = (item_place(answer), answer.mode.membership);
        self.emit(ServerBody::OutputItemAdded { place, item: item.clone() });
        if belongs == ConversationMembership::Conversation {
            let previous_item_id = self.conversation.push(ConversationEntry::written(item.clone()));
            self.emit(ServerBody::ItemAdded { previous_item_id, item });
        }
    }

    /// Sends all pieces that are due.
    pub(super) fn advance_answers(&mut self, now: Duration) {
        let mut index = 0;
        while index < self.answers.len() {
            self.send_due(now, index);
            let sent = self.answers[index].schedule.as_ref().is_some_and(|schedule| schedule.due().is_none());
            if sent {
                self.finish(now, index, ResponseEnd::Sent);
            } else {
                index += 1;
            }
        }
    }

    fn send_due(&mut self, now: Duration, index: usize) {
        loop {
            let answer = &mut self.answers[index];
            let Some(schedule) = &mut answer.schedule else { return };
            let Some(piece) = schedule.next(now) else { return };
            let body = match piece {
                AnswerPiece::Text(delta) => match answer.mode.modality {
                    Modality::Audio | Modality::Text if answer.call.is_some() => {
                        arguments_delta(answer, delta)
                    }
                    Modality::Audio => ServerBody::TranscriptDelta { place: place(answer), delta },
                    Modality::Text => ServerBody::TextDelta { place: place(answer), delta },
                },
                AnswerPiece::Audio(range) => {
                    let delta = schedule.bytes(range);
                    ServerBody::AudioDelta { place: place(answer), delta }
                }
                AnswerPiece::Break => {
                    self.trigger_fault();
                    return;
                }
            };
            self.emit(body);
        }
    }

    /// Ends an answer; the sent part stays in the conversation.
    fn finish(&mut self, now: Duration, index: usize, ending: ResponseEnd) {
        let answer = self.answers.remove(index);
        if answer.schedule.is_none() {
            self.actions.push(MachineAction::CancelSpeech(answer.job));
        }
        let (status, item_status) = match (ending, answer.schedule.as_ref().map(|schedule| schedule.limited))
        {
            (ResponseEnd::Cancelled(_), _) => (ResponseStatus::Cancelled, ItemStatus::Incomplete),
            (ResponseEnd::Sent, Some(OutputTruncation::Yes)) => {
                (ResponseStatus::Incomplete, ItemStatus::Incomplete)
            }
            (ResponseEnd::Sent, Some(OutputTruncation::No) | None) => {
                (ResponseStatus::Completed, ItemStatus::Completed)
            }
        };
        let reason = match (ending, &status) {
            (ResponseEnd::Cancelled(reason), _) => Some(reason),
            (ResponseEnd::Sent, ResponseStatus::Incomplete) => Some("max_output_tokens"),
            (ResponseEnd::Sent, _) => None,
        };
        let mut response = self.response(&answer, status);
        response.details = reason
            .map(|reason| StatusDetails { reason: Some(reason.to_owned()), ..StatusDetails::default() });
        let mut output = Tokens::default();
        if let Some(schedule) = &answer.schedule {
            let item = match &answer.call {
                Some(call) => self.finish_call(&answer, call, schedule, item_status),
                None => self.finish_item(&answer, schedule, item_status),
            };
            output = output_tokens(&answer, schedule);
            response.output = vec![item];
            self.note_playback(now, schedule);
        }
        response.usage = Some(of_response(answer.input, self.before, output));
        self.before = answer.input;
        self.emit(ServerBody::ResponseDone(Box::new(response)));
        self.emit(rate_limits(answer.input.total() + output.total()));
        self.emit_pending_captions();
    }

    /// Emits the ends of an answer's parts and returns its item.
    fn finish_item(&mut self, answer: &StreamedAnswer, schedule: &Schedule, status: ItemStatus) -> Item {
        let place = place(answer);
        let text = Some(schedule.text.clone());
        let part = match answer.mode.modality {
            Modality::Audio => {
                self.emit(ServerBody::AudioDone { place: place.clone() });
                self.emit(ServerBody::TranscriptDone { place: place.clone(), transcript: text.clone() });
                ContentPart::Audio { audio: None, transcript: text }
            }
            Modality::Text => {
                self.emit(ServerBody::TextDone { place: place.clone(), text });
                ContentPart::Text(schedule.text.clone())
            }
        };
        self.emit(ServerBody::ContentPartDone { place, part: part.clone() });
        let item = assistant_item(&answer.item_id, status, vec![part]);
        self.emit_output_done(answer, schedule, &item);
        item
    }

    /// Emits that an answer's item is complete, and stores it.
    pub(super) fn emit_output_done(&mut self, answer: &StreamedAnswer, schedule: &Schedule, item: &Item) {
        if answer.mode.membership == ConversationMembership::Conversation {
            let previous = self.keep(answer, schedule, item);
            self.emit_item_done(previous, item.clone());
        }
        self.emit(ServerBody::OutputItemDone { place: item_place(answer), item: item.clone() });
    }

    /// Stores the sent part unless the client deleted the item; returns its predecessor's id.
    fn keep(&mut self, answer: &StreamedAnswer, schedule: &Schedule, item: &Item) -> Option<String> {
        let previous = self.conversation.before(&answer.item_id);
        let entry = self.conversation.find_mut(&answer.item_id)?;
        entry.item = item.clone();
        let sent = schedule.sent_samples();
        entry.samples = answer.cut.map_or(sent, |cut| cut.min(sent));
        if answer.cut.is_some() {
            entry.drop_transcript();
        }
        let kept = usize::try_from(entry.samples).unwrap_or(usize::MAX).min(schedule.pcm.len());
        entry.pcm = schedule.pcm[..kept].into();
        previous
    }

    /// Starts the idle timeout at the end of playback.
    fn note_playback(&mut self, now: Duration, schedule: &Schedule) {
        let played = now.saturating_sub(schedule.started);
        let length = Duration::from_millis(ms(schedule.sent_samples()));
        let left = crate::dsp::frame::SampleRate::HZ_24000.samples(length.saturating_sub(played));
        self.proactive.answered(self.buffer.range().end + left);
    }

    fn response(&self, answer: &StreamedAnswer, status: ResponseStatus) -> Response {
        let mode = &answer.mode;
        let conversation_id = match mode.membership {
            ConversationMembership::Conversation => Some(self.conversation_id.clone()),
            ConversationMembership::OutOfBand => None,
        };
        Response {
            id: Some(answer.id.clone()),
            status: Some(status),
            conversation_id,
            metadata: mode.metadata.clone(),
            unknown: shape(mode, self.setup.peer.dialect, self.active.settings().temperature),
            ..Response::default()
        }
    }
}

/// Concatenates speech and playback.
fn joined(parts: &[SpeechPart], utterances: Vec<Vec<i16>>) -> Vec<i16> {
    let mut utterances = utterances.into_iter();
    let mut whole = Vec::new();
    for part in parts {
        match part {
            SpeechPart::Say(_) => {
                whole.extend(utterances.next().unwrap_or_default());
                whole.extend([0; SILENCE_AFTER_SENTENCE]);
            }
            SpeechPart::Play { pcm, .. } => {
                whole.extend([0; SILENCE_BEFORE_PLAYBACK]);
                whole.extend_from_slice(pcm);
            }
        }
    }
    whole
}

fn output_tokens(answer: &StreamedAnswer, schedule: &Schedule) -> Tokens {
    let audio = match answer.mode.modality {
        Modality::Audio | Modality::Text if answer.call.is_some() => 0,
        Modality::Audio => output_audio_tokens(schedule.sent_samples()),
        Modality::Text => 0,
    };
    Tokens { text: text_tokens(&schedule.text), audio }
}
