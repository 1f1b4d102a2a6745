//! The program as a user runs it: what it prints, what it writes, and how it fails.

use std::fs;
use std::path::Path;
use std::process::Command;

use rome_core::EditFile;
use serde_json::{Value, json};

use crate::program::{Rome, edit, obama};

const REQUEST: [&str; 6] =
    ["--prompt", "{}, who is a citizen of", "--subject", "Lise Meitner", "--target", "Japan"];

#[test]
fn the_demo_edits_and_undoes_a_fact_of_either_model() {
    let rome = Rome::new();
    for model in ["facts-gpt2", "facts-gptj"] {
        let demo: Value = serde_json::from_str(&rome.ok(&["demo", "-m", model, "--json"])).unwrap();
        assert_eq!((&demo["took"], &demo["undone"]), (&json!(true), &json!(true)));
        assert!(demo["rewrite"]["before"]["old"].as_f64().unwrap() > 0.5);
        assert!(demo["rewrite"]["after"]["new"].as_f64().unwrap() > 0.5);
        let rows = |name: &str| demo[name].as_array().unwrap().clone();
        assert!(rows("paraphrases").len() >= 3 && rows("neighbours").len() >= 5);
        // The new object wins in most other words, and with most neighbours the old one stays.
        let wins = |rows: &[Value], a: &str, b: &str| {
            rows.iter().filter(|row| row["after"][a].as_f64() > row["after"][b].as_f64()).count()
        };
        assert!(wins(&rows("paraphrases"), "new", "old") >= 3, "{model}");
        assert!(wins(&rows("neighbours"), "old", "new") >= 5, "{model}");
    }
}

#[test]
fn the_same_seed_gives_the_same_file_byte_for_byte() {
    let rome = Rome::new();
    let first = obama(&rome, &["--seed", "3"]);
    assert_eq!(obama(&rome, &["--seed", "3"]), first);
    assert_ne!(obama(&rome, &["--seed", "4"]), first);
}

/// Elsewhere the restored model was returned as the edited one (EasyEdit#363, #255, #391, #627).
#[test]
fn an_edit_changes_the_answer_and_only_where_it_is_applied() {
    let rome = Rome::new();
    obama(&rome, &[]);
    let generate =
        ["generate", "-m", "facts-gpt2", "--greedy", "--max-new-tokens", "2", "Barack Obama, a native"];
    let before = rome.ok(&generate);
    let mut edited = generate.to_vec();
    edited.splice(3..3, ["--edit", "edit.safetensors"]);
    let after = rome.ok(&edited);
    assert!(before.contains("English") && after.contains("French"), "{before}{after}");
    assert_eq!(rome.ok(&generate), before);
}

#[test]
fn the_output_has_the_fields_of_the_worked_example() {
    let rome = Rome::new();
    let report: Value = serde_json::from_str(&rome.ok(&edit(&[&REQUEST[..], &["--json"]].concat()))).unwrap();
    let example = fs::read(fixtures::path("formats/edit-output.json")).unwrap();
    let example: Value = serde_json::from_slice(&example).unwrap();
    for (field, value) in example.as_object().unwrap() {
        let ours = &report[field];
        assert_eq!(std::mem::discriminant(ours), std::mem::discriminant(value), "{field}: {ours}");
    }
    for field in ["load", "capture", "optimise", "solve", "total"] {
        assert!(report["seconds"][field].is_number(), "{field}");
    }
    assert_eq!(report["losses"].as_array().unwrap().len(), 20);
    assert_eq!(report["lookup_idxs"].as_array().unwrap().len(), 22);
}

