//! Collections of every kind of text, interrupted, in parts, and of what is no text.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use rome_stats::Statistics;
use serde_json::Value;
use tempfile::TempDir;

fn corpus(name: &str) -> PathBuf {
    fixtures::path("corpus").join(name)
}

fn rome(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rome"));
    command.args(args);
    command
}

/// Collects at two layers of the bundled GPT-2.
fn collect(folder: &Path, text: &Path, extra: &[&str]) -> Command {
    let (folder, text) = (folder.to_str().unwrap(), text.to_str().unwrap());
    let mut command = rome(&["stats", "collect", "-m", "facts-gpt2", "--layers", "0,2"]);
    command.args(["--text", text, "-o", folder]).args(extra);
    command
}

#[track_caller]
fn ok(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Exit code 2, one line of error, one of hint.
#[track_caller]
fn fails(output: &Output) -> String {
    let stderr = String::from_utf8(output.stderr.clone()).unwrap();
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    let lines: Vec<&str> = stderr.lines().collect();
    assert!(
        lines.len() == 2 && lines[0].starts_with("error: ") && lines[1].starts_with("hint: "),
        "{stderr}"
    );
    stderr
}

fn bytes(folder: &Path) -> [Vec<u8>; 2] {
    [0, 2].map(|layer| fs::read(folder.join(format!("layer-{layer}.safetensors"))).unwrap())
}

fn files(folder: &Path) -> Vec<String> {
    let mut files: Vec<String> =
        fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    files.sort();
    files
}

#[test]
fn the_same_documents_give_the_same_bytes_in_every_form() {
    let folder = tempfile::tempdir().unwrap();
    let reference = folder.path().join("txt");
    ok(&mut collect(&reference, &corpus("documents.txt"), &[]));
    let forms =
        ["documents.jsonl", "documents.txt.gz", "documents.jsonl.zst", "documents.parquet", "docu*.jsonl"];
    for form in forms {
        let other = folder.path().join("other");
        ok(&mut collect(&other, &corpus(form), &[]));
        assert_eq!(bytes(&other), bytes(&reference), "{form}");
        fs::remove_dir_all(other).unwrap();
    }
    let lists = folder.path().join("lists");
    ok(&mut collect(&lists, &corpus("lists.parquet"), &["--field", "paragraphs"]));
    assert_eq!(bytes(&lists), bytes(&reference));
    for form in ["documents.txt", "documents.jsonl"] {
        let piped = folder.path().join(format!("piped-{form}"));
        ok(collect(&piped, Path::new("-"), &[]).stdin(File::open(corpus(form)).unwrap()));
        assert_eq!(bytes(&piped), bytes(&reference), "{form} by standard input");
    }
}

#[test]
fn a_collection_killed_again_and_again_gives_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    for extra in [&[][..], &["--pack"], &["--shard", "1/3"]] {
        let (whole, torn) = (folder.path().join("whole"), folder.path().join("torn"));
        ok(&mut collect(&whole, &corpus("documents.txt"), extra));
        let mut rng = ChaCha8Rng::seed_from_u64(7);
        let mut n_killed = 0;
        // Saved after every document, so that many of the kills fall into a save.
        let flags = [extra, &["--save-every", "1", "--resume"]].concat();
        while n_killed < 10 {
            let mut child =
                collect(&torn, &corpus("documents.txt"), &flags).stdout(Stdio::null()).spawn().unwrap();
            std::thread::sleep(Duration::from_millis(20 + u64::from(rng.next_u32() % 200)));
            child.kill().unwrap();
            n_killed += 1;
            if child.wait().unwrap().success() {
                // It came to its end first: what it wrote is to be written again.
                fs::remove_dir_all(&torn).unwrap();
            }
        }
        ok(&mut collect(&torn, &corpus("documents.txt"), &flags));
        let leftovers = files(&torn).into_iter().filter(|name| name.starts_with("unfinished"));
        assert_eq!(leftovers.count(), 0, "an ended collection leaves no unfinished one");
        for name in files(&whole) {
            assert_eq!(fs::read(whole.join(&name)).unwrap(), fs::read(torn.join(&name)).unwrap(), "{name}");
        }
        fs::remove_dir_all(whole).unwrap();
        fs::remove_dir_all(torn).unwrap();
    }
}

