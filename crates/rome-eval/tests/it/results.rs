//! Folders of results.

use rome_core::{Environment, ModelHash};
use rome_eval::{Answers, Case, Comparison, EvalError, Nll, Results, Rewrite, Run, Target};
use serde_json::{Value, json};

fn run(clamp: f64) -> Run {
    Run {
        name: "rome".to_owned(),
        made_by: "test".to_owned(),
        model_hash: ModelHash::new("ab"),
        precision: "f32".to_owned(),
        dataset: "counterfact".to_owned(),
        data_hash: "cd".to_owned(),
        method: json!({ "clamp": clamp }),
        inputs: Value::Null,
        fluency: Value::Null,
        environment: None,
    }
}

fn computed_by(threads: usize) -> Run {
    let [version, system, instructions, device] = ["1", "linux", "AVX2", "cpu"].map(str::to_owned);
    Run { environment: Some(Environment { version, system, instructions, device, threads }), ..run(4.0) }
}

fn case(case_id: u64, new: f64) -> Case {
    let nlls = |target_new: f64| Some(vec![Nll { target_new, target_true: 1.0 }; 2]);
    let answers = |target_new: f64| Answers {
        rewrite_prompts_probs: nlls(target_new),
        paraphrase_prompts_probs: nlls(target_new),
        neighborhood_prompts_probs: nlls(1.5),
        ..Answers::default()
    };
    Case {
        case_id,
        requested_rewrite: Rewrite {
            prompt: "{} is".to_owned(),
            relation_id: Some("P1".to_owned()),
            target_new: Target::named("a"),
            target_true: Target::named("b"),
            subject: "x, \"y\"".to_owned(),
        },
        time: 0.1 + 0.2,
        post: answers(new),
        pre: answers(3.0),
    }
}

#[test]
fn a_run_goes_on_where_it_was_and_not_with_other_settings() {
    let folder = tempfile::tempdir().unwrap();
    let mut results = Results::resume(folder.path(), run(4.0)).unwrap();
    for id in [3, 1, 2] {
        results.add(case(id, 0.5)).unwrap();
    }
    // What a killed process was writing is no case.
    std::fs::write(folder.path().join(".rome-xyz"), "{").unwrap();
    let again = Results::resume(folder.path(), run(4.0)).unwrap();
    assert_eq!(again.cases(), results.cases());
    let Err(EvalError::OtherRun { difference, .. }) = Results::resume(folder.path(), run(2.0)) else {
        panic!()
    };
    assert!(difference.contains("method"), "{difference}");
}

#[test]
fn of_runs_that_begin_at_once_one_has_the_folder() {
    let folder = tempfile::tempdir().unwrap();
    for round in 0..20 {
        let place = folder.path().join(round.to_string());
        let barrier = std::sync::Barrier::new(8);
        let begin = |clamp: u32| {
            barrier.wait();
            Results::resume(&place, run(f64::from(clamp))).is_ok()
        };
        let begun = std::thread::scope(|scope| {
            let begin = &begin;
            let threads: Vec<_> = (0..8).map(|clamp| scope.spawn(move || begin(clamp))).collect();
            threads.into_iter().filter_map(|thread| thread.join().ok()).filter(|&begun| begun).count()
        });
        assert_eq!(begun, 1);
    }
}

