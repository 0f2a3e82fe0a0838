//! Response latency: from the end of a turn to the first sample that the device takes.
//!
//! Turns that continue and responses that are interrupted or lost are not recorded; events of other responses
//! are ignored.

use std::collections::VecDeque;
use std::time::Duration;

use crate::dsp::frame::{ClipId, SampleRate};
use crate::protocol::events::response::ResponseStatus;
use crate::protocol::settings::Modality;
use crate::session::io::delay::{Delay, DelayOrigin, DelayReport, DelayStats, Delays};
use crate::session::plan::Plan;

/// Number of sent frames whose time is remembered: ten seconds of 10 ms frames. An endpoint that reports the
/// end of a turn later is not trusted.
const FRAMES_REMEMBERED: usize = 1_000;

/// Latency of the current turn and of all before.
#[derive(Debug)]
pub(crate) struct LatencyTracker {
    /// Whether responses are spoken or written.
    output: Option<Modality>,
    sent: SentAudio,
    turn: Option<PendingTurn>,
    /// When the endpoint last detected the end of a turn; the next one ends later.
    detected_at: Duration,
    answered: Vec<Duration>,
    here: Vec<Duration>,
}

/// A turn whose response has not begun for the user.
#[derive(Debug)]
struct PendingTurn {
    from: DelayOrigin,
    begin: Duration,
    initiator: Initiator,
    speech_stopped: Option<Duration>,
    committed: Option<Duration>,
    asked: Option<Duration>,
    response: AwaitedResponse,
    created: Option<Duration>,
    first_byte: Option<Duration>,
    first_audio: Option<(Duration, ClipId)>,
}

/// Response to a turn.
#[derive(Debug)]
enum AwaitedResponse {
    /// The next that begins, other than the previous one.
    Awaited(PreviousResponse),
    /// This one; its id may be unknown.
    Begun(Option<String>),
}

/// Response that was in progress when a turn ended.
#[derive(Debug)]
pub(crate) enum PreviousResponse {
    None,
    Named(String),
    /// Its id is unknown, so no other can be distinguished from it.
    Unnamed,
}

/// Who requests the response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Initiator {
    /// The server, after each turn.
    Server,
    /// The client, by `response.create`.
    Client,
}

/// Audio sent on the connection in use, with its times.
#[derive(Debug)]
struct SentAudio {
    rate: SampleRate,
    samples: u64,
    /// Number of samples up to the end of a frame, and when it was sent.
    frames: VecDeque<(u64, Duration)>,
}

impl SentAudio {
    fn push(&mut self, now: Duration, samples: usize) {
        self.samples += samples as u64;
        if self.frames.len() == FRAMES_REMEMBERED {
            self.frames.pop_front();
        }
        self.frames.push_back((self.samples, now));
    }

    /// Returns when the audio at `ms` of the connection was sent.
    fn sent_at(&self, ms: u64) -> Option<Duration> {
        let end = self.rate.samples(Duration::from_millis(ms));
        let first = self.frames.partition_point(|(after, _)| *after < end);
        // The time of anything up to the first remembered frame is unknown.
        let known = first > 0 || self.frames.len() < FRAMES_REMEMBERED;
        self.frames.get(first).filter(|_| known && end > 0).map(|(_, at)| *at)
    }
}

impl LatencyTracker {
    pub(crate) fn new(plan: &Plan) -> Self {
        Self {
            output: plan.settings.output,
            sent: SentAudio { rate: plan.input_rate(), samples: 0, frames: VecDeque::new() },
            turn: None,
            detected_at: Duration::ZERO,
            answered: Vec::new(),
            here: Vec::new(),
        }
    }

    /// Notes a sent frame of the microphone.
    pub(crate) fn audio_sent(&mut self, now: Duration, samples: usize) {
        self.sent.push(now, samples);
    }

    /// Starts over with a new server. A response whose audio has begun may still be played.
    pub(crate) fn new_server(&mut self) {
        self.sent.samples = 0;
        self.sent.frames.clear();
        self.abandon_unanswered();
    }

    /// Abandons a response without audio, because it stalled or the turn continues.
    pub(crate) fn abandon_unanswered(&mut self) {
        self.turn.take_if(|turn| turn.first_audio.is_none());
    }