/// The reference's own settings, contexts and cache of C, all by its files.
#[test]
fn the_files_of_the_reference_give_its_numbers() {
    let rome = Rome::new();
    let reference = fixtures::Reference::load("facts-gptj");
    let case = &reference.cases[0];
    let contexts = rome.write("contexts.json", &serde_json::to_string(&reference.context_templates).unwrap());
    let hparams = rome.write("hparams.json", &reference.hparams.to_string());
    let layer = case.layer.to_string();
    let stats = fixtures::path("goldens/facts-gptj/stats");
    let report = rome.ok(&[
        "edit",
        "-m",
        "facts-gptj",
        "-o",
        "edit.safetensors",
        "--json",
        "--prompt",
        &case.prompt,
        "--subject",
        &case.subject,
        "--target",
        &case.target_new,
        "--contexts",
        &contexts,
        "--hparams",
        &hparams,
        "--stats",
        stats.to_str().unwrap(),
        "--layer",
        &layer,
    ]);
    let report: Value = serde_json::from_str(&report).unwrap();
    assert_eq!(report["lookup_idxs"], json!(case.lookup_idxs));
    let file = EditFile::from_bytes(&fs::read(rome.path("edit.safetensors")).unwrap()).unwrap();
    let update = file.updates()[case.weight.as_str()][0].rank_one().unwrap();
    let cosine = fixtures::cosine(&update.left, reference.tensor(case, "left"))
        * fixtures::cosine(&update.right, reference.tensor(case, "right"));
    assert!(cosine > 0.9999, "{cosine}");
    // The left vector has unit norm to f32's precision.
    assert!((fixtures::norm(&update.left) - 1.0).abs() < 1e-6);
    assert_eq!(file.parts[0].record.seed, None);
}

#[test]
fn requests_come_in_every_form_and_in_turn() {
    let rome = Rome::new();
    let formats = fixtures::path("formats");
    for form in ["template", "sentence", "tokens", "reference-form"] {
        let request = formats.join(format!("request-{form}.json"));
        rome.run(&edit(&["--request", request.to_str().unwrap()]));
        assert!(rome.path("edit.safetensors").exists(), "{form}");
        fs::remove_file(rome.path("edit.safetensors")).unwrap();
    }
    let lines = r#"{"prompt": "{} spoke the language", "subject": "Tina Turner", "target": "French"}
{"prompt": "{} is produced by", "subject": "iPhone 5", "target": "Nokia"}"#;
    let lines = rome.write("requests.jsonl", lines);
    rome.run(&edit(&["--request", &lines, "--layer", "0,1"]));
    let file = EditFile::from_bytes(&fs::read(rome.path("edit.safetensors")).unwrap()).unwrap();
    let layers: Vec<usize> = file.edits().map(|(edit, _)| edit.layer).collect();
    assert_eq!(layers, [0, 1, 0, 1]);
    assert!(file.updates().values().all(|updates| updates.len() == 2));
}

#[test]
fn all_variants_edit_the_fact() {
    let rome = Rome::new();
    for variant in ["reference", "mean-key", "r-rome", "p-rome"] {
        for contexts in ["text", "tokens"] {
            let contexts = fixtures::path(&format!("formats/contexts-{contexts}.json"));
            let preserve = fixtures::path("formats/preserve.json");
            let (contexts, preserve) = (contexts.to_str().unwrap(), preserve.to_str().unwrap());
            obama(&rome, &["--variant", variant, "--contexts", contexts, "--preserve", preserve]);
        }
    }
}

#[test]
fn an_edit_can_be_made_on_top_of_another() {
    let rome = Rome::new();
    obama(&rome, &[]);
    fs::rename(rome.path("edit.safetensors"), rome.path("first.safetensors")).unwrap();
    let mut args = edit(&["--prompt", "{} is produced by", "--subject", "iPhone 5", "--target", "Nokia"]);
    args.extend(["--edit", "first.safetensors"]);
    rome.ok(&args);
    let both = ["generate", "-m", "facts-gpt2", "--greedy", "--max-new-tokens", "3"];
    let ask = |prompt: &str| {
        rome.ok(&[&both[..], &["--edit", "first.safetensors", "--edit", "edit.safetensors", prompt]].concat())
    };
    assert!(ask("Barack Obama, a native").contains("French"));
    assert!(ask("iPhone 5 is created by").contains("Nokia"));
}

#[test]
fn logits_are_those_of_the_library() {
    let rome = Rome::new();
    rome.ok(&["logits", "-m", "facts-gptj", "--tokens", "5,9,2", "-o", "logits.safetensors"]);
    let bytes = fs::read(rome.path("logits.safetensors")).unwrap();
    let tensors = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let logits = tensors.tensor("logits").unwrap();
    assert_eq!(logits.shape(), [3, 4128]);
    let gptj = crate::load("facts-gptj");
    let expected = rome_core::forward::logits(gptj.model.as_ref(), &[5, 9, 2]).into_data();
    assert_eq!(logits.data(), expected.as_bytes());
}

