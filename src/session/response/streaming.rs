//! Streaming of a response: requests, items, audio and text.

use crate::dsp::frame::ClipId;
use crate::protocol::events::client::ClientBody;
use crate::protocol::events::error::ErrorInfo;
use crate::protocol::events::item::{ContentPart, Item, ItemBody, Role};
use crate::protocol::events::response::{Response, ResponseConfig};
use crate::protocol::events::server::ContentLocation;
use crate::session::connection::errors::failure_of;
use crate::session::connection::requests::RequestKind;
use crate::session::context::Context;
use crate::session::conversation::Conversation;
use crate::session::conversation::transcript::{PartKey, PartKind, TranscriptDelta};
use crate::session::io::{EndReason, Output};
use crate::session::plan::Mode;
use crate::session::response::Responses;
use crate::session::turn::Turns;

#[expect(clippy::too_many_arguments, reason = "components are separate borrows of the session")]
impl Responses {
    /// Requests a response, now or after the one in progress.
    pub(crate) fn request(&mut self, cx: &mut Context<'_>) {
        let config = self.sequencer.ask(cx.now, ResponseConfig::default());
        Self::send_request(cx, config);
    }

    /// Sends the waiting `response.create` if no response is in progress.
    pub(crate) fn request_waiting(&mut self, cx: &mut Context<'_>) {
        let config = self.sequencer.take_waiting(cx.now);
        Self::send_request(cx, config);
    }

    fn send_request(cx: &mut Context<'_>, config: Option<ResponseConfig>) {
        if let Some(config) = config {
            cx.metering.latency().requested(cx.now);
            cx.metering.note_response(cx.now);
            cx.send(ClientBody::ResponseCreate(Box::new(config)), RequestKind::ResponseCreate);
        }
    }

    /// Cancels the active response on the server.
    pub(crate) fn cancel(&mut self, cx: &mut Context<'_>) {
        let response_id = self.active_id();
        if self.is_active() && !self.sequencer.is_cut_off(response_id.as_deref()) {
            self.sequencer.cut_off();
            cx.send(ClientBody::ResponseCancel { response_id }, RequestKind::ResponseCancel);
        }
    }

    /// Handles a refused `response.create`.
    pub(crate) fn refused(&mut self, cx: &mut Context<'_>, error: &ErrorInfo) {
        if error.is_answer_in_progress() {
            self.sequencer.busy(cx.now);
            cx.metering.latency().request_refused();
            cx.outputs.debug("another response is in progress: the request waits");
            return;
        }
        self.sequencer.give_up();
        cx.metering.latency().abandon();
        match cx.plan.mode {
            Mode::Ask => self.failed(cx, error),
            // A close may follow.
            Mode::Talk | Mode::Chat | Mode::Transcribe => {
                cx.connection.errors().show(cx.now, error, cx.outputs);
            }
        }
        self.request_waiting(cx);
    }

    /// Reports once why there is no response; it ends a single question.
    pub(super) fn failed(&self, cx: &mut Context<'_>, error: &ErrorInfo) {
        match cx.plan.mode {
            Mode::Ask => cx.connection.request_end(EndReason::Refused(failure_of(error))),
            Mode::Talk | Mode::Chat | Mode::Transcribe => {
                cx.connection.errors().show_immediately(cx.now, error, cx.outputs);
            }
        }
    }

    /// Gives up the active response once it has stalled for too long.
    pub(crate) fn tick(&mut self, cx: &mut Context<'_>, conversation: &mut Conversation) {
        if self.deadline().is_none_or(|deadline| cx.now < deadline.at) {
            return;
        }
        let doubt = self.sequencer.take_doubt();
        self.sequencer.give_up();
        cx.connection.abandon_response();
        cx.metering.latency().abandon_unanswered();
        cx.metering.note_response(cx.now);
        match (doubt, cx.plan.mode) {
            // It was shown when it arrived.
            (Some(_), Mode::Talk | Mode::Chat | Mode::Transcribe) => {}
            (Some(error), Mode::Ask) => self.failed(cx, &error),
            (None, _) => {
                let message = Some("the endpoint stopped responding".to_owned());
                self.failed(cx, &ErrorInfo { message, ..ErrorInfo::default() });
            }
        }
        self.end_clips(cx.outputs);
        self.abandon_lines(cx, conversation);
        self.request_waiting(cx);
    }

