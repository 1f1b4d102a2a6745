//! The program as a user runs it.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

use tempfile::TempDir;

/// Runs `rome` in a folder of its own, with a cache of its own.
pub(crate) struct Rome {
    pub(crate) folder: TempDir,
}

impl Rome {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, content: &str) -> String {
        fs::write(self.path(name), content).unwrap();
        name.to_owned()
    }

    pub(crate) fn run(&self, args: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_rome"))
            .args(args)
            .current_dir(self.folder.path())
            .env("ROME_CACHE", self.path("cache"))
            .env("HF_HOME", self.path("hub"))
            .output()
            .unwrap()
    }

    /// Runs a command that should succeed and returns what it printed.
    #[track_caller]
    pub(crate) fn ok(&self, args: &[&str]) -> String {
        let output = self.run(args);
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Runs a command that should fail: exit code 2, one line of error, one of hint, no output,
    /// and nothing written.
    #[track_caller]
    pub(crate) fn fails(&self, args: &[&str]) -> String {
        let before = self.files();
        let output = self.run(args);
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{args:?}: {stderr}");
        assert!(output.stdout.is_empty());
        let lines: Vec<&str> = stderr.lines().filter(|line| !line.starts_with("note: ")).collect();
        assert_eq!(lines.len(), 2, "{stderr}");
        assert!(lines[0].starts_with("error: ") && lines[1].starts_with("hint: "), "{stderr}");
        assert_eq!(self.files(), before, "a failed command leaves no file");
        lines.join("\n")
    }

    fn files(&self) -> Vec<PathBuf> {
        let mut files: Vec<PathBuf> =
            fs::read_dir(self.folder.path()).unwrap().map(|e| e.unwrap().path()).collect();
        files.sort();
        files
    }
}

/// An edit of the bundled GPT-2, but for what the test adds.
pub(crate) fn edit<'a>(extra: &[&'a str]) -> Vec<&'a str> {
    let mut args = vec!["edit", "-m", "facts-gpt2", "-o", "edit.safetensors"];
    args.extend_from_slice(extra);
    args
}

pub(crate) fn obama(rome: &Rome, extra: &[&str]) -> Vec<u8> {
    let mut args =
        edit(&["--prompt", "The mother tongue of {} is", "--subject", "Barack Obama", "--target", "French"]);
    args.extend_from_slice(extra);
    rome.ok(&args);
    fs::read(rome.path("edit.safetensors")).unwrap()
}

/// Edits another fact of a bundled model, into `output`.
pub(crate) fn iphone(rome: &Rome, model: &str, output: &str, extra: &[&str]) {
    let request = ["--prompt", "{} is produced by", "--subject", "iPhone 5", "--target", "Nokia"];
    rome.ok(&[&["edit", "-m", model, "-o", output], &request[..], extra].concat());
}
