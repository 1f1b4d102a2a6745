//! Audits of edits and of checkpoints: the report, its JSON, and a stop.

use std::collections::BTreeSet;
use std::fs;
use std::ops::ControlFlow;

use rome_core::forward::logits;
use rome_core::forward::transfer::download;
use rome_core::math::probability;
use rome_core::scoring::Answer;
use rome_core::{CausalLm, Tokenizer};
use rome_edit::{
    Audit, AuditText, EditFile, ErrorKind, Event, Hint, Model, PromptKind, Request, Session, Unit, Verdict,
};
use serde_json::{Value, json};

use crate::model;

const PROMPT: &str = "The mother tongue of {} is";

/// An unedited model, and edits of it.
fn edited() -> (Model, EditFile) {
    let mut session = Session::builder("facts-gpt2").seed(3).open().unwrap();
    session.edit(&Request::text(PROMPT, "Barack Obama", "French")).unwrap();
    let edits = EditFile::from(session.edits().clone());
    (session.into_model(), edits)
}

fn short() -> AuditText {
    AuditText { n_tokens: 64, ..AuditText::default() }
}

fn keys(value: &Value) -> BTreeSet<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

#[test]
fn a_report_is_its_json_by_the_keys_that_readers_know() {
    let (model, edits) = edited();
    let folder = tempfile::tempdir().unwrap();
    let html = folder.path().join("report.html");
    let audit = Audit { text: short(), html: Some(html.clone()), ..Audit::of_edits("obama", edits) };
    let report = audit.run(model, &mut ()).unwrap();
    assert_eq!(report.assessment.verdict, Verdict::Took);
    assert!(report.of_kind(PromptKind::Paraphrase).count() >= 4);

    let json = serde_json::to_value(&report).unwrap();
    let expected = [
        "change",
        "changes",
        "edits",
        "environment",
        "judgement",
        "model",
        "perplexity",
        "preserved",
        "prompts",
    ];
    assert_eq!(keys(&json), BTreeSet::from(expected));
    assert_eq!((&json["model"], &json["change"]), (&json!("facts-gpt2"), &json!("obama")));
    assert_eq!(json["judgement"], json!({ "verdict": "took", "reasons": report.assessment.reasons }));
    let prompt = &json["prompts"][0];
    let expected = [
        "after",
        "before",
        "changed",
        "divergence",
        "first_token",
        "is_new",
        "kind",
        "p_new",
        "p_old",
        "prompt",
    ];
    assert_eq!(keys(prompt), BTreeSet::from(expected));
    assert_eq!(prompt["kind"], "rewrite");
    assert_eq!(prompt["p_new"], json!(report.prompts[0].p_new));
    assert_eq!(keys(&prompt["after"][0]), BTreeSet::from(["p", "text", "token"]));
    let change = &json["changes"][0];
    assert_eq!(keys(change), BTreeSet::from(["first", "norm", "rank", "relative_norm", "tensor", "typical"]));
    assert_eq!(keys(&change["typical"]), BTreeSet::from(["energy", "output_shift"]));
    assert_eq!(keys(&json["preserved"][0]), BTreeSet::from(["divergence", "prompt"]));
    assert_eq!(keys(&json["perplexity"]), BTreeSet::from(["after", "before", "n_tokens", "text"]));

    let page = fs::read_to_string(html).unwrap();
    assert!(page.contains("The edit succeeded") && page.contains("<body class=\"audit\">"));
}

/// Scores of many prompts at once are those of each prompt by itself.
#[test]
fn probabilities_and_perplexity_are_those_of_the_logits() {
    let (model, edits) = edited();
    let folder = tempfile::tempdir().unwrap();
    let prompts = folder.path().join("prompts.json");
    let (old, paraphrase) = ("New York City", "Barack Obama spoke the language");
    let record = json!({ "old": old, "paraphrase_prompts": [paraphrase] });
    fs::write(&prompts, record.to_string()).unwrap();
    let audit = Audit { text: short(), prompts: Some(prompts), ..Audit::of_edits("obama", edits) };
    let report = audit.run(model, &mut ()).unwrap();

    let model = self::model();
    let (lm, tokenizer) = (model.lm(), model.tokenizer());
    let old = tokenizer.encode_continuation(&format!(" {old}")).unwrap();
    assert!(old.len() > 1);
    for prompt in report.of_kind(PromptKind::Rewrite).chain(report.of_kind(PromptKind::Paraphrase)) {
        let tokens = tokenizer.encode(&prompt.prompt).unwrap().ids;
        let expected = Answer::of(lm, &tokens, &old).probability;
        let [before, _] = prompt.p_old.unwrap();
        // Logits in f32, in another batch.
        assert!((before / expected - 1.0).abs() < 1e-3, "{}: {before} {expected}", prompt.prompt);
    }
    let perplexity = report.perplexity.unwrap();
    assert_eq!(perplexity.n_tokens, 63);
    let expected = perplexity_of(lm, tokenizer);
    assert!((perplexity.before / expected - 1.0).abs() < 1e-4, "{} {expected}", perplexity.before);
}

/// The perplexity of the first 64 tokens of the library's own text.
fn perplexity_of(model: &dyn CausalLm, tokenizer: &dyn Tokenizer) -> f64 {
    let text = include_str!("../../src/text.txt");
    let mut tokens = tokenizer.encode(text).unwrap().ids;
    tokens.truncate(64);
    let logits = download(logits(model, &tokens));
    let rows = logits.chunks(model.shape().vocab_size).zip(&tokens[1..]);
    let nll: f64 = rows.map(|(row, &next)| -probability(row, next).ln()).sum();
    (nll / 63.0).exp()
}

#[test]
fn an_audit_stops_at_the_next_prompt() {
    let (model, edits) = edited();
    let mut n_prompts = 0;
    let mut until_third = |event: Event<'_>| {
        if let Event::Progress(progress) = event {
            assert_eq!(progress.unit, Unit::Prompts);
            n_prompts += 1;
        }
        if n_prompts < 3 { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    };
    let error = Audit::of_edits("obama", edits).run(model, &mut until_third).unwrap_err();
    assert_eq!((error.kind(), n_prompts), (ErrorKind::Stopped, 3));
}

#[test]
fn edits_of_another_model_are_refused_by_an_audit() {
    let audit = Audit { text: short(), ..Audit::of_checkpoint("facts-gpt2") };
    let report = audit.run(model(), &mut ()).unwrap();
    assert_eq!(report.assessment.verdict, Verdict::Unchanged);
    assert!(report.weights.is_empty() && report.prompts.iter().all(|prompt| prompt.divergence == 0.0));

    let (model, mut edits) = edited();
    edits.parts[0].record.model_hash = rome_edit::ModelHash::new("0".repeat(64));
    let error = Audit::of_edits("obama", edits).run(model, &mut ()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::OtherModel);
}
