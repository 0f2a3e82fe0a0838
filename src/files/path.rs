//! Where a path leads, by whose links, and whether two paths lead to one file.

use std::fs::{self, Metadata};
use std::io;
use std::path::{Path, PathBuf};

use crate::files::output::FileAccess;
use crate::files::refusal::FileRefusal;

/// How many links may lead to a file, as in the Linux kernel.
const LINKS_MAX: usize = 40;

/// Returns the path behind all links at its end; the file itself may be missing.
///
/// # Errors
///
/// When a link is another user's and the file is to be private, or when links lead in a circle.
pub(super) fn resolve(path: &Path, access: FileAccess) -> io::Result<PathBuf> {
    let mut path = path.to_owned();
    for _ in 0..LINKS_MAX {
        if access == FileAccess::Private {
            check_links(&path)?;
        }
        let is_link = fs::symlink_metadata(&path).is_ok_and(|metadata| metadata.is_symlink());
        if !is_link {
            return Ok(path);
        }
        let target = path.parent().unwrap_or(Path::new("")).join(fs::read_link(&path)?);
        if fs::symlink_metadata(&target).is_err() && fs::metadata(&path).is_ok() {
            // Such as /proc/self/fd/1, whose text names no path.
            return Ok(path);
        }
        path = target;
    }
    Err(io::Error::other("too many symbolic links"))
}

/// Returns whether two paths name one file, by whatever spelling or link. A device is no file: many may
/// write to it.
pub fn is_same_file(one: &Path, other: &Path) -> bool {
    matches!((Identity::of(one), Identity::of(other)), (Some(one), Some(other)) if one == other)
}

/// What two names of one file have in common.
#[derive(PartialEq, Eq)]
enum Identity {
    /// A file that is there: its file system and its number.
    #[cfg(unix)]
    Inode(u64, u64),
    /// Where it is, or will be.
    Path(PathBuf),
}

impl Identity {
    fn of(path: &Path) -> Option<Self> {
        let path = resolve(path, FileAccess::Shared).ok()?;
        match fs::metadata(&path) {
            Ok(metadata) => Self::of_present(&path, &metadata),
            Err(_) => {
                let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
                let folder = folder.unwrap_or(Path::new(".")).canonicalize().ok()?;
                Some(Self::Path(folder.join(path.file_name()?)))
            }
        }
    }

    #[cfg(unix)]
    fn of_present(_: &Path, metadata: &Metadata) -> Option<Self> {
        use std::os::unix::fs::{FileTypeExt, MetadataExt};

        let kind = metadata.file_type();
        let is_device = kind.is_char_device() || kind.is_block_device();
        (!is_device).then(|| Self::Inode(metadata.dev(), metadata.ino()))
    }

    #[cfg(not(unix))]
    fn of_present(path: &Path, _: &Metadata) -> Option<Self> {
        path.canonicalize().ok().map(Self::Path)
    }
}

/// Checks that no link on the way is another user's.
fn check_links(path: &Path) -> io::Result<()> {
    for part in path.ancestors() {
        // What cannot be looked at cannot be opened either, and that says why.
        if let Ok(metadata) = fs::symlink_metadata(part)
            && metadata.is_symlink()
            && is_foreign(&metadata)
        {
            return Err(FileRefusal::ForeignLink.into());
        }
    }
    Ok(())
}

/// Returns whether a file belongs to neither this user nor the system's administrator.
#[cfg(unix)]
pub(super) fn is_foreign(metadata: &Metadata) -> bool {
    let owner = std::os::unix::fs::MetadataExt::uid(metadata);
    owner != 0 && owner != rustix::process::geteuid().as_raw()
}

/// Other systems do not let everybody make links.
#[cfg(not(unix))]
pub(super) fn is_foreign(_: &Metadata) -> bool {
    false
}
