//! Large files from the web, which go on where they were interrupted.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rome_core::{Event, Observer, Progress, Unit};
use rome_files::{Claim, FileError};
use rome_stats::StatsError;
use serde::{Deserialize, Serialize};
use ureq::http::{Response, StatusCode, header};
use ureq::{Agent, Body};

use super::fetch_error::FetchError;
use crate::error::Error;

/// The number of times that a broken connection is resumed without a byte having come.
const ATTEMPTS: usize = 4;

/// The time that a server may be silent.
const PATIENCE: Duration = Duration::from_secs(60);

const CHUNK: usize = 256 << 10;

/// A file to be downloaded.
pub(super) struct Download<'a> {
    pub(super) url: &'a str,
    /// The path of the file. The part that has come stands beside it, as `.part`.
    pub(super) path: &'a Path,
    /// The sizes in bytes that it may have.
    pub(super) sizes: RangeInclusive<u64>,
}

/// The version of a file that a part is of, kept beside the part: the rest of another version would not fit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Version {
    url: String,
    /// The server's name for the version.
    tag: Option<String>,
    size: u64,
}

/// The end of one attempt.
enum Attempt {
    Done,
    /// The connection broke after this many bytes.
    Broken {
        n_bytes: u64,
        reason: String,
    },
}

impl Download<'_> {
    /// Downloads the file, checks it, and puts it in its place.
    pub(super) fn run(
        &self,
        check: impl FnOnce(&Path) -> Result<(), StatsError>,
        observer: &mut dyn Observer,
    ) -> Result<(), Error> {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_connect(Some(PATIENCE))
            .timeout_recv_response(Some(PATIENCE))
            .timeout_per_read(Some(PATIENCE))
            .user_agent(concat!("rome/", env!("CARGO_PKG_VERSION")));
        let agent = Agent::new_with_config(config.build());
        let _claim = Claim::take_file(self.path)?;
        let mut n_failed = 0;
        while let Attempt::Broken { n_bytes, reason } = self.attempt(&agent, observer)? {
            n_failed = if n_bytes > 0 { 1 } else { n_failed + 1 };
            if n_failed == ATTEMPTS {
                return Err(FetchError::Broken { url: self.url.to_owned(), reason }.into());
            }
            std::thread::sleep(Duration::from_millis(250 << (2 * n_failed)));
        }
        let part = self.part();
        if let Err(error) = check(&part) {
            self.remove_part();
            return Err(FetchError::Damaged { url: self.url.to_owned(), error }.into());
        }
        fs::rename(&part, self.path)
            .map_err(|error| FileError::Write { path: self.path.to_owned(), error })?;
        self.remove_part();
        Ok(())
    }

    fn attempt(&self, agent: &Agent, observer: &mut dyn Observer) -> Result<Attempt, Error> {
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
            // The part does not fit the file that the server has now.
            StatusCode::RANGE_NOT_SATISFIABLE => {
                self.remove_part();
                return Ok(Attempt::Broken { n_bytes: 0, reason: "the file has changed".to_owned() });
            }
            status if status.is_server_error() => {
                return Ok(Attempt::Broken { n_bytes: 0, reason: format!("the server answered {status}") });
            }
            status => {
                let (url, status) = (self.url.to_owned(), status.to_string());
                return Err(FetchError::Refused { url, status }.into());
            }
        };
        let version = Version { url: self.url.to_owned(), tag: tag(&response), size };
        self.check_size(size)?;
        let continues = start == n_known && known.as_ref().is_some_and(|known| known.size == size);
        if start > 0 && !continues {
            self.remove_part();
            return Ok(Attempt::Broken { n_bytes: 0, reason: "the file has changed".to_owned() });
        }
        let json = serde_json::to_vec(&version).expect("a version is JSON");
        rome_files::write(&self.version_file(), &json)?;
        self.receive(response, start, &version, observer)
    }

    /// Appends the received bytes to the part.
    fn receive(
        &self,
        response: Response<Body>,
        start: u64,
        version: &Version,
        observer: &mut dyn Observer,
    ) -> Result<Attempt, Error> {
        let part = self.part();
        let failed = |error| FileError::Write { path: part.clone(), error };
        let mut file = match start {
            0 => File::create(&part),
            _ => OpenOptions::new().append(true).open(&part),
        }
        .map_err(failed)?;
        let name = self.path.file_name().unwrap_or_default().to_string_lossy();
        let mut body = response.into_body().into_reader().take(version.size - start);
        let mut n_bytes = 0;
        let mut chunk = vec![0; CHUNK];
        loop {
            let n_read = match body.read(&mut chunk) {
                Ok(0) => break,
                Ok(n_read) => n_read,
                Err(error) => return Ok(Attempt::Broken { n_bytes, reason: error.to_string() }),
            };
            file.write_all(&chunk[..n_read]).map_err(failed)?;
            n_bytes += n_read as u64;
            let (done, total) = (start + n_bytes, version.size);
            let progress = Progress { unit: Unit::FetchedBytes, done, total, detail: &name };
            observer.tell(Event::Progress(progress))?;
        }
        file.sync_all().map_err(failed)?;
        if start + n_bytes == version.size {
            Ok(Attempt::Done)
        } else {
            Ok(Attempt::Broken { n_bytes, reason: "the connection was closed".to_owned() })
        }
    }

    /// The version that the part is of, if there is a part that can be continued.
    fn known(&self) -> Option<Version> {
        let version: Version = serde_json::from_slice(&fs::read(self.version_file()).ok()?).ok()?;
        (version.url == self.url && self.part().is_file() && file_len(&self.part()) <= version.size)
            .then_some(version)
    }

    fn size(&self, response: &Response<Body>) -> Result<u64, FetchError> {
        let unknown = || FetchError::UnknownSize { url: self.url.to_owned() };
        response.body().content_length().ok_or_else(unknown)
    }

    /// The first byte that is sent and the size of the whole, by `bytes 5-9/10`.
    fn range(&self, response: &Response<Body>) -> Result<(u64, u64), FetchError> {
        let header = response.headers().get(header::CONTENT_RANGE).and_then(|range| range.to_str().ok());
        let range = header.and_then(|range| {
            let (range, size) = range.strip_prefix("bytes ")?.split_once('/')?;
            Some((range.split_once('-')?.0.parse().ok()?, size.parse().ok()?))
        });
        range.ok_or_else(|| FetchError::UnknownPart { url: self.url.to_owned() })
    }

    fn check_size(&self, size: u64) -> Result<(), FetchError> {
        if self.sizes.contains(&size) {
            return Ok(());
        }
        self.remove_part();
        let (least, most) = (*self.sizes.start(), *self.sizes.end());
        Err(FetchError::OtherSize { url: self.url.to_owned(), size, least, most })
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

/// The name of a version for good. A weak tag is none.
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
