//! Lines of the user: typed text and captions.

use std::time::Duration;

use crate::protocol::events::client::ClientBody;
use crate::protocol::events::error::ErrorInfo;
use crate::protocol::events::item::{ContentPart, Item, ItemBody, Role};
use crate::protocol::events::server::{Segment, TokenLogprob};
use crate::protocol::value::FieldUpdate;
use crate::session::connection::errors::describe;
use crate::session::connection::requests::RequestKind;
use crate::session::context::Context;
use crate::session::conversation::Conversation;
use crate::session::io::message::Attachment;
use crate::session::io::{MediaSpan, Notice, SpokenTime, UserUtterance};
use crate::session::outputs::Outputs;
use crate::session::plan::{InputEndAction, Mode, Plan};

impl Conversation {
    /// Sends a typed text as a user item.
    pub(crate) fn send_text(&mut self, cx: &mut Context<'_>, text: String) {
        self.outcome.typed();
        self.typed += 1;
        let item_id = cx.connection.own_item(&format!("rtv_text_{}", self.typed));
        let (mut sent, mut shown, mut images) = (cx.plan.worded(&text), text, Vec::new());
        for attachment in std::mem::take(&mut self.attachments) {
            match attachment {
                Attachment::Text(more) => {
                    for text in [&mut sent, &mut shown] {
                        text.push_str("\n\n");
                        text.push_str(&more);
                    }
                }
                Attachment::Image(image) => {
                    shown.push_str(&format!("\n[image: {}]", image.name));
                    images.push(image.part());
                }
            }
        }
        let _ = self.history.set_text(&item_id, Role::User, &sent);
        self.history.set_images(&item_id, images.clone());
        let content = images.into_iter().chain([ContentPart::InputText(sent)]).collect();
        let item = Item {
            id: Some(item_id.clone()),
            body: ItemBody::Message { role: Role::User, content },
            ..Item::default()
        };
        cx.show(Notice::User(UserUtterance {
            item_id: item_id.clone(),
            text: shown,
            is_final: true,
            after: None,
            spoken: None,
            has_failed: false,
        }));
        cx.send(ClientBody::ItemCreate { previous_item_id: None, item }, RequestKind::Message(item_id));
    }

    /// Notes that a spoken turn has become an item: its line has a place, its text follows or never arrives.
    pub(crate) fn user_item(&mut self, cx: &mut Context<'_>, item_id: &str, after: Option<String>) {
        let spoken = if self.captions.is_new_item(item_id) {
            self.captions.commit_answered();
            take_spoken_time(cx)
        } else {
            None
        };
        self.outcome.turn(item_id);
        self.history.begin(item_id, Role::User);
        let has_captions = matches!(cx.plan.settings.transcription, FieldUpdate::Set(_));
        if !has_captions || self.transcript.is_finished(item_id) {
            return;
        }
        let line = self.captions.place(item_id, after);
        self.captions.set_spoken(item_id, spoken);
        if let Some(line) = line {
            cx.show(Notice::User(line));
        }
    }

    /// Notes an item of the conversation.
    pub(crate) fn item_seen(&mut self, cx: &mut Context<'_>, previous: Option<String>, item: &Item) {
        let (Some(item_id), ItemBody::Message { role, content }) = (&item.id, &item.body) else { return };
        match role {
            Role::User => {
                let is_spoken = content.iter().any(|part| matches!(part, ContentPart::InputAudio { .. }));
                if is_spoken {
                    self.user_item(cx, item_id, previous);
                }
            }
            Role::Assistant => self.transcript.begin(item_id),
            Role::System | Role::Other(_) => {}
        }
    }

    pub(crate) fn caption_delta(&mut self, cx: &mut Context<'_>, item_id: &str, delta: &str) {
        if self.transcript.is_finished(item_id) {
            return;
        }
        if let Some(line) = self.captions.append(item_id, delta) {
            cx.show(Notice::User(line));
        }
    }

    /// Finishes the caption of a turn; returns whether it is the first one.
    pub(crate) fn caption_done(&mut self, cx: &mut Context<'_>, item_id: &str, transcript: &str) -> bool {
        if self.transcript.is_finished(item_id) {
            return false;
        }
        let text = self.captions.complete_text(item_id, transcript);
        self.outcome.captioned(item_id);
        self.remember(cx, item_id, Role::User, &text);
        if !text.is_empty() {
            cx.metering.note_activity(cx.now);
        }
        self.finish_caption(cx, item_id, text);
        true
    }

    /// Reports a failed caption. The turn itself continues.
    pub(crate) fn caption_failed(&mut self, cx: &mut Context<'_>, item_id: &str, error: ErrorInfo) {
        if !self.transcript.is_finished(item_id) {
            self.captions.fail(item_id);
            self.finish_caption(cx, item_id, String::new());
        }
        let message = format!("transcription failed: {}", describe(&error));
        cx.show(Notice::Error { code: error.code, message });
    }

