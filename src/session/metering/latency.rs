//! Measures how long answers take: from the end of a turn to the first sample that the device takes.
//!
//! A turn that goes on, an answer that is interrupted or lost and an event that does not come make no
//! record; none is made of the events of another answer.

use std::collections::VecDeque;
use std::time::Duration;

use crate::dsp::frame::{ClipId, SampleRate};
use crate::protocol::events::response::ResponseStatus;
use crate::protocol::settings::Modality;
use crate::session::Session;
use crate::session::io::Notice;
use crate::session::io::delay::{Delay, DelayOrigin, DelayReport, DelayStats, Delays};
use crate::session::plan::Plan;

/// How many frames of the microphone are remembered with the time they were sent: ten seconds of frames
/// of 10 ms. An endpoint that says later where a turn ended is not believed.
const FRAMES_REMEMBERED: usize = 1_000;

/// The turn that is being answered, and what was measured before.
#[derive(Debug)]
pub(crate) struct LatencyTracker {
    /// Whether answers are meant to be heard.
    output: Option<Modality>,
    sent: SentAudio,
    turn: Option<PendingTurn>,
    /// When the endpoint last found the end of a turn: the next one ends later.
    found: Duration,
    answered: Vec<Duration>,
    here: Vec<Duration>,
}

/// A turn whose answer has not begun for the user.
#[derive(Debug)]
struct PendingTurn {
    from: DelayOrigin,
    begin: Duration,
    asker: Initiator,
    speech_stopped: Option<Duration>,
    committed: Option<Duration>,
    asked: Option<Duration>,
    /// The answer, once one has begun.
    answer: AwaitedResponse,
    created: Option<Duration>,
    first_byte: Option<Duration>,
    first_audio: Option<(Duration, ClipId)>,
}

/// Which response answers a turn.
#[derive(Debug)]
enum AwaitedResponse {
    /// The next that begins and is not the one that was there before.
    Awaited(PreviousResponse),
    /// This one; its name may be unknown.
    Begun(Option<String>),
}

/// A response that was being given when a turn ended.
#[derive(Debug)]
pub(crate) enum PreviousResponse {
    /// There was none.
    None,
    /// This one.
    Named(String),
    /// One whose name is not known: no other can be told from it.
    Unnamed,
}

/// Who begins the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Initiator {
    /// The server, by itself.
    Server,
    /// This side, by `response.create`.
    Us,
}

/// When which sample was written, on the connection in use.
#[derive(Debug)]
struct SentAudio {
    rate: SampleRate,
    samples: u64,
    /// The number of samples after a frame, and when that frame was written.
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

