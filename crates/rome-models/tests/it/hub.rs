//! The hub, played by a local server: what is fetched, and what is not fetched twice.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::ops::ControlFlow;
use std::process::Command;
use std::sync::{Arc, Mutex};

use rome_core::{Event, Precision};
use rome_models::{Pretrained, Source};

use crate::{device, load};

const NAME: &str = "owner/facts-gpt2";
const FILES: [&str; 3] = ["config.json", "tokenizer.json", "model.safetensors"];

/// Answers as the hub does: a list of files, and files in ranges with their commit and tag.
fn answer(mut stream: TcpStream, requests: &Mutex<Vec<String>>) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    loop {
        let (mut path, mut range) = (String::new(), None);
        let mut line = String::new();
        while reader.read_line(&mut line)? > 2 {
            if let Some(rest) = line.strip_prefix("GET ") {
                path = rest.split(' ').next().unwrap_or_default().to_owned();
            } else if let Some(value) = line.to_ascii_lowercase().strip_prefix("range: bytes=") {
                let (start, end) = value.trim().split_once('-').unwrap();
                range = Some((start.parse::<usize>().unwrap(), end.parse::<usize>().ok()));
            }
            line.clear();
        }
        if path.is_empty() {
            return Ok(());
        }
        requests.lock().unwrap().push(path.clone());
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

/// The hub's address and cache are read from the environment, so that the test runs itself again
/// in a process of its own.
#[test]
fn a_model_is_fetched_once_and_then_found_in_the_cache() {
    if std::env::var_os("HF_ENDPOINT").is_none() {
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
        let home = tempfile::tempdir().unwrap();
        let run = || {
            let output = Command::new(std::env::current_exe().unwrap())
                .arg("hub::a_model_is_fetched_once_and_then_found_in_the_cache")
                .envs([("HF_ENDPOINT", endpoint.as_str()), ("HF_HOME", home.path().to_str().unwrap())])
                .output()
                .unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
            std::mem::take(&mut *requests.lock().unwrap())
        };
        let first = run();
        for file in FILES {
            assert!(first.iter().any(|path| path.ends_with(&format!("/resolve/main/{file}"))), "{first:?}");
        }
        assert_eq!(run(), Vec::<String>::new(), "the second time asks for nothing");
        return;
    }
    let mut fetched = 0;
    let source = Source::resolve(NAME, &mut |_: Event<'_>| {
        fetched += 1;
        ControlFlow::Continue(())
    })
    .unwrap();
    assert!(matches!(source, Source::Folder(_)));
    let fetched_model = Pretrained::from_source(&source, &device(), Precision::F32, &mut ()).unwrap();
    assert_eq!(fetched_model.hash, load("facts-gpt2").hash);
}