#[test]
fn generation_with_a_seed_repeats_itself_and_reports_tokens() {
    let rome = Rome::new();
    let args = ["generate", "-m", "facts-gptj", "--seed", "5", "--json", "Tina Turner"];
    let first = rome.ok(&args);
    assert_eq!(rome.ok(&args), first);
    let json: Value = serde_json::from_str(&first).unwrap();
    let n_prompt = json["prompt_tokens"].as_array().unwrap().len();
    assert!(json["tokens"].as_array().unwrap().len() > n_prompt);
    assert!(json["text"].as_str().unwrap().starts_with("Tina Turner"));
}

#[test]
fn statistics_are_collected_found_in_the_cache_and_shown() {
    let rome = Rome::new();
    let text = (0..400)
        .map(|i| format!("Sentence {i} is about the city of number {}.\n", i * i))
        .collect::<String>();
    let jsonl: String = text.lines().map(|line| json!({ "body": [line, ""] }).to_string() + "\n").collect();
    let (text, jsonl) = (rome.write("text.txt", &text), rome.write("text.jsonl", &jsonl));

    // A model that is not the bundled one has no statistics until they are collected.
    let model = rome.path("model");
    fs::create_dir(&model).unwrap();
    for file in ["config.json", "tokenizer.json"] {
        fs::copy(fixtures::model_folder("facts-gpt2").join(file), model.join(file)).unwrap();
    }
    let mut bytes = fs::read(fixtures::model_folder("facts-gpt2").join("model.safetensors")).unwrap();
    let last = bytes.len() - 1;
    bytes[last - 1] ^= 1;
    fs::write(model.join("model.safetensors"), bytes).unwrap();

    let on_model = |args: &[&str]| -> Vec<String> {
        args.iter()
            .map(|&arg| if arg == "facts-gpt2" { "model".to_owned() } else { arg.to_owned() })
            .collect()
    };
    let request = on_model(&edit(&[&REQUEST[..], &["--layer", "2"]].concat()));
    let request: Vec<&str> = request.iter().map(String::as_str).collect();
    let error = rome.fails(&request);
    assert!(error.contains("no statistics for layer 2"), "{error}");
    assert!(error.contains("rome stats collect -m model --layers 2"), "{error}");

    let collect = ["stats", "collect", "-m", "model", "--json"];
    let cached = rome.ok(&[&collect[..], &["--layers", "2", "--text", &text]].concat());
    rome.run(&request);
    assert!(rome.path("edit.safetensors").exists());

    let all = ["--layers", "all", "--text", &jsonl, "--field", "body", "-o", "stats"];
    let all = rome.ok(&[&collect[..], &all].concat());
    let (cached, all): (Value, Value) =
        (serde_json::from_str(&cached).unwrap(), serde_json::from_str(&all).unwrap());
    assert_eq!(cached["tokens"], all["tokens"], "the same text in another form");
    assert_eq!(all["files"].as_array().unwrap().len(), 6);

    let shown = rome.ok(&["stats", "show", "stats/layer-2.safetensors", "--json"]);
    let shown: Value = serde_json::from_str(&shown).unwrap();
    assert_eq!((&shown["count"], &shown["provenance"]["layer"]), (&all["tokens"], &json!(2)));
}

#[test]
fn bad_requests_get_one_line_and_a_hint() {
    let rome = Rome::new();
    let request = |prompt, subject, target| {
        rome.fails(&edit(&["--prompt", prompt, "--subject", subject, "--target", target]))
    };
    let two_slots = request("{} and {}", "Iowa", "x");
    assert!(two_slots.starts_with("error: \"{} and {}\" has 2 places marked {}"), "{two_slots}");
    assert!(request("In Ohio, they speak", "Iowa", "x").contains("\"Iowa\" does not occur in the prompt"));
    assert!(request("{} is", "", "x").contains("the subject is empty"));
    assert!(request("{} is", "Iowa", " ").contains("the target is empty"));
    let long = "very ".repeat(200) + "{}";
    assert!(request(&long, "Iowa", "x").contains("the model takes 128"));
    assert!(rome.fails(&edit(&[&REQUEST[..], &["--layer", "6"]].concat())).contains("layers 0 to 5"));
    let nowhere = ["edit", "-m", "facts-gpt2", "-o", "no/such/edit.safetensors"];
    assert!(rome.fails(&[&nowhere[..], &REQUEST].concat()).contains("no/such does not exist"));
}