    /// Abandons the response, because it was interrupted.
    pub(crate) fn abandon(&mut self) {
        self.turn = None;
    }

    /// Notes the end of a turn that the endpoint detected at `audio_ms` of the sent audio.
    pub(crate) fn turn_detected(&mut self, now: Duration, audio_ms: Option<u64>, previous: PreviousResponse) {
        let sent_at = audio_ms.and_then(|ms| self.sent.sent_at(ms));
        // An endpoint that counts differently reports a time before this turn, or beyond the sent audio.
        let end = sent_at.filter(|at| *at >= self.detected_at);
        self.detected_at = now;
        let (from, begin) = end.map_or((DelayOrigin::SpeechStopped, now), |end| (DelayOrigin::TurnEnd, end));
        let turn = PendingTurn::begin(from, begin, (Initiator::Server, previous));
        self.turn = Some(PendingTurn { speech_stopped: Some(now), ..turn });
    }

    /// Notes a turn that the endpoint committed without `speech_stopped`.
    pub(crate) fn turn_committed(&mut self, now: Duration, previous: PreviousResponse) {
        self.detected_at = now;
        self.turn = Some(PendingTurn::begin(DelayOrigin::Commit, now, (Initiator::Server, previous)));
    }

    /// Notes a commit of the endpoint.
    pub(crate) fn committed(&mut self, now: Duration) {
        if let Some(turn) = &mut self.turn {
            turn.committed.get_or_insert(now);
        }
    }

    /// Notes the end of a turn by hand or of typed text; a request follows.
    pub(crate) fn turn_ended(&mut self, now: Duration, from: DelayOrigin) {
        let committed = match from {
            DelayOrigin::Commit => Some(now),
            DelayOrigin::Typed | DelayOrigin::TurnEnd | DelayOrigin::SpeechStopped => None,
        };
        self.turn = Some(PendingTurn {
            committed,
            ..PendingTurn::begin(from, now, (Initiator::Client, PreviousResponse::Unnamed))
        });
    }

    /// Notes the end of speech in the turn that was just committed here.
    pub(crate) fn speech_ended(&mut self, now: Duration, end: Duration) {
        if let Some(turn) = self.turn.as_mut().filter(|turn| turn.committed == Some(now)) {
            (turn.from, turn.begin, turn.speech_stopped) = (DelayOrigin::TurnEnd, end, Some(now));
        }
    }

    /// Returns the length of the audio sent on the connection in use, in milliseconds.
    pub(crate) fn sent_ms(&self) -> u64 {
        u64::try_from(self.sent.rate.duration(self.sent.samples).as_millis()).unwrap_or(u64::MAX)
    }

    /// Notes `response.create`.
    pub(crate) fn requested(&mut self, now: Duration) {
        let awaits = |turn: &&mut PendingTurn| {
            matches!((turn.initiator, &turn.response), (Initiator::Client, AwaitedResponse::Awaited(_)))
        };
        if let Some(turn) = self.turn.as_mut().filter(awaits) {
            turn.asked = Some(now);
            // No request is sent while another response is in progress.
            turn.response = AwaitedResponse::Awaited(PreviousResponse::None);
        }
    }

    /// Notes that the request was refused because of another response; it is sent again later.
    pub(crate) fn request_refused(&mut self) {
        if let Some(turn) = self.turn.as_mut().filter(|turn| turn.initiator == Initiator::Client) {
            turn.asked = None;
            turn.response = AwaitedResponse::Awaited(PreviousResponse::Unnamed);
        }
    }

    /// Notes `response.created`.
    pub(crate) fn created(&mut self, now: Duration, id: Option<&str>) {
        if let Some(turn) = self.turn_of(id) {
            turn.created.get_or_insert(now);
        }
    }

    /// Notes text of a response; returns the delay if the response is written.
    pub(crate) fn text_received(&mut self, now: Duration, id: Option<&str>) -> Option<Delay> {
        let turn = self.turn_of(id)?;
        turn.first_byte.get_or_insert(now);
        match self.output {
            Some(Modality::Text) => self.finish_written(),
            Some(Modality::Audio) | None => None,
        }
    }

