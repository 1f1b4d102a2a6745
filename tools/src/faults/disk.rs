//! A small disk in memory.

use std::fs;
use std::io::ErrorKind;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

/// The unit in which space is allocated.
pub(super) const PAGE: usize = 4096;

/// The name of the file that fills the disk.
const FILLER: &str = "filler";

/// A small disk in memory, gone with the value.
pub(super) struct Disk(PathBuf);

impl Disk {
    /// Puts a disk into a folder, or says why that cannot be.
    pub(super) fn mount(folder: &Path, n_bytes: usize) -> Result<Self> {
        fs::create_dir_all(folder)?;
        mount(&["-t", "tmpfs", "-o", &format!("size={n_bytes}"), "tmpfs"], folder)?;
        Ok(Self(folder.to_owned()))
    }

    /// Lets nothing be written any more, or something again.
    pub(super) fn set_read_only(&self, is_read_only: bool) -> Result<()> {
        mount(&["-o", if is_read_only { "remount,ro" } else { "remount,rw" }], &self.0)
    }

    /// Takes all room but some pages.
    pub(super) fn fill(&self, n_pages_left: usize) -> Result<()> {
        let mut filler = fs::File::create(self.0.join(FILLER))?;
        let mut n_pages = 0;
        loop {
            match filler.write_all(&[0; PAGE]) {
                Ok(()) => n_pages += 1,
                Err(error) if error.kind() == ErrorKind::StorageFull => break,
                Err(error) => return Err(error.into()),
            }
        }
        let n_kept: usize = n_pages;
        filler.set_len((n_kept.saturating_sub(n_pages_left) * PAGE) as u64)?;
        Ok(())
    }

    /// Makes room again.
    pub(super) fn clear(&self) -> Result<()> {
        Ok(fs::remove_file(self.0.join(FILLER))?)
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).status();
    }
}

fn mount(args: &[&str], folder: &Path) -> Result<()> {
    let output = Command::new("mount").args(args).arg(folder).output().context("there is no mount")?;
    if output.status.success() {
        Ok(())
    } else {
        bail!("{}", String::from_utf8_lossy(&output.stderr).lines().next().unwrap_or("mount failed"))
    }
}
