//! Evaluations: methods and settings on the same records.

use std::fs;
use std::ops::ControlFlow;
use std::path::Path;

use rome_edit::{
    Candidate, CompareResults, Error, ErrorKind, Evaluate, EvaluateError, Event, Hint, MergeResults,
    MethodName, RecordSelection, Request, Results, RunSummary, Session, Shard, Sweep,
};
use serde_json::{Value, json};

use crate::nudge::Nudge;

fn session() -> Session {
    Session::builder("facts-gpt2").configure(|config| config.steps = 4).open().unwrap()
}

fn nudge(name: &str, strength: f32) -> Candidate {
    Candidate::new(name, Box::new(Nudge { strength }))
}

/// An evaluation of one method on the first records.
fn evaluate(candidate: Candidate, limit: usize, output: &Path) -> Evaluate {
    Evaluate {
        candidates: vec![candidate],
        records: RecordSelection { limit: Some(limit), ..RecordSelection::default() },
        ..Evaluate::new(output)
    }
}

fn json_at(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

fn n_cases(folder: &Path) -> usize {
    let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
    names.filter(|name| name.to_str().unwrap().starts_with("case_")).count()
}

/// The weight that [`Nudge`] changes.
fn weight(session: &Session) -> Vec<f32> {
    let weight = session.model().lm().block(2).down_projection().weight();
    weight.into_data().try_to_vec().unwrap()
}

#[test]
fn a_method_of_ones_own_is_evaluated_beside_ours() {
    let folder = tempfile::tempdir().unwrap();
    let mut session = session();
    let unedited = MethodName::Unedited.candidate(&session.settings().config);
    let evaluate = Evaluate {
        candidates: vec![unedited, nudge("mine", 0.05)],
        ..evaluate(nudge("mine", 0.05), 2, folder.path())
    };
    let outcome = evaluate.run(&mut session, &mut ()).unwrap();
    let [before, mine] = &outcome.runs[..] else { panic!("{:?}", outcome.runs) };
    assert!(before.is_unedited() && before.cases().values().all(|case| case.pre == case.post));
    assert_eq!(mine.cases().len(), 2);
    for (id, case) in mine.cases() {
        assert_ne!(case.post, case.pre, "it changes something");
        assert_eq!(case.pre, before.cases()[id].pre, "the model is as it was before each record");
    }
    let run = json_at(&folder.path().join("mine/run.json"));
    assert_eq!(run["method"], json!({ "method": "nudge", "strength": 0.05f32 }));
    assert_eq!(json_at(&folder.path().join("unedited/run.json"))["method"], json!({ "method": "unedited" }));
    let json = serde_json::to_value(&outcome).unwrap();
    assert_eq!(json["runs"], json_at(&folder.path().join("comparison.json")));
    assert!(json["seconds"]["ask"].as_f64().unwrap() > 0.0 && json["left_out"] == json!([]), "{json}");
    assert!(folder.path().join("report.html").exists() && folder.path().join("mine/report.html").exists());
}

#[test]
fn a_stopped_evaluation_resumes_to_the_same_cases() {
    let folder = tempfile::tempdir().unwrap();
    let place = |name: &str| folder.path().join(name);
    let mut session = session();
    let weight_before = weight(&session);
    let mut n_edits = 0;
    let mut until_the_third = |event: Event<'_>| {
        n_edits += usize::from(matches!(event, Event::Step(_)));
        if n_edits == 3 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let error =
        evaluate(nudge("mine", 0.05), 4, &place("a")).run(&mut session, &mut until_the_third).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Stopped, "{error}");
    assert_eq!(n_cases(&place("a")), 2);
    assert!(weight(&session) == weight_before, "the model is put back, to the bit");

    let [resumed, whole] = ["a", "b"].map(|name| {
        let outcome = evaluate(nudge("mine", 0.05), 4, &place(name)).run(&mut session, &mut ()).unwrap();
        RunSummary { time: 0.0, ..outcome.runs[0].summary() }
    });
    assert_eq!((resumed.n, &resumed), (4, &whole));

    let error = evaluate(nudge("mine", 0.1), 4, &place("a")).run(&mut session, &mut ()).unwrap_err();
    assert!(error.to_string().contains("results of another run: its method is"), "{error}");
}

