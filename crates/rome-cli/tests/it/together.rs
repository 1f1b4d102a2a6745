//! Facts as a set: added, dropped, in shards, interrupted, in other forms; and what is refused.

use std::fs;
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use fixtures::mass::MassGolden;
use rome_core::EditFile;
use serde_json::{Value, json};

use crate::program::Rome;

/// Requests of the goldens, on one line each.
fn requests(numbers: impl IntoIterator<Item = usize>) -> String {
    let golden = MassGolden::load("facts-gpt2", "memit");
    let line = |number: usize| {
        let record = &golden.records[number];
        let (prompt, subject, target) = (&record.prompt, &record.subject, &record.target_new);
        format!("{}\n", json!({ "prompt": prompt, "subject": subject, "target": target }))
    };
    numbers.into_iter().map(line).collect()
}

/// A run of few steps: what it writes is another question than how well.
fn edit<'a>(request: &'a str, output: &'a str, extra: &[&'a str]) -> Vec<&'a str> {
    let mut args = vec!["edit", "-m", "facts-gpt2", "--steps", "3", "--request", request, "-o", output];
    if !extra.contains(&"--method") {
        args.extend(["--method", "memit"]);
    }
    args.extend_from_slice(extra);
    args
}

/// Runs a command that may find that facts do not hold.
#[track_caller]
fn done(rome: &Rome, args: &[&str]) -> String {
    let output = rome.run(args);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.code().is_some_and(|code| code < 2), "{args:?}: {said}");
    String::from_utf8(output.stdout).unwrap()
}

fn bytes(rome: &Rome, name: &str) -> Vec<u8> {
    fs::read(rome.path(name)).unwrap()
}

#[test]
fn a_fact_that_is_dropped_has_never_been_there() {
    let rome = Rome::new();
    rome.write("all.jsonl", &requests(0..6));
    rome.write("fewer.jsonl", &requests([0, 1, 3, 5]));
    rome.write("two.jsonl", &requests([2, 4]));
    done(&rome, &edit("all.jsonl", "all.safetensors", &[]));
    done(&rome, &edit("fewer.jsonl", "fewer.safetensors", &[]));
    let again = |file: &str, change: &[&str], output: &str| {
        let args = [&["edit", "again", file, "-m", "facts-gpt2", "-o", output][..], change].concat();
        done(&rome, &args);
    };
    again("all.safetensors", &["--drop", "2,4"], "dropped.safetensors");
    assert!(bytes(&rome, "dropped.safetensors") == bytes(&rome, "fewer.safetensors"));
    // Added again they come last, and the set is the same but for the order of sums.
    again("dropped.safetensors", &["--add", "two.jsonl"], "back.safetensors");
    let read = |name: &str| EditFile::from_bytes(&bytes(&rome, name)).unwrap();
    let (all, back) = (read("all.safetensors"), read("back.safetensors"));
    for ((_, a), (_, b)) in all.edits().zip(back.edits()) {
        assert!(a.cosine(b) > 1.0 - 1e-10, "{}", a.cosine(b));
        assert!((a.norm() / b.norm() - 1.0).abs() < 1e-6);
    }
    // One of the same prompt takes the other's place.
    let other: Value = serde_json::from_str(requests([0]).trim()).unwrap();
    rome.write(
        "other.jsonl",
        &json!({ "target": "Latin", "prompt": other["prompt"], "subject": other["subject"] }).to_string(),
    );
    again("all.safetensors", &["--add", "other.jsonl"], "replaced.safetensors");
    let targets: Vec<String> = read("replaced.safetensors").requests().map(ToString::to_string).collect();
    assert_eq!(targets.len(), 6);
    assert!(targets[5].ends_with("→ Latin"), "{targets:?}");
}

