//! Client operations on conversation items, and the prompt they contain.

use std::ops::Range;
use std::sync::Arc;

use crate::dsp::codec::{Codec, Decoder};
use crate::dsp::frame::SampleRate;
use crate::dsp::resample::{resample_clip, to_floats};
use crate::dsp::vad::VoiceActivityDetector;
use crate::protocol::events::item::{ContentPart, Item, ItemBody, ItemStatus, Role};
use crate::protocol::events::server::ServerBody;
use crate::protocol::settings::SessionKind;
use crate::server::demo::active_settings::{TurnRule, codec};
use crate::server::demo::client_error::ClientError;
use crate::server::demo::conversation::ConversationEntry;
use crate::server::demo::input_audio::measure::SpeechMeasurement;
use crate::server::demo::input_audio::vad::SpeechHistory;
use crate::server::demo::machine::Machine;
use crate::server::demo::machine::input_audio::ms;
use crate::server::demo::voice::persona::{FunctionOutput, Prompt};

impl Machine {
    pub(super) fn create_item(&mut self, previous: Option<&str>, mut item: Item) -> Result<(), ClientError> {
        if self.setup.peer.kind == SessionKind::Transcription {
            return Err(ClientError::value("type", "A transcription session takes no items, only audio."));
        }
        if let ItemBody::FunctionCallOutput { call_id, .. } = &item.body
            && self.conversation.find_call(call_id).is_none()
        {
            let message = format!("Tool call ID '{call_id}' not found in conversation.");
            return Err(ClientError::value("item.call_id", message));
        }
        let id = item.id.take().unwrap_or_else(|| self.ids.next("item"));
        item.id = Some(id);
        item.status.get_or_insert(ItemStatus::Completed);
        let entry = self.entry(item);
        let shown = entry.item.clone();
        let previous_item_id = self.conversation.insert(previous, entry)?;
        self.emit_item(previous_item_id, shown);
        Ok(())
    }

    /// Measures the audio of an item and removes it from the item as sent.
    fn entry(&self, mut item: Item) -> ConversationEntry {
        let mut pcm: Vec<i16> = Vec::new();
        if let ItemBody::Message { content, .. } = &mut item.body {
            for part in content {
                if let ContentPart::InputAudio { audio, .. } = part
                    && let Some(bytes) = audio.take()
                {
                    pcm.extend(decoded(&bytes, self.active.input()));
                }
            }
        }
        if pcm.is_empty() {
            return ConversationEntry::written(item);
        }
        let measurement = SpeechMeasurement::measure(&pcm, detect_speech(&pcm));
        let samples = pcm.len() as u64;
        ConversationEntry {
            pcm: Arc::from(pcm),
            measurement: Some(measurement),
            samples,
            ..ConversationEntry::written(item)
        }
    }

    pub(super) fn retrieve_item(&mut self, id: &str) -> Result<(), ClientError> {
        let entry = self
            .conversation
            .find(id)
            .ok_or_else(|| missing("item_retrieve_invalid_item_id", "retrieving", id))?;
        let mut item = entry.item.clone();
        let (codec, rate) = match entry.role() {
            Some(Role::Assistant) => codec(self.active.settings().output_format.as_ref()),
            Some(Role::User | Role::System | Role::Other(_)) | None => self.active.input(),
        };
        let pcm = codec.encode(&resample_clip(&entry.pcm, SampleRate::HZ_24000, rate));
        if let ItemBody::Message { content, .. } = &mut item.body {
            for part in content {
                if let ContentPart::InputAudio { audio, .. } | ContentPart::Audio { audio, .. } = part {
                    *audio = Some(pcm.clone());
                }
            }
        }
        self.emit(ServerBody::ItemRetrieved { item });
        Ok(())
    }

    pub(super) fn delete_item(&mut self, item_id: String) -> Result<(), ClientError> {
        if !self.conversation.remove(&item_id) {
            return Err(missing("item_delete_invalid_item_id", "deleting", &item_id));
        }
        self.emit(ServerBody::ItemDeleted { item_id });
        Ok(())
    }

