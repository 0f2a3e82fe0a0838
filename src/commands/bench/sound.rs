//! Audio benchmark: microphone, socket, speaker, and the loop between the devices.

use std::time::Duration;

use tokio::sync::broadcast::error::RecvError;

use crate::audio::Audio;
use crate::audio::api::{AudioEvent, DeviceRequest};
use crate::audio::options::{AudioOptions, AudioSink, AudioSource};
use crate::call::clock::Clock;
use crate::call::connect::connect;
use crate::call::driver::audio_start::start_audio;
use crate::commands::bench::asking::{Questions, ask};
use crate::commands::bench::findings::{Findings, MeasurementResult, Metric};
use crate::commands::bench::nearby::LocalEndpoint;
use crate::dsp::chirp::{chirp, find};
use crate::dsp::frame::{ClipId, Frame, SampleRate};
use crate::error::{Error, Kind};
use crate::net::dial::stream::NetStream;
use crate::net::ws::connection::{WebSocketClient, WebSocketEvent};
use crate::protocol::dialect::Dialect;
use crate::protocol::encode;
use crate::protocol::events::client::ClientBody;
use crate::session::io::Handshake;
use crate::session::plan::Plan;

/// Run time of devices before measurement.
const WARM_UP: Duration = Duration::from_millis(700);
/// Recording time of the microphone.
const LISTENING: Duration = Duration::from_secs(2);
/// Repetitions of each measurement.
const TIMES: u16 = 8;
/// Length of a chirp.
const CHIRP: Duration = Duration::from_millis(40);
/// Longest loop delay; a Bluetooth headset takes about 300 ms.
const LONGEST_LOOP: Duration = Duration::from_millis(450);
/// Longest time for the speaker to become silent.
const LONGEST_STOP: Duration = Duration::from_millis(500);
/// Chirps that must be detected for a valid loop.
const LEAST_LOOPS: usize = 4;
/// Resolution of sample ages.
const STEP: Duration = Duration::from_millis(1);
/// Frames that each one is compared with: half a second of 10 ms frames.
const COMPARED: usize = 50;

/// Measures the devices of `options`, alone and with a local endpoint.
///
/// # Errors
///
/// If a named device or the local socket cannot be used.
pub(super) async fn measure(
    options: &AudioOptions,
    plan: &Plan,
    clock: Clock,
    findings: &mut Findings,
) -> Result<(), Error> {
    let mut options = options.clone();
    // Each device is opened alone first, so that a missing one does not hide the other.
    let alone = AudioOptions { output: AudioSink::Null, ..options.clone() };
    if let Some(why) = missing(&alone, "--input is null").await? {
        for what in [Metric::MicrophoneToSocket, Metric::Loop] {
            findings.note(what, MeasurementResult::Not(why.clone()));
        }
        options.input = AudioSource::Null;
    }
    let alone = AudioOptions { input: AudioSource::Null, ..options.clone() };
    if let Some(why) = missing(&alone, "--output is null").await? {
        for what in [Metric::SocketToSpeaker, Metric::StopToSilence, Metric::Loop] {
            findings.note(what, MeasurementResult::Not(why.clone()));
        }
        options.output = AudioSink::Null;
    }
    if (&options.input, &options.output) == (&AudioSource::Null, &AudioSink::Null) {
        return Ok(());
    }
    let nearby = LocalEndpoint::start()?;
    if options.output != AudioSink::Null {
        let sound = AudioOptions { input: AudioSource::Null, ..options.clone() };
        let questions = Questions { count: u32::from(TIMES), sound };
        let delays = ask(nearby.target()?, plan.clone(), (questions, clock)).await?;
        let here = delays.iter().filter_map(|delay| delay.here()).collect();
        findings.note(Metric::SocketToSpeaker, MeasurementResult::of(here, "the endpoint sent nothing"));
    }
    let link = connect(&nearby.target()?, Handshake::Default).await?.link;
    let Some(audio) = start_audio(Some(options.clone())).await? else { return Ok(()) };
    let mut path = AudioPath::new((audio, link, clock), options);
    path.measure().await.map_err(|why| Error::say(Kind::Device, why))?;
    path.record(findings);
    Ok(())
}

/// Returns why a device cannot be measured; `none` if there is no device.
async fn missing(options: &AudioOptions, none: &str) -> Result<Option<String>, Error> {
    let is_named = matches!(
        (&options.input, &options.output),
        (AudioSource::Device(DeviceRequest::Named(_)), _) | (_, AudioSink::Device(DeviceRequest::Named(_)))
    );
    if (&options.input, &options.output) == (&AudioSource::Null, &AudioSink::Null) {
        return Ok(Some(none.to_owned()));
    }
    match start_audio(Some(options.clone())).await {
        Ok(_) => Ok(None),
        Err(error) if is_named => Err(error),
        Err(error) => Ok(Some(format!("{:#}", error.source))),
    }
}

