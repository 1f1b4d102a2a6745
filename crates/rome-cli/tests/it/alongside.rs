//! Commands beside another process that works in the same folder.

use std::fs;

use rome_files::Claim;

use crate::program::Rome;

/// Commands that write into `there`.
const COMMANDS: [(&[&str], &str); 4] = [
    (&["eval", "-m", "facts-gpt2", "--limit", "1", "-o", "there"], ".rome-lock"),
    (&["eval", "-m", "facts-gpt2", "--limit", "2", "--shard", "1/2", "-o", "there"], ".rome-lock-1-of-2"),
    (
        &["stats", "collect", "-m", "facts-gpt2", "--layers", "0", "--text", "text.txt", "-o", "there"],
        ".rome-lock",
    ),
    (
        &["trace", "-m", "facts-gpt2", "--facts", "bundled", "--limit", "1", "--samples", "1", "-o", "there"],
        ".rome-lock",
    ),
];

#[test]
fn a_folder_that_another_process_writes_into_is_refused() {
    for (command, lock) in COMMANDS {
        let rome = Rome::new();
        rome.write("text.txt", "Barack Obama was born in Honolulu.");
        fs::create_dir(rome.path("there")).unwrap();
        let claim = Claim::take(&rome.path("there").join(lock)).unwrap();
        insta::allow_duplicates! {
            insta::assert_snapshot!(rome.fails(command), @r"
            error: another process is using there
            hint: wait until it ends, or give another path with -o
            ");
        }
        drop(claim);
        rome.ok(command);
        assert!(!rome.path("there").join(lock).exists(), "{command:?} leaves no lock");
    }
}

#[test]
fn outputs_of_many_edits_and_runs_belong_to_one_process() {
    let rome = Rome::new();
    let request =
        |subject: &str| format!(r#"{{"prompt": "{{}} is", "subject": "{subject}", "target": "red"}}"#);
    rome.write("requests.jsonl", &["Paris", "Rome"].map(request).join("\n"));
    let edit =
        ["edit", "-m", "facts-gpt2", "--request", "requests.jsonl", "--steps", "1", "-o", "x.safetensors"];
    let claim = Claim::take(&rome.path(".rome-lock-x.safetensors")).unwrap();
    assert!(rome.fails(&edit).contains("another process is using x.safetensors"));
    drop(claim);
    rome.run(&edit);
    let names = fs::read_dir(rome.folder.path()).unwrap().map(|entry| entry.unwrap().file_name());
    let mut names: Vec<_> = names.collect();
    names.sort();
    assert_eq!(names, ["requests.jsonl", "x.safetensors"], "no lock is left");

    fs::create_dir(rome.path("there")).unwrap();
    let _claim = Claim::take(&rome.path("there/.rome-lock")).unwrap();
    let eval = ["eval", "-m", "facts-gpt2", "--limit", "1", "--methods", "unedited,rome", "-o", "there"];
    assert!(rome.fails(&eval).contains("another process is using there"));
}

#[test]
fn shards_are_evaluated_alongside_each_other_in_one_folder() {
    let rome = Rome::new();
    fs::create_dir(rome.path("there")).unwrap();
    let _claim = Claim::take(&rome.path("there").join(".rome-lock-0-of-2")).unwrap();
    rome.ok(COMMANDS[1].0);
}

#[cfg(target_os = "linux")]
#[test]
fn leftovers_of_a_killed_process_are_cleared_by_the_next() {
    let rome = Rome::new();
    // Named after this machine since it was started.
    let id = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap();
    let left = |random: &str| format!(".rome-tmp-{}-{random}", &id[..8]);
    fs::create_dir(rome.path(&left("Killed"))).unwrap();
    rome.write(&format!("{}/model.safetensors", left("Killed")), "half of a model");
    rome.write(&left("killed"), "half of an edit");
    crate::program::obama(&rome, &[]);
    let names = fs::read_dir(rome.folder.path()).unwrap().map(|entry| entry.unwrap().file_name());
    assert_eq!(names.collect::<Vec<_>>(), ["edit.safetensors"]);
}