    /// Truncates an answer to the part that was played.
    pub(super) fn truncate_item(
        &mut self,
        item_id: String,
        content_index: u32,
        audio_end_ms: u64,
    ) -> Result<(), ClientError> {
        let running = self.answers.iter_mut().find(|answer| answer.item_id == item_id);
        let entry = self
            .conversation
            .find_mut(&item_id)
            .ok_or_else(|| missing("item_truncate_invalid_item_id", "truncating", &item_id))?;
        let running = running.and_then(|answer| {
            let sent = answer.schedule.as_ref()?.sent_samples();
            Some((&mut answer.cut, sent))
        });
        let started = running.is_some() && entry.role() == Some(&Role::Assistant) && entry.parts().is_empty();
        let spoken = entry.is_spoken_answer() || started;
        if !spoken || content_index > 0 {
            let message = "Only model output audio messages can be truncated.";
            return Err(ClientError::value(if spoken { "content_index" } else { "item_id" }, message));
        }
        let there = running.as_ref().map_or(entry.samples, |(cut, sent)| cut.unwrap_or(*sent));
        if audio_end_ms > ms(there) {
            let message =
                format!("Audio content of {}ms is already shorter than {audio_end_ms}ms", ms(there));
            return Err(ClientError::value("audio_end_ms", message));
        }
        let samples = audio_end_ms * 24;
        match running {
            Some((cut, _)) => *cut = Some(samples),
            None => entry.cut(samples),
        }
        self.emit(ServerBody::ItemTruncated {
            item_id,
            content_index: Some(content_index),
            audio_end_ms: Some(audio_end_ms),
        });
        Ok(())
    }

    /// Returns the prompt of an answer to the conversation.
    pub(super) fn prompt(&self) -> Prompt {
        if self.conversation.is_empty() {
            return Prompt::Greeting;
        }
        let outputs: Vec<FunctionOutput> =
            self.conversation.recent_items().map_while(|entry| self.output(entry)).collect();
        if !outputs.is_empty() {
            return Prompt::Outputs(outputs.into_iter().rev().collect());
        }
        self.conversation.recent_items().next().map_or(Prompt::Nothing, prompt_of_entry)
    }

    /// Returns the output of a function call, if the item is one.
    fn output(&self, entry: &ConversationEntry) -> Option<FunctionOutput> {
        let ItemBody::FunctionCallOutput { call_id, output } = &entry.item.body else { return None };
        let function = self.conversation.find_call(call_id).and_then(|entry| match &entry.item.body {
            ItemBody::FunctionCall { name, .. } => name.clone(),
            ItemBody::Message { .. } | ItemBody::FunctionCallOutput { .. } | ItemBody::Other(_) => None,
        });
        Some(FunctionOutput { function, text: output.clone() })
    }

    /// Returns the prompt in the items of a `response.create`.
    pub(super) fn prompt_of(&self, items: &[Item]) -> Result<Prompt, ClientError> {
        let Some(item) = items.last() else { return Ok(Prompt::Nothing) };
        if let (ItemBody::Other(kind), Some(id)) = (&item.body, &item.id)
            && kind == "item_reference"
        {
            let entry = self.conversation.find(id).ok_or_else(|| {
                ClientError::value("response.input", format!("Item with id '{id}' does not exist."))
            })?;
            return Ok(self.prompt_of_item(entry));
        }
        Ok(self.prompt_of_item(&self.entry(item.clone())))
    }

    fn prompt_of_item(&self, entry: &ConversationEntry) -> Prompt {
        self.output(entry).map_or_else(|| prompt_of_entry(entry), |output| Prompt::Outputs(vec![output]))
    }
}

fn prompt_of_entry(entry: &ConversationEntry) -> Prompt {
    match (entry.role(), &entry.measurement) {
        (Some(Role::User), Some(measurement)) => {
            Prompt::Voice { measurement: measurement.clone(), pcm: entry.pcm.clone() }
        }
        (Some(Role::User), None) => {
            entry.image().map_or_else(|| Prompt::Text(entry.text()), |url| Prompt::Image(url.to_owned()))
        }
        (Some(Role::Assistant | Role::System | Role::Other(_)) | None, _) => Prompt::Nothing,
    }
}

fn missing(code: &'static str, doing: &str, id: &str) -> ClientError {
    ClientError::new(code, format!("Error {doing} item: the item with id '{id}' does not exist."))
        .at("item_id")
}

fn decoded(bytes: &[u8], (codec, rate): (Codec, SampleRate)) -> Vec<i16> {
    resample_clip(&Decoder::new(codec).push(bytes), rate, SampleRate::HZ_24000)
}

fn detect_speech(pcm: &[i16]) -> Option<Range<usize>> {
    let mut speech_history = SpeechHistory::default();
    for frame in VoiceActivityDetector::default().process(&to_floats(pcm)) {
        speech_history.process_frame(frame, &TurnRule::PLAIN);
    }
    let index = |at: u64| usize::try_from(at).unwrap_or(usize::MAX);
    speech_history.take().map(|speech| index(speech.start)..index(speech.end))
}