/// Running audio, its socket, and the measurements.
struct AudioPath {
    audio: Audio,
    link: WebSocketClient<NetStream>,
    clock: Clock,
    options: AudioOptions,
    heard: Vec<i16>,
    /// Sample count after each frame, and the time of its transfer to the socket.
    frames: Vec<(usize, Option<Duration>)>,
    flushed: Option<Duration>,
    /// Time at which each chirp was queued.
    chirps: Vec<Duration>,
    stops: Vec<Duration>,
}

impl AudioPath {
    fn new((audio, link, clock): (Audio, WebSocketClient<NetStream>, Clock), options: AudioOptions) -> Self {
        Self {
            audio,
            link,
            clock,
            options,
            heard: Vec::new(),
            frames: Vec::new(),
            flushed: None,
            chirps: Vec::new(),
            stops: Vec::new(),
        }
    }

    fn has_microphone(&self) -> bool {
        self.options.input != AudioSource::Null
    }

    fn has_speaker(&self) -> bool {
        self.options.output != AudioSink::Null
    }

    async fn measure(&mut self) -> Result<(), String> {
        self.listen(WARM_UP).await?;
        self.heard.clear();
        self.frames.clear();
        if self.has_microphone() {
            self.listen(LISTENING).await?;
        }
        for number in 0..TIMES {
            // The steps are no multiple of any device's block size.
            let odd = Duration::from_millis(u64::from(7 * number));
            if self.has_microphone() && self.has_speaker() {
                self.chirps.push(self.clock.now());
                self.play(number, chirp(self.options.wire_out, CHIRP));
                self.audio.control.end_clip(ClipId(u64::from(number)));
                self.listen(LONGEST_LOOP + odd).await?;
            }
            if self.has_speaker() {
                self.stop(number + TIMES, odd).await?;
            }
        }
        Ok(())
    }

    fn play(&self, number: u16, frame: Frame) {
        self.audio.control.play(ClipId(u64::from(number)), frame);
    }

    /// Stops silence, which the device consumes like any audio.
    async fn stop(&mut self, number: u16, odd: Duration) -> Result<(), String> {
        let second = usize::try_from(self.options.wire_out.0).unwrap_or_default();
        self.play(number, Frame::silence(self.options.wire_out, second));
        self.listen(Duration::from_millis(150) + odd).await?;
        self.flushed = None;
        let begin = self.clock.now();
        self.audio.control.flush();
        while self.flushed.is_none() && self.clock.now() < begin + LONGEST_STOP {
            self.listen_once(begin + LONGEST_STOP).await?;
        }
        self.stops.extend(self.flushed.map(|at| at.saturating_sub(begin)));
        Ok(())
    }

    async fn listen(&mut self, time: Duration) -> Result<(), String> {
        let until = self.clock.now() + time;
        while self.clock.now() < until {
            self.listen_once(until).await?;
        }
        Ok(())
    }

    async fn listen_once(&mut self, until: Duration) -> Result<(), String> {
        tokio::select! {
            event = self.link.next() => match event {
                WebSocketEvent::Drained => {
                    let now = self.clock.now();
                    let waiting = self.frames.iter_mut().rev().take_while(|(_, at)| at.is_none());
                    waiting.for_each(|(_, at)| *at = Some(now));
                }
                WebSocketEvent::Closed(cause) => return Err(format!("the local endpoint closed the connection: {cause:?}")),
                WebSocketEvent::Text(_) | WebSocketEvent::Malformed(_) => {}
            },
            frame = self.audio.mic.recv() => match frame {
                Ok(frame) => self.send(&frame),
                Err(RecvError::Lagged(_)) => return Err("this machine is too busy to be measured".to_owned()),
                Err(RecvError::Closed) => return Err("audio stopped unexpectedly".to_owned()),
            },
            event = self.audio.events.recv() => match event {
                Some(AudioEvent::Flushed(_)) => self.flushed = Some(self.clock.now()),
                Some(event) => event.lost().map_or(Ok(()), Err)?,
                None => return Err("audio stopped unexpectedly".to_owned()),
            },
            () = self.clock.wait_until(Some(until)) => {}
        }
        Ok(())
    }

    fn send(&mut self, frame: &Frame) {
        self.heard.extend(&*frame.samples);
        self.frames.push((self.heard.len(), None));
        let bytes = frame.samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
        let event = ClientBody::AudioAppend(bytes).without_id();
        self.link.queue(encode::client_event(&event, Dialect::Ga));
    }

