//! Where the captions of each input go, by the flags.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::audio::options::AudioSource;
use crate::call::captions::caption_output::{CaptionFile, CaptionOutput, CaptionTarget, ExistingFile};
use crate::captions::format::Format;
use crate::cli::captions::{CaptionArgs, CaptionFormatArg};
use crate::error::{Error, Kind};
use crate::ui::output::captions::CueRelease;

/// The captions of one input.
#[derive(Debug)]
pub(super) struct InputCaptions {
    pub(super) format: Format,
    /// The file, or standard output.
    pub(super) path: Option<PathBuf>,
    existing: ExistingFile,
    release: CueRelease,
}

/// Returns where the captions of each input go.
///
/// # Errors
///
/// When the flags contradict each other, or two inputs would be written to one file.
pub(super) fn captions(args: &CaptionArgs, inputs: &[&AudioSource]) -> Result<Vec<InputCaptions>, Error> {
    let format = format(args);
    if inputs.len() > 1 && args.output_file.is_some() {
        return Err(Error::say(Kind::Usage, "--output-file takes the captions of one input only")
            .hint("write those of several to files of their names: --output-dir DIR"));
    }
    let is_to_stdout = args.output_file.is_none() && args.output_dir.is_none();
    if inputs.len() > 1 && is_to_stdout && format != Format::Text {
        return Err(Error::say(Kind::Usage, "captions of several inputs cannot be one file of this format")
            .hint("write them to files of their names: --output-dir DIR"));
    }
    if args.resume && is_to_stdout {
        return Err(Error::say(Kind::Usage, "--resume continues a file, and there is none")
            .hint("name it: --output-file FILE, or --output-dir DIR"));
    }
    if args.resume && !matches!(format, Format::Srt | Format::Vtt | Format::Jsonl) {
        let error = format!("a .{} file does not say where its captions end", format.extension());
        return Err(Error::say(Kind::Usage, error).hint("--resume continues srt, vtt and jsonl files"));
    }
    let existing = match (args.force, args.resume) {
        (true, _) => ExistingFile::Replaced,
        (false, true) => ExistingFile::Continued,
        (false, false) => ExistingFile::Refused,
    };
    let mut taken: HashMap<PathBuf, &AudioSource> = HashMap::new();
    let mut outputs = Vec::with_capacity(inputs.len());
    for input in inputs {
        let is_live = matches!(input, AudioSource::Device(_) | AudioSource::Stdin);
        let release = if args.follow || is_live { CueRelease::AtOnce } else { CueRelease::BeforeNextTurn };
        let path = path(args, input, format);
        if let Some(path) = &path
            && let Some(other) = taken.insert(path.clone(), input)
        {
            let error =
                format!("{} and {} would both be written to {}", name(other), name(input), path.display());
            return Err(Error::say(Kind::Usage, error).hint("caption one of them with --output-file FILE"));
        }
        outputs.push(InputCaptions { format, path, existing, release });
    }
    Ok(outputs)
}

/// Makes the folder of `--output-dir`.
///
/// # Errors
///
/// When it cannot be made.
pub(super) fn make_folder(args: &CaptionArgs) -> Result<(), Error> {
    let Some(folder) = &args.output_dir else { return Ok(()) };
    fs::create_dir_all(folder).map_err(|error| {
        let error = anyhow::Error::new(error).context(format!("cannot create {}", folder.display()));
        Error::new(Kind::Device, error).hint("check the name and that you may write there")
    })
}

impl InputCaptions {
    /// Opens the output; nothing where captions are plain lines on standard output.
    ///
    /// # Errors
    ///
    /// As [`CaptionFile::open`].
    pub(super) fn open(&self) -> Result<Option<CaptionOutput>, Error> {
        let Self { format, existing, release, .. } = *self;
        let target = match &self.path {
            Some(path) => CaptionTarget::File(CaptionFile::open(path, format, existing)?),
            None if format == Format::Text => return Ok(None),
            None => CaptionTarget::Stdout,
        };
        Ok(Some(CaptionOutput { format, target, release }))
    }
}

/// Returns the media time at which the input is to begin.
pub(super) fn start(output: Option<&CaptionOutput>) -> Duration {
    match output.map(|output| &output.target) {
        Some(CaptionTarget::File(file)) => file.whole.media_start(),
        Some(CaptionTarget::Stdout) | None => Duration::ZERO,
    }
}