    /// Notes a part of a caption with its speaker; it precedes the whole.
    pub(crate) fn caption_segment(&mut self, item_id: &str, segment: Segment) {
        if !self.transcript.is_finished(item_id) {
            self.captions.add_segment(item_id, segment);
        }
    }

    /// Notes the tokens and the languages of a complete caption; they precede its end.
    pub(crate) fn caption_described(
        &mut self,
        item_id: &str,
        logprobs: Vec<TokenLogprob>,
        languages: Vec<String>,
    ) {
        if !self.transcript.is_finished(item_id) {
            self.captions.describe(item_id, logprobs, languages);
        }
    }

    fn finish_caption(&mut self, cx: &mut Context<'_>, item_id: &str, text: String) {
        self.transcript.finish(item_id);
        // Some servers announce no item.
        let spoken = self.captions.spoken(item_id).or_else(|| take_spoken_time(cx));
        if let Some(spoken) = &spoken {
            cx.media.caption(spoken.span.end);
        }
        self.captions.set_spoken(item_id, spoken);
        let (line, released) = self.captions.finish(cx.now, item_id, text);
        if !released.iter().any(|line| line.item_id == item_id) {
            cx.show(Notice::User(line));
        }
        show_lines(released, cx.outputs);
    }

    /// Returns when the first turn begins that has no caption yet.
    pub(crate) fn first_uncaptioned(&self) -> Option<Duration> {
        self.captions.first_uncaptioned()
    }

    /// Returns the turn whose caption holds others for too long.
    pub(crate) fn overdue_turn(&self, now: Duration) -> Option<MediaSpan> {
        self.captions.overdue_turn(now)
    }

    /// Returns the first turn without a caption.
    pub(crate) fn missing_turn(&self) -> Option<MediaSpan> {
        self.captions.missing_turn()
    }

    /// Returns whether a turn has not been sent again, and notes that it is.
    pub(crate) fn send_again(&mut self, turn: MediaSpan) -> bool {
        self.captions.send_again(turn.start)
    }

    /// Gives up the captions that do not arrive, and reports each turn by its time.
    pub(crate) fn give_up_captions(&mut self, cx: &mut Context<'_>, until: Duration) {
        for turn in self.captions.give_up(cx.now, until) {
            cx.outputs.error(format!("no caption for {}", spoken_from_to(turn)));
        }
        show_lines(self.captions.release(cx.now), cx.outputs);
    }

    /// Shows captions that have waited for too long for those of earlier turns.
    pub(crate) fn tick(&mut self, cx: &mut Context<'_>) {
        if self.captions.deadline().is_some_and(|deadline| cx.now >= deadline.at) {
            show_lines(self.captions.release(cx.now), cx.outputs);
        }
    }

    /// Shows all finished captions: those of earlier turns no longer arrive. Of live speech, which cannot be sent
    /// again, the unfinished ones are shown too.
    pub(crate) fn release_captions(&mut self, plan: &Plan, outputs: &mut Outputs) {
        if plan.mode == Mode::Transcribe && plan.at_input_end == InputEndAction::GoOn {
            self.captions.finish_as_they_are();
        }
        show_lines(self.captions.take_finished(), outputs);
    }

    /// Gives up outstanding captions, because their server is gone. Unacknowledged audio is sent to the next
    /// server, and captioned there.
    pub(crate) fn abandon_captions(&mut self, plan: &Plan, outputs: &mut Outputs) {
        self.outcome.connection_lost();
        let lines = self.captions.abandon(plan.rewinds_input);
        for line in &lines {
            if !self.transcript.is_finished(&line.item_id) {
                self.transcript.finish(&line.item_id);
            }
        }
        show_lines(lines, outputs);
    }
}

/// Returns when a turn was spoken, for a message.
pub(crate) fn spoken_from_to(turn: MediaSpan) -> String {
    let clock = |time: Duration| {
        let seconds = time.as_secs();
        format!("{:02}:{:02}:{:02}", seconds / 3_600, seconds / 60 % 60, seconds % 60)
    };
    format!("the turn from {} to {}", clock(turn.start), clock(turn.end))
}

fn show_lines(lines: Vec<UserUtterance>, outputs: &mut Outputs) {
    for line in lines {
        outputs.show(Notice::User(line));
    }
}

/// Returns when the oldest turn was spoken that is no item yet, for captions only.
fn take_spoken_time(cx: &mut Context<'_>) -> Option<SpokenTime> {
    (cx.plan.mode == Mode::Transcribe).then(|| cx.media.take_turn())
}