    fn record(&self, findings: &mut Findings) {
        if self.has_microphone() {
            let ages = sample_ages(&self.frames, self.options.wire_in);
            findings.note(
                Metric::MicrophoneToSocket,
                MeasurementResult::of(ages, "the microphone delivers no audio"),
            );
        }
        if self.has_speaker() {
            let stops = self.stops.clone();
            findings.note(Metric::StopToSilence, MeasurementResult::of(stops, "the speaker did not stop"));
        }
        if self.has_microphone() && self.has_speaker() {
            let loops: Vec<_> = self.chirps.iter().filter_map(|at| self.loop_time(*at)).collect();
            let why = "the microphone does not pick up the speaker";
            let loops = if loops.len() < LEAST_LOOPS { Vec::new() } else { loops };
            findings.note(Metric::Loop, MeasurementResult::of(loops, why));
        }
    }

    /// Returns the loop delay of the chirp that started at `begin`.
    fn loop_time(&self, begin: Duration) -> Option<Duration> {
        let sent = |at: &Option<Duration>, limit| at.is_some_and(|at| at >= limit);
        let first = self.frames.iter().position(|(_, at)| sent(at, begin))?;
        let last = self.frames.iter().position(|(_, at)| sent(at, begin + LONGEST_LOOP))?;
        let from = first.checked_sub(1).map_or(0, |before| self.frames[before].0);
        let place =
            from + find(&chirp(self.options.wire_in, CHIRP).samples, &self.heard[from..self.frames[last].0])?;
        let (_, at) = self.frames.iter().find(|(end, _)| *end > place)?;
        Some((*at)?.saturating_sub(begin))
    }
}

/// Returns the age of each millisecond of audio at the socket, relative to the youngest.
///
/// A microphone delivers samples at a constant rate, so their times are known except for a constant: the
/// latency of the sound system. The frame that arrives soonest after its last sample determines the rest. It is
/// searched among the following frames, because lost samples make all later ones seem late.
fn sample_ages(frames: &[(usize, Option<Duration>)], rate: SampleRate) -> Vec<Duration> {
    let captured = |samples: usize| rate.duration(samples as u64);
    let sent: Vec<(usize, Duration)> = frames.iter().filter_map(|(end, at)| Some((*end, (*at)?))).collect();
    let Some((last, _)) = sent.last() else { return Vec::new() };
    // Lateness of each frame, with an offset that keeps it positive.
    let spare = captured(*last);
    let late: Vec<Duration> =
        sent.iter().map(|(end, at)| (spare + *at).saturating_sub(captured(*end))).collect();
    let mut before = 0;
    let mut ages = Vec::new();
    for (index, ((end, _), own)) in sent.iter().zip(&late).enumerate() {
        let following = index.min(late.len().saturating_sub(COMPARED))..;
        let least = late[following].iter().take(COMPARED).min().unwrap_or(own);
        let steps = captured(end - before).as_millis() / STEP.as_millis();
        let steps = 0..u32::try_from(steps).unwrap_or_default();
        ages.extend(steps.map(|step| own.saturating_sub(*least) + STEP * step));
        before = *end;
    }
    ages
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::io::delay::percentile;

    fn ms(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    #[test]
    fn sound_that_was_lost_does_not_age_what_follows() {
        // Nothing is late, but 800 ms are missing in the middle.
        let frames: Vec<(usize, Option<Duration>)> = (1..=200_u64)
            .map(|frame| {
                let lost = if frame > 100 { ms(800) } else { ms(0) };
                (usize::try_from(frame * 240).unwrap(), Some(ms(500 + 10 * frame) + lost))
            })
            .collect();
        assert_eq!(percentile(&sample_ages(&frames, SampleRate::HZ_24000), 100), Some(ms(9)));
    }

    #[test]
    fn the_age_of_sound_is_what_blocks_and_waiting_add() {
        // Blocks of 20 ms in frames of 10 ms, each 2 ms late except for one of every twenty blocks.
        let frames: Vec<(usize, Option<Duration>)> = (0..100_u64)
            .map(|frame| {
                let block_end = ms(500 + (frame / 2 + 1) * 20);
                let late = if frame % 40 == 11 { ms(0) } else { ms(2) };
                (usize::try_from((frame + 1) * 240).unwrap(), Some(block_end + late))
            })
            .collect();
        let ages = sample_ages(&frames, SampleRate::HZ_24000);
        assert_eq!(ages.len(), 1_000);
        assert_eq!((percentile(&ages, 50), percentile(&ages, 100)), (Some(ms(11)), Some(ms(21))));
        assert!(ages.contains(&ms(0)), "ages are relative to the youngest");
    }

    #[test]
    fn without_frames_there_is_no_age() {
        assert!(sample_ages(&[], SampleRate::HZ_24000).is_empty());
        assert!(sample_ages(&[(240, None)], SampleRate::HZ_24000).is_empty());
    }
}