fn format(args: &CaptionArgs) -> Format {
    let by_extension = || Format::of_extension(args.output_file.as_ref()?.extension()?.to_str()?);
    match args.format {
        Some(CaptionFormatArg::Text) => Format::Text,
        Some(CaptionFormatArg::Srt) => Format::Srt,
        Some(CaptionFormatArg::Vtt) => Format::Vtt,
        Some(CaptionFormatArg::Jsonl) => Format::Jsonl,
        Some(CaptionFormatArg::Md) => Format::Markdown,
        Some(CaptionFormatArg::Lrc) => Format::Lrc,
        None => by_extension().unwrap_or(Format::Text),
    }
}

fn path(args: &CaptionArgs, input: &AudioSource, format: Format) -> Option<PathBuf> {
    if let Some(file) = &args.output_file {
        return Some(file.clone());
    }
    let stem = match input {
        AudioSource::File(path) => path.file_stem().unwrap_or(path.as_os_str()),
        AudioSource::Stdin => "stdin".as_ref(),
        AudioSource::Device(_) | AudioSource::Null => "captions".as_ref(),
    };
    let mut name = stem.to_owned();
    name.push(".");
    name.push(format.extension());
    args.output_dir.as_ref().map(|folder| folder.join(Path::new(&name)))
}

fn name(input: &AudioSource) -> String {
    match input {
        AudioSource::File(path) => path.display().to_string(),
        AudioSource::Stdin => "standard input".to_owned(),
        AudioSource::Device(_) | AudioSource::Null => "the microphone".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(name: &str) -> AudioSource {
        AudioSource::File(PathBuf::from(name))
    }

    fn paths(args: &CaptionArgs, inputs: &[AudioSource]) -> Result<Vec<Option<PathBuf>>, String> {
        let inputs: Vec<&AudioSource> = inputs.iter().collect();
        let captions = captions(args, &inputs).map_err(|error| error.to_string())?;
        Ok(captions.into_iter().map(|captions| captions.path).collect())
    }

    #[test]
    fn each_input_has_a_file_of_its_name_in_the_folder() {
        let args = CaptionArgs {
            format: Some(CaptionFormatArg::Vtt),
            output_dir: Some("out".into()),
            ..CaptionArgs::default()
        };
        let found = paths(&args, &[file("a/talk.part1.mp3"), file("b.wav"), AudioSource::Stdin]);
        let expected = ["out/talk.part1.vtt", "out/b.vtt", "out/stdin.vtt"];
        assert_eq!(found, Ok(expected.map(|path| Some(PathBuf::from(path))).to_vec()));
    }

    #[test]
    fn two_inputs_are_never_written_to_one_file() {
        let args = CaptionArgs { output_dir: Some("out".into()), ..CaptionArgs::default() };
        let error = paths(&args, &[file("talk.mp3"), file("old/talk.wav")]).unwrap_err();
        assert!(
            error.starts_with("talk.mp3 and old/talk.wav would both be written to out/talk.txt"),
            "{error}"
        );
        let args = CaptionArgs { output_file: Some("x.srt".into()), ..CaptionArgs::default() };
        assert!(paths(&args, &[file("a.wav"), file("b.wav")]).is_err());
        let args = CaptionArgs { format: Some(CaptionFormatArg::Srt), ..CaptionArgs::default() };
        assert!(paths(&args, &[file("a.wav"), file("b.wav")]).is_err());
    }

    #[test]
    fn the_extension_decides_the_format_unless_it_is_named() {
        let args = |name: &str, format| CaptionArgs {
            output_file: Some(name.into()),
            format,
            ..CaptionArgs::default()
        };
        assert_eq!(format(&args("a.SRT", None)), Format::Srt);
        assert_eq!(format(&args("a.md", None)), Format::Markdown);
        assert_eq!(format(&args("a", None)), Format::Text);
        assert_eq!(format(&args("a.srt", Some(CaptionFormatArg::Vtt))), Format::Vtt);
    }

    #[test]
    fn only_a_file_with_end_times_is_resumed() {
        let args = |name: Option<&str>| CaptionArgs {
            output_file: name.map(PathBuf::from),
            resume: true,
            ..CaptionArgs::default()
        };
        assert!(paths(&args(Some("a.srt")), &[file("a.wav")]).is_ok());
        assert!(paths(&args(Some("a.md")), &[file("a.wav")]).is_err());
        assert!(paths(&args(None), &[file("a.wav")]).is_err());
    }
}
