//! The folder of kept conversations: finding, reading and creating their files.

use std::fs::{self, File, TryLockError};
use std::hash::{BuildHasher, RandomState};
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use anyhow::Context;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::call::kept::record::{self, KeptConversation, KeptHeader};
use crate::error::{Error, Kind};
use crate::files;

/// Longest name of a conversation, in characters.
const LONGEST_NAME: usize = 100;

/// Letters of the random end of an id.
const ID_LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";

/// Attempts to find a free id.
const ID_ATTEMPTS: usize = 8;

/// Longest header that is read, in bytes.
const HEADER_BYTES: u64 = 64 << 10;

/// Folder of kept conversations.
#[derive(Clone, Debug)]
pub(crate) struct KeptFolder {
    path: PathBuf,
}

/// Which conversation to continue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// The most recent one.
    Latest,
    /// The one of this name or id.
    Named(String),
}

/// A new file, and where its name came from.
#[derive(Debug)]
pub(crate) struct NewFile {
    pub(crate) file: File,
    pub(crate) path: PathBuf,
    pub(crate) id: String,
    pub(crate) started: Option<String>,
}

impl KeptFolder {
    /// Uses a folder, which may be absent.
    pub(crate) fn at(path: PathBuf) -> Self {
        Self { path }
    }

    /// Creates the folder for this user only, so that a failure is known before anything is said.
    ///
    /// # Errors
    ///
    /// When it is a link, belongs to another user or cannot be created.
    pub(crate) fn prepare(&self) -> Result<(), Error> {
        files::private_folder(&self.path).map_err(|error| {
            let hint = files::hint(&error).unwrap_or("set XDG_DATA_HOME to a folder of your own");
            let error = anyhow::Error::new(error)
                .context(format!("cannot keep conversations in {}", self.path.display()));
            Error::new(Kind::Device, error).hint(hint)
        })
    }

    /// Reads the wanted conversation; none if there is none.
    ///
    /// # Errors
    ///
    /// When it cannot be read, is of a later version, or another program is writing it.
    pub(crate) fn find(&self, wanted: &Wanted) -> Result<Option<KeptConversation>, Error> {
        let Some(path) = self.files().into_iter().find(|path| is_wanted(path, wanted)) else {
            return Ok(None);
        };
        let error = |error: anyhow::Error| {
            let error = error.context(format!("cannot continue the conversation {}", path.display()));
            Error::new(Kind::Device, error).hint("continue another one: --session NAME")
        };
        read(&path).map(Some).map_err(error)
    }

    /// Returns all files, the one that was written last first.
    fn files(&self) -> Vec<PathBuf> {
        let months = entries(&self.path).filter(|path| is_own(path, fs::Metadata::is_dir));
        let files = months.flat_map(|month| entries(&month).collect::<Vec<_>>());
        let files = files.filter(|path| path.extension().is_some_and(|extension| extension == "jsonl"));
        let files = files.filter(|path| is_own(path, fs::Metadata::is_file));
        let mut files: Vec<(SystemTime, PathBuf)> =
            files.filter_map(|path| Some((fs::metadata(&path).ok()?.modified().ok()?, path))).collect();
        files.sort_unstable_by(|one, other| other.cmp(one));
        files.into_iter().map(|(_, path)| path).collect()
    }

    /// Creates the file of a conversation that began at this time, since 1970, and locks it.
    ///
    /// # Errors
    ///
    /// When the folder or the file cannot be created.
    pub(crate) fn create(&self, unix: Duration) -> io::Result<NewFile> {
        let seconds = i64::try_from(unix.as_secs()).unwrap_or_default();
        let time = OffsetDateTime::from_unix_timestamp(seconds).map_err(io::Error::other)?;
        let month = self.path.join(format!("{:04}-{:02}", time.year(), u8::from(time.month())));
        for folder in [&self.path, &month] {
            files::private_folder(folder)?;
        }
        let (hour, minute, second) = time.to_hms();
        let date = format!("{:04}{:02}{:02}", time.year(), u8::from(time.month()), time.day());
        for _ in 0..ID_ATTEMPTS {
            let id = format!("{date}-{hour:02}{minute:02}{second:02}-{}", random_letters());
            let path = month.join(format!("{id}.jsonl"));
            match files::create_private_file(&path) {
                Ok(file) => {
                    // A file system without locks still keeps conversations.
                    let _ = file.try_lock();
                    return Ok(NewFile { file, path, id, started: time.format(&Rfc3339).ok() });
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
        Err(io::ErrorKind::AlreadyExists.into())
    }
}

/// Checks the name of a conversation: a label on one line, never a path.
///
/// # Errors
///
/// When it is empty, too long or has control characters.
pub(crate) fn check_name(name: &str) -> Result<(), Error> {
    let is_fine = !name.trim().is_empty()
        && name.chars().count() <= LONGEST_NAME
        && !name.chars().any(char::is_control);
    if is_fine {
        return Ok(());
    }
    let error = format!("--session takes a name of 1 to {LONGEST_NAME} characters on one line");
    Err(Error::say(Kind::Usage, error).hint("choose another name"))
}

fn entries(folder: &Path) -> impl Iterator<Item = PathBuf> {
    fs::read_dir(folder).into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path()))
}

/// Links are not followed: a conversation may go to the endpoint.
fn is_own(path: &Path, is_kind: fn(&fs::Metadata) -> bool) -> bool {
    fs::symlink_metadata(path).is_ok_and(|metadata| is_kind(&metadata))
}

fn is_wanted(path: &Path, wanted: &Wanted) -> bool {
    match wanted {
        Wanted::Latest => true,
        // One of a later version is reported when it is read.
        Wanted::Named(name) => {
            path.file_stem().is_some_and(|stem| stem == name.as_str())
                || read_header(path).is_some_and(|header| header.name.as_ref() == Some(name))
        }
    }
}

fn read_header(path: &Path) -> Option<KeptHeader> {
    let mut line = String::new();
    BufReader::new(File::open(path).ok()?.take(HEADER_BYTES)).read_line(&mut line).ok()?;
    record::header(&line).ok().flatten()
}

fn read(path: &Path) -> anyhow::Result<KeptConversation> {
    let mut file = File::open(path)?;
    match file.try_lock_shared() {
        Err(TryLockError::WouldBlock) => anyhow::bail!("it is open in another program"),
        // A file system without locks.
        Ok(()) | Err(TryLockError::Error(_)) => {}
    }
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).context("reading failed")?;
    record::parse(&bytes)
}