#[test]
fn shards_and_an_interrupted_run_end_at_the_same_bytes() {
    let rome = Rome::new();
    rome.write("all.jsonl", &requests(0..16));
    done(&rome, &edit("all.jsonl", "all.safetensors", &[]));
    for shard in ["0/2", "1/2"] {
        let output = format!("values-{}.safetensors", &shard[..1]);
        done(&rome, &edit("all.jsonl", &output, &["--shard", shard]));
    }
    let values = ["--values", "values-0.safetensors", "values-1.safetensors"];
    done(&rome, &edit("all.jsonl", "sharded.safetensors", &values));
    assert!(bytes(&rome, "sharded.safetensors") == bytes(&rome, "all.safetensors"));
    assert!(
        rome.fails(&["generate", "-m", "facts-gpt2", "--edit", "values-0.safetensors", "x"])
            .contains("no edits")
    );

    // Killed once values of a part are there.
    rome.write("long.jsonl", &requests(0..16));
    let args = [
        "edit",
        "-m",
        "facts-gpt2",
        "--method",
        "memit",
        "--request",
        "long.jsonl",
        "-o",
        "long.safetensors",
    ];
    done(&rome, &args);
    let expected = bytes(&rome, "long.safetensors");
    fs::remove_file(rome.path("long.safetensors")).unwrap();
    // Values that a shard has left are what an interrupted run leaves.
    done(&rome, &[&args[..7], &["-o", "long.safetensors.partial", "--shard", "0/3"]].concat());
    assert!(rome.fails(&args).contains("interrupted run"));
    let mut child = Command::new(env!("CARGO_BIN_EXE_rome"))
        .args(args)
        .args(["--resume", "--save-every", "0"])
        .current_dir(rome.folder.path())
        .spawn()
        .unwrap();
    let start = Instant::now();
    while start.elapsed() < Duration::from_millis(700) && child.try_wait().unwrap().is_none() {
        sleep(Duration::from_millis(20));
    }
    let _ = child.kill();
    child.wait().unwrap();
    done(&rome, &[&args[..], &["--resume"]].concat());
    assert!(bytes(&rome, "long.safetensors") == expected);
    assert!(!rome.path("long.safetensors.partial").exists());
}

#[test]
fn every_method_writes_a_file_for_all_that_takes_edits() {
    let rome = Rome::new();
    rome.write("facts.jsonl", &requests(0..4));
    for (method, extra) in [
        ("memit", &[][..]),
        ("memit-seq", &["--batch", "2"]),
        ("alphaedit", &["--batch", "2"]),
        ("emmet", &[]),
    ] {
        let file = format!("{method}.safetensors");
        let report =
            done(&rome, &edit("facts.jsonl", &file, &[extra, &["--method", method, "--json"]].concat()));
        let report: Value = serde_json::from_str(&report).unwrap();
        assert_eq!((&report["method"], &report["n_facts"]), (&json!(method), &json!(4)));
        let said = rome.ok(&["verify", &file, "-m", "facts-gpt2", "--sample", "2"]);
        assert!(said.lines().filter(|line| line.contains("weight: byte-identical")).count() > 0, "{said}");
        assert!(!said.contains("DIFFERENT"), "{said}");
        // The adapter of rank 4 is the whole of it, one of rank 1 is not.
        let lora = |rank: &str, output: &str| {
            let args = [
                "export",
                "-m",
                "facts-gpt2",
                "--edit",
                &file,
                "--format",
                "lora",
                "--max-rank",
                rank,
                "-o",
                output,
            ];
            let output = rome.run(&args);
            assert!(output.status.success());
            String::from_utf8(output.stderr).unwrap()
        };
        assert!(!lora("4", &format!("{method}-4")).contains("leaves out"));
        assert!(lora("1", &format!("{method}-1")).contains("leaves out"));
    }
    let shown = rome.ok(&["edit", "show", "memit.safetensors"]);
    assert!(shown.contains("4 edits of 3 weights") && shown.contains("rank 4"), "{shown}");
    assert!(
        rome.fails(&["edit", "drop", "memit.safetensors", "--number", "1", "-o", "x"]).contains("edit again")
    );
    rome.ok(&["ledger", "apply", "memit.safetensors"]);
    assert!(rome.ok(&["ledger", "log"]).contains("3 facts together with it"));
}

