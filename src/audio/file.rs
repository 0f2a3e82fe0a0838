//! Where a paced input has its samples from: a WAV file, standard input, or nowhere.

use std::fs::File;
use std::io::{self, IsTerminal, Read, Seek};
use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::thread;

use crate::audio::error::{AudioError, Direction};
use crate::files;
use crate::pcm::frame::Rate;
use crate::pcm::resample::{Resampler, to_float};
use crate::pcm::wav::{WavError, WavReader};
use crate::pcm::wire::{Codec, Decoder};

/// What raw standard input is taken for.
const PIPE_RATE: Rate = Rate::WIRE;
/// How many pieces wait between the reader of the pipe and the audio thread: at most about half a second.
const PIPE_PIECES: usize = 6;
/// How many bytes are read from a pipe at once, at most.
const PIPE_BYTES: usize = 4_096;

/// A source of mono samples.
pub(crate) enum Feed {
    /// Silence at a rate.
    Silence(Rate),
    /// A WAV file.
    File(Stash<WavReader<File>>),
    /// Standard input, read by a thread of its own.
    Pipe(Stash<Receiver<Piece>>),
}

type Piece = Result<Vec<f32>, String>;

/// A source and what it gave beyond what was wanted.
pub(crate) struct Stash<S> {
    source: S,
    rate: Rate,
    samples: Vec<f32>,
    at: usize,
}

/// What a feed could do.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Supply {
    /// It gave all that was wanted.
    More,
    /// It gave less; the rest comes later.
    Late,
    /// It gave nothing so far; the first sample is still to come.
    NotYet,
    /// It gave its last; from here on it gives silence.
    Ended,
    /// It broke; from here on it gives silence.
    Broken(String),
    /// It has given nothing and never will; one sentence.
    Nothing(String),
}

impl Feed {
    /// Opens a WAV file.
    pub(crate) fn open(path: &Path) -> Result<Self, AudioError> {
        let open_input = |source| AudioError::OpenInput { path: path.to_owned(), source };
        let bad_input = |source| AudioError::BadInput { path: path.to_owned(), source };
        let file = files::open_input(path).map_err(open_input)?;
        if files::is_pipe(&file).map_err(open_input)? {
            return Self::pipe(file);
        }
        // Opening a folder succeeds on Unix; reading it is what fails.
        if file.metadata().is_ok_and(|metadata| metadata.is_dir()) {
            return Err(open_input(io::ErrorKind::IsADirectory.into()));
        }
        let mut place = file.try_clone().map_err(open_input)?;
        let reader = WavReader::new(file).map_err(bad_input)?;
        if let (Some(announced), Ok(read), Ok(metadata)) =
            (reader.announced(), place.stream_position(), place.metadata())
            && metadata.is_file()
            && read.saturating_add(announced) > metadata.len()
        {
            return Err(bad_input(WavError::Broken("it ends in the middle of the sound")));
        }
        let rate = reader.rate();
        Ok(Self::File(Stash { source: reader, rate, samples: Vec::new(), at: 0 }))
    }

    /// Begins to read standard input on a thread of its own, which ends with the process at the latest.
    pub(crate) fn stdin() -> Result<Self, AudioError> {
        if io::stdin().is_terminal() {
            return Err(AudioError::Terminal(Direction::Input));
        }
        Self::pipe(io::stdin())
    }

    fn pipe(source: impl Read + Send + 'static) -> Result<Self, AudioError> {
        let (pieces, receiver) = sync_channel(PIPE_PIECES);
        // Detached: nothing can wake it from a read, and it holds nothing that must be closed.
        thread::Builder::new()
            .name("pipe".to_owned())
            .spawn(move || read_pipe(source, &pieces))
            .map_err(AudioError::Thread)?;
        Ok(Self::Pipe(Stash { source: receiver, rate: PIPE_RATE, samples: Vec::new(), at: 0 }))
    }

    pub(crate) fn rate(&self) -> Rate {
        match self {
            Self::Silence(rate) => *rate,
            Self::File(stash) => stash.rate,
            Self::Pipe(stash) => stash.rate,
        }
    }

    /// Appends up to `wanted` samples to `block`.
    pub(crate) fn read(&mut self, wanted: usize, block: &mut Vec<f32>) -> Supply {
        let supply = match self {
            Self::Silence(_) => {
                block.resize(block.len() + wanted, 0.0);
                Supply::More
            }
            Self::File(stash) => stash.read(wanted, block, read_file),
            Self::Pipe(stash) => stash.read(wanted, block, receive_piece),
        };
        if matches!(supply, Supply::Ended | Supply::Broken(_) | Supply::Nothing(_)) {
            *self = Self::Silence(self.rate());
        }
        supply
    }
}