    /// Handles `response.created`.
    pub(crate) fn created(&mut self, cx: &mut Context<'_>, turns: &mut Turns, response: &Response) {
        self.sequencer.created(cx.now, response.id.as_deref());
        cx.metering.latency().created(cx.now, response.id.as_deref());
        cx.metering.note_response(cx.now);
        turns.acknowledge_audio();
    }

    /// Notes an event of a response. Servers may omit `response.created`: any event begins a response.
    pub(crate) fn begin(&mut self, cx: &mut Context<'_>, turns: &mut Turns, id: Option<&str>) {
        let was_active = self.is_active();
        self.sequencer.see(cx.now, id);
        cx.metering.note_response(cx.now);
        if !was_active && self.is_active() {
            turns.acknowledge_audio();
        }
    }

    pub(crate) fn audio_delta(
        &mut self,
        cx: &mut Context<'_>,
        conversation: &mut Conversation,
        place: &ContentLocation,
        bytes: &[u8],
    ) {
        if self.is_cut_off(place) {
            return;
        }
        if !cx.plan.plays_answers() {
            conversation.note_unplayed_audio();
            return;
        }
        let Some(item_id) = &place.item_id else { return };
        conversation.begin_line(item_id);
        let (clip, frame) = self.playback.receive(item_id, place.content_index.unwrap_or(0), bytes);
        if !frame.samples.is_empty() {
            cx.metering.latency().audio_received(cx.now, place.response_id.as_deref(), clip);
            cx.outputs.push(Output::Play { clip, frame });
        }
    }

    pub(crate) fn audio_done(&mut self, cx: &mut Context<'_>, place: &ContentLocation) {
        let Some(item_id) = &place.item_id else { return };
        let content_index = place.content_index.unwrap_or(0);
        let ended =
            self.playback.end_where(|clip| clip.item_id == *item_id && clip.content_index == content_index);
        for clip in ended {
            cx.outputs.push(Output::PlayEnd(clip));
        }
    }

    pub(crate) fn text_delta(
        &mut self,
        cx: &mut Context<'_>,
        conversation: &mut Conversation,
        place: &ContentLocation,
        delta: TranscriptDelta<'_>,
    ) {
        let Some(part) = self.wanted_part(place, delta.kind) else { return };
        time_text(cx, place);
        conversation.append_text(cx, &mut self.playback, part, delta.text);
        if delta.kind == PartKind::Transcript && cx.plan.plays_answers() {
            // A transcript may arrive before any audio.
            conversation.note_spoken(part.item_id);
        }
    }

    pub(crate) fn text_done(
        &mut self,
        cx: &mut Context<'_>,
        conversation: &mut Conversation,
        place: &ContentLocation,
        whole: TranscriptDelta<'_>,
    ) {
        let Some(part) = self.wanted_part(place, whole.kind) else { return };
        time_text(cx, place);
        conversation.set_text(cx, &mut self.playback, part, whole.text);
    }

    fn is_cut_off(&self, place: &ContentLocation) -> bool {
        self.sequencer.is_cut_off(place.response_id.as_deref())
    }

