//! What was measured, or why it was not.

use std::time::Duration;

use crate::session::io::delay::percentile;

/// Measured quantities, in report order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Metric {
    /// How old a sample of the microphone is when it is handed to the socket, beyond the youngest.
    MicrophoneToSocket,
    /// From the first sound of an answer out of the socket to its first sample at the speaker's device.
    SocketToSpeaker,
    /// From an order to be silent to the last sample that the device takes.
    StopToSilence,
    /// From sound that is handed over to be played until what the microphone hears of it is at the socket.
    Loop,
    /// The endpoint's name is looked up.
    Lookup,
    /// TCP connects, by a proxy where there is one.
    Connect,
    /// TLS is agreed.
    Tls,
    /// HTTP becomes a WebSocket.
    Upgrade,
    /// From the open socket to `session.created`.
    Created,
    /// From `session.update` to `session.updated`.
    Updated,
    /// From `response.create` to `response.created`.
    Response,
    /// From `response.create` to the first piece of the answer.
    FirstByte,
    /// From `response.create` to the first piece of its sound.
    FirstAudio,
}

impl Metric {
    /// Returns all, in order.
    pub(super) fn all() -> [Self; 13] {
        [
            Self::MicrophoneToSocket,
            Self::SocketToSpeaker,
            Self::StopToSilence,
            Self::Loop,
            Self::Lookup,
            Self::Connect,
            Self::Tls,
            Self::Upgrade,
            Self::Created,
            Self::Updated,
            Self::Response,
            Self::FirstByte,
            Self::FirstAudio,
        ]
    }

    /// Returns whether it belongs to the endpoint and the way there, not to this machine.
    pub(super) fn is_of_endpoint(self) -> bool {
        match self {
            Self::MicrophoneToSocket | Self::SocketToSpeaker | Self::StopToSilence | Self::Loop => false,
            Self::Lookup
            | Self::Connect
            | Self::Tls
            | Self::Upgrade
            | Self::Created
            | Self::Updated
            | Self::Response
            | Self::FirstByte
            | Self::FirstAudio => true,
        }
    }

    /// Returns its name for programs.
    pub(super) fn key(self) -> &'static str {
        match self {
            Self::MicrophoneToSocket => "microphone_to_socket",
            Self::SocketToSpeaker => "socket_to_speaker",
            Self::StopToSilence => "stop_to_silence",
            Self::Loop => "loop",
            Self::Lookup => "lookup",
            Self::Connect => "connect",
            Self::Tls => "tls",
            Self::Upgrade => "upgrade",
            Self::Created => "session_created",
            Self::Updated => "session_updated",
            Self::Response => "response_created",
            Self::FirstByte => "first_byte",
            Self::FirstAudio => "first_audio",
        }
    }

    /// Returns its name for people.
    pub(super) fn label(self) -> &'static str {
        match self {
            Self::MicrophoneToSocket => "microphone to socket",
            Self::SocketToSpeaker => "socket to speaker",
            Self::StopToSilence => "stop to silence",
            Self::Loop => "speaker to microphone to socket",
            Self::Lookup => "name looked up",
            Self::Connect => "connected",
            Self::Tls => "encrypted",
            Self::Upgrade => "WebSocket",
            Self::Created => "session.created",
            Self::Updated => "session.updated",
            Self::Response => "question to response.created",
            Self::FirstByte => "question to first byte",
            Self::FirstAudio => "question to first sound",
        }
    }
}

/// What came of a measurement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum MeasurementResult {
    /// These times; at least one.
    Times(Vec<Duration>),
    /// Nothing, for this reason. It may be the words of an endpoint.
    Not(String),
}

/// Figures of a set of times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct DurationStats {
    pub(super) count: usize,
    pub(super) p50: Duration,
    pub(super) p95: Duration,
    pub(super) p99: Duration,
    pub(super) most: Duration,
}

impl MeasurementResult {
    /// Returns the times, or `why` there are none.
    pub(super) fn of(times: Vec<Duration>, why: &str) -> Self {
        if times.is_empty() { Self::Not(why.to_owned()) } else { Self::Times(times) }
    }

    /// Returns the figures, where there are times.
    pub(super) fn figures(&self) -> Option<DurationStats> {
        let Self::Times(times) = self else { return None };
        Some(DurationStats {
            count: times.len(),
            p50: percentile(times, 50)?,
            p95: percentile(times, 95)?,
            p99: percentile(times, 99)?,
            most: percentile(times, 100)?,
        })
    }
}

/// All that was found.
#[derive(Debug)]
pub(super) struct Findings {
    /// The endpoint, as the user may know it.
    pub(super) endpoint: Option<String>,
    /// Why the endpoint was not measured to the end. It may be the words of an endpoint.
    pub(super) failed: Option<String>,
    rows: Vec<(Metric, MeasurementResult)>,
}

impl Findings {
    /// Makes room for what is found of this machine and of `endpoint`.
    pub(super) fn of(endpoint: Option<String>) -> Self {
        Self { endpoint, failed: None, rows: Vec::new() }
    }

    /// Notes what came of a measurement; the first word stands.
    pub(super) fn note(&mut self, what: Metric, measured: MeasurementResult) {
        if self.get(what).is_none() {
            self.rows.push((what, measured));
        }
    }

    /// Returns what came of a measurement; nothing where there is no such step.
    pub(super) fn get(&self, what: Metric) -> Option<&MeasurementResult> {
        self.rows.iter().find(|(known, _)| *known == what).map(|(_, measured)| measured)
    }

    /// Returns all that there is, in order.
    pub(super) fn rows(&self) -> impl Iterator<Item = (Metric, &MeasurementResult)> {
        Metric::all().into_iter().filter_map(|what| Some((what, self.get(what)?)))
    }

    /// Returns the usual time of a step.
    pub(super) fn usual(&self, what: Metric) -> Option<Duration> {
        Some(self.get(what)?.figures()?.p50)
    }
}