    /// Returns when the sound was written that ends `ms` after the beginning of the connection's sound.
    fn written_at(&self, ms: u64) -> Option<Duration> {
        let end = self.rate.samples(Duration::from_millis(ms));
        let first = self.frames.partition_point(|(after, _)| *after < end);
        // What lies in or before the first frame that is remembered may have been written any time before.
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
            found: Duration::ZERO,
            answered: Vec::new(),
            here: Vec::new(),
        }
    }

    /// A frame of the microphone was written.
    pub(crate) fn wrote(&mut self, now: Duration, samples: usize) {
        self.sent.push(now, samples);
    }

    /// What follows goes to a server that has heard nothing yet. An answer of the one before that has begun
    /// to come may still be heard.
    pub(crate) fn new_server(&mut self) {
        self.sent.samples = 0;
        self.sent.frames.clear();
        self.abandon_unanswered();
    }

    /// The answer stopped coming, or the user goes on: what has begun to come may still be heard.
    pub(crate) fn abandon_unanswered(&mut self) {
        self.turn.take_if(|turn| turn.first_audio.is_none());
    }

    /// The user does not want to hear the answer.
    pub(crate) fn abandon(&mut self) {
        self.turn = None;
    }

    /// The endpoint found the end of a turn that it answers by itself, at `audio_ms` of what was written.
    pub(crate) fn turn_found(&mut self, now: Duration, audio_ms: Option<u64>, older: PreviousResponse) {
        let written_at = audio_ms.and_then(|ms| self.sent.written_at(ms));
        // An endpoint that counts otherwise names a place before this turn, or after all that was written.
        let end = written_at.filter(|at| *at >= self.found);
        self.found = now;
        let (from, begin) = end.map_or((DelayOrigin::SpeechStopped, now), |end| (DelayOrigin::TurnEnd, end));
        let turn = PendingTurn::begin(from, begin, (Initiator::Server, older));
        self.turn = Some(PendingTurn { speech_stopped: Some(now), ..turn });
    }

    /// The endpoint has committed a turn, and left out to say that it is over.
    pub(crate) fn turn_found_by_commit(&mut self, now: Duration, older: PreviousResponse) {
        self.found = now;
        self.turn = Some(PendingTurn::begin(DelayOrigin::Commit, now, (Initiator::Server, older)));
    }

    /// The endpoint has committed the turn.
    pub(crate) fn committed(&mut self, now: Duration) {
        if let Some(turn) = &mut self.turn {
            turn.committed.get_or_insert(now);
        }
    }

    /// The user ended a turn by hand or has typed; an answer is asked for next.
    pub(crate) fn turn_ended(&mut self, now: Duration, from: DelayOrigin) {
        let committed = match from {
            DelayOrigin::Commit => Some(now),
            DelayOrigin::Typed | DelayOrigin::TurnEnd | DelayOrigin::SpeechStopped => None,
        };
        self.turn = Some(PendingTurn {
            committed,
            ..PendingTurn::begin(from, now, (Initiator::Us, PreviousResponse::Unnamed))
        });
    }

    /// This side heard the end of the turn that it has just committed: nobody spoke since `end`.
    pub(crate) fn turn_heard(&mut self, now: Duration, end: Duration) {
        if let Some(turn) = self.turn.as_mut().filter(|turn| turn.committed == Some(now)) {
            (turn.from, turn.begin, turn.speech_stopped) = (DelayOrigin::TurnEnd, end, Some(now));
        }
    }

    /// Returns the length of what was written on the connection in use, in milliseconds.
    pub(crate) fn written_ms(&self) -> u64 {
        u64::try_from(self.sent.rate.duration(self.sent.samples).as_millis()).unwrap_or(u64::MAX)
    }

    /// `response.create` was written.
    pub(crate) fn asked(&mut self, now: Duration) {
        let awaits = |turn: &&mut PendingTurn| {
            matches!((turn.asker, &turn.answer), (Initiator::Us, AwaitedResponse::Awaited(_)))
        };
        if let Some(turn) = self.turn.as_mut().filter(awaits) {
            turn.asked = Some(now);
            // Nothing is asked for while another answer is being given.
            turn.answer = AwaitedResponse::Awaited(PreviousResponse::None);
        }
    }

    /// What was asked for is not made yet, because another is: it will be asked for again.
    pub(crate) fn not_asked(&mut self) {
        if let Some(turn) = self.turn.as_mut().filter(|turn| turn.asker == Initiator::Us) {
            turn.asked = None;
            turn.answer = AwaitedResponse::Awaited(PreviousResponse::Unnamed);
        }
    }

    /// `response.created` came.
    pub(crate) fn created(&mut self, now: Duration, id: Option<&str>) {
        if let Some(turn) = self.turn_of(id) {
            turn.created.get_or_insert(now);
        }
    }

    /// A piece of an answer came; returns the delay where that is all that is waited for.
    fn text(&mut self, now: Duration, id: Option<&str>) -> Option<Delay> {
        let turn = self.turn_of(id)?;
        turn.first_byte.get_or_insert(now);
        match self.output {
            Some(Modality::Text) => self.written(),
            Some(Modality::Audio) | None => None,
        }
    }

    fn sound(&mut self, now: Duration, id: Option<&str>, clip: ClipId) {
        if let Some(turn) = self.turn_of(id) {
            turn.first_byte.get_or_insert(now);
            turn.first_audio.get_or_insert((now, clip));
        }
    }

    /// The device has taken something of a clip.
    fn played(&mut self, now: Duration, clip: ClipId) -> Option<Delay> {
        let turn = self.turn.take_if(|turn| turn.first_audio.is_some_and(|(_, first)| first == clip))?;
        turn.delay(Some(now))
    }

    /// The response is over: an answer without sound was written, or was none.
    fn done(&mut self, id: Option<&str>, status: Option<&ResponseStatus>) -> Option<Delay> {
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
            | None => self.written(),
        }
    }

    fn written(&mut self) -> Option<Delay> {
        self.turn.take()?.delay(None)
    }

    /// Returns the turn that response `id` answers; the first that may be its answer is.
    fn turn_of(&mut self, id: Option<&str>) -> Option<&mut PendingTurn> {
        let turn = self.turn.as_mut()?;
        if turn.may_be_answered_by(id) {
            turn.answer = AwaitedResponse::Begun(id.map(str::to_owned));
        }
        self.turn.as_mut().filter(|turn| turn.is_answered_by(id))
    }

    fn report(&mut self, last: Delay) -> Option<DelayReport> {
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
    fn begin(from: DelayOrigin, begin: Duration, (asker, older): (Initiator, PreviousResponse)) -> Self {
        Self {
            from,
            begin,
            asker,
            speech_stopped: None,
            committed: None,
            asked: None,
            answer: AwaitedResponse::Awaited(older),
            created: None,
            first_byte: None,
            first_audio: None,
        }
    }

    fn may_be_answered_by(&self, id: Option<&str>) -> bool {
        match &self.answer {
            AwaitedResponse::Begun(_) | AwaitedResponse::Awaited(PreviousResponse::Unnamed) => false,
            // What has no name may belong to it.
            AwaitedResponse::Awaited(PreviousResponse::Named(older)) => id.is_some_and(|id| id != older),
            AwaitedResponse::Awaited(PreviousResponse::None) => true,
        }
    }

    fn is_answered_by(&self, id: Option<&str>) -> bool {
        match (&self.answer, id) {
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

impl Session {
    /// A piece of the text of an answer that is wanted came.
    pub(crate) fn time_text(&mut self, now: Duration, response_id: Option<&str>) {
        let delay = self.latency.text(now, response_id);
        self.tell_delay(delay);
    }

    /// A piece of the sound of an answer that is wanted came.
    pub(crate) fn time_sound(&mut self, now: Duration, response_id: Option<&str>, clip: ClipId) {
        self.latency.sound(now, response_id, clip);
    }

    /// The device has taken `samples` of a clip.
    pub(crate) fn time_played(&mut self, now: Duration, clip: ClipId, samples: u64) {
        let delay = if samples > 0 { self.latency.played(now, clip) } else { None };
        self.tell_delay(delay);
    }

    /// A response that was wanted is over.
    pub(crate) fn time_done(&mut self, response_id: Option<&str>, status: Option<&ResponseStatus>) {
        let delay = self.latency.done(response_id, status);
        self.tell_delay(delay);
    }

    fn tell_delay(&mut self, delay: Option<Delay>) {
        if let Some(report) = delay.and_then(|delay| self.latency.report(delay)) {
            self.show(Notice::Delay(Box::new(report)));
        }
    }
}
