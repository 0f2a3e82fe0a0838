//! Identification of a stream by its first bytes.

/// Content of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ContainerKind {
    /// WAV, in any of its variants.
    Wav,
    /// AU.
    Au,
    /// An audio or video format without a decoder.
    Undecodable(&'static str),
    /// Something other than audio.
    NotAudio(&'static str),
    /// Unknown signature.
    Unknown,
}

/// Bytes always inspected.
pub(super) const HEAD_BYTES: u64 = 64;
/// Bytes inspected if consecutive frames are the only signature.
const FRAMED_HEAD_BYTES: u64 = 4_096;

/// Signatures of audio and video: offset, bytes and format name.
const SOUND: &[(usize, &[u8], &str)] = &[
    (0, b"fLaC", "FLAC"),
    (0, b"OggS", "Ogg"),
    (0, b"ID3", "MP3"),
    (0, b"caff", "CAF"),
    (0, b"#!AMR", "AMR"),
    (0, b"riff\x2e\x91\xcf\x11", "Wave64"),
    (0, b"\x1a\x45\xdf\xa3", "Matroska or WebM"),
    (0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "ASF (WMA or WMV)"),
    (0, b"MAC ", "Monkey's Audio"),
    (0, b"wvpk", "WavPack"),
    (0, b"TTA1", "True Audio"),
    (0, b"TTA2", "True Audio"),
    (0, b"MPCK", "Musepack"),
    (0, b"MP+", "Musepack"),
    (0, b"OFR ", "OptimFROG"),
    (0, b"ajkg", "Shorten"),
    (0, b"DSD ", "DSF"),
    (0, b"FRM8", "DSDIFF"),
    (0, b"ADIF", "AAC"),
    (0, b"#!SILK", "SILK"),
    (1, b"#!SILK", "SILK"),
    (0, b"Creative Voice File", "Creative VOC"),
    (0, b"NIST_1A", "NIST SPHERE"),
    (0, b"\x64\xa3\x01\x00", "IRCAM"),
    (0, b"\x64\xa3\x02\x00", "IRCAM"),
    (0, b"\x64\xa3\x03\x00", "IRCAM"),
    (0, b"\x64\xa3\x04\x00", "IRCAM"),
    (0, b"\x00\x01\xa3\x64", "IRCAM"),
    (0, b"\x00\x02\xa3\x64", "IRCAM"),
    (0, b"\x00\x03\xa3\x64", "IRCAM"),
    (0, b"\x00\x04\xa3\x64", "IRCAM"),
    (0, b"2BIT", "AVR"),
    (0, b"PVF1", "PVF"),
    (0, b"PVF2", "PVF"),
    (0, b".SoX", "SoX"),
    (0, b"XoS.", "SoX"),
    (0, b".ra\xfd", "RealAudio"),
    (0, b".RMF", "RealMedia"),
    (0, b"MThd", "MIDI"),
    (0, b"FLV\x01", "FLV"),
    (0, b"\x7f\xfe\x80\x01", "DTS"),
    (0, b"\x0b\x77", "AC-3"),
    (0, b"\x00\x00\x01\xba", "MPEG"),
    (0, b"\x00\x00\x01\xb3", "MPEG"),
    (4, b"ftypM4A ", "M4A"),
    (4, b"ftypM4B ", "M4A"),
    (4, b"ftyp3g", "3GP"),
    (4, b"ftypqt  ", "QuickTime"),
    (4, b"ftyp", "MP4"),
    (4, b"moov", "QuickTime"),
    (4, b"mdat", "QuickTime"),
    (4, b"wide", "QuickTime"),
    (8, b"AVI ", "AVI"),
    (8, b"RMID", "MIDI"),
    (8, b"AIFF", "AIFF"),
    (8, b"AIFC", "AIFF-C"),
    (8, b"8SVX", "8SVX"),
];

/// Formats that [`crate::dsp::media_file`] decodes.
pub(super) const MEDIA: &[&str] = &[
    "FLAC",
    "Ogg",
    "MP3",
    "MP2",
    "MP1",
    "AAC",
    "CAF",
    "Matroska or WebM",
    "M4A",
    "MP4",
    "3GP",
    "QuickTime",
    "AIFF",
    "AIFF-C",
];

/// The same for other content.
const NOT_SOUND: &[(usize, &[u8], &str)] = &[
    (0, b"PK\x03\x04", "a ZIP archive"),
    (0, b"\x1f\x8b\x08", "a gzip archive"),
    (0, b"BZh", "a bzip2 archive"),
    (0, b"\xfd7zXZ\x00", "an xz archive"),
    (0, b"\x28\xb5\x2f\xfd", "a Zstandard archive"),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
    (0, b"Rar!\x1a\x07", "a RAR archive"),
    (0, b"%PDF", "a PDF document"),
    (0, b"\x89PNG", "a PNG image"),
    (0, b"\xff\xd8\xff", "a JPEG image"),
    (0, b"GIF8", "a GIF image"),
    (0, b"\x7fELF", "a program"),
];

/// Returns the bytes needed to identify a stream with this head.
pub(super) fn bytes_needed(head: &[u8]) -> u64 {
    let is_framed = head.first() == Some(&TRANSPORT_SYNC) || frame(head).is_some();
    if is_framed { FRAMED_HEAD_BYTES } else { HEAD_BYTES }
}

/// Identifies a stream by its first bytes: [`bytes_needed`] of them, or fewer if it is shorter.
pub(super) fn identify(head: &[u8]) -> ContainerKind {
    let is_at = |(at, signature, _): &&(usize, &[u8], &str)| {
        head.get(*at..).is_some_and(|rest| rest.starts_with(signature))
    };
    let is_riff = ["RIFF", "RIFX", "RF64", "BW64"].iter().any(|id| head.starts_with(id.as_bytes()));
    let is_container = is_riff || head.starts_with(b"FORM");
    if is_riff && matches!(head.get(8..12), Some(b"WAVE") | None) {
        return ContainerKind::Wav;
    }
    if head.starts_with(b".snd") || head.starts_with(b"dns.") {
        return ContainerKind::Au;
    }
    // The type of a RIFF or IFF file follows its length; elsewhere it is meaningless.
    let sound = SOUND.iter().filter(|(at, ..)| *at != 8 || is_container).find(is_at);
    if let Some((_, _, name)) = sound {
        return ContainerKind::Undecodable(name);
    }
    if is_riff {
        return ContainerKind::NotAudio("a RIFF file of another kind than WAV");
    }
    if let Some((_, _, name)) = NOT_SOUND.iter().find(is_at) {
        return ContainerKind::NotAudio(name);
    }
    if let Some(name) = text(head) {
        return ContainerKind::NotAudio(name);
    }
    framed(head).map_or(ContainerKind::Unknown, ContainerKind::Undecodable)
}

/// Returns the format of a header whose signature is too long to be the beginning of raw audio.
pub(super) fn signature(head: &[u8]) -> Option<&'static str> {
    let is_at = |(at, bytes, _): &&(usize, &[u8], &str)| {
        bytes.len() > 2 && head.get(*at..).is_some_and(|rest| rest.starts_with(bytes))
    };
    match identify(head) {
        ContainerKind::Wav => Some("WAV"),
        ContainerKind::Au => Some("AU"),
        ContainerKind::Undecodable(_) => SOUND.iter().find(is_at).map(|(_, _, name)| *name),
        ContainerKind::NotAudio(_) | ContainerKind::Unknown => None,
    }
}