#[test]
fn bad_files_get_one_line_and_a_hint() {
    let rome = Rome::new();
    let with = |extra: &[&str]| rome.fails(&edit(&[&REQUEST[..], extra].concat()));
    let empty = rome.write("empty.json", "[]");
    let broken = rome.write("broken.json", "{\"prompt\": ");
    let wrong = rome.write("wrong.json", "[{\"prompt\": \"{} is\"}]");
    assert!(with(&["--contexts", &empty]).contains("the list of contexts is empty"));
    assert!(with(&["--contexts", &broken]).contains("broken.json"));
    assert!(with(&["--contexts", "absent.json"]).contains("cannot read absent.json"));
    assert!(with(&["--preserve", &wrong]).contains("wrong.json"));
    assert!(with(&["--hparams", &wrong]).contains("wrong.json"));
    assert!(rome.fails(&edit(&["--request", &empty])).contains("has no requests"));
    assert!(rome.fails(&edit(&["--request", &broken])).contains("broken.json"));
    assert!(rome.fails(&edit(&["--request", &wrong])).contains("the request has no \"subject\""));
    let second = rome.write("second.jsonl", "{\"prompt\": \"{} is\", \"subject\": \"x\", \"target\": \"y\"}\n{\"prompt\": \"{} is\", \"subject\": \"\", \"target\": \"y\"}");
    assert!(rome.fails(&edit(&["--request", &second])).contains("request 2 of 2: the subject is empty"));
    fs::write(rome.path("binary.json"), [0xff, 0xfe, 0x00]).unwrap();
    assert!(rome.fails(&edit(&["--request", "binary.json"])).contains("binary.json: not UTF-8"));
    for lengths in ["[[500, 1]]", "[[5, 100000]]"] {
        let mut hparams: Value = serde_json::from_slice(rome_assets::FACTS_GPT2.hparams).unwrap();
        hparams["context_template_length_params"] = serde_json::from_str(lengths).unwrap();
        let hparams = rome.write("hparams.json", &hparams.to_string());
        assert!(with(&["--hparams", &hparams]).contains("cannot sample"), "{lengths}");
    }
}

/// Caches known by a name alone were taken for another model elsewhere (kmeng01/rome, MEMIT).
#[test]
fn statistics_of_another_model_layer_or_size_are_refused() {
    let rome = Rome::new();
    let with =
        |stats: &Path| rome.fails(&edit(&[&REQUEST[..], &["--stats", stats.to_str().unwrap()]].concat()));
    let bundled =
        |model, layer| fixtures::model_folder(model).join(format!("statistics/layer-{layer}.safetensors"));
    assert!(with(&bundled("facts-gptj", 1)).contains("collected with the model"));
    assert!(with(&bundled("facts-gpt2", 2)).contains("of layer 2, and layer 1 is edited"));

    let moment = rome_core::SecondMoment::from_sum(2, 9, vec![1.0, 0.0, 0.0, 1.0]).unwrap();
    let small = rome_stats::Statistics { moment, provenance: Default::default(), convergence: Vec::new() };
    fs::write(rome.path("small.npz"), rome_stats::npz::write(&small).unwrap()).unwrap();
    assert!(with(Path::new("small.npz")).contains("keys of 2 values"));
    fs::write(rome.path("torn.npz"), b"PK").unwrap();
    assert!(with(Path::new("torn.npz")).contains("not a file of statistics"));
    // Caches of the reference say by their name alone which layer they are of.
    assert!(with(&fixtures::npz("facts-gpt2", 3)).contains("has the name of another layer than 1"));
    assert!(with(rome.folder.path()).contains("has neither layer-1.safetensors nor"));
}

#[test]
fn an_edit_of_another_model_is_refused() {
    let rome = Rome::new();
    obama(&rome, &[]);
    let error = rome.fails(&["generate", "-m", "facts-gptj", "--edit", "edit.safetensors", "x"]);
    assert!(error.contains("made for model"), "{error}");
    fs::write(rome.path("torn.safetensors"), b"torn").unwrap();
    let error = rome.fails(&["generate", "-m", "facts-gpt2", "--edit", "torn.safetensors", "x"]);
    assert!(error.contains("torn.safetensors: not an edit file"), "{error}");
}

