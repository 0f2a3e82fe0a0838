//! Resolution of paths: links, their owners, and identity of files.

use std::fs::{self, Metadata};
use std::io;
use std::path::{Path, PathBuf};

use crate::files::refusal::FileRefusal;

/// Access to a file that is created.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileAccess {
    /// This user only: mode 0600, never another user's file, never through another user's link.
    Private,
    /// As the umask allows.
    Shared,
}

/// Limit of links to a file, as in the Linux kernel.
const LINKS_MAX: usize = 40;

/// Returns the path after resolving all links at its end; the file itself may be absent.
///
/// # Errors
///
/// When the file is private and a link belongs to another user, or when links form a cycle.
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
            // For example /proc/self/fd/1, whose target is not a path.
            return Ok(path);
        }
        path = target;
    }
    Err(io::Error::other("too many symbolic links"))
}

/// Returns whether two paths name the same file by any spelling or link. Devices never count: they may be written
/// to twice.
pub fn is_same_file(one: &Path, other: &Path) -> bool {
    matches!((Identity::of(one), Identity::of(other)), (Some(one), Some(other)) if one == other)
}

/// Identity of a file.
#[derive(PartialEq, Eq)]
enum Identity {
    /// An existing file: device and inode number.
    #[cfg(unix)]
    Inode(u64, u64),
    /// Path of the existing or future file.
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

/// Checks that no link in the path belongs to another user.
fn check_links(path: &Path) -> io::Result<()> {
    for part in path.ancestors() {
        // An error here recurs when the file is opened, and is reported then.
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

/// On other systems, making links requires privileges.
#[cfg(not(unix))]
pub(super) fn is_foreign(_: &Metadata) -> bool {
    false
}
