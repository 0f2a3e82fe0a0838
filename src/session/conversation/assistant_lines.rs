//! Lines of the assistant: text, refusals and playback progress.

use crate::protocol::events::client::ClientBody;
use crate::protocol::events::item::{ContentPart, Role};
use crate::session::connection::requests::RequestKind;
use crate::session::context::Context;
use crate::session::conversation::Conversation;
use crate::session::conversation::transcript::{LineUpdate, PartKey, PartKind};
use crate::session::io::Notice;
use crate::session::io::info::InfoMessage;
use crate::session::plan::Mode;
use crate::session::response::playback::Playback;

#[expect(clippy::too_many_arguments, reason = "components are separate borrows of the session")]
impl Conversation {
    /// Begins a line of the server in use.
    pub(crate) fn begin_line(&mut self, item_id: &str) {
        self.transcript.begin(item_id);
        self.outcome.answered(item_id);
        self.history.begin(item_id, Role::Assistant);
    }

    pub(crate) fn note_spoken(&mut self, item_id: &str) {
        self.transcript.note_spoken(item_id);
    }

    pub(crate) fn append_text(
        &mut self,
        cx: &mut Context<'_>,
        playback: &mut Playback,
        part: PartKey<'_>,
        delta: &str,
    ) {
        self.begin_line(part.item_id);
        if self.transcript.append(part, delta) {
            self.show_line(cx, playback, part.item_id, LineUpdate::Partial);
        }
    }

    /// Sets the complete text of a part, or its next sentence.
    pub(crate) fn set_text(
        &mut self,
        cx: &mut Context<'_>,
        playback: &mut Playback,
        part: PartKey<'_>,
        text: &str,
    ) {
        self.begin_line(part.item_id);
        if self.transcript.set(part, text) {
            self.show_line(cx, playback, part.item_id, LineUpdate::Partial);
        }
    }

    /// Sets the texts of a finished item, for servers without deltas.
    pub(crate) fn set_item(
        &mut self,
        cx: &mut Context<'_>,
        playback: &mut Playback,
        item_id: &str,
        content: &[ContentPart],
    ) {
        self.begin_line(item_id);
        if self.transcript.set_item(item_id, content) {
            self.show_line(cx, playback, item_id, LineUpdate::Partial);
        }
    }

    /// Shows a refusal of the model as its text, and reports it once.
    pub(crate) fn note_refusal(
        &mut self,
        cx: &mut Context<'_>,
        playback: &mut Playback,
        item_id: &str,
        content_index: u32,
        part: &ContentPart,
    ) {
        let Some(text) = part.refusal() else { return };
        if !text.is_empty() {
            self.set_text(cx, playback, PartKey { item_id, content_index, kind: PartKind::Text }, text);
        }
        if self.outcome.refused(item_id) {
            cx.outputs.info(InfoMessage::Refused);
        }
    }

    /// Updates the playback progress of a line.
    pub(crate) fn update_progress(&mut self, playback: &Playback, item_id: &str) {
        self.transcript.set_progress(item_id, playback.progress(item_id));
    }

    /// Finishes a line once it is completely generated and played.
    pub(crate) fn finish_if_played(&mut self, cx: &mut Context<'_>, playback: &mut Playback, item_id: &str) {
        self.update_progress(playback, item_id);
        if self.transcript.is_over(item_id) {
            self.end_line(cx, playback, item_id, LineUpdate::Complete);
        }
    }

    /// Notes the end of a response: its lines are complete once played.
    pub(crate) fn complete_lines(&mut self, cx: &mut Context<'_>, playback: &mut Playback) {
        for item_id in self.transcript.unfinished() {
            self.transcript.complete(&item_id);
            self.history.answered_by(&item_id);
            self.finish_if_played(cx, playback, &item_id);
        }
    }

    /// Ends the written lines of a response that was cut off. Spoken ones end after the flush.
    pub(crate) fn abandon_lines(&mut self, cx: &mut Context<'_>, playback: &mut Playback) {
        self.release_captions(cx.plan, cx.outputs);
        for item_id in self.transcript.unfinished() {
            self.update_progress(playback, &item_id);
            if playback.progress(&item_id).unfinished == 0 {
                self.cut_line(cx, playback, &item_id);
            }
        }
    }

    /// Ends every line at its playback position.
    pub(crate) fn close_lines(&mut self, cx: &mut Context<'_>, playback: &mut Playback) {
        self.release_captions(cx.plan, cx.outputs);
        for item_id in self.transcript.unfinished() {
            self.update_progress(playback, &item_id);
            self.cut_line(cx, playback, &item_id);
        }
    }

    /// Ends a line at its playback position.
    pub(crate) fn cut_line(&mut self, cx: &mut Context<'_>, playback: &mut Playback, item_id: &str) {
        self.end_line(cx, playback, item_id, LineUpdate::Cut);
    }

    fn end_line(&mut self, cx: &mut Context<'_>, playback: &mut Playback, item_id: &str, update: LineUpdate) {
        self.show_line(cx, playback, item_id, update);
        playback.forget(item_id);
        self.transcript.finish(item_id);
    }

    /// Adds a text to the history, and sends it if the server in use cannot know it.
    pub(super) fn remember(&mut self, cx: &mut Context<'_>, item_id: &str, role: Role, text: &str) {
        if let Some(item) = self.history.set_text(item_id, role, text)
            && cx.plan.mode != Mode::Transcribe
        {
            cx.send(ClientBody::ItemCreate { previous_item_id: None, item }, RequestKind::ItemCreate);
        }
    }

    fn show_line(&mut self, cx: &mut Context<'_>, playback: &Playback, item_id: &str, update: LineUpdate) {
        let Some(line) = self.transcript.line(item_id, update, playback.rate()) else { return };
        if line.is_final {
            self.remember(cx, item_id, Role::Assistant, &line.text[..line.heard_bytes]);
        }
        // An item without text and audio (a function call) has no line.
        if !line.text.is_empty() || line.heard_ms.is_some() {
            self.outcome.shown(&line.text);
            cx.show(Notice::Assistant(line));
        }
    }
}
