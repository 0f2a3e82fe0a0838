//! Response audio by clip: received and played samples, attributed to items.

use std::collections::BTreeMap;

use crate::dsp::codec::{Codec, Decoder};
use crate::dsp::frame::{ClipId, Frame, SampleRate};
use crate::session::plan::Plan;

/// Clips that are not finished yet.
#[derive(Debug)]
pub(crate) struct Playback {
    codec: Codec,
    rate: SampleRate,
    clips: BTreeMap<ClipId, PlaybackClip>,
    next: u64,
}

/// Audio of one content part of an item.
#[derive(Debug)]
pub(crate) struct PlaybackClip {
    pub(crate) item_id: String,
    pub(crate) content_index: u32,
    decoder: Decoder,
    received: u64,
    played: u64,
    is_complete: bool,
}

impl PlaybackClip {
    fn is_over(&self) -> bool {
        self.is_complete && self.played >= self.received
    }
}

/// Playback progress of an item, in samples.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Progress {
    /// Taken by the device.
    pub(crate) played: u64,
    /// Received from the server.
    pub(crate) received: u64,
    /// Number of clips that are not received and played to their end.
    pub(crate) unfinished: usize,
}

impl Playback {
    pub(crate) fn new(plan: &Plan) -> Self {
        let format = plan.output_format();
        Self {
            codec: format.map_or(Codec::Pcm16, |format| format.codec()),
            rate: plan.output_rate(),
            clips: BTreeMap::new(),
            next: 0,
        }
    }

    pub(crate) fn rate(&self) -> SampleRate {
        self.rate
    }

    /// Returns whether any clip is playing or waits to be played.
    pub(crate) fn is_playing(&self) -> bool {
        self.clips.values().any(|clip| !clip.is_over())
    }

    /// Returns the clips that are not received and played to their end, in playback order.
    pub(crate) fn unfinished(&self) -> Vec<ClipId> {
        self.clips.iter().filter(|(_, clip)| !clip.is_over()).map(|(id, _)| *id).collect()
    }

    /// Decodes bytes of a part; returns its clip and the frame to play.
    pub(crate) fn receive(&mut self, item_id: &str, content_index: u32, bytes: &[u8]) -> (ClipId, Frame) {
        let id = self.find_or_create(item_id, content_index);
        let clip = self.clips.get_mut(&id).expect("the clip was found or created in the line above");
        let samples = clip.decoder.push(bytes);
        clip.received += samples.len() as u64;
        (id, Frame::new(self.rate, samples))
    }

    fn find_or_create(&mut self, item_id: &str, content_index: u32) -> ClipId {
        let same = |clip: &PlaybackClip| {
            clip.item_id == item_id && clip.content_index == content_index && !clip.is_complete
        };
        if let Some((id, _)) = self.clips.iter().find(|(_, clip)| same(clip)) {
            return *id;
        }
        let id = ClipId(self.next);
        self.next += 1;
        let clip = PlaybackClip {
            item_id: item_id.to_owned(),
            content_index,
            decoder: Decoder::new(self.codec),
            received: 0,
            played: 0,
            is_complete: false,
        };
        self.clips.insert(id, clip);
        id
    }

    /// Marks clips as completely received; returns those that were not.
    pub(crate) fn end_where(&mut self, belongs: impl Fn(&PlaybackClip) -> bool) -> Vec<ClipId> {
        let open = self.clips.iter_mut().filter(|(_, clip)| !clip.is_complete && belongs(clip));
        open.map(|(id, clip)| {
            clip.is_complete = true;
            *id
        })
        .collect()
    }

    /// Returns whether this playback position is news.
    pub(crate) fn advances(&self, id: ClipId, samples: u64) -> bool {
        self.clips.get(&id).is_some_and(|clip| clip.played < samples.min(clip.received))
    }

    /// Notes the playback position of a clip; returns its item.
    pub(crate) fn played(&mut self, id: ClipId, samples: u64) -> Option<String> {
        let clip = self.clips.get_mut(&id)?;
        // Never beyond what was received.
        clip.played = clip.played.max(samples).min(clip.received);
        Some(clip.item_id.clone())
    }

    pub(crate) fn item_of(&self, id: ClipId) -> Option<String> {
        self.clips.get(&id).map(|clip| clip.item_id.clone())
    }

    pub(crate) fn progress(&self, item_id: &str) -> Progress {
        let clips = self.clips.values().filter(|clip| clip.item_id == item_id);
        clips.fold(Progress::default(), |sum, clip| Progress {
            played: sum.played + clip.played,
            received: sum.received + clip.received,
            unfinished: sum.unfinished + usize::from(!clip.is_over()),
        })
    }

    /// Cuts a clip off at its playback position; returns its item, part and position in milliseconds.
    pub(crate) fn cut(&mut self, id: ClipId) -> Option<(String, u32, u64)> {
        let clip = self.clips.get_mut(&id)?;
        if clip.is_over() {
            return None;
        }
        clip.is_complete = true;
        clip.received = clip.played;
        let played_ms = u64::try_from(self.rate.duration(clip.played).as_millis()).unwrap_or(u64::MAX);
        Some((clip.item_id.clone(), clip.content_index, played_ms))
    }

    /// Forgets the clips of a finished item.
    pub(crate) fn forget(&mut self, item_id: &str) {
        self.clips.retain(|_, clip| clip.item_id != item_id);
    }
}