#[test]
fn values_of_a_setting_are_ranked_and_drawn() {
    let folder = tempfile::tempdir().unwrap();
    let evaluate = Evaluate {
        candidates: Vec::new(),
        sweeps: vec!["steps=1,8".parse().unwrap(), Sweep::Contexts(vec![3])],
        ..evaluate(nudge("none", 0.0), 2, folder.path())
    };
    let outcome = evaluate.run(&mut session(), &mut ()).unwrap();
    let names: Vec<&str> = outcome.runs.iter().map(|run| run.run().name.as_str()).collect();
    assert_eq!(names, ["steps-1", "steps-8", "contexts-3"]);
    let [steps, contexts] = &outcome.advice[..] else { panic!("{:?}", outcome.advice) };
    assert_eq!((steps.setting, steps.best.as_str(), steps.n_others), ("steps", "8", 1));
    assert!(steps.to_string().starts_with("best steps: 8, score "), "{steps}");
    assert!(contexts.to_string().ends_with("; nothing else was tried"), "{contexts}");
    for name in ["steps.svg", "steps.png", "report.html", "steps-1/summary.json"] {
        assert!(folder.path().join(name).exists(), "{name}");
    }
    assert!(!folder.path().join("contexts.svg").exists(), "one point is no line");
    let method = &json_at(&folder.path().join("contexts-3/run.json"))["method"];
    assert_eq!((&method["method"], &method["contexts"]), (&json!("rome"), &json!(3)));
}

#[test]
fn shards_are_merged_to_the_whole_and_runs_compared() {
    let folder = tempfile::tempdir().unwrap();
    let place = |name: &str| folder.path().join(name);
    let mut session = session();
    let shard = |shard: &str| {
        let mut part = evaluate(nudge("mine", 0.05), 4, &place(&shard.replace('/', "-")));
        part.records.shard = Some(shard.parse::<Shard>().unwrap());
        part
    };
    for part in ["0/2", "1/2"] {
        shard(part).run(&mut session, &mut ()).unwrap();
    }
    evaluate(nudge("mine", 0.05), 4, &place("whole")).run(&mut session, &mut ()).unwrap();
    let merge = MergeResults { folders: vec![place("0-2"), place("1-2")], output: place("merged") };
    let merged = merge.run().unwrap();
    assert_eq!(merged.runs[0].cases().len(), 4);
    assert!(place("merged/report.html").exists());
    let json = serde_json::to_value(&merged).unwrap();
    assert_eq!((&json["n"], &json["seconds"]), (&json!(4), &Value::Null));

    let compare = CompareResults { ours: place("whole"), theirs: place("merged") };
    let comparison = compare.run().unwrap();
    assert_eq!((comparison.n, comparison.n_unpaired, comparison.flips.len()), (4, 0, 0));
    let with = Evaluate {
        compare_with: Some(Results::open(&place("whole")).unwrap()),
        ..evaluate(nudge("mine", 0.1), 2, &place("other"))
    };
    let json = serde_json::to_value(with.run(&mut session, &mut ()).unwrap()).unwrap();
    assert_eq!((&json["n"], &json["against"]["n_unpaired"]), (&json!(2), &json!(2)));
}

#[test]
fn what_makes_no_sense_is_refused_before_anything_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("out");
    let mut session = session();
    let mut refused = |candidates: Vec<Candidate>, limit: usize| {
        let evaluate = Evaluate { candidates, ..evaluate(nudge("none", 0.0), limit, &output) };
        match evaluate.run(&mut session, &mut ()).unwrap_err() {
            Error::Evaluate(error) => error,
            error => panic!("{error}"),
        }
    };
    let error = refused(vec![nudge("a", 0.1), nudge("a", 0.2)], 1);
    assert!(matches!(error, EvaluateError::SameName { .. }), "{error}");
    let error = refused(vec![nudge("a", 0.1), nudge("../b", 0.2)], 1);
    assert!(matches!(error, EvaluateError::FolderName { .. }), "{error}");
    let error = refused(vec![nudge("a", 0.1)], 0);
    assert!(matches!(error, EvaluateError::NoRecords), "{error}");
    let few = Candidate { n_contexts: Some(50), ..nudge("a", 0.1) };
    assert_eq!(refused(vec![few], 1).to_string(), "a needs 50 contexts, but there are 21");

    session.edit(&Request::text("The mother tongue of {} is", "Barack Obama", "French")).unwrap();
    let error = evaluate(nudge("a", 0.1), 1, &output).run(&mut session, &mut ()).unwrap_err();
    assert!(matches!(error, Error::Evaluate(EvaluateError::Edited)), "{error}");
    assert!(!output.exists());
}