#[test]
fn shards_make_the_same_as_one_run() {
    let folder = tempfile::tempdir().unwrap();
    let place = |name: &str| folder.path().join(name);
    let mut whole = Results::resume(&place("whole"), run(4.0)).unwrap();
    let parts: Vec<Results> = (0..3)
        .map(|shard| {
            let mut part = Results::resume(&place(&format!("part-{shard}")), run(4.0)).unwrap();
            for id in (0..10).filter(|id| id % 3 == shard) {
                let case = case(id, if id < 7 { 0.5 } else { 1.5 });
                part.add(case.clone()).unwrap();
                whole.add(case).unwrap();
            }
            part
        })
        .collect();
    let merged = Results::merge(&place("merged"), &parts).unwrap();
    assert_eq!(merged.finish().unwrap(), whole.finish().unwrap());
    for name in ["summary.json", "cases.csv", "case_4.json", "run.json"] {
        let bytes = |run: &str| std::fs::read(place(run).join(name)).unwrap();
        assert_eq!(bytes("merged"), bytes("whole"), "{name}");
    }
    let other = Results::resume(&place("other"), run(2.0)).unwrap();
    assert!(matches!(
        Results::merge(&place("m"), &[parts[0].clone(), other]),
        Err(EvalError::OtherRun { .. })
    ));
    assert!(!place("m").exists(), "nothing is written of a merge that is refused");
    assert!(matches!(Results::merge(&place("m"), &[]), Err(EvalError::NoResults(_))));
    // One case that came out in two ways is no case of either.
    let mut again = Results::resume(&place("again"), run(4.0)).unwrap();
    again.add(case(0, 1.25)).unwrap();
    let error = Results::merge(&place("m"), &[parts[0].clone(), again]).unwrap_err().to_string();
    assert!(error.contains("case 0 came out otherwise"), "{error}");
}

#[test]
fn the_environment_of_a_run_is_that_of_parts_that_agree() {
    let folder = tempfile::tempdir().unwrap();
    let place = |name: &str| folder.path().join(name);
    Results::resume(&place("a"), computed_by(2)).unwrap().add(case(0, 0.5)).unwrap();
    let again = Results::resume(&place("a"), computed_by(8)).unwrap();
    assert_eq!(again.run(), &computed_by(2), "another machine may go on");

    let part = |name: &str, threads| {
        let mut part = Results::resume(&place(name), computed_by(threads)).unwrap();
        part.add(case(threads as u64, 0.5)).unwrap();
        part
    };
    let merged = |name: &str, other| Results::merge(&place(name), &[again.clone(), other]).unwrap();
    assert_eq!(merged("of two", part("b", 2)).run(), &computed_by(2));
    assert_eq!(merged("of three", part("c", 3)).run().environment, None);
    // One after the other is as all at once.
    assert_eq!(merged("of two", part("d", 4)).run().environment, None);
    assert_eq!(Results::open(&place("of two")).unwrap().run().environment, None);
}

#[test]
fn whoever_is_last_sums_up_what_all_have_added() {
    let folder = tempfile::tempdir().unwrap();
    std::thread::scope(|scope| {
        for id in 0..8 {
            let folder = folder.path();
            scope.spawn(move || {
                let mut results = Results::resume(folder, run(4.0)).unwrap();
                results.add(case(id, 0.5)).unwrap();
                let _summing = results.gather().unwrap();
                results.finish().unwrap();
            });
        }
    });
    let table = std::fs::read_to_string(folder.path().join("cases.csv")).unwrap();
    assert_eq!(table.lines().count(), 1 + 8, "{table}");
    assert!(!folder.path().join(".rome-lock-summary").exists());
}

#[test]
fn cases_that_nothing_says_the_origin_of_are_not_gone_on_from() {
    let folder = tempfile::tempdir().unwrap();
    let mut results = Results::resume(folder.path(), run(4.0)).unwrap();
    results.add(case(0, 0.5)).unwrap();
    std::fs::remove_file(folder.path().join("run.json")).unwrap();
    // As kmeng01/rome leaves them: they can be read and compared.
    let theirs = Results::open(folder.path()).unwrap();
    assert_eq!(Comparison::new(&results, &theirs).n, 1);
    let error = Results::resume(folder.path(), run(4.0)).unwrap_err().to_string();
    assert!(error.contains("no run.json"), "{error}");
    let merged = Results::merge(&folder.path().join("m"), &[theirs.clone(), theirs]);
    assert!(matches!(merged, Err(EvalError::OtherRun { .. })));
}

