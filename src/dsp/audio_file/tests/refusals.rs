//! Tests of refusals: foreign formats, text, invalid headers.

use super::*;

/// Refuses a stream as a file and as a pipe, with any content after its head, and returns the message.
fn refused(head: &[u8]) -> String {
    let padded = [head, &[0x55; 8_192]].concat();
    let said = [&padded[..], head].map(|bytes| {
        let file = AudioReader::new(bytes).err().map(|error| error.to_string());
        let pipe = AudioReader::or_raw(SlowSource(bytes)).err().map(|error| error.to_string());
        assert_eq!(file, pipe, "{head:?}");
        file.unwrap_or_else(|| panic!("{head:?} is taken for sound"))
    });
    assert_eq!(said[0], said[1], "{head:?}");
    said[0].clone()
}

#[test]
fn foreign_formats_are_refused_by_name_and_never_sent_as_noise() {
    let cases: &[(&[u8], &str)] = &[
        (b"fLaC\0\0\0\x22", "FLAC"),
        (b"OggS\0\x02", "Ogg"),
        (b"ID3\x04\0\0\0\0\0\0", "MP3"),
        (b"FORM\0\0\x10\0AIFFCOMM", "AIFF"),
        (b"FORM\0\0\x10\0AIFCFVER", "AIFF-C"),
        (b"caff\0\x01\0\0desc", "CAF"),
        (b"\0\0\0\x20ftypM4A \0\0\0\0", "M4A"),
        (b"\0\0\0\x18ftypisom\0\0\0\0", "MP4"),
        (b"\0\0\0\x14ftypqt  \0\0\0\0", "QuickTime"),
        (b"\x1a\x45\xdf\xa3\x9f\x42\x86", "Matroska or WebM"),
        (b"#!AMR\n", "AMR"),
        (b"#!AMR-WB\n", "AMR"),
        (b"riff\x2e\x91\xcf\x11\xa5\xd6\x28\xdb\x04\xc1\0\0", "Wave64"),
        (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11\xa6\xd9\0\xaa", "ASF"),
        (b"RIFF\0\x10\0\0AVI LIST", "AVI"),
        (b"wvpk\0\0\0\0", "WavPack"),
        (b"MThd\0\0\0\x06", "MIDI"),
    ];
    for (head, name) in cases {
        let message = refused(head);
        assert!(message.starts_with(name) && message.ends_with(" cannot be decoded"), "{message}");
    }
}

/// Frames with only a sync word and a length.
fn frames(head: &[u8], length: usize) -> Vec<u8> {
    let frame = [head, &vec![0x2a; length - head.len()]].concat();
    frame.repeat(20)
}

#[test]
fn formats_without_a_file_header_are_identified_by_consecutive_frames() {
    // 128 kbit/s at 44.1 kHz; 64 kbit/s at 22.05 kHz with padding; MP2 of 192 kbit/s at 48 kHz; AAC; TS.
    let cases: [(Vec<u8>, &str); 5] = [
        (frames(b"\xff\xfb\x90\x64", 417), "MP3"),
        (frames(b"\xff\xf3\x82\xc4", 209), "MP3"),
        (frames(b"\xff\xfd\xa4\x00", 576), "MP2"),
        (frames(b"\xff\xf1\x50\x80\x2e\x7f\xfc", 371), "AAC"),
        (frames(b"\x47\x40\x00\x10", 188), "MPEG-TS"),
    ];
    for (bytes, name) in cases {
        for stream in [&bytes[..], &bytes[..64]] {
            let is_recognised = matches!(AudioReader::or_raw(SlowSource(stream)),
                Err(AudioFileError::Undecodable(found)) if found == name);
            assert!(is_recognised || name == "MPEG-TS" && stream.len() == 64, "{name}");
        }
    }
}

#[test]
fn raw_pcm_that_begins_like_a_frame_is_read() {
    for first in [b"\xff\xfb\x90\x64", b"\xff\xf1\x50\x80", b"\x47\x00\x01\x00", b"\xff\xfe\x41\x01"] {
        let bytes = [&first[..], &pcm16(&voice())].concat();
        let reader = AudioReader::or_raw(&bytes[..]).unwrap();
        assert_eq!(read_all(reader, None).samples.len(), voice().len() + 2, "{first:?}");
    }
}

#[test]
fn text_on_a_pipe_is_refused_by_name() {
    let utf16 = |order: fn(u16) -> [u8; 2]| "\u{feff}What is it?".encode_utf16().flat_map(order).collect();
    let cases: [(Vec<u8>, &str); 9] = [
        (b"{\"type\": \"error\"}".to_vec(), "JSON text"),
        (b"[1, 2]".to_vec(), "JSON text"),
        (b"\xef\xbb\xbf<!DOCTYPE html><html>".to_vec(), "HTML text"),
        (b"\n<html lang=\"en\">".to_vec(), "HTML text"),
        (b"<?xml version=\"1.0\"?>".to_vec(), "XML text"),
        (b"hi".to_vec(), "text"),
        ("Où est la gare ? ".repeat(40).into_bytes(), "text"),
        (utf16(u16::to_le_bytes), "UTF-16 text"),
        (utf16(u16::to_be_bytes), "UTF-16 text"),
    ];
    for (bytes, name) in cases {
        let error = AudioReader::or_raw(SlowSource(&bytes)).err().expect(name);
        assert_eq!(error.to_string(), format!("this is {name}, not audio"));
    }
}

#[test]
fn pictures_archives_and_programs_are_refused_by_name() {
    for (head, name) in [
        (&b"\x89PNG\r\n\x1a\n"[..], "a PNG image"),
        (b"\xff\xd8\xff\xe0\0\x10JFIF", "a JPEG image"),
        (b"PK\x03\x04\x14\0", "a ZIP archive"),
        (b"\x1f\x8b\x08\0", "a gzip archive"),
        (b"%PDF-1.7\n", "a PDF document"),
        (b"\x7fELF\x02\x01\x01", "a program"),
    ] {
        assert_eq!(refused(head), format!("this is {name}, not audio"));
    }
}

#[test]
fn each_fault_has_its_own_message() {
    let wav = |bits, channels| WavFile::new(bits, channels, vec![0; 100]);
    let cases: [(Vec<u8>, &str); 16] = [
        (Vec::new(), "contains no audio"),
        (b"RIFF\0\0\0\0".to_vec(), "cut off"),
        (b"RIFF\0\0\0\0WAVE".to_vec(), "cut off"),
        (b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0\x01\0".to_vec(), "cut off"),
        (b"RIFF\0\0\0\0WAVEfmt \x02\0\0\0\x01\0".to_vec(), "impossible length"),
        (b"RIFF\0\0\0\0WAVEdata\x02\0\0\0\x01\0".to_vec(), "precedes its format"),
        (b"RIFF\0\0\0\0WAVE\0\0\0\0\0\0\0\0".to_vec(), "do not follow"),
        (b"RIFF\0\0\0\0junkjunk".to_vec(), "a RIFF file of another kind"),
        (b"\x01\x80\x02\x81 no signature".to_vec(), "not a WAV or AU file"),
        (WavFile::new(16, 1, Vec::new()).bytes(), "contains no audio"),
        (WavFile::new(16, 1, vec![0]).bytes(), "contains no audio"),
        (WavFile { tag: 0x55, ..wav(16, 2) }.bytes(), "MPEG audio"),
        (wav(40, 1).bytes(), "PCM of 40 bits"),
        (wav(16, 0).bytes(), "no channels"),
        (wav(16, 65).bytes(), "65 channels"),
        (WavFile { tag: 0x1234, ..wav(16, 1) }.bytes(), "format tag 0x1234"),
    ];
    for (file, words) in cases {
        let message = read_clip(&file[..]).unwrap_err().to_string();
        assert!(message.contains(words), "{message:?} should say {words:?}");
    }
}

#[test]
fn a_sample_rate_of_zero_or_beyond_768_khz_is_refused() {
    let rates = [(0, false), (1, false), (999, false), (1_000, true), (768_000, true), (768_001, false)];
    for (rate, is_read) in rates.into_iter().chain([(u32::MAX, false)]) {
        let file = WavFile { rate, ..WavFile::new(16, 1, vec![0; 100]) };
        let result = read_clip(&file.bytes()[..]);
        assert_eq!(result.is_ok(), is_read, "{rate} Hz");
        let says = result.err().map(|error| error.to_string());
        assert!(says.is_none_or(|says| says.contains(&format!("sample rate of {rate} Hz"))), "{rate} Hz");
    }
}