#[test]
fn a_difference_is_stored_where_it_is_smaller() {
    let rome = Rome::new();
    // 154 terms of 768 and 192 values are more than all values of the weight.
    let facts: Value = serde_json::from_slice(rome_assets::FACTS).unwrap();
    let facts_list = facts["facts"].as_array().unwrap();
    let line = |fact: &Value| {
        let template = &facts["templates"][fact["relation_id"].as_str().unwrap()][0];
        format!(
            "{}\n",
            json!({ "prompt": template, "subject": fact["subject"], "target": fact["target_new"] })
        )
    };
    rome.write("many.jsonl", &facts_list.iter().take(160).map(line).collect::<String>());
    let args = edit("many.jsonl", "many.safetensors", &["--layer", "2", "--json"]);
    let report: Value = serde_json::from_str(&done(&rome, &args)).unwrap();
    assert_eq!(report["weights"][0]["rank"], 0);
    let file = EditFile::from_bytes(&bytes(&rome, "many.safetensors")).unwrap();
    assert_eq!(file.to_bytes().unwrap(), bytes(&rome, "many.safetensors"));
    assert!(
        rome.ok(&["verify", "many.safetensors", "-m", "facts-gpt2", "--sample", "0"])
            .contains("byte-identical")
    );
    let exported = rome.run(&[
        "export",
        "-m",
        "facts-gpt2",
        "--edit",
        "many.safetensors",
        "--format",
        "lora",
        "-o",
        "lora",
    ]);
    assert!(exported.status.success(), "192 singular values are all there are");
}

#[test]
fn what_makes_no_sense_is_refused_and_nothing_is_written() {
    let rome = Rome::new();
    rome.write("facts.jsonl", &requests(0..2));
    rome.write("twice.jsonl", &requests([0, 1, 0]));
    let first: Value = serde_json::from_str(requests([0]).trim()).unwrap();
    let other = json!({ "prompt": first["prompt"], "subject": first["subject"], "target": "Latin" });
    rome.write("contradicting.jsonl", &format!("{}{other}\n", requests(0..2)));
    // A norm stands between the MLP and the residual stream.
    let gemma = fixtures::path("families/gemma2");
    let tokens = json!({ "prompt_tokens": [5, 6, 7], "subject": [0, 2], "target_tokens": [8] });
    rome.write("tokens.json", &tokens.to_string());
    let args = ["edit", "-m", gemma.to_str().unwrap(), "--method", "memit", "--stats", "identity"];
    let post_norm = rome.fails(&[&args[..], &["--request", "tokens.json", "-o", "x"]].concat());
    assert!(post_norm.contains("puts its MLP's output through a norm"), "{post_norm}");

    let refused = |extra: &[&str]| rome.fails(&edit("facts.jsonl", "x.safetensors", extra));
    assert!(refused(&["--layer", "2,1"]).contains("layers must ascend"));
    assert!(refused(&["--layer", "9"]).contains("layer 9 does not exist"));
    assert!(refused(&["--weight", "1e9"]).contains("would be written"));
    assert!(
        refused(&["--method", "alphaedit", "--threshold", "1e-9"]).contains("no direction of keys is left")
    );
    assert!(refused(&["--variant", "r-rome"]).contains("--variant is a setting of rome"));
    assert!(refused(&["--batch", "1", "--shard", "0/2"]).contains("shards"));
    let contradiction = rome.fails(&edit("contradicting.jsonl", "x.safetensors", &[]));
    assert!(contradiction.contains("requests 1 and 3 contradict each other"), "{contradiction}");

    // Requests keep the numbers that they have in the file.
    let bad = json!({ "prompt": "a sentence about somebody else", "subject": "x", "target": "y" });
    rome.write("third.jsonl", &format!("{}{bad}\n", requests([0, 0])));
    assert!(rome.fails(&edit("third.jsonl", "x.safetensors", &["--quiet"])).contains("request 3 of 3"));

    // The same request twice counts once.
    let report = done(&rome, &edit("twice.jsonl", "twice.safetensors", &["--json"]));
    assert_eq!(serde_json::from_str::<Value>(&report).unwrap()["n_facts"], 2);

    // Values of another model, of other settings, and of other requests.
    done(
        &rome,
        &[
            "edit",
            "-m",
            "facts-gptj",
            "--method",
            "memit",
            "--steps",
            "2",
            "--request",
            "facts.jsonl",
            "-o",
            "gptj.safetensors",
        ],
    );
    assert!(refused(&["--values", "gptj.safetensors"]).contains("those of another model"));
    assert!(refused(&["--values", "twice.safetensors", "--clamp", "2"]).contains("other settings"));
    assert!(
        rome.fails(&["edit", "again", "gptj.safetensors", "-m", "facts-gpt2", "-o", "x"])
            .contains("made for model")
    );
    done(&rome, &edit("facts.jsonl", "batches.safetensors", &["--method", "memit-seq", "--batch", "1"]));
    let batches = ["edit", "again", "batches.safetensors", "-m", "facts-gpt2", "--drop", "0", "-o", "x"];
    assert!(rome.fails(&batches).contains("in 2 batches"));
    let missing = ["edit", "again", "twice.safetensors", "-m", "facts-gpt2", "--drop", "7", "-o", "x"];
    assert!(rome.fails(&missing).contains("there is no fact 7"));
    done(&rome, &edit("facts.jsonl", "bare.safetensors", &["--no-values"]));
    let bare = ["edit", "again", "bare.safetensors", "-m", "facts-gpt2", "--drop", "0", "-o", "x"];
    assert!(rome.fails(&bare).contains("no values"));
}