fn random_letters() -> String {
    let mut number = RandomState::new().hash_one(0_u8);
    let mut letter = || {
        let index = usize::try_from(number % 32).unwrap_or_default();
        number /= 32;
        char::from(ID_LETTERS[index])
    };
    (0..3).map(|_| letter()).collect()
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    /// 2026-11-30 07:25:33 UTC.
    const TIME: Duration = Duration::from_secs(1_796_023_533);

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    /// Keeps a conversation of one message.
    fn keep(folder: &KeptFolder, name: Option<&str>, text: &str) -> NewFile {
        let mut new = folder.create(TIME).unwrap();
        let name = serde_json::to_string(&name).unwrap();
        let id = &new.id;
        let lines = format!(
            "{{\"rtvoice_session\":1,\"id\":\"{id}\",\"name\":{name}}}\n\
             {{\"type\":\"user\",\"at_ms\":1,\"item\":\"u1\",\"text\":\"{text}\"}}\n"
        );
        new.file.write_all(lines.as_bytes()).unwrap();
        new
    }

    fn found(folder: &KeptFolder, wanted: &Wanted) -> Option<String> {
        folder.find(wanted).unwrap().map(|kept| kept.turns[0].text.clone())
    }

    #[test]
    fn files_and_folders_are_private_and_named_by_their_time() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("data/rtvoice/sessions");
        let new = KeptFolder::at(path.clone()).create(TIME).unwrap();
        assert!(new.id.starts_with("20261130-072533-") && new.id.len() == 19, "{}", new.id);
        assert_eq!(new.started.as_deref(), Some("2026-11-30T07:25:33Z"));
        assert_eq!(new.path, path.join(format!("2026-11/{}.jsonl", new.id)));
        assert_eq!((mode(&new.path), mode(&path), mode(new.path.parent().unwrap())), (0o600, 0o700, 0o700));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        KeptFolder::at(path.clone()).prepare().unwrap();
        assert_eq!(mode(&path), 0o700, "others had access");
    }

    #[test]
    fn a_link_in_the_way_is_an_error() {
        let home = tempfile::tempdir().unwrap();
        let elsewhere = home.path().join("elsewhere");
        fs::create_dir(&elsewhere).unwrap();
        let path = home.path().join("sessions");
        symlink(&elsewhere, &path).unwrap();
        let error = KeptFolder::at(path.clone()).prepare().unwrap_err();
        assert!(error.to_string().contains("sessions: it is a symbolic link"), "{error}");
        assert!(KeptFolder::at(path.clone()).create(TIME).is_err());
        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
        symlink(&elsewhere, path.join("2026-11")).unwrap();
        assert!(KeptFolder::at(path).create(TIME).is_err());
        assert_eq!(fs::read_dir(elsewhere).unwrap().count(), 0);
    }

    #[test]
    fn the_conversation_written_last_is_continued_and_any_by_name_or_id() {
        let home = tempfile::tempdir().unwrap();
        let folder = KeptFolder::at(home.path().join("sessions"));
        assert_eq!(found(&folder, &Wanted::Latest), None);
        let named = Wanted::Named("plans".to_owned());
        let (first, second) = (keep(&folder, Some("plans"), "first"), keep(&folder, Some("plans"), "second"));
        let third = keep(&folder, None, "third");
        for (file, seconds) in [(&first, 1), (&second, 2), (&third, 3)] {
            file.file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)).unwrap();
        }
        let by_id = Wanted::Named(first.id.clone());
        drop((first, second, third));
        assert_eq!(found(&folder, &Wanted::Latest).as_deref(), Some("third"));
        assert_eq!(found(&folder, &named).as_deref(), Some("second"));
        assert_eq!(found(&folder, &by_id).as_deref(), Some("first"));
        assert_eq!(found(&folder, &Wanted::Named("other".to_owned())), None);
    }

    #[test]
    fn a_conversation_that_is_being_written_is_not_continued() {
        let home = tempfile::tempdir().unwrap();
        let folder = KeptFolder::at(home.path().join("sessions"));
        let open = keep(&folder, None, "first");
        let error = folder.find(&Wanted::Latest).unwrap_err();
        assert!(error.to_string().contains("it is open in another program\nhint: "), "{error}");
        drop(open);
        assert!(folder.find(&Wanted::Latest).unwrap().is_some());
    }

    #[test]
    fn a_name_is_a_label_on_one_line() {
        for name in ["plans", "a/b", "中文 notes"] {
            assert!(check_name(name).is_ok(), "{name}");
        }
        for name in ["", "  ", "a\nb", &"x".repeat(101)] {
            assert!(check_name(name).is_err(), "{name}");
        }
    }
}