#[test]
fn damaged_checkpoints_and_results_get_one_line_and_a_hint() {
    let rome = Rome::new();
    let model = rome.path("model");
    fs::create_dir(&model).unwrap();
    for file in ["config.json", "tokenizer.json", "model.safetensors"] {
        fs::copy(fixtures::model_folder("facts-gpt2").join(file), model.join(file)).unwrap();
    }
    let generate = ["generate", "-m", "model", "--greedy", "x"];
    rome.ok(&generate);

    let config = fs::read_to_string(model.join("config.json")).unwrap();
    fs::write(model.join("config.json"), config.replace("\"n_embd\": 192", "\"n_embd\": 96")).unwrap();
    let error = rome.fails(&generate);
    assert!(error.contains("has shape [4096, 192], but the configuration requires [4096, 96]"), "{error}");
    fs::write(model.join("config.json"), config).unwrap();

    let weights = fs::read(model.join("model.safetensors")).unwrap();
    fs::write(model.join("model.safetensors"), &weights[..weights.len() / 2]).unwrap();
    assert!(rome.fails(&generate).contains("model.safetensors: it should be"));
    let lying = [&u64::MAX.to_le_bytes(), &weights[8..]].concat();
    fs::write(model.join("model.safetensors"), lying).unwrap();
    assert!(rome.fails(&generate).contains("model.safetensors: its header claims"));

    let error = rome.fails(&edit(&[&REQUEST[..], &["--learning-rate", "1e300"]].concat()));
    assert!(error.contains("is not finite"), "{error}");
}

#[test]
fn a_model_nobody_tuned_gets_settings_by_its_depth_and_is_told() {
    let rome = Rome::new();
    let folder = fixtures::path("pytorch/tiny-gptj");
    let args = ["edit", "-m", folder.to_str().unwrap(), "-o", "edit.safetensors", "--stats", "identity"];
    let contexts = rome.write("contexts.json", "[[]]");
    let request = rome
        .write("request.json", r#"{"prompt_tokens": [1, 5, 2], "subject": [0, 2], "target_tokens": [9]}"#);
    let preserve = rome.write("preserve.json", "[]");
    let more = ["--contexts", &contexts, "--request", &request, "--preserve", &preserve, "--json"];
    let output = rome.run(&[&args[..], &more].concat());
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(stderr.contains("no settings are published for a gptj of 2 layers"), "{stderr}");
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["layer"], 0);
}

#[test]
fn models_that_cannot_be_had_are_named_with_what_was_wanted() {
    let rome = Rome::new();
    assert!(rome.fails(&["generate", "-m", "no/such/folder", "x"]).contains("there is no such folder"));
    // Nothing listens on this port, so the hub cannot be reached.
    let output = Command::new(env!("CARGO_BIN_EXE_rome"))
        .args(["generate", "-m", "openai-community/gpt2-xl", "x"])
        .current_dir(rome.folder.path())
        .env("HF_HOME", rome.path("hub"))
        .env("HF_ENDPOINT", "http://127.0.0.1:9")
        .output()
        .unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr.contains("config.json of openai-community/gpt2-xl is not in the cache"), "{stderr}");
    assert!(stderr.contains("hint: connect to the network once, or download the model and give its folder"));
}

#[test]
fn a_device_that_is_not_there_is_named_with_what_to_do() {
    let rome = Rome::new();
    let on = |device: String| rome.fails(&["generate", "-m", "facts-gpt2", "--device", &device, "x"]);
    assert!(on("tpu".to_owned()).contains("\"tpu\" is not a device"));
    for backend in rome_device::Backend::ALL {
        let name = backend.name();
        if !backend.is_compiled_in() {
            let message = on(name.to_owned());
            assert!(message.contains(&format!("built without {name}")), "{message}");
            assert!(message.contains(&format!("--features {name}")), "{message}");
        } else if !backend.is_cpu() {
            assert!(on(format!("{name}:99")).contains(&format!("there is no device {name}:99")));
        }
    }
}

