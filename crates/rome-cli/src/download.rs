//! Large files from the web, which go on where they were interrupted.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use ureq::http::{Response, StatusCode, header};
use ureq::{Agent, Body};

use crate::error::CliError;
use crate::output::{self, Progress};

/// How often a broken connection is taken up again without a byte having come.
const ATTEMPTS: usize = 4;

/// How long a server may be silent.
const PATIENCE: Duration = Duration::from_secs(60);

const CHUNK: usize = 256 << 10;

/// A file to be downloaded.
pub(crate) struct Download<'a> {
    pub(crate) url: &'a str,
    /// Where it is to be. What there is of it stands beside it, as `.part`.
    pub(crate) path: &'a Path,
    /// How many bytes it may have.
    pub(crate) sizes: RangeInclusive<u64>,
}

/// What a part of a file is of, kept beside it: of another version, the rest would not fit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Version {
    url: String,
    /// The server's name for the version.
    tag: Option<String>,
    size: u64,
}

/// How one attempt ended.
enum Attempt {
    Done,
    /// The connection broke after so many bytes.
    Broken {
        n_bytes: u64,
        reason: String,
    },
}

impl Download<'_> {
    /// Downloads the file, checks it, and puts it in its place.
    pub(crate) fn run(&self, check: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_connect(Some(PATIENCE))
            .timeout_recv_response(Some(PATIENCE))
            .timeout_per_read(Some(PATIENCE))
            .user_agent(concat!("rome/", env!("CARGO_PKG_VERSION")));
        let agent = Agent::new_with_config(config.build());
        let _claim = output::claim_file(self.path)?;
        let mut n_failed = 0;
        while let Attempt::Broken { n_bytes, reason } = self.attempt(&agent)? {
            n_failed = if n_bytes > 0 { 1 } else { n_failed + 1 };
            if n_failed == ATTEMPTS {
                return Err(CliError::with_hint(
                    format!("{} broke off: {reason}", self.url),
                    "run the same command again: it goes on from where it broke off",
                ));
            }
            std::thread::sleep(Duration::from_millis(250 << (2 * n_failed)));
        }
        let part = self.part();
        if let Err(error) = check(&part) {
            self.remove_part();
            return Err(error.context(format!("what {} gave is damaged", self.url)));
        }
        fs::rename(&part, self.path).with_context(|| format!("cannot write {}", self.path.display()))?;
        self.remove_part();
        Ok(())
    }

    fn attempt(&self, agent: &Agent) -> Result<Attempt> {
        let known = self.known();
        let n_known = if known.is_some() { file_len(&self.part()) } else { 0 };
        // An earlier run may have been ended between the last byte and the check.
        if let Some(version) = known.as_ref().filter(|version| version.size == n_known) {
            self.check_size(version.size)?;
            return Ok(Attempt::Done);
        }
        let mut request = agent.get(self.url);
        if n_known > 0 {
            request = request.header(header::RANGE, format!("bytes={n_known}-"));
            // Another version is sent as a whole.
            if let Some(tag) = known.as_ref().and_then(|version| version.tag.as_ref()) {
                request = request.header(header::IF_RANGE, tag);
            }
        }
        let response = match request.call() {
            Ok(response) => response,
            Err(error) => return Ok(Attempt::Broken { n_bytes: 0, reason: error.to_string() }),
        };
        let (start, size) = match response.status() {
            StatusCode::OK => (0, self.size(&response)?),
            StatusCode::PARTIAL_CONTENT => self.range(&response)?,
            // What there is does not fit what the server has now.
            StatusCode::RANGE_NOT_SATISFIABLE => {
                self.remove_part();
                return Ok(Attempt::Broken { n_bytes: 0, reason: "the file has changed".to_owned() });
            }
            status if status.is_server_error() => {
                return Ok(Attempt::Broken { n_bytes: 0, reason: format!("the server says {status}") });
            }
            status => {
                return Err(CliError::with_hint(
                    format!("{}: the server says {status}", self.url),
                    "check --name and --url, or collect them yourself: rome stats collect",
                ));
            }
        };
        let version = Version { url: self.url.to_owned(), tag: tag(&response), size };
        self.check_size(size)?;
        let continues = start == n_known && known.as_ref().is_some_and(|known| known.size == size);
        if start > 0 && !continues {
            self.remove_part();
            return Ok(Attempt::Broken { n_bytes: 0, reason: "the file has changed".to_owned() });
        }
        output::write_file(&self.version_file(), &serde_json::to_vec(&version)?)?;
        self.receive(response, start, &version)
    }

    /// Adds what comes to the part.
    fn receive(&self, response: Response<Body>, start: u64, version: &Version) -> Result<Attempt> {
        let part = self.part();
        let place = || format!("cannot write {}", part.display());
        let mut file = match start {
            0 => File::create(&part),
            _ => OpenOptions::new().append(true).open(&part),
        }
        .with_context(place)?;
        let mut progress = Progress::new(
            version.size,
            "{bar:30} {percent}% · {msg} · {binary_bytes} of {binary_total_bytes} · {binary_bytes_per_sec} · {eta} left",
        );
        let name = self.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let mut body = response.into_body().into_reader().take(version.size - start);
        let mut n_bytes = 0;
        let mut chunk = vec![0; CHUNK];
        loop {
            let n_read = match body.read(&mut chunk) {
                Ok(0) => break,
                Ok(n_read) => n_read,
                Err(error) => return Ok(Attempt::Broken { n_bytes, reason: error.to_string() }),
            };
            file.write_all(&chunk[..n_read]).with_context(place)?;
            n_bytes += n_read as u64;
            progress.set(start + n_bytes, name.clone());
        }
        file.sync_all().with_context(place)?;
        match start + n_bytes == version.size {
            true => Ok(Attempt::Done),
            false => Ok(Attempt::Broken { n_bytes, reason: "the connection was closed".to_owned() }),
        }
    }

    /// What the part is of, if there is one that can be continued.
    fn known(&self) -> Option<Version> {
        let version: Version = serde_json::from_slice(&fs::read(self.version_file()).ok()?).ok()?;
        (version.url == self.url && self.part().is_file() && file_len(&self.part()) <= version.size)
            .then_some(version)
    }

    fn size(&self, response: &Response<Body>) -> Result<u64> {
        response.body().content_length().ok_or_else(|| {
            CliError::with_hint(
                format!("{}: the server does not say how large the file is", self.url),
                "download it by other means and give it with --stats FILE",
            )
        })
    }

    /// The first byte that is sent and the size of the whole, by `bytes 5-9/10`.
    fn range(&self, response: &Response<Body>) -> Result<(u64, u64)> {
        let header = response.headers().get(header::CONTENT_RANGE).and_then(|range| range.to_str().ok());
        let range = header.and_then(|range| {
            let (range, size) = range.strip_prefix("bytes ")?.split_once('/')?;
            Some((range.split_once('-')?.0.parse().ok()?, size.parse().ok()?))
        });
        range.with_context(|| format!("{}: the server does not say which part it sends", self.url))
    }

    fn check_size(&self, size: u64) -> Result<()> {
        if self.sizes.contains(&size) {
            return Ok(());
        }
        self.remove_part();
        Err(CliError::with_hint(
            format!(
                "{} is a file of {size} bytes, and for this model it would have {} to {}",
                self.url,
                self.sizes.start(),
                self.sizes.end()
            ),
            "give the name that the statistics of this model are published under with --name",
        ))
    }

    fn part(&self) -> PathBuf {
        beside(self.path, ".part")
    }

    fn version_file(&self) -> PathBuf {
        beside(self.path, ".part.json")
    }

    fn remove_part(&self) {
        // They may not be there.
        let _ = fs::remove_file(self.part());
        let _ = fs::remove_file(self.version_file());
    }
}

/// What names a version for good. A weak tag does not.
fn tag(response: &Response<Body>) -> Option<String> {
    let header = |name| response.headers().get(name).and_then(|value| value.to_str().ok());
    let tag = header(header::ETAG).filter(|tag| !tag.starts_with("W/"));
    tag.or_else(|| header(header::LAST_MODIFIED)).map(str::to_owned)
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}

fn file_len(path: &Path) -> u64 {
    path.metadata().map_or(0, |metadata| metadata.len())
}