#[test]
fn zsre_flips_by_tokens_and_other_records_are_not_paired() {
    let folder = tempfile::tempdir().unwrap();
    let results = |name: &str, right: bool, subject: &str| {
        let mut results = Results::resume(&folder.path().join(name), run(4.0)).unwrap();
        for id in 0..4 {
            let correct = |right: bool| Some(vec![true, right]);
            let post = Answers {
                rewrite_prompts_correct: correct(right),
                paraphrase_prompts_correct: correct(right),
                neighborhood_prompts_correct: correct(true),
                ..Answers::default()
            };
            let mut case = Case { post, ..case(id, 0.5) };
            case.requested_rewrite.subject = subject.to_owned();
            results.add(case).unwrap();
        }
        results
    };
    let (a, b) = (results("a", true, "x"), results("b", false, "x"));
    let comparison = Comparison::new(&a, &b);
    assert_eq!((comparison.flips.len(), comparison.n_same), (8, 16));
    let score = comparison.measures["score"];
    assert!((score.ours - 100.0).abs() < 1e-9 && (score.theirs - 60.0).abs() < 1e-9, "{score:?}");
    assert_eq!(Comparison::new(&a, &results("c", true, "y")).n, 0, "the same numbers, other records");
    let mut one = Results::resume(&folder.path().join("one"), run(4.0)).unwrap();
    one.add(case(0, 0.5)).unwrap();
    assert_eq!(Comparison::new(&one, &one).measures["ES"].p, 1.0, "one case says nothing of chance");
}

#[test]
fn summaries_and_tables_have_the_form_that_others_rely_on() {
    let folder = tempfile::tempdir().unwrap();
    let mut results = Results::resume(folder.path(), run(4.0)).unwrap();
    results.add(case(0, 0.5)).unwrap();
    results.add(case(1, 1.5)).unwrap();
    results.finish().unwrap();
    let json = |name: &str| -> Value {
        serde_json::from_slice(&std::fs::read(folder.path().join(name)).unwrap()).unwrap()
    };
    let summary = json("summary.json");
    assert_eq!(summary["n"], 2);
    assert_eq!(summary["post"]["ES"]["mean"], 50.0);
    assert_eq!(summary["pre"]["NS"]["ci95"], 0.0);
    let case = json("case_0.json");
    let keys: Vec<&String> = case.as_object().unwrap().keys().collect();
    assert_eq!(keys.len(), 5);
    assert_eq!(case["post"]["rewrite_prompts_probs"][0]["target_new"], 0.5);
    let table = std::fs::read_to_string(folder.path().join("cases.csv")).unwrap();
    let header = table.lines().next().unwrap();
    assert!(header.starts_with("case_id,prompt,subject,target_true,target_new,time,"), "{header}");
    assert!(table.contains("\"x, \"\"y\"\"\""), "{table}");
}

#[test]
fn a_run_compared_with_itself_has_no_difference() {
    let folder = tempfile::tempdir().unwrap();
    let results = |name: &str, good: u64| {
        let mut results = Results::resume(&folder.path().join(name), run(4.0)).unwrap();
        (0..40).for_each(|id| results.add(case(id, if id < good { 0.5 } else { 1.5 })).unwrap());
        results
    };
    let (a, b) = (results("a", 40), results("b", 30));
    let same = Comparison::new(&a, &a);
    assert!(same.flips.is_empty() && same.agreement() == 1.0);
    assert_eq!((same.measures["ES"].difference, same.measures["ES"].p), (0.0, 1.0));

    let other = Comparison::new(&a, &b);
    // Two prompts of each kind in ten cases.
    assert_eq!((other.n, other.flips.len(), other.n_same), (40, 40, 200));
    assert!(other.flips.iter().all(|flip| flip.ours && flip.case_id >= 30));
    let es = other.measures["ES"];
    assert!((es.difference - 25.0).abs() < 1e-9 && es.low > 5.0 && es.high < 45.0 && es.p < 0.01, "{es:?}");
    let ns = other.measures["NS"];
    assert_eq!((ns.difference, ns.low, ns.high), (0.0, 0.0, 0.0));
}
