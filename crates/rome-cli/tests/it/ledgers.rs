//! `rome ledger`: a history with exact undo, whatever happens to the processes that write it.

use std::fs;
use std::process::{Command, Stdio};
use std::time::Duration;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use rome_core::{EditEntry, EditFile, EditPart, EditRecord, ModelHash, RankOneUpdate};
use serde_json::Value;

use crate::edit_files::logits;
use crate::program::{Rome, iphone, obama};

/// A file with an edit of random values, as strong as real ones.
fn random(rome: &Rome, name: &str, layer: usize, rng: &mut ChaCha8Rng) {
    let mut vector = |len: usize, scale: f32| -> Vec<f32> {
        (0..len).map(|_| (rng.next_u32() as f32 / u32::MAX as f32 - 0.5) * scale).collect()
    };
    let update = RankOneUpdate { left: vector(768, 0.1), right: vector(192, 1.0) };
    let mut part =
        EditPart::new(EditRecord::imported("test", ModelHash::new(rome_assets::FACTS_GPT2.hash), name));
    part.push(EditEntry::imported(&format!("transformer.h.{layer}.mlp.c_proj.weight"), layer, 0.1), update);
    fs::write(rome.path(name), EditFile::from(part).to_bytes().unwrap()).unwrap();
}

fn log(rome: &Rome) -> Value {
    serde_json::from_str(&rome.ok(&["ledger", "log", "--json"])).unwrap()
}

fn on(rome: &Rome) -> Vec<u64> {
    log(rome)["on"].as_array().unwrap().iter().map(|number| number.as_u64().unwrap()).collect()
}

#[test]
fn fifty_edits_undone_in_any_order_leave_the_base_to_the_byte() {
    let rome = Rome::new();
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    let mut on_now = Vec::new();
    for number in 1..=50 {
        let name = format!("edit-{number}.safetensors");
        random(&rome, &name, [1, 3, 4][rng.next_u32() as usize % 3], &mut rng);
        rome.ok(&["ledger", "apply", &name]);
        on_now.push(number);
    }
    let export = |name: &str| {
        rome.ok(&["export", "-m", "facts-gpt2", "--edit", "rome-ledger", "--format", "hf", "-o", name]);
        fs::read(rome.path(name).join("model.safetensors")).unwrap()
    };
    let base = rome_assets::FACTS_GPT2.files.iter().find(|(name, _)| *name == "model.safetensors").unwrap().1;
    let edited = export("edited");
    assert!(edited != base);
    while !on_now.is_empty() {
        let number = on_now.remove(rng.next_u32() as usize % on_now.len());
        rome.ok(&["ledger", "undo", &number.to_string()]);
        assert_eq!(on(&rome).len(), on_now.len());
    }
    assert!(export("undone") == base, "the base's own bytes");
    // And what was on can be had again.
    rome.ok(&["ledger", "checkout", "50"]);
    assert!(export("again") == edited);
    rome.ok(&["ledger", "verify", "-m", "facts-gpt2"]);
}

#[test]
fn a_ledger_records_what_was_done_and_stands_for_what_is_on() {
    let rome = Rome::new();
    obama(&rome, &[]);
    rome.ok(&["ledger", "apply", "edit.safetensors", "--author", "Ada", "--message", "a test"]);
    iphone(&rome, "facts-gpt2", "iphone.safetensors", &["--edit", "rome-ledger"]);
    rome.ok(&["ledger", "apply", "iphone.safetensors"]);
    let both = logits(&rome, "facts-gpt2", &["edit.safetensors", "iphone.safetensors"]);
    assert_eq!(logits(&rome, "facts-gpt2", &["rome-ledger"]), both);
    rome.ok(&["ledger", "undo", "1"]);
    assert_eq!(on(&rome), [2]);
    let log = log(&rome);
    let first = &log["log"]["entries"][0];
    assert_eq!((&first["author"], &first["message"]), (&"Ada".into(), &"a test".into()));
    assert_eq!(first["apply"]["edits"][0]["request"]["subject"], "Barack Obama");
    assert_eq!(first["apply"]["edits"][0]["outcome"]["took"], true);
    assert_eq!(log["log"]["entries"][2]["undo"], 1);
    assert!(first["time"].as_str().unwrap().ends_with('Z'));
    let text = rome.ok(&["ledger", "log"]);
    assert!(
        text.contains("apply    iPhone 5 is produced by → Nokia") && text.contains("undo     1"),
        "{text}"
    );

    for (args, expected) in [
        (&["ledger", "undo", "1"][..], "they were taken back"),
        (&["ledger", "undo", "3"], "it put none on"),
        (&["ledger", "undo", "9"], "there is no entry 9"),
        (&["ledger", "checkout", "9"], "there is no entry 9"),
        (&["ledger", "apply", "iphone.safetensors"], "already active, as entry 2"),
        (&["ledger", "undo", "1", "--ledger", "elsewhere"], "is not a ledger"),
    ] {
        let error = rome.fails(args);
        assert!(error.contains(expected), "{error}");
    }
    iphone(&rome, "facts-gptj", "j.safetensors", &[]);
    assert!(rome.fails(&["ledger", "apply", "j.safetensors"]).contains("this ledger's is 934852df3962"));
    // Of several files all are put on, or none.
    rome.fails(&["ledger", "apply", "edit.safetensors", "iphone.safetensors"]);
    assert_eq!(on(&rome), [2]);
    rome.ok(&["ledger", "undo", "2"]);
    rome.ok(&["ledger", "apply", "edit.safetensors", "iphone.safetensors"]);
    assert_eq!(on(&rome).len(), 2);
    rome.ok(&["ledger", "checkout", "0"]);
    assert!(rome.fails(&["edit", "show", "rome-ledger"]).contains("has no active edits"));
}