impl<S> Stash<S> {
    /// Gives what is wanted; `refill` brings the next samples, or says why there are none.
    fn read(
        &mut self,
        wanted: usize,
        block: &mut Vec<f32>,
        refill: impl Fn(&mut S, &mut Vec<f32>) -> Supply,
    ) -> Supply {
        let end = block.len() + wanted;
        while block.len() < end {
            if self.at == self.samples.len() {
                // Never given anything: its first sample may be long in coming.
                let first = self.samples.is_empty();
                let mut samples = Vec::new();
                match refill(&mut self.source, &mut samples) {
                    Supply::More => (self.samples, self.at) = (samples, 0),
                    Supply::Late if first => return Supply::NotYet,
                    Supply::Broken(reason) if first => return Supply::Nothing(reason),
                    other @ (Supply::Late
                    | Supply::NotYet
                    | Supply::Ended
                    | Supply::Broken(_)
                    | Supply::Nothing(_)) => return other,
                }
            }
            let rest = &self.samples[self.at..];
            let count = rest.len().min(end - block.len());
            block.extend_from_slice(&rest[..count]);
            self.at += count;
        }
        Supply::More
    }
}

fn read_file(reader: &mut WavReader<File>, samples: &mut Vec<f32>) -> Supply {
    match reader.read(samples) {
        Ok(0) => Supply::Ended,
        Ok(_) => Supply::More,
        Err(error) => Supply::Broken(with_cause(&error)),
    }
}

fn receive_piece(pieces: &mut Receiver<Piece>, samples: &mut Vec<f32>) -> Supply {
    match pieces.try_recv() {
        Ok(Ok(piece)) => {
            *samples = piece;
            Supply::More
        }
        Ok(Err(reason)) => Supply::Broken(reason),
        Err(TryRecvError::Empty) => Supply::Late,
        Err(TryRecvError::Disconnected) => Supply::Ended,
    }
}

