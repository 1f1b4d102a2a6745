//! The hub, played by a local server: what is fetched, and what is not fetched twice.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::ops::ControlFlow;
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};

use rome_core::{Event, Precision};
use rome_models::{ModelError, Pretrained, Source};

use crate::{device, load};

const NAME: &str = "owner/facts-gpt2";
const FILES: [&str; 3] = ["config.json", "tokenizer.json", "model.safetensors"];

/// Answers as the hub does: a list of files, and files in ranges with their commit and tag.
fn answer(mut stream: TcpStream, requests: &Mutex<Vec<String>>) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    loop {
        let (mut path, mut range, mut token) = (String::new(), None, String::new());
        let mut line = String::new();
        while reader.read_line(&mut line)? > 2 {
            if let Some(rest) = line.strip_prefix("GET ") {
                path = rest.split(' ').next().unwrap_or_default().to_owned();
            } else if let Some(value) = line.to_ascii_lowercase().strip_prefix("range: bytes=") {
                let (start, end) = value.trim().split_once('-').unwrap();
                range = Some((start.parse::<usize>().unwrap(), end.parse::<usize>().ok()));
            } else if line.to_ascii_lowercase().starts_with("authorization: ") {
                token = line["authorization:".len()..].trim_end().to_owned();
            }
            line.clear();
        }
        if path.is_empty() {
            return Ok(());
        }
        requests.lock().unwrap().push(format!("{path}{token}"));
        let (head, body) = if path.starts_with("/api/models/") {
            let siblings = FILES.map(|file| format!(r#"{{"rfilename": "{file}"}}"#)).join(",");
            (
                "200 OK\r\n".to_owned(),
                format!(r#"{{"sha": "c0ffee", "siblings": [{siblings}]}}"#).into_bytes(),
            )
        } else {
            let file = path.rsplit('/').next().unwrap();
            let bytes = std::fs::read(fixtures::model_folder("facts-gpt2").join(file)).unwrap();
            let (start, end) = range.unwrap_or((0, None));
            let end = end.map_or(bytes.len(), |end| end + 1).min(bytes.len());
            let head = format!(
                "206 Partial Content\r\nETag: \"tag-of-{file}\"\r\nX-Repo-Commit: c0ffee\r\nContent-Range: bytes {start}-{}/{}\r\n",
                end - 1,
                bytes.len()
            );
            (head, bytes[start..end].to_vec())
        };
        write!(stream, "HTTP/1.1 {head}Content-Length: {}\r\n\r\n", body.len())?;
        stream.write_all(&body)?;
    }
}

/// A hub on this machine, and what it was asked for.
struct Hub {
    endpoint: String,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Hub {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let served = requests.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let served = served.clone();
                std::thread::spawn(move || answer(stream, &served));
            }
        });
        Self { endpoint, requests }
    }

    /// Runs a test of this file again in a process of its own, as the hub's settings are read from the
    /// environment, and returns what it asked the hub for.
    fn run(&self, test: &str, variables: &[(&str, &str)]) -> Vec<String> {
        let output = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", &format!("hub::{test}")])
            .env("HF_ENDPOINT", &self.endpoint)
            .envs(variables.iter().copied())
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
        std::mem::take(&mut *self.requests.lock().unwrap())
    }
}

/// True in the process that [`Hub::run`] starts.
fn is_inside() -> bool {
    std::env::var_os("HF_ENDPOINT").is_some()
}

/// A cache with the bundled GPT-2 as a repository at a revision.
fn put_into_cache(cache: &Path, repo: &str, revision: &str, commit: &str) {
    let folder = cache.join(format!("models--{}", repo.replace('/', "--")));
    std::fs::create_dir_all(folder.join("refs")).unwrap();
    std::fs::write(folder.join("refs").join(revision), commit).unwrap();
    let snapshot = folder.join("snapshots").join(commit);
    std::fs::create_dir_all(&snapshot).unwrap();
    for file in FILES {
        std::fs::copy(fixtures::model_folder("facts-gpt2").join(file), snapshot.join(file)).unwrap();
    }
}

#[test]
fn a_model_is_fetched_once_and_then_found_in_the_cache() {
    if !is_inside() {
        let (hub, home) = (Hub::start(), tempfile::tempdir().unwrap());
        let test = "a_model_is_fetched_once_and_then_found_in_the_cache";
        let run = || hub.run(test, &[("HF_HOME", home.path().to_str().unwrap()), ("HF_TOKEN", "abc")]);
        let first = run();
        for file in FILES {
            let asked =
                first.iter().any(|request| request.starts_with(&format!("/{NAME}/resolve/main/{file} ")));
            assert!(asked, "{first:?}");
        }
        assert!(first.iter().all(|request| request.ends_with(" Bearer abc")), "{first:?}");
        assert_eq!(run(), Vec::<String>::new(), "the second time asks for nothing");
        return;
    }
    let source = Source::resolve(NAME, &mut |_: Event<'_>| ControlFlow::Continue(())).unwrap();
    assert_eq!(source.hub_commit().unwrap(), format!("{NAME}@c0ffee"));
    let fetched_model = Pretrained::from_source(&source, &device(), Precision::F32, &mut ()).unwrap();
    assert_eq!(fetched_model.hash, load("facts-gpt2").hash);
}

/// vllm-project/vllm#56386
#[test]
fn nothing_is_sent_where_a_variable_forbids_it() {
    if !is_inside() {
        let (hub, home) = (Hub::start(), tempfile::tempdir().unwrap());
        let home = home.path().to_str().unwrap();
        let test = "nothing_is_sent_where_a_variable_forbids_it";
        assert_eq!(hub.run(test, &[("HF_HOME", home), ("HF_HUB_OFFLINE", "1")]), Vec::<String>::new());
        return;
    }
    let error = Source::resolve(NAME, &mut ()).unwrap_err();
    assert!(matches!(error, ModelError::Offline { variable: "HF_HUB_OFFLINE", .. }), "{error}");
}

/// sgl-project/sglang#33219, huggingface/transformers#13022, thu-ml/unidiffuser#21
#[test]
fn models_are_found_where_python_keeps_them() {
    if !is_inside() {
        let (hub, cache) = (Hub::start(), tempfile::tempdir().unwrap());
        put_into_cache(cache.path(), "me/facts", "main", "1111");
        put_into_cache(cache.path(), "me/facts", "float16", "2222");
        put_into_cache(cache.path(), "gpt2", "main", "3333");
        put_into_cache(cache.path(), "openai-community/gpt2-medium", "main", "4444");
        for variable in ["HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"] {
            let asked = hub.run(
                "models_are_found_where_python_keeps_them",
                &[(variable, cache.path().to_str().unwrap())],
            );
            assert_eq!(asked, Vec::<String>::new());
        }
        return;
    }
    for (name, commit) in [
        ("me/facts", "me/facts@1111"),
        ("me/facts@float16", "me/facts@2222"),
        ("me/facts@2222", "me/facts@2222"),
        ("gpt2", "gpt2@3333"),
        ("openai-community/gpt2", "gpt2@3333"),
        ("gpt2-medium", "openai-community/gpt2-medium@4444"),
    ] {
        assert_eq!(Source::resolve(name, &mut ()).unwrap().hub_commit().as_deref(), Some(commit), "{name}");
    }
}