    /// Returns the part that an event concerns, unless its response was cut off.
    fn wanted_part<'a>(&self, place: &'a ContentLocation, kind: PartKind) -> Option<PartKey<'a>> {
        let item_id = place.item_id.as_deref()?;
        let content_index = place.content_index.unwrap_or(0);
        (!self.is_cut_off(place)).then_some(PartKey { item_id, content_index, kind })
    }

    pub(crate) fn item_added(
        &mut self,
        cx: &mut Context<'_>,
        conversation: &mut Conversation,
        place: &ContentLocation,
        item: &Item,
    ) {
        if !self.is_cut_off(place) {
            conversation.item_seen(cx, None, item);
        }
    }

    pub(crate) fn item_done(
        &mut self,
        cx: &mut Context<'_>,
        conversation: &mut Conversation,
        place: &ContentLocation,
        item: &Item,
    ) {
        if !self.is_cut_off(place) {
            self.finish_item(cx, conversation, item);
        }
    }

    pub(super) fn finish_item(&mut self, cx: &mut Context<'_>, conversation: &mut Conversation, item: &Item) {
        if let (Some(item_id), ItemBody::Message { role: Role::Assistant, content }) = (&item.id, &item.body)
        {
            for (index, part) in (0..).zip(content) {
                conversation.note_refusal(cx, &mut self.playback, item_id, index, part);
            }
            conversation.set_item(cx, &mut self.playback, item_id, content);
        }
    }

    /// Handles a finished part that is neither text nor a transcript.
    pub(crate) fn part_done(
        &mut self,
        cx: &mut Context<'_>,
        conversation: &mut Conversation,
        place: &ContentLocation,
        part: &ContentPart,
    ) {
        if let Some(item_id) = &place.item_id
            && !self.is_cut_off(place)
        {
            let index = place.content_index.unwrap_or(0);
            conversation.note_refusal(cx, &mut self.playback, item_id, index, part);
        }
    }

    /// Notes how much of a clip the device has taken.
    pub(crate) fn played(
        &mut self,
        cx: &mut Context<'_>,
        conversation: &mut Conversation,
        clip: ClipId,
        samples: u64,
    ) {
        let delay = if samples > 0 { cx.metering.latency().played(cx.now, clip) } else { None };
        cx.metering.show_delay(delay, cx.outputs);
        cx.metering.note_response(cx.now);
        if self.playback.advances(clip, samples) {
            conversation.note_progress(cx.now);
        }
        if let Some(item_id) = self.playback.played(clip, samples) {
            conversation.finish_if_played(cx, &mut self.playback, &item_id);
        }
        self.end_once_played(cx);
    }

    /// Notes how much of a clip was played before a flush.
    pub(crate) fn note_played(&mut self, clip: ClipId, samples: u64) {
        self.playback.played(clip, samples);
    }

    /// Cuts a flushed clip off, reports the truncation point to the server and ends its line.
    pub(crate) fn truncate(&mut self, cx: &mut Context<'_>, conversation: &mut Conversation, clip: ClipId) {
        let Some(item_id) = self.playback.item_of(clip) else { return };
        conversation.update_progress(&self.playback, &item_id);
        let Some((item_id, content_index, audio_end_ms)) = self.playback.cut(clip) else { return };
        // An item of an earlier server is sent to this one when its line ends.
        if cx.connection.is_on_server(&item_id) {
            let item_id = item_id.clone();
            let truncate = ClientBody::ItemTruncate { item_id, content_index, audio_end_ms };
            cx.send(truncate, RequestKind::Truncate);
        }
        conversation.cut_line(cx, &mut self.playback, &item_id);
    }

    /// Ends the written lines of a response that was cut off. Spoken ones end after the flush.
    pub(crate) fn abandon_lines(&mut self, cx: &mut Context<'_>, conversation: &mut Conversation) {
        conversation.abandon_lines(cx, &mut self.playback);
    }

    /// Ends every line at its playback position.
    pub(crate) fn close_lines(&mut self, cx: &mut Context<'_>, conversation: &mut Conversation) {
        conversation.close_lines(cx, &mut self.playback);
    }
}

fn time_text(cx: &mut Context<'_>, place: &ContentLocation) {
    let delay = cx.metering.latency().text_received(cx.now, place.response_id.as_deref());
    cx.metering.show_delay(delay, cx.outputs);
}