/// Sync byte and packet length of an MPEG transport stream.
const TRANSPORT_SYNC: u8 = 0x47;
const TRANSPORT_BYTES: usize = 188;

/// Identifies formats without a file header by consecutive frames, since the first bytes alone might be PCM.
fn framed(head: &[u8]) -> Option<&'static str> {
    let is_sync = |n: usize| head.get(n * TRANSPORT_BYTES) == Some(&TRANSPORT_SYNC);
    if (0..3).all(is_sync) {
        return Some("MPEG-TS");
    }
    let (name, length) = frame(head)?;
    match head.get(length..length + 2) {
        Some(next) => (next[0] == head[0] && next[1] == head[1]).then_some(name),
        // Shorter than a frame, which is too short for speech in PCM, too.
        None => Some(name),
    }
}

/// Returns the format and the length of an MPEG audio or AAC frame, if `head` begins with one.
fn frame(head: &[u8]) -> Option<(&'static str, usize)> {
    let &[0xff, second, third, fourth, fifth, sixth, ..] = head else { return None };
    if second & 0xf6 == 0xf0 {
        let length = usize::from(fourth & 3) << 11 | usize::from(fifth) << 3 | usize::from(sixth >> 5);
        return (length > 7 && third >> 2 & 0xf < 13).then_some(("AAC", length));
    }
    mpeg_frame(second, third)
}

