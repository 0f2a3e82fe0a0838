//! Files that go with a message: texts with their names, and images.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use anyhow::Context;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::call::streams::typed_lines::without_bom;
use crate::error::{Error, Kind};
use crate::session::io::message::ImageAttachment;

/// The longest text that servers take in one item, in characters.
pub(crate) const LONGEST_TEXT: usize = 256_000;

/// No UTF-8 text of the longest length has more bytes.
const MOST_TEXT_BYTES: u64 = 4 * LONGEST_TEXT as u64;

/// Largest image. Its base64 form must stay below the 15 MiB that servers take in one event.
const MOST_IMAGE_BYTES: u64 = 10 << 20;

/// The shortest fence of a code block.
const FENCE: usize = 3;

/// First bytes of the images that models read, and their types.
const IMAGE_TYPES: [(&[u8], &str); 5] = [
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"RIFF", "image/webp"),
];

/// A text file by the name that the user gave it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TextFile {
    name: String,
    text: String,
}

impl TextFile {
    /// Reads a text file.
    ///
    /// # Errors
    ///
    /// When it cannot be read, is no text or is too large.
    pub(crate) fn read(path: &Path) -> Result<Self, Error> {
        let (name, bytes) = read_file(path, MOST_TEXT_BYTES, "--file")?;
        if bytes.len() as u64 > MOST_TEXT_BYTES {
            let error = format!("{name} is too large; the limit of a question is {LONGEST_TEXT} characters");
            return Err(Error::say(Kind::Device, error).hint("attach a part of it"));
        }
        let text = String::from_utf8(bytes).ok().filter(|text| !text.contains('\0'));
        match text {
            Some(text) => Ok(Self { name, text: without_bom(&text).to_owned() }),
            None => Err(Error::say(Kind::Device, format!("{name} is not a text file"))
                .hint("--file takes text in UTF-8, --image takes images")),
        }
    }

    /// Returns the text in a fence, below its name.
    pub(crate) fn material(&self) -> String {
        format!("{}:\n{}", self.name, fenced(&self.text))
    }
}

/// Returns a text in a fence that is longer than any run of backticks in it.
pub(crate) fn fenced(text: &str) -> String {
    let longest = text.split(|character| character != '`').map(str::len).max().unwrap_or_default();
    let fence = "`".repeat(FENCE.max(longest + 1));
    format!("{fence}\n{}\n{fence}", text.trim_end_matches('\n'))
}

/// Reads an image. Its first bytes decide its type, not its name.
///
/// # Errors
///
/// When it cannot be read, is no image that models read, or is too large.
pub(crate) fn read_image(path: &Path) -> Result<ImageAttachment, Error> {
    let (name, bytes) = read_file(path, MOST_IMAGE_BYTES, "--image")?;
    if bytes.len() as u64 > MOST_IMAGE_BYTES {
        let error = format!("{name} is too large; the limit of an image is {} MiB", MOST_IMAGE_BYTES >> 20);
        return Err(Error::say(Kind::Device, error).hint("make it smaller"));
    }
    let known = IMAGE_TYPES.iter().find(|(start, _)| bytes.starts_with(start)).map(|(_, name)| *name);
    // WebP is one of several formats that begin with RIFF.
    let known = known.filter(|known| *known != "image/webp" || bytes.get(8..12) == Some(b"WEBP"));
    match known {
        Some(known) => {
            Ok(ImageAttachment { name, url: format!("data:{known};base64,{}", STANDARD.encode(&bytes)) })
        }
        None => Err(Error::say(Kind::Device, format!("{name} is not an image that can be sent"))
            .hint("--image takes PNG, JPEG, WebP and GIF")),
    }
}

/// Returns the name of a file and its bytes, but no more than one beyond the limit, because a device has no end.
fn read_file(path: &Path, limit: u64, flag: &str) -> Result<(String, Vec<u8>), Error> {
    let name = path.display().to_string();
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(limit + 1).read_to_end(&mut bytes));
    let read = read.with_context(|| format!("cannot read {name}"));
    let hint = format!("check the path given to {flag}");
    read.map_err(|error| Error::new(Kind::Device, error).hint(hint))?;
    Ok((name, bytes))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_file_that_cannot_be_sent_is_one_sentence_with_a_hint() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::write(path("image.png"), b"\x89PNG\0").unwrap();
        fs::write(path("latin1"), b"caf\xe9").unwrap();
        fs::write(path("large"), vec![b'x'; usize::try_from(MOST_TEXT_BYTES).unwrap() + 1]).unwrap();
        for (name, reason) in [
            ("missing", "cannot read "),
            ("image.png", "image.png is not a text file"),
            ("latin1", "latin1 is not a text file"),
            ("large", "large is too large; the limit of a question is 256000 characters"),
        ] {
            let error = TextFile::read(&path(name)).unwrap_err();
            let text = error.source.to_string();
            assert!(text.contains(reason), "{text}");
            assert_eq!((error.kind, error.hint.is_some()), (Kind::Device, true), "{name}");
        }
        assert!(TextFile::read(folder.path()).is_err(), "a folder is no file");
    }

    #[test]
    fn the_first_bytes_decide_the_type_of_an_image() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("picture.png");
        for (bytes, expected) in [
            (&b"\x89PNG\r\n\x1a\nrest"[..], "image/png"),
            (b"\xff\xd8\xff\xe0", "image/jpeg"),
            (b"GIF89a..", "image/gif"),
            (b"RIFF\x04\0\0\0WEBP", "image/webp"),
        ] {
            fs::write(&path, bytes).unwrap();
            let image = read_image(&path).unwrap();
            assert!(image.url.starts_with(&format!("data:{expected};base64,")), "{}", image.url);
        }
    }

    #[test]
    fn an_image_that_cannot_be_sent_is_one_sentence_with_a_hint() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::write(path("text.png"), b"not an image").unwrap();
        fs::write(path("sound.webp"), b"RIFF\x04\0\0\0WAVE").unwrap();
        let large = File::create(path("large.png")).unwrap();
        large.set_len(MOST_IMAGE_BYTES + 1).unwrap();
        for (name, reason) in [
            ("missing.png", "cannot read "),
            ("text.png", "text.png is not an image that can be sent"),
            ("sound.webp", "sound.webp is not an image that can be sent"),
            ("large.png", "large.png is too large; the limit of an image is 10 MiB"),
        ] {
            let error = read_image(&path(name)).unwrap_err();
            let text = error.source.to_string();
            assert!(text.contains(reason), "{text}");
            assert_eq!((error.kind, error.hint.is_some()), (Kind::Device, true), "{name}");
        }
    }
}
