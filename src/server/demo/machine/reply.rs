//! How the machine answers: what asks for an answer, its events in their order, and its end.

use std::time::Duration;

use crate::protocol::events::item::{ContentPart, Item, ItemStatus};
use crate::protocol::events::response::{Response, ResponseConfig, ResponseStatus, StatusDetails};
use crate::protocol::events::server::ServerBody;
use crate::protocol::settings::{AudioFormat, Modality, SessionKind, TokenLimit, Voice};
use crate::server::demo::answer::{
    AnswerPiece, ConversationMembership, DeliveryMode, OutgoingCall, OutputTruncation, Schedule,
    StreamedAnswer,
};
use crate::server::demo::conversation::ConversationEntry;
use crate::server::demo::function_calls::choice::Call;
use crate::server::demo::machine::call::arguments_delta;
use crate::server::demo::machine::hear::ms;
use crate::server::demo::machine::shape::{assistant_item, item_place, place, rate_limits, shape};
use crate::server::demo::machine::{Machine, MachineAction};
use crate::server::demo::mistake::ClientError;
use crate::server::demo::usage::{Tokens, of_response, spoken_tokens, text_tokens};
use crate::server::demo::voice::delivery::Timing;
use crate::server::demo::voice::persona::{self, Prompt, SpeechPart};
use crate::server::demo::voice::speech::{SpeechRequest, SpeechTask};

/// Silence before the user's own voice, so that it stands apart: 250 ms at 24 kHz.
const BEFORE_PLAYBACK: usize = 6_000;

/// Silence behind each sentence: 100 ms.
const BEHIND_SENTENCE: usize = 2_400;

/// Responses of one connection at once, those outside of the conversation included. Each may hold five minutes
/// of sound, 30 MB.
const MAX_RESPONSES: usize = 4;

/// How an answer ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ResponseEnd {
    Sent,
    Cancelled(&'static str),
}

impl Machine {
    /// Does what `response.create` asks for.
    pub(super) fn create_response(
        &mut self,
        now: Duration,
        config: ResponseConfig,
    ) -> Result<(), ClientError> {
        if self.setup.peer.kind == SessionKind::Transcription {
            return Err(ClientError::value("type", "A transcription session has no responses."));
        }
        let beside = config.conversation.as_deref() == Some("none");
        if !beside && let Some(active) = self.active() {
            let message = format!(
                "Conversation already has an active response in progress: {}. Wait until the response is \
                 finished before creating a new one.",
                active.id
            );
            return Err(ClientError::new("conversation_already_has_active_response", message));
        }
        if beside && self.answers.len() >= MAX_RESPONSES {
            let message = format!(
                "Rate limit reached for responses outside of the conversation: at most {MAX_RESPONSES} responses \
                 are made at once. Wait until one is finished."
            );
            return Err(ClientError::new("rate_limit_exceeded", message));
        }
        let cue = match &config.input {
            Some(items) => self.cue_of(items)?,
            None => self.cue(),
        };
        let call = self.demanded_call(&config, &cue)?;
        self.answer(now, config, &cue, call);
        Ok(())
    }

    /// Does what `response.cancel` asks for.
    pub(super) fn cancel_response(&mut self, now: Duration, id: Option<&str>) -> Result<(), ClientError> {
        let wanted = |answer: &StreamedAnswer| match id {
            Some(id) => answer.id == id,
            None => answer.manner.place == ConversationMembership::Conversation,
        };
        let index = self.answers.iter().position(wanted).ok_or_else(|| {
            ClientError::new("response_cancel_not_active", "Cancellation failed: no active response found")
        })?;
        self.finish(now, index, ResponseEnd::Cancelled("client_cancelled"));
        Ok(())
    }

    /// Stops the answer in progress because the user speaks.
    pub(super) fn interrupt(&mut self, now: Duration) {
        let in_conversation =
            |answer: &StreamedAnswer| answer.manner.place == ConversationMembership::Conversation;
        if let Some(index) = self.answers.iter().position(in_conversation) {
            self.finish(now, index, ResponseEnd::Cancelled("turn_detected"));
        }
    }

    /// Returns whether an answer in the conversation is on its way.
    pub(super) fn is_answering(&self) -> bool {
        self.active().is_some()
    }

    fn active(&self) -> Option<&StreamedAnswer> {
        self.answers.iter().find(|answer| answer.manner.place == ConversationMembership::Conversation)
    }

