//! Many requests in one run.

use std::fs;
use std::ops::ControlFlow;

use rome_core::Tokenizer;
use rome_edit::{EditFile, EditMany, Error, ErrorKind, Event, Hint, InputError, Request, Session};

use crate::{requests, session};

/// The logits of a prompt, which tell of any change of the model.
fn logits(session: &Session) -> Vec<f32> {
    let model = session.model();
    let tokens = model.tokenizer().encode("The mother tongue of Barack Obama is").unwrap().ids;
    rome_core::forward::logits(model.lm(), &tokens).into_data().try_to_vec().unwrap()
}

/// Stops a run after this many edits.
fn after_edits(mut n: usize) -> impl FnMut(Event<'_>) -> ControlFlow<()> + Send {
    move |event| {
        n -= usize::from(matches!(event, Event::Edited { .. }));
        if n == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

#[test]
fn a_request_that_fails_is_passed_over_if_the_run_is_to_go_on() {
    let mut three = requests(3);
    three[1] = Request::text("a sentence about somebody else", "Barack Obama", "French");
    let mut session = session();
    let error = session.edit_many(&EditMany::new(three.clone()), &mut ()).unwrap_err().to_string();
    assert!(error.contains("request 2 of 3"), "{error}");
    assert!(session.edits().updates.is_empty(), "a list with a senseless request is not begun");

    let many = EditMany { keep_going: true, ..EditMany::new(three) };
    let outcome = session.edit_many(&many, &mut ()).unwrap();
    let by_request: Vec<bool> = outcome.by_request().iter().map(Result::is_ok).collect();
    assert_eq!((by_request, outcome.held, outcome.succeeded), (vec![true, false, true], 2, false));
}

#[test]
fn a_stopped_run_keeps_its_edits_and_resumes_to_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let (whole, parts) = (folder.path().join("whole.safetensors"), folder.path().join("parts.safetensors"));
    let partial = folder.path().join("parts.safetensors.partial");
    session()
        .edit_many(&EditMany { output: Some(whole.clone()), ..EditMany::new(requests(3)) }, &mut ())
        .unwrap();

    let mut many = EditMany { output: Some(parts.clone()), ..EditMany::new(requests(3)) };
    let stopped = session().edit_many(&many, &mut after_edits(2)).unwrap_err();
    assert!(matches!(stopped, Error::Input(InputError::Interrupted { n_saved: 2 })), "{stopped}");
    assert_eq!(stopped.kind(), ErrorKind::Stopped);
    assert!(partial.exists() && !parts.exists());
    let refused = session().edit_many(&many, &mut ()).unwrap_err();
    assert!(matches!(refused, Error::Input(InputError::Unfinished { .. })), "{refused}");

    many.resume = true;
    let mut n_edited = 0;
    let mut count = |event: Event<'_>| {
        n_edited += usize::from(matches!(event, Event::Edited { .. }));
        ControlFlow::Continue(())
    };
    let outcome = session().edit_many(&many, &mut count).unwrap();
    assert_eq!((n_edited, outcome.reports.len()), (1, 3), "the two that were there are not made again");
    assert!(!partial.exists());
    let read = |path| EditFile::from_bytes(&fs::read(path).unwrap()).unwrap();
    for ((entry, in_parts), (_, in_one)) in read(parts).edits().zip(read(whole).edits()) {
        // What a request takes over of an earlier one is rounded otherwise than what it runs itself.
        let cosine = in_parts.cosine(in_one);
        assert!(cosine > 0.9999, "{:?}: {cosine}", entry.request);
    }
}

#[test]
fn an_edit_stopped_at_a_step_leaves_the_model_as_it_was() {
    let mut session = session();
    let before = logits(&session);
    let mut at_third_step = |event: Event<'_>| match event {
        Event::Step(step) if step.step == 2 => ControlFlow::Break(()),
        _ => ControlFlow::Continue(()),
    };
    let stopped = session.edit_with(&requests(1)[0], &mut at_third_step).unwrap_err();
    assert_eq!(stopped.kind(), ErrorKind::Stopped);
    assert!(session.edits().updates.is_empty() && logits(&session) == before);
}

#[test]
fn the_last_of_several_requests_is_undone_to_the_bit() {
    let mut session = session();
    let [first, second] = requests(2).try_into().unwrap();
    let plain = logits(&session);
    session.edit(&first).unwrap();
    let with_first = logits(&session);
    session.edit(&second).unwrap();
    assert!(logits(&session) != with_first);
    session.undo_last().unwrap();
    assert!(logits(&session) == with_first && session.edits().updates.len() == 1);
    session.undo_last().unwrap();
    assert!(logits(&session) == plain);
    session.undo_last().unwrap();
    assert!(logits(&session) == plain, "nothing is left to undo");
}

#[test]
fn requests_are_edited_on_top_of_the_sessions_edits() {
    let mut session = session();
    let three = requests(3);
    session.edit(&three[0]).unwrap();
    let outcome = session.edit_many(&EditMany::new(three[1..].to_vec()), &mut ()).unwrap();
    assert_eq!((outcome.reports.len(), session.edits().updates.len()), (2, 3));
}