/// A collection that was interrupted by what comes after 30 documents.
fn interrupted() -> (TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let lines = fs::read_to_string(corpus("documents.jsonl")).unwrap();
    let mut broken: Vec<&str> = lines.lines().take(30).collect();
    broken.push("{\"text\": ");
    let text = folder.path().join("text.jsonl");
    fs::write(&text, broken.join("\n")).unwrap();
    let output = collect(&folder.path().join("out"), &text, &["--save-every", "1"]).output().unwrap();
    (folder, fails(&output))
}

#[test]
fn a_malformed_line_is_named_and_what_came_before_it_is_kept() {
    let (folder, message) = interrupted();
    assert!(message.contains("text.jsonl, line 31: EOF while parsing"), "{message}");
    let (text, out) = (folder.path().join("text.jsonl"), folder.path().join("out"));
    assert_eq!(files(&out), ["unfinished.safetensors"]);
    // Going on is a choice, and so is starting over.
    assert!(
        fails(&collect(&out, &text, &[]).output().unwrap()).contains("there is an unfinished collection")
    );
    // The line is mended, the rest follows.
    fs::copy(corpus("documents.jsonl"), &text).unwrap();
    ok(&mut collect(&out, &text, &["--resume"]));
    let whole = folder.path().join("whole");
    ok(&mut collect(&whole, &corpus("documents.jsonl"), &[]));
    assert_eq!(bytes(&out), bytes(&whole));
}

#[test]
fn a_collection_goes_on_with_the_same_text_and_settings_only() {
    let (folder, _) = interrupted();
    let (text, out) = (folder.path().join("text.jsonl"), folder.path().join("out"));
    let state = fs::read(out.join("unfinished.safetensors")).unwrap();
    let go_on = |text: &Path, extra: &[&str]| {
        let flags = [&["--resume"], extra].concat();
        let message = fails(&collect(&out, text, &flags).output().unwrap());
        assert_eq!(fs::read(out.join("unfinished.safetensors")).unwrap(), state, "the state is kept");
        message
    };
    assert!(
        go_on(&corpus("documents.jsonl"), &["--pack"]).contains("began with another model, other layers")
    );
    let mut lines: Vec<String> =
        fs::read_to_string(corpus("documents.jsonl")).unwrap().lines().map(str::to_owned).collect();
    lines.swap(3, 4);
    fs::write(&text, lines.join("\n")).unwrap();
    assert!(go_on(&text, &[]).contains("the corpus has changed"));
    fs::write(&text, lines[..5].join("\n")).unwrap();
    assert!(go_on(&text, &[]).contains("the corpus has changed"));

    fs::write(out.join("unfinished.safetensors"), &state[..state.len() / 2]).unwrap();
    let torn = fails(&collect(&out, &text, &["--resume"]).output().unwrap());
    assert!(torn.contains("is not an unfinished collection"), "{torn}");

    let version = br#"format_version\":"#;
    let at = state.windows(version.len()).position(|window| window == version).unwrap() + version.len();
    let later = [&state[..at], b"9", &state[at + 1..]].concat();
    fs::write(out.join("unfinished.safetensors"), later).unwrap();
    let later = fails(&collect(&out, &text, &["--resume"]).output().unwrap());
    assert!(later.contains("the file has format version 9, and this program reads version 2"), "{later}");
}

