//! Real data sets, and what is wrong with others.

use std::path::PathBuf;

use rome_core::Tokenizer;
use rome_eval::trace::KnownFact;
use rome_eval::{Dataset, EvalError};
use rome_models::PretrainedTokenizer;
use rome_models::Source;

use crate::hostile::shape;
use crate::load;

fn data(name: &str) -> PathBuf {
    fixtures::path("data").join(name)
}

/// GPT-2's own tokenizer.
fn gpt2() -> PretrainedTokenizer {
    let folder = fixtures::path("gpt2-tokenizer");
    PretrainedTokenizer::load(&Source::resolve(folder.to_str().unwrap(), &mut ()).unwrap()).unwrap()
}

#[test]
fn counterfact_loads_and_its_targets_join_its_prompts_as_text() {
    let records = Dataset::CounterFact.read(&data("counterfact.json")).unwrap().0;
    assert_eq!(records.len(), 1000);
    let tokens = gpt2();
    for record in records {
        let record = record.unwrap();
        let queries = record.queries(&tokens).unwrap();
        assert_eq!(queries.len(), 23);
        // The reference encodes prompt and target as one text; BPE splits at the blank between them.
        let text = format!("{} {}", record.rewrite().sentence(), record.rewrite().target_new.str);
        let whole = tokens.encode(&text).unwrap().ids;
        assert_eq!(whole, [&queries[0].prompt[..], &queries[0].targets[0]].concat(), "{text}");
    }
}

#[test]
fn known_facts_load() {
    let facts = KnownFact::read(&data("known_1000.json")).unwrap();
    assert_eq!(facts.len(), 1209);
    assert!(facts.iter().all(Result::is_ok));
    let tokens = gpt2();
    for fact in facts.into_iter().flatten().take(50) {
        let prompt = fact.trace_prompt(&tokens, &shape(50_257, 1024)).unwrap();
        let answer = prompt.answer.unwrap();
        assert_eq!(answer.text.trim(), fact.attribute);
        assert_eq!(answer.tokens.len(), 1, "its answers are single tokens for GPT-2");
    }
}

#[test]
fn a_second_fact_of_a_number_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("facts.json");
    let fact = r#"{"known_id": 4, "prompt": "x is", "subject": "x", "attribute": "a"}"#;
    std::fs::write(&path, format!("[{fact}, {fact}]")).unwrap();
    let facts = KnownFact::read(&path).unwrap();
    assert!(facts[0].is_ok());
    assert!(matches!(&facts[1], Err(EvalError::Record(error)) if error.field.as_deref() == Some("known_id")));
}

#[test]
fn zsre_loads_and_is_asked_both_ways() {
    let records = Dataset::ZsRe.read(&data("zsre.json")).unwrap().0;
    assert_eq!(records.len(), 200);
    let pretrained = load("facts-gpt2");
    for (index, record) in records.into_iter().enumerate() {
        let record = record.unwrap();
        assert_eq!(record.case_id(), index as u64);
        assert_eq!(record.rewrite().prompt.matches("{}").count(), 1);
        let queries = record.queries(&pretrained.tokenizer).unwrap();
        if index < 3 {
            let answers = record.judge(&rome_core::scoring::score(pretrained.model.as_ref(), &queries));
            let theirs = answers.rewrite_prompts_correct.unwrap();
            assert_eq!(theirs.len(), answers.rewrite_prompts_correct_exact.unwrap().len());
            assert!(answers.paraphrase_prompts_correct.is_some());
            assert!(answers.neighborhood_prompts_correct.is_some());
        }
    }
}

#[test]
fn records_that_make_no_sense_are_told_by_index_and_field() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data.json");
    let record = |case_id: u64, prompt: &str| {
        format!(
            r#"{{"case_id": {case_id}, "requested_rewrite": {{"prompt": "{prompt}", "subject": "x",
                "target_new": {{"str": "a"}}, "target_true": {{"str": "b"}}}}}}"#
        )
    };
    let records = [record(1, "{} is"), record(1, "{} is"), record(2, "it is"), record(3, "{} {} is")];
    std::fs::write(&path, format!("[{}]", records.join(","))).unwrap();
    let (read, _) = Dataset::CounterFact.read(&path).unwrap();
    assert!(read[0].is_ok());
    for (index, expected) in
        [(1, "case_id"), (2, "requested_rewrite.prompt"), (3, "requested_rewrite.prompt")]
    {
        let Err(EvalError::Record(error)) = &read[index] else { panic!("{index}") };
        let place = error.place.map(|place| place.index);
        assert_eq!((place, error.field.as_deref()), (Some(index), Some(expected)));
    }
    let broken = [
        r#"[{"subject": "x", "src": "what is y?", "answers": ["a"]}]"#,
        r#"[{"subject": "y", "src": "what is y?", "answers": []}]"#,
        r#"[{"subject": "y", "src": "what is y?"}]"#,
    ];
    for broken in broken {
        std::fs::write(&path, broken).unwrap();
        let (read, _) = Dataset::ZsRe.read(&path).unwrap();
        assert!(matches!(&read[0], Err(EvalError::Record(error)) if error.place.is_some()), "{broken}");
    }
}

#[test]
fn lists_may_be_empty_and_are_skipped() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data.json");
    std::fs::write(
        &path,
        r#"[{"case_id": 0, "requested_rewrite": {"prompt": "The mother tongue of {} is", "subject": "Barack Obama",
            "target_new": {"str": "French"}, "target_true": {"str": "English"}},
            "paraphrase_prompts": [], "neighborhood_prompts": [], "generation_prompts": []}]"#,
    )
    .unwrap();
    let record = Dataset::CounterFact.read(&path).unwrap().0.remove(0).unwrap();
    let pretrained = load("facts-gpt2");
    let queries = record.queries(&pretrained.tokenizer).unwrap();
    let answers = record.judge(&rome_core::scoring::score(pretrained.model.as_ref(), &queries));
    assert_eq!(answers.rewrite_prompts_probs.unwrap().len(), 1);
    assert_eq!((answers.paraphrase_prompts_probs, answers.neighborhood_prompts_probs), (None, None));
}
