//! One file.

use std::fs::{self, File};
use std::io::{Error, ErrorKind, Read, Write};
use std::path::Path;

use tempfile::NamedTempFile;

use crate::FileError;
use crate::path::{folder_of, target_of};
use crate::temporary::{temporary_folder_in, temporary_in};

/// Reads a file, unless it is larger than any such file is.
///
/// # Errors
/// When it cannot be read, or has more than `limit` bytes.
pub fn read_bounded(path: &Path, limit: u64) -> Result<Vec<u8>, FileError> {
    let failed = |error| FileError::Read { path: path.to_owned(), error };
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(failed)?;
    file.take(limit.saturating_add(1)).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > limit {
        Err(FileError::TooLarge { path: path.to_owned(), limit })
    } else {
        Ok(bytes)
    }
}

/// Writes a file as a whole or not at all.
///
/// # Errors
/// When it cannot be written; what was there is untouched then.
pub fn write(path: &Path, bytes: &[u8]) -> Result<(), FileError> {
    let path = target_of(path)?;
    let mut file = temporary_in(&folder_of(&path))?;
    let failed = |error| FileError::Write { path: path.clone(), error };
    // A file that only its owner may read stays so.
    if let Ok(there) = path.metadata() {
        file.as_file().set_permissions(there.permissions()).map_err(failed)?;
    }
    file.write_all(bytes).map_err(failed)?;
    persist(file, &path)
}

/// Writes a file as a whole or not at all with what writes it by itself, given a path. It may put
/// another file in the place of the one that is there, as safetensors does: so the path is in a
/// temporary folder, where also what it leaves when it is killed is.
///
/// # Errors
/// When it cannot be written; what was there is untouched then.
pub fn write_with<E: From<FileError>>(
    path: &Path,
    write: impl FnOnce(&Path) -> Result<(), E>,
) -> Result<(), E> {
    let path = target_of(path)?;
    let temporary = temporary_folder_in(&folder_of(&path))?;
    let failed = |error: Error| FileError::Write { path: path.clone(), error };
    let file = temporary.folder.path().join("file");
    let made = File::create(&file).and_then(|file| file.metadata()).map_err(failed)?;
    let permissions = path.metadata().unwrap_or(made).permissions();
    write(&file)?;
    fs::set_permissions(&file, permissions)
        .and_then(|()| File::open(&file)?.sync_all())
        .and_then(|()| fs::rename(&file, &path))
        .map_err(failed)?;
    Ok(())
}

/// Writes a file as a whole, unless there is one: of several processes, one has written it. Returns
/// whether it was this one.
///
/// # Errors
/// When it cannot be written.
pub fn write_new(path: &Path, bytes: &[u8]) -> Result<bool, FileError> {
    let failed = |error: Error| FileError::Write { path: path.to_owned(), error };
    let mut file = temporary_in(&folder_of(path))?;
    file.write_all(bytes).and_then(|()| file.as_file().sync_all()).map_err(failed)?;
    match file.persist_noclobber(path) {
        Ok(_) => Ok(true),
        Err(error) if error.error.kind() == ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(failed(error.error)),
    }
}

/// Puts a temporary file in its place, its bytes safe on the disk.
///
/// # Errors
/// When it cannot be renamed.
pub fn persist(file: NamedTempFile, path: &Path) -> Result<(), FileError> {
    let failed = |error: Error| FileError::Write { path: path.to_owned(), error };
    file.as_file().sync_all().map_err(failed)?;
    file.persist(path).map_err(|error| failed(error.error))?;
    Ok(())
}

/// Checks that a file can be written at `path`, before work is spent on its content.
///
/// # Errors
/// When its folder is not there or may not be written to, or there is something else than a file.
pub fn check_writable(path: &Path) -> Result<(), FileError> {
    let path = target_of(path)?;
    let folder = folder_of(&path);
    if !folder.is_dir() {
        return Err(FileError::NoFolder(folder));
    }
    if path.exists() && !path.is_file() {
        return Err(FileError::NotAFile(path));
    }
    temporary_in(&folder)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_and_nothing_else_is_left() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        for bytes in [&b"one"[..], b"another"] {
            write(&path, bytes).unwrap();
            assert_eq!(read_bounded(&path, 10).unwrap(), bytes);
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
        assert!(matches!(read_bounded(&path, 3), Err(FileError::TooLarge { limit: 3, .. })));
        assert!(read_bounded(&folder.path().join("b"), 3).unwrap_err().is_not_found());
    }

    #[test]
    fn what_writes_by_itself_may_put_another_file_there() {
        let folder = tempfile::tempdir().unwrap();
        let [path, plain] = ["a", "b"].map(|name| folder.path().join(name));
        write(&plain, b"x").unwrap();
        write_with(&path, |temporary| {
            let other = NamedTempFile::new_in(temporary.parent().unwrap()).unwrap();
            other.as_file().write_all(b"other").unwrap();
            other.persist(temporary).unwrap();
            Ok::<_, FileError>(())
        })
        .unwrap();
        assert_eq!(read_bounded(&path, 10).unwrap(), b"other");
        let permissions = |path: &Path| path.metadata().unwrap().permissions();
        assert_eq!(permissions(&path), permissions(&plain), "not those of a temporary file");
        let failed = write_with(&path, |temporary| {
            std::fs::write(temporary, "half").unwrap();
            Err(FileError::Occupied(temporary.to_owned()))
        });
        assert!(failed.is_err());
        assert_eq!(read_bounded(&path, 10).unwrap(), b"other");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2, "nothing else is left");
    }

    #[cfg(unix)]
    #[test]
    fn a_replaced_file_keeps_its_permissions() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        write(&path, b"one").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        let mode = || path.metadata().unwrap().permissions().mode() & 0o777;
        write(&path, b"two").unwrap();
        assert_eq!(mode(), 0o600);
        write_with(&path, |path| {
            std::fs::write(path, "three").map_err(|error| FileError::Write { path: path.to_owned(), error })
        })
        .unwrap();
        assert_eq!(mode(), 0o600);
    }

    #[test]
    fn of_several_that_write_a_new_file_one_has_written_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        let written = std::thread::scope(|scope| {
            let threads =
                [b"1", b"2", b"3", b"4"].map(|bytes| (bytes, scope.spawn(|| write_new(&path, bytes))));
            threads.map(|(bytes, thread)| (bytes, thread.join().unwrap().unwrap()))
        });
        let [(bytes, _)] = written.iter().filter(|(_, is_first)| *is_first).collect::<Vec<_>>()[..] else {
            panic!("{written:?}")
        };
        assert_eq!(&read_bounded(&path, 10).unwrap(), bytes);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[cfg(unix)]
    #[test]
    fn a_link_stays_and_what_it_points_to_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let [target, link] = ["target", "link"].map(|name| folder.path().join(name));
        std::os::unix::fs::symlink(&target, &link).unwrap();
        assert!(matches!(write(&link, b"x"), Err(FileError::Link { .. })), "it points nowhere yet");
        std::fs::write(&target, "old").unwrap();
        write(&link, b"new").unwrap();
        assert!(link.is_symlink());
        assert_eq!(std::fs::read(&target).unwrap(), b"new");
    }
}
