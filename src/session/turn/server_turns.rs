//! Turns that the server detects.

use crate::session::connection::requests::RequestKind;
use crate::session::context::{Context, Peers};
use crate::session::io::Notice;
use crate::session::plan::{Mode, Plan, TurnControl};
use crate::session::response::Responses;
use crate::session::turn::Turns;
use crate::session::turn::microphone::SpeechPhase;

impl Turns {
    pub(crate) fn speech_started(&mut self, peers: &mut Peers<'_, '_>, audio_ms: Option<u64>) {
        if ignores_server_vad(peers.cx, "speech_started") {
            return;
        }
        self.microphone.speech = SpeechPhase::Detected;
        self.microphone.unacked.begin_turn();
        self.microphone.note_activity(peers.cx.now);
        // The previous turn continues.
        peers.cx.metering.latency().abandon_unanswered();
        peers.cx.media.server_turn_started(audio_ms);
        peers.cx.show(Notice::SpeechStarted { audio_ms });
        if peers.cx.plan.server_interrupts() {
            self.interrupt_by_server(peers);
        }
    }

    pub(crate) fn speech_stopped(
        &mut self,
        cx: &mut Context<'_>,
        responses: &mut Responses,
        audio_ms: Option<u64>,
    ) {
        if ignores_server_vad(cx, "speech_stopped") {
            return;
        }
        self.speech_ended();
        cx.media.server_turn_stopped(audio_ms);
        cx.show(Notice::SpeechStopped { audio_ms });
        self.microphone.note_activity(cx.now);
        if is_answered_by_server(cx.plan) {
            cx.metering.latency().turn_detected(cx.now, audio_ms, responses.previous());
            responses.expect();
        }
    }

    fn speech_ended(&mut self) {
        if self.microphone.speech == SpeechPhase::Detected {
            self.microphone.end_turn();
        }
    }

    pub(crate) fn audio_committed(
        &mut self,
        peers: &mut Peers<'_, '_>,
        previous_item_id: Option<String>,
        item_id: Option<String>,
    ) {
        self.microphone.note_activity(peers.cx.now);
        // Some servers omit `speech_stopped`.
        if self.microphone.speech == SpeechPhase::Detected && is_answered_by_server(peers.cx.plan) {
            peers.cx.metering.latency().turn_committed(peers.cx.now, peers.responses.previous());
        }
        peers.cx.metering.latency().committed(peers.cx.now);
        peers.cx.connection.acknowledge(&RequestKind::Commit);
        self.speech_ended();
        if let Some(item_id) = item_id {
            peers.conversation.user_item(peers.cx, &item_id, previous_item_id);
        }
        let is_requested =
            peers.cx.plan.turn_control() == TurnControl::Server && !peers.cx.plan.server_answers();
        if is_requested && peers.cx.plan.mode == Mode::Talk {
            peers.responses.request(peers.cx);
        }
    }

    /// Notes that the caption of a turn failed; without responses nothing else acknowledges it.
    pub(crate) fn caption_failed(&mut self, plan: &Plan) {
        if plan.mode == Mode::Transcribe {
            self.acknowledge_audio();
        }
    }
}

/// Some servers detect turns although that is turned off; their events must not end a turn that is held here.
fn ignores_server_vad(cx: &mut Context<'_>, event: &str) -> bool {
    let is_ignored = cx.plan.turn_control() != TurnControl::Server;
    if is_ignored {
        cx.outputs.debug(format!("ignored {event}: turns are detected locally"));
    }
    is_ignored
}

fn is_answered_by_server(plan: &Plan) -> bool {
    plan.mode == Mode::Talk && plan.server_answers()
}
