//! `rome trace`, as a user runs it.

use std::fs;

use serde_json::Value;

use crate::program::Rome;

const PROMPT: [&str; 6] =
    ["-m", "facts-gpt2", "--prompt", "The mother tongue of {} is", "--subject", "Barack Obama"];

fn trace<'a>(extra: &[&'a str]) -> Vec<&'a str> {
    [&["trace"], &PROMPT[..], extra].concat()
}

#[test]
fn a_trace_is_written_as_json_and_drawn_without_fonts() {
    let rome = Rome::new();
    rome.ok(&trace(&["-o", "t.json"]));
    let json: Value = serde_json::from_slice(&fs::read(rome.path("t.json")).unwrap()).unwrap();
    let tokens = json["tokens"].as_array().unwrap().len();
    let scores = json["scores"].as_array().unwrap();
    assert_eq!((scores.len(), scores[0].as_array().unwrap().len()), (tokens, 6));
    assert_eq!((json["kind"].as_str(), json["answer"].as_str()), (Some("state"), Some(" English")));
    assert!(json["high_score"].as_f64() > json["low_score"].as_f64());

    let out = rome.ok(&trace(&["--kind", "all", "--window", "3", "-o", "t.svg"]));
    assert!(out.starts_with("p(English) is "), "{out}");
    let svg = fs::read_to_string(rome.path("t.svg")).unwrap();
    assert!(svg.contains("<path") && !svg.contains("<text"), "letters are outlines");
    rome.ok(&trace(&["-o", "t.png"]));
    assert!(fs::read(rome.path("t.png")).unwrap().starts_with(b"\x89PNG"));
    // The same noise each time.
    rome.ok(&trace(&["-o", "again.json"]));
    assert_eq!(fs::read(rome.path("again.json")).unwrap(), fs::read(rome.path("t.json")).unwrap());
}

#[test]
fn what_makes_no_sense_is_refused_before_anything_is_written() {
    let rome = Rome::new();
    let noise = rome.write("noise.safetensors", "{}");
    for (args, part) in [
        (trace(&["-o", "t.gif"]), "t.gif cannot be the file of a trace"),
        (trace(&["-o", "t.svg", "--noise", "s"]), "\"s\" is not a noise level"),
        (trace(&["-o", "t.svg", "--noise", "1e39"]), "not a noise level"),
        (trace(&["-o", "t.svg", "--samples", "10000", "--noise=-1"]), "not a noise level"),
        (trace(&["-o", "t.svg", "--noise-file", &noise]), "invalid noise: "),
        (
            trace(&["-o", "t.svg", "--kind", "mlp", "--sever", "mlp"]),
            "paths can be severed only where a state",
        ),
        (
            vec!["trace", "-m", "facts-gpt2", "--prompt", "Rome is", "--subject", "Paris", "-o", "t.svg"],
            "the subject \"Paris\"",
        ),
    ] {
        let error = rome.fails(&args);
        assert!(error.contains(part), "{error}");
    }
}

#[test]
fn many_facts_are_averaged_by_what_a_token_is_to_them() {
    let rome = Rome::new();
    let args = ["trace", "-m", "facts-gptj", "--facts", "bundled", "--limit", "3", "--samples", "2"];
    let out = rome.ok(&[&args[..], &["--kind", "all", "--window", "2", "-o", "out", "--json"]].concat());
    let json: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((json["n"].as_u64(), json["averages"].as_array().unwrap().len()), (Some(3), 3));
    for name in
        ["averages.json", "averages.svg", "averages_state.png", "averages_mlp.svg", "averages_attn.svg"]
    {
        assert!(rome.path("out").join(name).exists(), "{name}");
    }
    assert_eq!(fs::read_dir(rome.path("out")).unwrap().count(), 9 + 2 + 8);
    // A fact that is malformed stops it, or is told at the end.
    let facts = r#"[{"known_id": 1, "prompt": "x"}, {"known_id": 3, "prompt": "y is", "subject": "x", "attribute": "z"},
        {"known_id": 2, "prompt": "The mother tongue of Barack Obama is",
        "subject": "Barack Obama", "attribute": "English"}]"#;
    let facts = rome.write("facts.json", facts);
    let args = ["trace", "-m", "facts-gpt2", "--facts", &facts, "--samples", "2", "-o", "some"];
    assert!(rome.fails(&args).contains("record 0 (from 0), field subject"));
    let keep_going = [&args[..], &["--keep-going", "--json"]].concat();
    let output = rome.run(&keep_going);
    assert_eq!(output.status.code(), Some(1));
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((json["n"].as_u64(), json["left_out"].as_array().unwrap().len()), (Some(1), 2));
    // It continues from what is there if that was made the same way.
    assert_eq!(rome.run(&keep_going).status.code(), Some(1));
    let other = rome.run(&[&keep_going[..], &["--window", "3"]].concat());
    assert!(String::from_utf8_lossy(&other.stderr).contains("other settings"));
    let empty = rome.write("empty.json", "[]");
    assert!(
        rome.fails(&["trace", "-m", "facts-gpt2", "--facts", &empty, "-o", "x"])
            .contains("no facts to trace")
    );
}