#[test]
fn a_file_that_has_changed_is_found_and_not_used() {
    let rome = Rome::new();
    obama(&rome, &[]);
    rome.ok(&["ledger", "apply", "edit.safetensors"]);
    let folder = rome.path("rome-ledger/edits");
    let path = fs::read_dir(&folder).unwrap().next().unwrap().unwrap().path();
    let mut bytes = fs::read(&path).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&path, bytes).unwrap();
    assert!(rome.fails(&["ledger", "verify"]).contains("differs from the record"));
    rome.fails(&["logits", "-m", "facts-gpt2", "--tokens", "1", "-o", "x", "--edit", "rome-ledger"]);
    fs::write(rome.path("rome-ledger/ledger.json"), "{\"format_version\": 1").unwrap();
    assert!(rome.fails(&["ledger", "log"]).contains("ledger.json"));
}

/// Commands are killed at any moment; each has then happened or not, and the next one works.
#[test]
fn a_killed_command_has_happened_or_not() {
    let rome = Rome::new();
    let mut rng = ChaCha8Rng::seed_from_u64(11);
    (0..4).for_each(|n| random(&rome, &format!("{n}.safetensors"), n, &mut rng));
    rome.ok(&["ledger", "apply", "0.safetensors"]);
    let mut n_entries = 1;
    let mut outcomes = [0, 0];
    for round in 0..40u32 {
        let is_on = on(&rome);
        let number = is_on.last().map(u64::to_string).unwrap_or_default();
        let file = format!("{}.safetensors", 1 + round % 3);
        let args: Vec<&str> = match rng.next_u32() % 3 {
            0 if !is_on.is_empty() => vec!["ledger", "undo", &number],
            1 => vec!["ledger", "checkout", "0"],
            _ => vec!["ledger", "apply", &file],
        };
        let mut child = Command::new(env!("CARGO_BIN_EXE_rome"))
            .args(&args)
            .current_dir(rome.path("."))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_micros(u64::from(rng.next_u32() % 12_000)));
        let _ = child.kill();
        child.wait().unwrap();
        let log = log(&rome);
        let found = log["log"]["entries"].as_array().unwrap().len();
        assert!(found == n_entries || found == n_entries + 1, "{n_entries} entries, then {found}");
        outcomes[found - n_entries] += 1;
        n_entries = found;
        rome.ok(&["ledger", "verify"]);
    }
    assert!(outcomes[0] > 0, "none was killed before its end: {outcomes:?}");
    // Taking the ledger clears what a killed command was writing.
    rome.ok(&["ledger", "checkout", "0"]);
    let left = fs::read_dir(rome.path("rome-ledger/edits"))
        .unwrap()
        .chain(fs::read_dir(rome.path("rome-ledger")).unwrap());
    assert!(
        left.map(|entry| entry.unwrap().file_name())
            .all(|name| !name.to_string_lossy().starts_with(".rome-"))
    );
}

#[test]
fn processes_at_the_same_time_wait_for_each_other() {
    let rome = Rome::new();
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    let children: Vec<_> = (0..8)
        .map(|n| {
            let name = format!("{n}.safetensors");
            random(&rome, &name, n % 6, &mut rng);
            Command::new(env!("CARGO_BIN_EXE_rome"))
                .args(["ledger", "apply", &name])
                .current_dir(rome.path("."))
                .stdout(Stdio::null())
                .spawn()
                .unwrap()
        })
        .collect();
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    assert_eq!(on(&rome), (1..=8).collect::<Vec<_>>(), "none has overwritten another");
    rome.ok(&["ledger", "verify"]);
    // A ledger that is not there yet is not made by a wrong name.
    rome.fails(&["ledger", "apply", "nothing.safetensors", "--ledger", "new"]);
    assert!(!rome.path("new").exists());
}