fn with_cause(error: &WavError) -> String {
    match std::error::Error::source(error) {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}

/// Reads a pipe to its end, or until nobody wants more.
fn read_pipe(mut source: impl Read, pieces: &SyncSender<Piece>) {
    let mut head = Vec::new();
    let result = source.by_ref().take(4).read_to_end(&mut head).map_err(WavError::Io).and_then(|_| {
        if matches!(&head[..], b"RIFF" | b"RF64" | b"BW64") {
            read_wav(head.chain(source), pieces)
        } else if head.is_empty() {
            Err(WavError::Empty)
        } else {
            read_raw(head.chain(source), pieces)
        }
    });
    if let Err(error) = result {
        let reason = match error {
            WavError::Empty => "standard input holds no sound".to_owned(),
            error @ (WavError::NotWav
            | WavError::Unsupported(_)
            | WavError::Broken(_)
            | WavError::Full
            | WavError::Io(_)) => {
                format!("standard input: {}", with_cause(&error))
            }
        };
        let _ = pieces.send(Err(reason));
    }
}

fn read_wav(source: impl Read, pieces: &SyncSender<Piece>) -> Result<(), WavError> {
    let mut reader = WavReader::new(source)?;
    let mut resampler = Resampler::new(reader.rate(), PIPE_RATE);
    let (mut input, mut all) = (Vec::new(), 0);
    loop {
        input.clear();
        let read = reader.read(&mut input)?;
        all += read;
        if all == 0 {
            return Err(WavError::Empty);
        }
        let mut piece = Vec::new();
        if read == 0 {
            resampler.flush(&mut piece);
        } else {
            resampler.process(&input, &mut piece);
        }
        // An empty piece would be taken for a pipe that never gave anything.
        let unwanted = !piece.is_empty() && pieces.send(Ok(piece)).is_err();
        if unwanted || read == 0 {
            return Ok(());
        }
    }
}

fn read_raw(mut source: impl Read, pieces: &SyncSender<Piece>) -> Result<(), WavError> {
    let mut decoder = Decoder::new(Codec::Pcm16);
    let (mut bytes, mut given) = (vec![0; PIPE_BYTES], 0);
    loop {
        let read = match source.read(&mut bytes) {
            // Less than a sample is none.
            Ok(0) => return if given == 0 { Err(WavError::Empty) } else { Ok(()) },
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error.into()),
        };
        let piece: Vec<f32> = decoder.push(&bytes[..read]).into_iter().map(to_float).collect();
        given += piece.len();
        if !piece.is_empty() && pieces.send(Ok(piece)).is_err() {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;
    use crate::pcm::wav::WavWriter;

    fn write(path: &Path, rate: Rate, samples: &[i16]) {
        let mut writer = WavWriter::new(File::create(path).unwrap(), rate).unwrap();
        writer.write(samples).unwrap();
        writer.finish().unwrap();
    }

    /// Reads to the end, waiting for the reader's thread where it is late.
    fn read_all(feed: &mut Feed) -> (Vec<f32>, Supply) {
        let mut samples = Vec::new();
        loop {
            match feed.read(77, &mut samples) {
                Supply::More => {}
                Supply::Late | Supply::NotYet => thread::yield_now(),
                end @ (Supply::Ended | Supply::Broken(_) | Supply::Nothing(_)) => return (samples, end),
            }
        }
    }

    fn ramp() -> Vec<i16> {
        (0..10_000).map(|n| n * 3 - 15_000).collect()
    }

    fn floats() -> Vec<f32> {
        ramp().into_iter().map(to_float).collect()
    }

    #[test]
    fn a_file_is_given_whole_and_silence_follows() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("ramp.wav");
        write(&path, Rate(11_025), &ramp());
        let mut feed = Feed::open(&path).unwrap();
        assert_eq!(feed.rate(), Rate(11_025));
        let (samples, end) = read_all(&mut feed);
        assert!(samples == floats() && end == Supply::Ended);
        let mut silence = Vec::new();
        assert_eq!(feed.read(50, &mut silence), Supply::More);
        assert_eq!((silence, feed.rate()), (vec![0.0; 50], Rate(11_025)));
    }

    #[test]
    fn what_is_no_speech_is_refused_before_anything_begins() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        std::fs::write(path("text.wav"), "no sound, only words about sound").unwrap();
        write(&path("empty.wav"), Rate(24_000), &[]);
        write(&path("cut.wav"), Rate(24_000), &ramp());
        let whole = std::fs::read(path("cut.wav")).unwrap();
        std::fs::write(path("cut.wav"), &whole[..whole.len() - 100]).unwrap();
        let cases = [
            ("text.wav", "not a WAV"),
            ("empty.wav", "empty"),
            ("cut.wav", "ends in the middle"),
            ("missing.wav", "o such file"),
            ("", "directory"),
        ];
        for (name, words) in cases {
            let Err(error) = Feed::open(&path(name)) else { panic!("{name} was taken") };
            let cause = std::error::Error::source(&error).expect("a cause").to_string();
            assert!(cause.contains(words), "{name}: {cause:?} should say {words:?}");
        }
    }

    #[test]
    fn a_pipe_is_raw_sound_or_a_wav_file() {
        let raw = Codec::Pcm16.encode(&ramp());
        let (samples, end) = read_all(&mut Feed::pipe(Cursor::new(raw)).unwrap());
        assert!(samples == floats() && end == Supply::Ended);

        let mut file = Cursor::new(Vec::new());
        let mut writer = WavWriter::new(&mut file, Rate(24_000)).unwrap();
        writer.write(&ramp()).unwrap();
        writer.finish().unwrap();
        let (samples, end) = read_all(&mut Feed::pipe(Cursor::new(file.into_inner())).unwrap());
        assert!(samples == floats() && end == Supply::Ended);
    }

    #[test]
    fn a_pipe_at_another_rate_is_resampled_to_its_last_sample() {
        let mut file = Cursor::new(Vec::new());
        let mut writer = WavWriter::new(&mut file, Rate(8_000)).unwrap();
        writer.write(&[8_192; 8_000]).unwrap();
        writer.finish().unwrap();
        let (samples, _) = read_all(&mut Feed::pipe(Cursor::new(file.into_inner())).unwrap());
        assert!((24_000..24_400).contains(&samples.len()), "{}", samples.len());
        let sum: f32 = samples.iter().sum();
        assert!((sum / 6_000.0 - 1.0).abs() < 0.01, "a second at a quarter: {sum}");
    }

    #[test]
    fn a_pipe_without_sound_says_so() {
        for (bytes, words) in
            [(&b""[..], "holds no sound"), (b"x", "holds no sound"), (b"RIFF\0\0\0\0junk", "not a WAV")]
        {
            let (samples, end) = read_all(&mut Feed::pipe(Cursor::new(bytes)).unwrap());
            assert!(samples.is_empty());
            assert!(matches!(&end, Supply::Nothing(reason) if reason.contains(words)), "{end:?}");
        }
    }
}
