//! Modes, links and pipes.

use std::fs::Permissions as Mode;
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::PathBuf;

use super::*;

/// The user ID of an unprivileged user on most systems; any other user would do.
const OTHER_USER: u32 = 65_534;

fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("the temporary folder takes files").permissions().mode() & 0o777
}

fn private(path: &Path) -> io::Result<OutputFile> {
    OutputFile::open(path, FileAccess::Private, WriteMode::Append)
}

fn shared(path: &Path) -> io::Result<OutputFile> {
    OutputFile::open(path, FileAccess::Shared, WriteMode::Overwrite)
}

fn pipe(folder: &Path) -> PathBuf {
    let path = folder.join("pipe");
    let made =
        std::process::Command::new("mkfifo").arg(&path).status().expect("the temporary folder takes files");
    assert!(made.success());
    path
}

#[test]
fn a_private_file_is_accessible_to_its_owner_only() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    private(&path("private")).unwrap().keep();
    assert_eq!(mode(&path("private")), 0o600);
    shared(&path("shared")).unwrap().keep();
    fs::write(path("usual"), "").unwrap();
    assert_eq!(mode(&path("shared")), mode(&path("usual")));
    create_private(&path("below/config"), "text").unwrap();
    assert_eq!((mode(&path("below/config")), mode(&path("below"))), (0o600, 0o700));
    assert_eq!(create_private(&path("below/config"), "").unwrap_err().kind(), io::ErrorKind::AlreadyExists);
    replace(&path("state/devices"), "text", Permissions::Private).unwrap();
    assert_eq!(mode(&path("state/devices")), 0o600);
}

#[test]
fn an_unused_new_file_is_removed_and_an_existing_one_unchanged() {
    let folder = tempfile::tempdir().unwrap();
    let (new, old) = (folder.path().join("new"), folder.path().join("old"));
    fs::write(&old, "precious").unwrap();
    for path in [&new, &old] {
        drop(private(path).unwrap());
        drop(shared(path).unwrap());
    }
    assert!(!new.exists());
    assert_eq!(fs::read_to_string(&old).unwrap(), "precious");
    let begun: io::Result<()> = shared(&old).unwrap().begin(|mut file| file.write_all(b"new"));
    begun.unwrap();
    assert_eq!(fs::read_to_string(&old).unwrap(), "new");
}

#[test]
fn an_own_link_is_followed_even_to_an_absent_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    symlink("second", path("first")).unwrap();
    symlink("file", path("second")).unwrap();
    private(&path("first")).unwrap().keep();
    assert_eq!(mode(&path("file")), 0o600);
    symlink("circle", path("circle")).unwrap();
    assert!(private(&path("circle")).is_err());
    private(Path::new("/dev/null")).unwrap().write_all(b"text").unwrap();
}

/// Creates the links that another user could plant; only the administrator can test that.
fn planted_by_another_user(folder: &Path) -> Option<[PathBuf; 4]> {
    let path = |name: &str| folder.join(name);
    fs::write(path("target"), "precious").expect("the temporary folder takes files");
    fs::create_dir(path("sub")).expect("the temporary folder takes files");
    for (target, link) in [("target", "link"), ("missing", "dangling"), ("sub", "folder")] {
        symlink(target, path(link)).expect("the temporary folder takes files");
        std::os::unix::fs::lchown(path(link), Some(OTHER_USER), None).ok()?;
    }
    symlink("link", path("indirect")).expect("the temporary folder takes files");
    Some([path("link"), path("dangling"), path("folder/file"), path("indirect")])
}

#[test]
fn a_private_file_is_never_opened_through_another_users_link() {
    let folder = tempfile::tempdir().unwrap();
    let Some(paths) = planted_by_another_user(folder.path()) else { return };
    for path in paths {
        let errors = [private(&path).unwrap_err(), replace(&path, "x", Permissions::Private).unwrap_err()];
        for error in errors {
            assert_eq!(error.to_string(), "it is behind a symbolic link of another user", "{path:?}");
            assert!(hint(&error).is_some());
        }
        shared(&path).unwrap();
    }
    assert_eq!(fs::read_to_string(folder.path().join("target")).unwrap(), "precious");
}

#[test]
fn a_private_file_is_never_another_users_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    fs::write(&path, "").unwrap();
    fs::set_permissions(&path, Mode::from_mode(0o666)).unwrap();
    // Only the administrator can give a file away.
    if chown(&path, Some(OTHER_USER), None).is_err() {
        return;
    }
    assert_eq!(private(&path).unwrap_err().to_string(), "it belongs to another user");
    shared(&path).unwrap();
}

#[test]
fn a_pipe_without_its_other_end_does_not_block() {
    let folder = tempfile::tempdir().unwrap();
    let path = pipe(folder.path());
    for opened in [private(&path), shared(&path), OutputFile::open_seekable(&path, FileAccess::Shared)] {
        let error = opened.unwrap_err();
        assert_eq!(error.to_string(), "it is a pipe without a reader");
        assert_eq!(hint(&error), Some("start its reader first, or use a regular file"));
    }
}

#[test]
fn a_pipe_with_a_reader_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = pipe(folder.path());
    let reader = std::thread::spawn({
        let path = path.clone();
        move || fs::read(path).unwrap()
    });
    // The reader opens the pipe a little later.
    let mut output = loop {
        match private(&path) {
            Ok(output) => break output,
            Err(_) => std::thread::yield_now(),
        }
    };
    let error = OutputFile::open_seekable(&path, FileAccess::Shared).unwrap_err();
    assert!(error.to_string().starts_with("it is a pipe, and a WAV file"), "{error}");
    let text = vec![b'x'; 300_000];
    output.clear().unwrap();
    output.write_all(&text).unwrap();
    drop(output);
    assert!(reader.join().unwrap() == text);
}

#[test]
fn a_pipe_is_read_as_soon_as_it_has_a_writer() {
    let folder = tempfile::tempdir().unwrap();
    let path = pipe(folder.path());
    let writer = std::thread::spawn({
        let path = path.clone();
        move || fs::write(path, "text").unwrap()
    });
    assert_eq!(read_to_string(&path).unwrap(), "text");
    writer.join().unwrap();
}

#[test]
fn a_replaced_file_keeps_its_mode_and_links_to_it() {
    let folder = tempfile::tempdir().unwrap();
    let (real, link) = (folder.path().join("real.toml"), folder.path().join("link.toml"));
    fs::write(&real, "old").unwrap();
    fs::set_permissions(&real, Mode::from_mode(0o640)).unwrap();
    symlink(&real, &link).unwrap();
    replace(&link, "new", Permissions::Kept).unwrap();
    assert_eq!(fs::read_to_string(&real).unwrap(), "new");
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(mode(&real), 0o640);
    replace(&real, "newer", Permissions::Private).unwrap();
    assert_eq!(mode(&real), 0o600);
    let new = folder.path().join("below/config.toml");
    replace(&new, "first", Permissions::Kept).unwrap();
    assert_eq!(mode(&new), 0o600);
    assert_eq!(fs::read_dir(new.parent().unwrap()).unwrap().count(), 1);
}