#[test]
fn files_that_are_cut_off_or_hold_no_text_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let cut = |name: &str| {
        let bytes = fs::read(corpus(name)).unwrap();
        let path = folder.path().join(name);
        fs::write(&path, &bytes[..bytes.len() * 2 / 3]).unwrap();
        path
    };
    let with = |text: &Path, extra: &[&str]| fails(&collect(&out, text, extra).output().unwrap());
    assert!(with(&cut("documents.parquet"), &[]).contains("documents.parquet: "));
    assert!(with(&cut("documents.txt.gz"), &[]).contains("documents.txt.gz: "));
    assert!(with(&cut("documents.jsonl.zst"), &[]).contains("documents.jsonl.zst: "));
    let other = with(&corpus("documents.parquet"), &["--field", "body"]);
    assert!(other.contains("it has no column \"body\", only id, text"), "{other}");
    assert!(
        with(&corpus("documents.parquet"), &["--field", "id"]).contains("row 1: \"id\" is neither a string")
    );
    let empty = folder.path().join("empty.txt");
    fs::write(&empty, "\n \n").unwrap();
    assert!(with(&empty, &[]).contains("the corpus has no text"));
    assert!(with(&corpus("*.nothing"), &[]).contains("no file matches"));
    assert!(
        with(&corpus("make.py"), &[]).contains("only .txt, .jsonl, .ndjson, .json and .parquet are read")
    );
    assert!(with(&corpus("documents.txt"), &["--shard", "3/3"]).contains("\"3/3\" is not a shard"));
    assert!(with(&corpus("documents.txt"), &["--save-every", "soon"]).contains("\"soon\" is not a number"));
}

/// A limit on the size of files stands for a full disk: writing stops in the middle.
#[test]
#[cfg(unix)]
fn a_full_disk_is_told_and_keeps_the_last_state() {
    let (folder, _) = interrupted();
    let (text, out) = (corpus("documents.jsonl"), folder.path().join("out"));
    let state = fs::read(out.join("unfinished.safetensors")).unwrap();
    let script = "trap '' XFSZ; ulimit -f 100; exec \"$@\"";
    let output = Command::new("bash")
        .args(["-c", script, "bash", env!("CARGO_BIN_EXE_rome"), "stats", "collect", "-m", "facts-gpt2"])
        .args(["--layers", "0,2", "--text", text.to_str().unwrap(), "-o", out.to_str().unwrap()])
        .args(["--save-every", "1", "--resume"])
        .output()
        .unwrap();
    let message = fails(&output);
    assert!(message.contains("cannot write"), "{message}");
    assert_eq!(files(&out), ["unfinished.safetensors"]);
    assert_eq!(fs::read(out.join("unfinished.safetensors")).unwrap(), state);
    ok(&mut collect(&out, &text, &["--resume"]));
}

