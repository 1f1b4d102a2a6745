//! The subject's tokens in hostile prompts, against the bytes of the tokens themselves.

use std::collections::BTreeMap;

use fixtures::hostile::{self, NoPlace, place};
use fixtures::pieces::Pieces;
use rome_core::request::RequestError;
use rome_core::{ModelShape, Tokenizer};
use rome_eval::EvalError;
use rome_eval::trace::TracePrompt;
use rome_models::{PretrainedTokenizer, Source};

pub(crate) fn shape(vocab_size: usize, n_positions: usize) -> ModelShape {
    ModelShape {
        family: "gpt2".to_owned(),
        n_layers: 1,
        d_model: 8,
        d_ff: 32,
        n_heads: 1,
        n_kv_heads: 1,
        head_dim: 8,
        vocab_size,
        n_positions,
    }
}

/// The reference looks for the subject as it is written; " art" is not in "party".
#[test]
fn blanks_around_a_subject_choose_among_its_occurrences() {
    let tokenizer = PretrainedTokenizer::load(&Source::Folder(fixtures::path("gpt2-tokenizer"))).unwrap();
    for (text, subject, range) in [("A party is art", " art", 3..4), ("A party is", "party ", 1..2)] {
        let prompt = TracePrompt::new(text, subject, &tokenizer, &shape(50_257, 1024)).unwrap();
        assert_eq!((prompt.subject, &prompt.subject_text[..]), (range, subject.trim()));
    }
}

#[test]
fn subjects_of_hostile_prompts_are_the_tokens_of_their_bytes() {
    let mut seen = BTreeMap::<&str, usize>::new();
    for (folder, n_positions) in
        [(fixtures::model_folder("facts-gpt2"), 128), (fixtures::path("gpt2-tokenizer"), 1024)]
    {
        let pieces = Pieces::load(&folder);
        let tokenizer = PretrainedTokenizer::load(&Source::Folder(folder)).unwrap();
        let shape = shape(pieces.len(), n_positions);
        for request in hostile::requests(1, 10_000) {
            let found = TracePrompt::new(&request.prompt, &request.subject, &tokenizer, &shape);
            // The first occurrence.
            let name = match (found, place(&request.prompt, &request.subject, false)) {
                (Ok(found), Ok(place)) => {
                    assert_eq!(found.text, place.text);
                    assert_eq!(found.subject_text, place.text[place.subject.clone()]);
                    assert_eq!(pieces.bytes(&found.tokens), place.text.as_bytes());
                    let (first, last) = pieces.within(&found.tokens, &place.subject).unwrap();
                    assert_eq!(found.subject, first..last + 1, "{request:?}");
                    "Ok"
                }
                (Err(EvalError::Length { len, .. }), Ok(place)) => {
                    assert_eq!(len, tokenizer.encode(&place.text).unwrap().ids.len());
                    assert!(len > n_positions);
                    "Length"
                }
                (Err(EvalError::Request(error)), Err(expected)) => match (error, expected) {
                    (RequestError::EmptySubject, NoPlace::EmptySubject) => "EmptySubject",
                    (RequestError::ManySlots { .. }, NoPlace::ManySlots) => "ManySlots",
                    (RequestError::SubjectNotFound { .. }, NoPlace::SubjectNotFound) => "SubjectNotFound",
                    (error, expected) => panic!("{request:?}: found {error:?}, expected {expected:?}"),
                },
                (found, expected) => panic!("{request:?}: found {found:?}, expected {expected:?}"),
            };
            *seen.entry(name).or_default() += 1;
        }
    }
    println!("{seen:?}");
    for (name, count) in
        [("Ok", 10_000), ("Length", 100), ("EmptySubject", 100), ("ManySlots", 100), ("SubjectNotFound", 100)]
    {
        assert!(seen.get(name) >= Some(&count), "{name}: {seen:?}");
    }
}
