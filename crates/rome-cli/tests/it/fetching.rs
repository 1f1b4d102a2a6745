//! Statistics fetched from a local server that plays the authors' one, and breaks off.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Output};
use std::sync::{Arc, Mutex};

use serde_json::Value;

const FILE: &str = "transformer.h.1.mlp.c_proj_float32_mom2_100000.npz";

/// A server with its files and its behaviour.
struct Site {
    bytes: Vec<u8>,
    tag: &'static str,
    /// The number of bytes after which each connection is closed.
    breaks_after: usize,
    requests: Vec<String>,
}

struct Server {
    address: String,
    site: Arc<Mutex<Site>>,
}

impl Server {
    fn start(bytes: Vec<u8>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let site = Site { bytes, tag: "\"one\"", breaks_after: usize::MAX, requests: Vec::new() };
        let site = Arc::new(Mutex::new(site));
        let shared = Arc::clone(&site);
        std::thread::spawn(move || {
            // A client that goes away is what the test is about.
            listener.incoming().flatten().for_each(|stream| drop(answer(stream, &shared)));
        });
        Self { address, site }
    }

    fn set(&self, change: impl FnOnce(&mut Site)) {
        change(&mut self.site.lock().unwrap());
    }

    fn requests(&self) -> Vec<String> {
        std::mem::take(&mut self.site.lock().unwrap().requests)
    }
}

/// Answers one request, in parts if it asks for one, and closes the connection.
fn answer(mut stream: TcpStream, site: &Mutex<Site>) -> std::io::Result<()> {
    let (mut path, mut start, mut if_range) = (String::new(), 0, None);
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut line = String::new();
    while reader.read_line(&mut line)? > 2 {
        let lower = line.to_ascii_lowercase();
        if let Some(rest) = line.strip_prefix("GET ") {
            path = rest.split(' ').next().unwrap_or_default().to_owned();
        } else if let Some(range) = lower.strip_prefix("range: bytes=") {
            start = range.trim().trim_end_matches('-').parse().unwrap();
        } else if let Some(tag) = lower.strip_prefix("if-range: ") {
            if_range = Some(tag.trim().to_owned());
        }
        line.clear();
    }
    let mut site = site.lock().unwrap();
    site.requests.push(format!("{path} from {start}"));
    if !path.ends_with(&format!("/data/stats/facts-gpt2/wikipedia_stats/{FILE}")) {
        return write!(stream, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
    }
    let size = site.bytes.len();
    if if_range.is_some_and(|tag| tag != site.tag) {
        start = 0;
    }
    if start >= size {
        return write!(stream, "HTTP/1.1 416 Range Not Satisfiable\r\nContent-Length: 0\r\n\r\n");
    }
    let head = match start {
        0 => "200 OK".to_owned(),
        _ => format!("206 Partial Content\r\nContent-Range: bytes {start}-{}/{size}", size - 1),
    };
    write!(stream, "HTTP/1.1 {head}\r\nETag: {}\r\nConnection: close\r\n", site.tag)?;
    write!(stream, "Content-Length: {}\r\n\r\n", size - start)?;
    stream.write_all(&site.bytes[start..size.min(start.saturating_add(site.breaks_after))])
}

fn npz() -> Vec<u8> {
    fs::read(fixtures::npz("facts-gpt2", 1)).unwrap()
}

fn fetch(server: &Server, folder: &Path, extra: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rome"));
    command.args(["stats", "fetch", "-m", "facts-gpt2", "--json", "--url", &server.address]);
    let is_given = extra.contains(&"--layers");
    command.args(if is_given { &[][..] } else { &["--layers", "1"] }).args(extra);
    // Without -o, it goes where rome edit looks for it.
    command.env("ROME_CACHE", folder);
    command.output().unwrap()
}

#[track_caller]
fn fails(output: &Output) -> String {
    let stderr = String::from_utf8(output.stderr.clone()).unwrap();
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    assert!(stderr.lines().count() == 2 && stderr.contains("\nhint: "), "{stderr}");
    stderr
}

/// The one file that was fetched.
#[track_caller]
fn fetched(output: &Output) -> String {
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    json["files"][0].as_str().unwrap().to_owned()
}

fn names(folder: &Path) -> Vec<String> {
    fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect()
}

#[test]
fn a_connection_that_breaks_is_taken_up_where_it_broke() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(npz());
    server.set(|site| site.breaks_after = site.bytes.len() * 2 / 5);
    let path = fetched(&fetch(&server, folder.path(), &[]));
    assert_eq!(fs::read(&path).unwrap(), npz());
    assert_eq!(names(Path::new(&path).parent().unwrap()), [FILE]);
    let step = npz().len() * 2 / 5;
    let requests = server.requests();
    assert_eq!(requests.len(), 3);
    for (request, start) in requests.iter().zip([0, step, 2 * step]) {
        assert!(request.ends_with(&format!(" from {start}")), "{requests:?}");
    }

    // What is there is not fetched again.
    fetched(&fetch(&server, folder.path(), &[]));
    assert!(server.requests().is_empty());

    // And an edit finds it, without a word of where it is.
    let edit = Command::new(env!("CARGO_BIN_EXE_rome"))
        .args(["edit", "-m", "facts-gpt2", "--prompt", "{} is produced by", "--subject", "iPhone 5"])
        .args(["--target", "Nokia", "--layer", "1", "--steps", "2", "-o"])
        .arg(folder.path().join("edit.safetensors"))
        .env("ROME_CACHE", folder.path())
        .output()
        .unwrap();
    let said = String::from_utf8(edit.stderr).unwrap();
    assert!(said.contains(&format!("using the statistics in {path}")), "{said}");
}