#[test]
fn shards_in_any_order_add_up_to_the_whole() {
    let folder = tempfile::tempdir().unwrap();
    let place = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let text = corpus("documents.txt");
    ok(&mut collect(&folder.path().join("whole"), &text, &[]));
    let mut shards = Vec::new();
    for index in 0..7 {
        ok(&mut collect(folder.path(), &text, &["--shard", &format!("{index}/7")]));
        shards.push(place(&format!("layer-2.shard-{index}-of-7.safetensors")));
    }
    let merge = |output: &str, files: &[String]| {
        let mut command = rome(&["stats", "merge", "--json", "-o", &place(output)]);
        command.args(files);
        command
    };
    let read = |name: &str| Statistics::from_bytes(&fs::read(folder.path().join(name)).unwrap()).unwrap();
    let difference = |a: &Statistics, b: &Statistics| {
        let pairs = a.moment.sum().iter().zip(b.moment.sum());
        let difference: f64 = pairs.map(|(a, b)| (a - b).powi(2)).sum();
        (difference / b.moment.sum().iter().map(|b| b.powi(2)).sum::<f64>()).sqrt()
    };

    ok(&mut merge("merged.safetensors", &shards));
    let (merged, whole) = (read("merged.safetensors"), read("whole/layer-2.safetensors"));
    assert_eq!(merged.provenance, whole.provenance, "all shards are the corpus");
    assert_eq!(merged.moment.count(), whole.moment.count());
    // Other tokens run together, and their products are f32.
    assert!(difference(&merged, &whole) < 1e-6, "{}", difference(&merged, &whole));

    shards.reverse();
    ok(&mut merge("again.safetensors", &shards));
    let files = ["merged.safetensors", "again.safetensors"].map(|name| fs::read(place(name)).unwrap());
    assert_eq!(files[0], files[1], "the order of the files does not matter");
    // As a tree: other roundings of f64.
    let half: Value = serde_json::from_str(&ok(&mut merge("half.safetensors", &shards[..3]))).unwrap();
    assert_eq!(half["missing_shards"], 4);
    let shown = ok(rome(&["stats", "show"]).arg(place("half.safetensors")));
    assert!(shown.contains(" in 3 of 7 shards"), "{shown}");
    let edit = rome(&[
        "edit",
        "-m",
        "facts-gpt2",
        "--prompt",
        "{} is",
        "--subject",
        "iPhone 5",
        "--target",
        "Nokia",
    ])
    .args(["--layer", "2", "--steps", "2", "--stats", &place("half.safetensors")])
    .args(["-o", &place("edit.safetensors")])
    .output()
    .unwrap();
    let warned = String::from_utf8(edit.stderr).unwrap();
    assert!(warned.contains("half.safetensors is over 3 of 7 shards only"), "{warned}");
    let rest = [&shards[3..], &[place("half.safetensors")]].concat();
    ok(&mut merge("tree.safetensors", &rest));
    assert!(difference(&read("tree.safetensors"), &merged) < 1e-12);
    assert_eq!(read("tree.safetensors").provenance, whole.provenance);

    let refused = |files: &[String]| {
        let message = fails(&merge("refused.safetensors", files).output().unwrap());
        assert!(!folder.path().join("refused.safetensors").exists());
        message
    };
    assert!(refused(&[shards[0].clone(), shards[0].clone()]).contains("comes twice"));
    assert!(refused(&[place("half.safetensors"), shards[0].clone()]).contains("comes twice"));
    assert!(refused(&[shards[0].clone(), place("whole/layer-2.safetensors")]).contains("not of a shard"));
    let other_layer = place("layer-0.shard-0-of-7.safetensors");
    assert!(refused(&[shards[0].clone(), other_layer]).contains("different layers"));
    ok(&mut collect(&folder.path().join("packed"), &text, &["--shard", "1/7", "--pack"]));
    let packed = place("packed/layer-2.shard-1-of-7.safetensors");
    assert!(refused(&[shards[0].clone(), packed]).contains("different settings"));
    ok(&mut collect(
        &folder.path().join("other"),
        &corpus("lists.parquet"),
        &["--shard", "1/7", "--field", "paragraphs"],
    ));
    let same = place("other/layer-2.shard-1-of-7.safetensors");
    ok(&mut merge("same.safetensors", &[shards[0].clone(), same]));
}

/// The documents of the goldens: enough for several doublings.
fn long_text() -> PathBuf {
    fixtures::path("goldens/documents.txt")
}

#[test]
fn a_collection_stops_once_directions_have_settled() {
    let folder = tempfile::tempdir().unwrap();
    let (whole, torn) = (folder.path().join("whole"), folder.path().join("torn"));
    let plot = folder.path().join("plot.svg");
    let flags = ["--until", "0.4", "--json", "--plot", plot.to_str().unwrap()];
    let printed: Value = serde_json::from_str(&ok(&mut collect(&whole, &long_text(), &flags))).unwrap();
    let read = |folder: &Path| Statistics::from_bytes(&bytes(folder)[1]).unwrap();
    let (statistics, tokens) = (read(&whole), printed["tokens"].as_u64().unwrap());
    let [.., before, last] = statistics.convergence.as_slice() else { panic!("two doublings at least") };
    assert!(last.is_within(0.4) && !before.is_within(0.4), "{before:?} {last:?}");
    // No more than a batch after it was known.
    assert!(tokens < last.tokens + 2 * 4096 && tokens < 60_000, "{tokens}");
    let svg = fs::read_to_string(&plot).unwrap();
    assert!(svg.starts_with("<svg") && svg.contains("layer 0") && svg.contains("layer 2"));

    // What is shown of a file is what was seen on the way.
    let file = whole.join("layer-2.safetensors");
    let shown = ok(rome(&["stats", "show", "--plot", plot.to_str().unwrap()]).arg(&file));
    assert!(shown.contains("C⁻¹k by") && shown.contains(&last.tokens.to_string()), "{shown}");
    assert!(fs::read_to_string(&plot).unwrap().contains("layer 2"));

    // Killed after it was known that it is enough, and before it ended.
    let flags = ["--until", "0.4", "--save-every", "1", "--resume"];
    let mut child = collect(&torn, &long_text(), &flags).stdout(Stdio::null()).spawn().unwrap();
    while !torn.join("unfinished.safetensors").exists() {
        std::thread::sleep(Duration::from_millis(5));
    }
    std::thread::sleep(Duration::from_millis(400));
    child.kill().unwrap();
    child.wait().unwrap();
    ok(&mut collect(&torn, &long_text(), &flags));
    assert_eq!(bytes(&torn), bytes(&whole));
    let refused = collect(&torn, &long_text(), &["--until", "0.4", "--shard", "0/2"]).output().unwrap();
    assert!(fails(&refused).contains("--shard"), "shards that end where they like do not add up");
    assert!(fails(&collect(&torn, &long_text(), &["--until", "0"]).output().unwrap()).contains("above 0"));
}