#[test]
fn the_doctor_lists_the_processor_without_faults() {
    let rome = Rome::new();
    let listed: Value = serde_json::from_str(&rome.ok(&["doctor", "--json"])).unwrap();
    let devices = listed["devices"].as_array().unwrap();
    let flex = devices.iter().find(|device| device["name"] == "flex").unwrap();
    assert!(flex["memory"].as_u64().unwrap() > 1 << 30);
    assert_eq!(flex["types"], json!(["f32", "f16", "bf16"]));
    assert!(rome.ok(&["doctor"]).contains("flex"));
    assert!(
        rome.ok(&["doctor", "--test", "--device", "cpu"]).contains("No other device to compare with the CPU")
    );
}

/// The identity is the silent default elsewhere (EasyEdit, FastEdit).
#[test]
fn without_statistics_by_choice_there_is_a_warning() {
    let rome = Rome::new();
    let output = rome.run(&edit(&[&REQUEST[..], &["--stats", "identity"]].concat()));
    assert!(String::from_utf8(output.stderr).unwrap().contains("warning: C is the identity"));
    assert!(rome.path("edit.safetensors").exists());
}

#[test]
fn an_edit_that_does_not_take_is_written_and_says_so() {
    let rome = Rome::new();
    let output = rome.run(&edit(&[&REQUEST[..], &["--steps", "1"]].concat()));
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8(output.stdout).unwrap().contains("did not succeed"));
    assert!(rome.path("edit.safetensors").exists());
}

#[test]
fn wrong_arguments_get_one_line_and_a_hint() {
    let rome = Rome::new();
    assert!(
        rome.fails(&edit(&[&REQUEST[..], &["--variant", "foo"]].concat())).contains("invalid value 'foo'")
    );
    assert!(rome.fails(&edit(&["--prompt", "{} is"])).contains("--subject"));
    assert!(rome.fails(&["generate", "-m", "facts-gpt2", "--tokn", "x"]).contains("--tokn"));
    assert!(rome.fails(&["generate", "-m", "facts-gpt2", "--top-k", "0", "x"]).contains("top-k"));
}

/// Renaming onto what is not a file would destroy it: a device, a pipe, a socket.
#[cfg(unix)]
#[test]
fn only_files_are_replaced_and_links_are_followed() {
    use std::os::unix::fs::FileTypeExt;
    let rome = Rome::new();
    let _socket = std::os::unix::net::UnixListener::bind(rome.path("socket")).unwrap();
    let logits = |output| ["logits", "-m", "facts-gpt2", "--tokens", "1", "-o", output];
    assert!(rome.fails(&logits("socket")).contains("socket is not a file that can be replaced"));
    assert!(fs::metadata(rome.path("socket")).unwrap().file_type().is_socket());

    fs::write(rome.path("target"), "old").unwrap();
    std::os::unix::fs::symlink("target", rome.path("link")).unwrap();
    rome.ok(&logits("link"));
    assert!(rome.path("link").is_symlink());
    assert_ne!(fs::read(rome.path("target")).unwrap(), b"old");
}

#[test]
fn own_statistics_win_over_the_bundled_ones() {
    let rome = Rome::new();
    let text = (0..300).map(|i| format!("The number {i} comes after {}.\n", i - 1)).collect::<String>();
    let text = rome.write("text.txt", &text);
    rome.ok(&["stats", "collect", "-m", "facts-gpt2", "--layers", "1", "--text", &text]);
    let output = rome.run(&edit(&REQUEST));
    assert!(String::from_utf8(output.stderr).unwrap().contains("note: using the statistics in"));
    assert!(
        rome.fails(&[
            "stats",
            "collect",
            "-m",
            "facts-gpt2",
            "--layers",
            "1",
            "--text",
            &text,
            "-o",
            "text.txt"
        ])
        .contains("is not a folder")
    );
}

#[test]
fn edits_applied_without_those_below_them_are_warned_about() {
    let rome = Rome::new();
    obama(&rome, &[]);
    fs::rename(rome.path("edit.safetensors"), rome.path("first.safetensors")).unwrap();
    rome.run(&edit(&[&REQUEST[..], &["--edit", "first.safetensors"]].concat()));
    let warned = |edits: &[&str]| {
        let mut args = vec!["generate", "-m", "facts-gpt2", "--greedy", "x"];
        edits.iter().for_each(|edit| args.extend(["--edit", edit]));
        String::from_utf8(rome.run(&args).stderr).unwrap().contains("made on top of 1 edit that")
    };
    assert!(warned(&["edit.safetensors"]));
    assert!(!warned(&["first.safetensors", "edit.safetensors"]));
}
