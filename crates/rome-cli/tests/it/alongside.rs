//! What becomes of a command while another process does the same in the same folder.

use std::fs;

use rome_files::Claim;

use crate::program::Rome;

/// Commands that write into `there`.
const COMMANDS: [(&[&str], &str); 4] = [
    (&["eval", "-m", "facts-gpt2", "--limit", "1", "-o", "there"], "lock"),
    (&["eval", "-m", "facts-gpt2", "--limit", "2", "--shard", "1/2", "-o", "there"], "lock-1-of-2"),
    (&["stats", "collect", "-m", "facts-gpt2", "--layers", "0", "--text", "text.txt", "-o", "there"], "lock"),
    (
        &["trace", "-m", "facts-gpt2", "--facts", "bundled", "--limit", "1", "--samples", "1", "-o", "there"],
        "lock",
    ),
];

#[test]
fn a_folder_that_another_process_writes_into_is_refused_until_it_has_ended() {
    for (command, lock) in COMMANDS {
        let rome = Rome::new();
        rome.write("text.txt", "Barack Obama was born in Honolulu.");
        fs::create_dir(rome.path("there")).unwrap();
        let claim = Claim::take(&rome.path("there").join(lock)).unwrap();
        insta::allow_duplicates! {
            insta::assert_snapshot!(rome.fails(command), @r"
            error: another process is writing into there
            hint: wait until it has ended, or give another place with -o
            ");
        }
        drop(claim);
        rome.ok(command);
        assert!(!rome.path("there").join(lock).exists(), "{command:?} leaves no lock");
    }
}

#[test]
fn shards_are_evaluated_alongside_each_other_in_one_folder() {
    let rome = Rome::new();
    fs::create_dir(rome.path("there")).unwrap();
    let _claim = Claim::take(&rome.path("there").join("lock-0-of-2")).unwrap();
    rome.ok(COMMANDS[1].0);
}

#[cfg(unix)]
#[test]
fn what_a_killed_process_was_writing_is_cleared_by_the_next_one() {
    let rome = Rome::new();
    fs::create_dir(rome.path(".rome-tmp-Killed")).unwrap();
    rome.write(".rome-tmp-Killed/model.safetensors", "half of a model");
    rome.write(".rome-tmp-killed", "half of an edit");
    crate::program::obama(&rome, &[]);
    let names = fs::read_dir(rome.folder.path()).unwrap().map(|entry| entry.unwrap().file_name());
    assert_eq!(names.collect::<Vec<_>>(), ["edit.safetensors"]);
}
