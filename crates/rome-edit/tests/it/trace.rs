//! Traces of a prompt and of many facts: told of, stopped and resumed.

use std::fs;
use std::ops::ControlFlow;
use std::path::Path;

use rome_edit::{
    CutNoise, ErrorKind, Event, FactSource, Hint, NoiseScale, PathCut, TraceError, TraceKind, TraceMany,
    TraceOne, TraceSettings, Unit,
};

use crate::model;

fn settings() -> TraceSettings {
    TraceSettings { kinds: vec![TraceKind::State, TraceKind::Mlp], window: 2, samples: 2, cut: None }
}

fn obama() -> TraceOne {
    TraceOne { settings: settings(), ..TraceOne::new("The mother tongue of {} is", "Barack Obama") }
}

#[test]
fn a_trace_that_is_stopped_half_way_writes_nothing() {
    let model = model();
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("obama.json");
    let trace = TraceOne { output: Some(output.clone()), ..obama() };
    let mut total = 0;
    // The cells of both kinds are one piece of work.
    let mut until_half = |event: Event<'_>| {
        let Event::Progress(progress) = event else { return ControlFlow::Continue(()) };
        assert_eq!(progress.unit, Unit::Cells);
        total = progress.total;
        if 2 * progress.done < total { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    };
    let error = trace.run(&model, &mut until_half).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Stopped);
    assert!(!output.exists());

    let mut done = 0;
    let mut to_the_end = |event: Event<'_>| {
        if let Event::Progress(progress) = event {
            assert!(progress.done >= done && progress.total == total);
            done = progress.done;
        }
        ControlFlow::Continue(())
    };
    let traces = trace.run(&model, &mut to_the_end).unwrap();
    assert_eq!((traces.traces.len(), done), (2, total));
    // In JSON they are there by their kinds, and one alone is the object itself.
    let json = serde_json::to_value(&traces).unwrap();
    let written: serde_json::Value = serde_json::from_slice(&fs::read(&output).unwrap()).unwrap();
    assert_eq!(json["mlp"], written["mlp"]);
    assert_eq!(json["state"]["answer"], traces.traces[0].answer);
    let one = TraceOne { settings: TraceSettings { samples: 2, ..TraceSettings::default() }, ..obama() };
    let json = serde_json::to_value(one.run(&model, &mut ()).unwrap()).unwrap();
    assert!(json["scores"].is_array() && json["seconds"]["trace"].is_number());
}

#[test]
fn an_invalid_input_is_refused_before_a_model_is_loaded() {
    let gif = TraceOne { output: Some("trace.gif".into()), ..obama() };
    assert!(gif.check().unwrap_err().to_string().contains("cannot be the file of a trace"));
    let cut = Some(PathCut { kind: TraceKind::Mlp, noise: CutNoise::Same });
    let settings = TraceSettings { cut, ..settings() };
    let error = TraceOne { settings, ..obama() }.check().unwrap_err();
    assert!(matches!(error, rome_edit::Error::Trace(TraceError::CutWithoutState)), "{error}");
    assert_eq!(error.kind(), ErrorKind::Invalid);
}

fn many(folder: &Path) -> TraceMany {
    TraceMany {
        settings: settings(),
        noise: NoiseScale::Deviation(0.1),
        limit: Some(3),
        ..TraceMany::new(FactSource::Bundled, folder)
    }
}

#[test]
fn facts_that_go_on_after_a_stop_come_to_the_same_averages() {
    let model = model();
    let folder = tempfile::tempdir().unwrap();
    let [whole, stopped] = ["whole", "stopped"].map(|name| folder.path().join(name));
    let expected = many(&whole).run(&model, &mut ()).unwrap();
    assert_eq!((expected.n, expected.averages.len()), (3, 2));

    // Amid the second fact: once the first is done, the next event but two.
    let mut n_in_second = 0;
    let mut until_second = |event: Event<'_>| {
        if let Event::Progress(progress) = event
            && (progress.total, progress.done) == (3, 1)
        {
            n_in_second += 1;
        }
        if n_in_second < 3 { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    };
    let error = many(&stopped).run(&model, &mut until_second).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Stopped);
    let files =
        || fs::read_dir(&stopped).unwrap().map(|entry| entry.unwrap().file_name()).collect::<Vec<_>>();
    let n_traces = files().iter().filter(|name| name.to_string_lossy().starts_with("fact_")).count();
    assert_eq!(n_traces, 2, "both kinds of the first fact are kept: {:?}", files());
    assert!(!stopped.join("averages.json").exists());

    let resumed = many(&stopped).run(&model, &mut ()).unwrap();
    assert_eq!(resumed.averages, expected.averages);
    let averages = |folder: &Path| fs::read(folder.join("averages.json")).unwrap();
    assert_eq!(averages(&stopped), averages(&whole));

    // Another run is not mixed with it.
    let other = TraceMany { noise: NoiseScale::Deviation(0.2), ..many(&stopped) };
    let error = other.run(&model, &mut ()).unwrap_err();
    assert!(matches!(error, rome_edit::Error::Trace(TraceError::OtherTraces { .. })), "{error}");
}

#[test]
fn facts_that_make_no_sense_are_told_or_left_out() {
    let model = model();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("facts.json");
    let facts = r#"[{"known_id": 3, "prompt": "y is", "subject": "x", "attribute": "z"},
        {"known_id": 2, "prompt": "The mother tongue of Barack Obama is", "subject": "Barack Obama",
         "attribute": "English"},
        {"known_id": 4, "prompt": "The mother tongue of Barack Obama is", "subject": "Barack Obama",
         "attribute": "Latin"}]"#;
    fs::write(&file, facts).unwrap();
    let facts = FactSource::File(file);
    let strict = TraceMany { facts, ..many(&folder.path().join("traces")) };
    let error = strict.run(&model, &mut ()).unwrap_err();
    assert!(error.to_string().starts_with("fact 3: "), "{error}");
    let traces = TraceMany { keep_going: true, ..strict }.run(&model, &mut ()).unwrap();
    assert_eq!((traces.n, traces.unknown, traces.left_out.len()), (1, 1, 1));
}