    /// Notes audio of a response.
    pub(crate) fn audio_received(&mut self, now: Duration, id: Option<&str>, clip: ClipId) {
        if let Some(turn) = self.turn_of(id) {
            turn.first_byte.get_or_insert(now);
            turn.first_audio.get_or_insert((now, clip));
        }
    }

    /// Notes that the device has taken samples of a clip; returns the delay if they are the first.
    pub(crate) fn played(&mut self, now: Duration, clip: ClipId) -> Option<Delay> {
        let turn = self.turn.take_if(|turn| turn.first_audio.is_some_and(|(_, first)| first == clip))?;
        turn.delay(Some(now))
    }

    /// Notes the end of a response; returns the delay if it had no audio.
    pub(crate) fn response_done(
        &mut self,
        id: Option<&str>,
        status: Option<&ResponseStatus>,
    ) -> Option<Delay> {
        let turn = self.turn.as_ref()?;
        if !turn.is_answered_by(id) || turn.first_audio.is_some() {
            return None;
        }
        match status {
            Some(ResponseStatus::Failed | ResponseStatus::Cancelled) => {
                self.abandon();
                None
            }
            Some(
                ResponseStatus::Completed
                | ResponseStatus::Incomplete
                | ResponseStatus::InProgress
                | ResponseStatus::Other(_),
            )
            | None => self.finish_written(),
        }
    }

    fn finish_written(&mut self) -> Option<Delay> {
        self.turn.take()?.delay(None)
    }

    /// Returns the turn that response `id` belongs to; the first possible response is taken.
    fn turn_of(&mut self, id: Option<&str>) -> Option<&mut PendingTurn> {
        let turn = self.turn.as_mut()?;
        if turn.may_be_answered_by(id) {
            turn.response = AwaitedResponse::Begun(id.map(str::to_owned));
        }
        self.turn.as_mut().filter(|turn| turn.is_answered_by(id))
    }

    /// Adds the delay of a response; returns the statistics.
    pub(crate) fn report(&mut self, last: Delay) -> Option<DelayReport> {
        self.answered.push(last.answered());
        self.here.extend(last.here());
        let all = Delays {
            answers: self.answered.len(),
            answered: DelayStats::of(&self.answered)?,
            here: DelayStats::of(&self.here),
        };
        Some(DelayReport { last, all })
    }
}

impl PendingTurn {
    fn begin(
        from: DelayOrigin,
        begin: Duration,
        (initiator, previous): (Initiator, PreviousResponse),
    ) -> Self {
        Self {
            from,
            begin,
            initiator,
            speech_stopped: None,
            committed: None,
            asked: None,
            response: AwaitedResponse::Awaited(previous),
            created: None,
            first_byte: None,
            first_audio: None,
        }
    }

    fn may_be_answered_by(&self, id: Option<&str>) -> bool {
        match &self.response {
            AwaitedResponse::Begun(_) | AwaitedResponse::Awaited(PreviousResponse::Unnamed) => false,
            // A response without an id may be the previous one.
            AwaitedResponse::Awaited(PreviousResponse::Named(previous)) => {
                id.is_some_and(|id| id != previous)
            }
            AwaitedResponse::Awaited(PreviousResponse::None) => true,
        }
    }

    fn is_answered_by(&self, id: Option<&str>) -> bool {
        match (&self.response, id) {
            (AwaitedResponse::Awaited(_), _) => false,
            (AwaitedResponse::Begun(Some(known)), Some(id)) => known == id,
            (AwaitedResponse::Begun(_), _) => true,
        }
    }

    fn delay(self, first_sample: Option<Duration>) -> Option<Delay> {
        let since = |at: Duration| at.saturating_sub(self.begin);
        Some(Delay {
            from: self.from,
            speech_stopped: self.speech_stopped.map(since),
            committed: self.committed.map(since),
            asked: self.asked.map(since),
            created: self.created.map(since),
            first_byte: since(self.first_byte?),
            first_audio: self.first_audio.map(|(at, _)| since(at)),
            first_sample: first_sample.map(since),
        })
    }
}