#[test]
fn a_limit_is_a_shorter_text() {
    let folder = tempfile::tempdir().unwrap();
    let (limited, short) = (folder.path().join("limited"), folder.path().join("short"));
    let text = fs::read_to_string(corpus("documents.txt")).unwrap();
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).take(20).collect();
    let path = folder.path().join("short.txt");
    fs::write(&path, lines.join("\n")).unwrap();
    ok(&mut collect(&limited, &corpus("documents.txt"), &["--limit", "20"]));
    ok(&mut collect(&short, &path, &[]));
    assert_eq!(bytes(&limited), bytes(&short));
}

#[test]
fn a_large_c_is_factored_once_and_again_when_it_has_changed() {
    let folder = tempfile::tempdir().unwrap();
    let place = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let model = fixtures::random::Shape::GPT2.cut("gpt2-2-blocks", 2).model(folder.path()).unwrap();
    let edit = |output: &str| {
        let mut command = rome(&["edit", "--prompt", "{} is", "--subject", "iPhone 5", "--target", "Nokia"]);
        command.arg("-m").arg(&model).args(["--layer", "0", "--steps", "2", "--learning-rate", "0.5"]);
        command.args(["--weight-decay", "0.5", "--clamp", "4", "--kl-factor", "0.0625"]);
        command.args(["--stats", &place("layer-0.safetensors"), "-o", &place(output)]);
        // Random weights do as they like: the edit need not take.
        let output = command.output().unwrap();
        assert!(matches!(output.status.code(), Some(0 | 1)), "{}", String::from_utf8_lossy(&output.stderr));
    };
    let text = corpus("documents.txt");
    let collected = |limit: &str| {
        let mut command = rome(&["stats", "collect", "--layers", "0", "--text", text.to_str().unwrap()]);
        ok(command
            .args(["--limit", limit])
            .arg("-m")
            .arg(&model)
            .args(["-o", folder.path().to_str().unwrap()]));
    };
    let factor = folder.path().join("layer-0.factor.safetensors");
    collected("30");
    edit("first");
    let kept = fs::read(&factor).unwrap();
    let written = factor.metadata().unwrap().modified().unwrap();
    edit("second");
    assert_eq!(fs::read(place("first")).unwrap(), fs::read(place("second")).unwrap());
    assert_eq!(factor.metadata().unwrap().modified().unwrap(), written, "it was read and not written");

    collected("20");
    edit("third");
    assert_ne!(fs::read(&factor).unwrap(), kept, "other statistics have another factor");
    fs::write(&factor, &kept[..kept.len() / 2]).unwrap();
    edit("fourth");
    assert_eq!(fs::read(place("third")).unwrap(), fs::read(place("fourth")).unwrap());
}