#[test]
fn settings_of_other_programs_are_read_for_what_they_say() {
    let rome = Rome::new();
    rome.write("facts.jsonl", &requests(0..1));
    let golden = MassGolden::load("facts-gpt2", "alphaedit");
    rome.write("alphaedit.json", &golden.hparams.to_string());
    let settings = |file: &str, method: &str| {
        let output = format!("{method}.safetensors");
        done(
            &rome,
            &[
                "edit",
                "-m",
                "facts-gpt2",
                "--method",
                method,
                "--hparams",
                file,
                "--request",
                "facts.jsonl",
                "-o",
                &output,
            ],
        );
        let file = EditFile::from_bytes(&bytes(&rome, &output)).unwrap();
        serde_json::to_value(&file.parts[0].record.settings).unwrap()
    };
    let read = settings("alphaedit.json", "alphaedit");
    assert_eq!((&read["layers"], &read["ridge"]), (&json!([0, 1, 2]), &json!(1.0)));
    // YAML 1.1 takes such a number for text, and EasyEdit names the method.
    rome.write(
        "memit.yaml",
        "alg_name: \"MEMIT\"\nmodel_name: \"./x\"\nlayers: [1, 2]\nfact_token: \"subject_last\"\nv_num_grad_steps: 4\n\
         v_lr: 1e-1\nv_loss_layer: 5\nv_weight_decay: 5e-2\nclamp_norm_factor: 1.25\nkl_factor: 0.0625\n\
         mom2_adjustment: true\nmom2_update_weight: 30\nrewrite_module_tmp: \"transformer.h.{}.mlp.c_proj\"\n",
    );
    let read = settings("memit.yaml", "memit");
    assert_eq!((&read["layers"], &read["learning_rate"]), (&json!([1, 2]), &json!(0.1)));
    let args = [
        "edit",
        "-m",
        "facts-gpt2",
        "--method",
        "emmet",
        "--hparams",
        "memit.yaml",
        "--request",
        "facts.jsonl",
        "-o",
        "x",
    ];
    assert!(rome.fails(&args).contains("the settings are those of MEMIT, not of emmet"));
}