#[test]
fn a_download_resumes_unless_the_file_has_changed() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(npz());
    // Nothing comes after the first bytes, so that the run gives up.
    server.set(|site| site.breaks_after = 1000);
    let part = folder.path().join(format!("{FILE}.part"));
    let out = folder.path().to_str().unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_rome"))
        .args(["stats", "fetch", "-m", "facts-gpt2", "--layers", "1", "-o", out, "--url", &server.address])
        .spawn()
        .unwrap();
    while part.metadata().map_or(0, |metadata| metadata.len()) < 2000 {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let n_bytes = part.metadata().unwrap().len();
    server.requests();

    server.set(|site| site.breaks_after = usize::MAX);
    fetched(&fetch(&server, folder.path(), &["-o", out]));
    assert!(server.requests()[0].ends_with(&format!(" from {n_bytes}")));
    assert_eq!(fs::read(folder.path().join(FILE)).unwrap(), npz());

    // Half of an older version is of no use.
    fs::write(&part, &npz()[..5000]).unwrap();
    let url = format!("{}/data/stats/facts-gpt2/wikipedia_stats/{FILE}", server.address);
    let version = serde_json::json!({ "url": url, "tag": "\"older\"", "size": npz().len() });
    fs::write(folder.path().join(format!("{FILE}.part.json")), version.to_string()).unwrap();
    fs::remove_file(folder.path().join(FILE)).unwrap();
    fetched(&fetch(&server, folder.path(), &["-o", out]));
    assert_eq!(fs::read(folder.path().join(FILE)).unwrap(), npz());
    assert_eq!(names(folder.path()), [FILE]);
}

#[test]
fn what_is_not_there_or_not_of_this_model_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().to_str().unwrap();
    let server = Server::start(npz());
    let unknown = fails(&fetch(&server, folder.path(), &["-o", out, "--name", "gpt9"]));
    assert!(unknown.contains("/gpt9/wikipedia_stats/") && unknown.contains("404"), "{unknown}");
    assert!(fails(&fetch(&server, folder.path(), &["-o", out, "--layers", "9"])).contains("layer 9"));

    server.set(|site| site.bytes.truncate(1000));
    assert!(fails(&fetch(&server, folder.path(), &["-o", out])).contains("has 1000 bytes"));
    // Of the right size, and no statistics.
    server.set(|site| site.bytes = vec![7; npz().len()]);
    assert!(fails(&fetch(&server, folder.path(), &["-o", out])).contains("damaged"));
    assert!(names(folder.path()).is_empty(), "{:?}", names(folder.path()));
}