    /// Begins to answer `cue`, by a function call if there is one to make.
    #[expect(clippy::too_many_arguments, reason = "a call takes the place of what the cue brings")]
    pub(super) fn answer(&mut self, now: Duration, config: ResponseConfig, cue: &Prompt, call: Option<Call>) {
        let manner = self.manner(config);
        self.jobs += 1;
        let mut input = self.conversation.tokens();
        input.text += self.effective.settings().instructions.as_deref().map_or(0, text_tokens);
        let parts = match manner.modality {
            Modality::Audio | Modality::Text if call.is_some() => Vec::new(),
            Modality::Audio => persona::spoken(cue),
            Modality::Text => vec![SpeechPart::Say(persona::written(cue))],
        };
        let call = call.map(|call| OutgoingCall { call_id: self.ids.next("call"), call });
        let answer = StreamedAnswer {
            id: self.ids.next("resp"),
            item_id: self.ids.next("item"),
            manner,
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
        let spoken = answer.manner.modality == Modality::Audio && !is_call;
        if spoken {
            self.actions.push(MachineAction::Say(self.order(&answer)));
        }
        self.answers.push(answer);
        let index = self.answers.len() - 1;
        if is_call {
            self.begin_call(now, index);
        } else if !spoken {
            self.begin(now, index, Vec::new());
        }
    }

    fn manner(&self, config: ResponseConfig) -> DeliveryMode {
        let settings = self.effective.settings();
        let beside = config.conversation.as_deref() == Some("none");
        DeliveryMode {
            modality: config.output.unwrap_or(self.effective.modality()),
            format: config
                .output_format
                .or_else(|| settings.output_format.clone())
                .unwrap_or(AudioFormat::PCM24K),
            voice: config.voice.unwrap_or_else(|| self.effective.voice()),
            limit: config.max_output_tokens.or(settings.max_output_tokens).unwrap_or(TokenLimit::Unlimited),
            place: if beside {
                ConversationMembership::Nowhere
            } else {
                ConversationMembership::Conversation
            },
            metadata: config.metadata,
        }
    }

    fn order(&self, answer: &StreamedAnswer) -> SpeechRequest {
        let lines = answer.parts.iter().filter_map(|part| match part {
            SpeechPart::Say(text) => Some(text.clone()),
            SpeechPart::Play { .. } => None,
        });
        SpeechRequest {
            job: answer.job,
            lines: lines.collect(),
            voice: match &answer.manner.voice {
                Voice::Named(name) | Voice::Custom(name) => name.clone(),
            },
            speed: self.effective.settings().speed.unwrap_or(1.0),
        }
    }

    /// Takes the speech that an answer waits for; one that was cancelled does not wait any more.
    pub(super) fn take_speech(&mut self, now: Duration, speech: SpeechTask) {
        if let Some(index) = self.answers.iter().position(|answer| answer.job == speech.job) {
            self.begin(now, index, speech.sounds);
        }
    }

    /// Begins to send an answer of which everything is there.
    fn begin(&mut self, now: Duration, index: usize, sounds: Vec<Vec<i16>>) {
        let answer = &self.answers[index];
        let timing = Timing { now, pace: self.setup.pace, faults: &self.setup.faults, seed: answer.job };
        let text = answer.parts.iter().map(SpeechPart::text).collect::<Vec<_>>().join(" ");
        let schedule = match answer.manner.modality {
            Modality::Audio => Schedule::spoken(&text, joined(&answer.parts, sounds), &answer.manner, timing),
            Modality::Text => Schedule::written(&text, &answer.manner, timing),
        };
        let item = assistant_item(&answer.item_id, ItemStatus::InProgress, Vec::new());
        let part = match answer.manner.modality {
            Modality::Audio => ContentPart::Audio { audio: None, transcript: Some(String::new()) },
            Modality::Text => ContentPart::Text(String::new()),
        };
        let place = place(answer);
        self.answers[index].schedule = Some(schedule);
        self.emit_output_added(index, item);
        self.emit(ServerBody::ContentPartAdded { place, part });
    }

    /// Tells that the item of an answer has begun, and puts it into the conversation.
    pub(super) fn emit_output_added(&mut self, index: usize, item: Item) {
        let answer = &self.answers[index];
        let (place, belongs) = (item_place(answer), answer.manner.place);
        self.emit(ServerBody::OutputItemAdded { place, item: item.clone() });
        if belongs == ConversationMembership::Conversation {
            let previous_item_id = self.conversation.push(ConversationEntry::written(item.clone()));
            self.emit(ServerBody::ItemAdded { previous_item_id, item });
        }
    }

    /// Sends what is due of all answers.
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
                AnswerPiece::Text(delta) => match answer.manner.modality {
                    Modality::Audio | Modality::Text if answer.call.is_some() => {
                        arguments_delta(answer, delta)
                    }
                    Modality::Audio => ServerBody::TranscriptDelta { place: place(answer), delta },
                    Modality::Text => ServerBody::TextDelta { place: place(answer), delta },
                },
                AnswerPiece::Sound(range) => {
                    let delta = schedule.bytes(range);
                    ServerBody::AudioDelta { place: place(answer), delta }
                }
                AnswerPiece::Break => {
                    self.break_down();
                    return;
                }
            };
            self.emit(body);
        }
    }

    /// Ends an answer; what was sent of it stays in the conversation.
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
        self.tell_late_captions();
    }

    /// Tells the ends of the parts of an answer, and returns its item.
    fn finish_item(&mut self, answer: &StreamedAnswer, schedule: &Schedule, status: ItemStatus) -> Item {
        let place = place(answer);
        let text = Some(schedule.text.clone());
        let part = match answer.manner.modality {
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

    /// Tells that the item of an answer is whole, and keeps it.
    pub(super) fn emit_output_done(&mut self, answer: &StreamedAnswer, schedule: &Schedule, item: &Item) {
        if answer.manner.place == ConversationMembership::Conversation {
            let previous = self.keep(answer, schedule, item);
            self.emit_item_done(previous, item.clone());
        }
        self.emit(ServerBody::OutputItemDone { place: item_place(answer), item: item.clone() });
    }

    /// Keeps what was sent, unless the client has deleted the item; returns what it follows.
    fn keep(&mut self, answer: &StreamedAnswer, schedule: &Schedule, item: &Item) -> Option<String> {
        let previous = self.conversation.before(&answer.item_id);
        let entry = self.conversation.find_mut(&answer.item_id)?;
        entry.item = item.clone();
        let sent = schedule.sent_samples();
        entry.samples = answer.cut.map_or(sent, |cut| cut.min(sent));
        if answer.cut.is_some() {
            entry.forget_transcript();
        }
        let kept = usize::try_from(entry.samples).unwrap_or(usize::MAX).min(schedule.sound.len());
        entry.sound = schedule.sound[..kept].into();
        previous
    }

    /// The idle timeout counts from where the answer will have been heard.
    fn note_playback(&mut self, now: Duration, schedule: &Schedule) {
        let played = now.saturating_sub(schedule.begun);
        let length = Duration::from_millis(ms(schedule.sent_samples()));
        let left = crate::dsp::frame::SampleRate::HZ_24000.samples(length.saturating_sub(played));
        self.initiative.answered(self.buffer.range().end + left);
    }

    fn response(&self, answer: &StreamedAnswer, status: ResponseStatus) -> Response {
        let manner = &answer.manner;
        let conversation_id = match manner.place {
            ConversationMembership::Conversation => Some(self.conversation_id.clone()),
            ConversationMembership::Nowhere => None,
        };
        Response {
            id: Some(answer.id.clone()),
            status: Some(status),
            conversation_id,
            metadata: manner.metadata.clone(),
            unknown: shape(manner, self.setup.peer.dialect, self.effective.settings().temperature),
            ..Response::default()
        }
    }
}

/// Puts speech and playback one behind the other.
fn joined(parts: &[SpeechPart], sounds: Vec<Vec<i16>>) -> Vec<i16> {
    let mut sounds = sounds.into_iter();
    let mut whole = Vec::new();
    for part in parts {
        match part {
            SpeechPart::Say(_) => {
                whole.extend(sounds.next().unwrap_or_default());
                whole.extend([0; BEHIND_SENTENCE]);
            }
            SpeechPart::Play { sound, .. } => {
                whole.extend([0; BEFORE_PLAYBACK]);
                whole.extend_from_slice(sound);
            }
        }
    }
    whole
}

fn output_tokens(answer: &StreamedAnswer, schedule: &Schedule) -> Tokens {
    let audio = match answer.manner.modality {
        Modality::Audio | Modality::Text if answer.call.is_some() => 0,
        Modality::Audio => spoken_tokens(schedule.sent_samples()),
        Modality::Text => 0,
    };
    Tokens { text: text_tokens(&schedule.text), audio }
}