/// Reads the header of an MPEG audio frame: ISO/IEC 11172-3, section 2.4.2.3, and 13818-3 for low rates.
fn mpeg_frame(second: u8, third: u8) -> Option<(&'static str, usize)> {
    /// Kilobits per second by index, from 1.
    const LAYER_1: [usize; 14] = [32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448];
    const LAYER_2: [usize; 14] = [32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384];
    const LAYER_3: [usize; 14] = [32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320];
    const LOW_LAYER_1: [usize; 14] = [32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256];
    const LOW_LAYERS_2_3: [usize; 14] = [8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160];
    let (sync, version, layer) = (second >> 5, second >> 3 & 3, second >> 1 & 3);
    let rate: usize = *[44_100, 48_000, 32_000].get(usize::from(third >> 2 & 3))?;
    let (is_low, rate) = match (sync, version) {
        (7, 0) => (true, rate / 4),
        (7, 2) => (true, rate / 2),
        (7, 3) => (false, rate),
        _ => return None,
    };
    let (name, bitrates, samples) = match (layer, is_low) {
        (3, false) => ("MP1", LAYER_1, 384),
        (3, true) => ("MP1", LOW_LAYER_1, 384),
        (2, false) => ("MP2", LAYER_2, 1_152),
        (2, true) => ("MP2", LOW_LAYERS_2_3, 1_152),
        (1, false) => ("MP3", LAYER_3, 1_152),
        (1, true) => ("MP3", LOW_LAYERS_2_3, 576),
        _ => return None,
    };
    let bits = bitrates.get(usize::from(third >> 4).checked_sub(1)?)? * 1_000;
    let slot = if layer == 3 { 4 } else { 1 };
    let slots = samples * bits / (rate * 8 * slot) + usize::from(third >> 1 & 1);
    Some((name, slots * slot))
}

/// Identifies text, which would be loud noise of positive samples as PCM.
fn text(head: &[u8]) -> Option<&'static str> {
    let is_utf16 = |pairs: &[[u8; 2]], low: usize| {
        !pairs.is_empty() && pairs.iter().all(|pair| pair[1 - low] == 0 && is_printable(pair[low].into()))
    };
    match head {
        [0xff, 0xfe, rest @ ..] if is_utf16(rest.as_chunks().0, 0) => return Some("UTF-16 text"),
        [0xfe, 0xff, rest @ ..] if is_utf16(rest.as_chunks().0, 1) => return Some("UTF-16 text"),
        _ => {}
    }
    let text = match std::str::from_utf8(head) {
        Ok(text) => text,
        // The last character may be truncated.
        Err(error) if error.error_len().is_none() => {
            std::str::from_utf8(&head[..error.valid_up_to()]).unwrap_or_default()
        }
        Err(_) => return None,
    };
    // A single byte is less than a sample.
    if text.len() < 2 || !text.chars().all(is_printable) {
        return None;
    }
    let start = text.trim_start_matches('\u{feff}').trim_start().to_ascii_lowercase();
    Some(match start.as_bytes() {
        [b'{' | b'[', ..] => "JSON text",
        _ if start.starts_with("<!doctype html") || start.starts_with("<html") => "HTML text",
        [b'<', ..] => "XML text",
        _ => "text",
    })
}

fn is_printable(character: char) -> bool {
    // Escape starts terminal color sequences.
    !character.is_control() || matches!(character, '\t' | '\n' | '\r' | '\x0c' | '\x1b')
}