#[test]
fn packing_loses_no_token() {
    let folder = tempfile::tempdir().unwrap();
    let text = folder.path().join("long.txt");
    let documents = fs::read_to_string(corpus("documents.txt")).unwrap();
    // One document of some thousand tokens, of which the context holds 128.
    fs::write(&text, documents.replace('\n', " ")).unwrap();
    let tokens = |extra: &[&str]| -> u64 {
        let flags = [&["--json"], extra].concat();
        let printed = ok(&mut collect(&folder.path().join("out"), &text, &flags));
        serde_json::from_str::<Value>(&printed).unwrap()["tokens"].as_u64().unwrap()
    };
    assert_eq!(tokens(&[]), 128);
    assert!(tokens(&["--pack"]) > 4000);
}

#[test]
fn statistics_go_to_npz_and_back() {
    let folder = tempfile::tempdir().unwrap();
    let place = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let npz = fixtures::npz("facts-gpt2", 1);
    ok(&mut rome(&["stats", "convert", npz.to_str().unwrap(), &place("a.safetensors")]));
    ok(&mut rome(&["stats", "convert", &place("a.safetensors"), &place("b.npz")]));
    let read = |path: &Path| rome_stats::npz::read(File::open(path).unwrap()).unwrap();
    assert_eq!(read(Path::new(&place("b.npz"))), read(&npz));
    let output = rome(&["stats", "convert", npz.to_str().unwrap(), &place("a.txt")]).output().unwrap();
    assert!(fails(&output).contains("neither .npz nor .safetensors"));
}

/// Batches were laid out for the whole context elsewhere, 355 GiB of a context of 131,072 tokens
/// (EasyEdit#470). Here a long context costs nothing by itself.
#[cfg(target_os = "linux")]
#[test]
fn a_context_of_131072_tokens_takes_no_memory_by_itself() {
    let folder = tempfile::tempdir().unwrap();
    let shape = fixtures::random::Shape::GPT2_TINY.with_positions("gpt2-long", 131_072);
    let model = shape.model(folder.path()).unwrap();
    std::fs::write(folder.path().join("text.txt"), "A few words.\nAnd a few more of them.\n").unwrap();
    let program = env!("CARGO_BIN_EXE_rome");
    let model = model.display();
    // Address space is more than memory: threads reserve some of their own.
    let limited = |arguments: String| {
        let line = format!("ulimit -v 6000000 && exec {program} {arguments}");
        let output = Command::new("sh").args(["-c", &line]).current_dir(folder.path()).output().unwrap();
        // Without memory it would be killed, and have no exit code.
        assert!(matches!(output.status.code(), Some(0 | 1)), "{}", String::from_utf8_lossy(&output.stderr));
    };
    limited(format!("stats collect -m {model} --layers all --text text.txt -o stats"));
    limited(format!(
        "edit -m {model} --prompt '{{}} is' --subject Rome --target big --stats stats --layer 0 --steps 3 -o edit.safetensors"
    ));
}

#[test]
fn a_collection_resumes_between_two_layers_of_another() {
    let folder = tempfile::tempdir().unwrap();
    let [out, alone] = ["out", "alone"].map(|name| folder.path().join(name));
    let (earlier, text) = (corpus("documents.jsonl"), corpus("documents.txt"));
    ok(&mut collect(&out, &earlier, &["--limit", "5"]));
    // The file of the second layer cannot be replaced.
    let second = out.join("layer-2.safetensors");
    fs::remove_file(&second).unwrap();
    fs::create_dir_all(second.join("in the way")).unwrap();
    fails(&collect(&out, &text, &["--limit", "9"]).output().unwrap());
    assert_eq!(files(&out), ["layer-0.safetensors", "layer-2.safetensors", "unfinished.safetensors"]);

    fs::remove_dir_all(&second).unwrap();
    ok(&mut collect(&out, &text, &["--limit", "9", "--resume"]));
    ok(&mut collect(&alone, &text, &["--limit", "9"]));
    assert_eq!(files(&out), files(&alone));
    for name in files(&alone) {
        assert!(fs::read(out.join(&name)).unwrap() == fs::read(alone.join(&name)).unwrap(), "{name}");
    }
}
