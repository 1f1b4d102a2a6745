//! Lookup indices of hostile requests, against the bytes of the tokens themselves.

use std::collections::BTreeMap;
use std::path::PathBuf;

use fixtures::hostile::{self, Hostile, NoPlace, Place, place};
use fixtures::pieces::Pieces;
use rome_core::request::RequestError;
use rome_core::request::Row;
use rome_core::{Context, Hint, KlPrompt, ModelShape, Request, TokenizedRequest, Tokenizer};
use rome_models::{PretrainedTokenizer, Source};

/// Bytes are read from the vocabulary, and a place is found by comparing them: nothing here looks
/// at the spans that the tokenizer gives.
struct Oracle {
    tokenizer: PretrainedTokenizer,
    pieces: Pieces,
    shape: ModelShape,
}

impl Oracle {
    fn new(folder: PathBuf, n_positions: usize) -> Self {
        let pieces = Pieces::load(&folder);
        let shape = ModelShape {
            family: "gpt2".to_owned(),
            n_layers: 1,
            d_model: 8,
            d_ff: 32,
            n_heads: 1,
            n_kv_heads: 1,
            head_dim: 8,
            vocab_size: pieces.len(),
            n_positions,
        };
        Self { tokenizer: PretrainedTokenizer::load(&Source::Folder(folder)).unwrap(), pieces, shape }
    }

    fn encode(&self, text: &str) -> Vec<u32> {
        let ids = self.tokenizer.encode(text).unwrap().ids;
        assert_eq!(self.pieces.bytes(&ids), text.as_bytes());
        ids
    }

    fn row(&self, place: &Place) -> Row {
        let tokens = self.encode(&place.text);
        let (_, lookup) = self.pieces.within(&tokens, &place.subject).unwrap();
        Row { tokens, lookup }
    }

    /// The rows that a request should have, or the name of the error.
    fn expected(&self, request: &Hostile) -> Result<TokenizedRequest, &'static str> {
        let Hostile { prompt, subject, target, context, preservation } = request;
        let sentence = place(prompt, subject, true).map_err(name_of)?;
        if target.chars().all(char::is_whitespace) {
            return Err("EmptyTarget");
        }
        let target = self.encode(&format!(" {}", target.trim()));
        // As tokens: text would lose the bytes of a character that is cut in two.
        let given = &target[..target.len() - 1];
        let with_given = |mut row: Row| {
            row.tokens.extend(given);
            row
        };
        let slots: Vec<&str> = context.split("{}").collect();
        let [before, after] = slots[..] else {
            return Err(if slots.len() == 1 { "NoSlot" } else { "ManySlots" });
        };
        let in_context = Place {
            text: [before, &sentence.text, after].concat(),
            subject: before.len() + sentence.subject.start..before.len() + sentence.subject.end,
        };
        let mut after_tokens = with_given(self.row(&sentence));
        after_tokens.tokens.splice(0..0, PREFIX);
        after_tokens.lookup += PREFIX.len();
        let rows = vec![with_given(self.row(&sentence)), with_given(self.row(&in_context)), after_tokens];
        let kl_rows = vec![
            self.row(&place("{} is a", subject, true).map_err(name_of)?),
            self.row(&place(preservation, subject, true).map_err(name_of)?),
        ];
        let clean = self.row(&sentence);
        let all = rows.iter().chain(&kl_rows).chain([&clean]);
        if all.map(|row| row.tokens.len()).max() > Some(self.shape.n_positions) {
            Err("TooLong")
        } else {
            Ok(TokenizedRequest { clean, rows, kl_rows, target })
        }
    }

    fn found(&self, request: &Hostile) -> Result<TokenizedRequest, RequestError> {
        let contexts =
            [Context::clean(), Context::Template(request.context.into()), Context::Tokens(PREFIX.into())];
        let kl_prompts = [KlPrompt::essence(), KlPrompt::Template(request.preservation.into())];
        let Hostile { prompt, subject, target, .. } = request;
        let request = Request::text(prompt, subject, target);
        TokenizedRequest::new(&request, &contexts, &kl_prompts, &self.tokenizer, &self.shape)
    }

    /// The end of the subject by `get_words_idxs_in_templates` of kmeng01/rome, if its parts are encoded to
    /// what the whole is, which it takes for granted.
    fn by_the_reference(&self, prompt: &str, subject: &str) -> Option<usize> {
        let (prefix, suffix) = prompt.split_once("{}").filter(|(_, suffix)| !suffix.contains("{}"))?;
        let (prefix, word) = match prefix {
            "" => ("", subject.to_owned()),
            // It insists on this blank.
            _ => (prefix.strip_suffix(' ')?, format!(" {}", subject.trim())),
        };
        let [prefix, word, suffix] = [prefix, &word, suffix].map(|part| self.encode(part));
        let whole = self.encode(&prompt.replacen("{}", subject, 1));
        // It counts blanks at the end of the subject in.
        let is_trimmed = subject.trim() == subject;
        (is_trimmed && whole == [&prefix[..], &word, &suffix].concat()).then(|| prefix.len() + word.len() - 1)
    }
}

const PREFIX: [u32; 3] = [5, 1, 7];

fn name_of(error: NoPlace) -> &'static str {
    match error {
        NoPlace::EmptySubject => "EmptySubject",
        NoPlace::SubjectNotFound => "SubjectNotFound",
        NoPlace::ManySlots => "ManySlots",
    }
}

fn oracles() -> [Oracle; 2] {
    [
        Oracle::new(fixtures::model_folder("facts-gpt2"), 128),
        Oracle::new(fixtures::path("gpt2-tokenizer"), 1024),
    ]
}

#[test]
fn lookup_indices_of_hostile_requests_are_those_of_their_bytes() {
    let mut seen = BTreeMap::<&str, usize>::new();
    let oracles = oracles();
    for request in hostile::requests(0, 10_000) {
        for oracle in &oracles {
            let found = oracle.found(&request);
            let name = match (&found, oracle.expected(&request)) {
                (Ok(found), Ok(expected)) => {
                    assert_eq!(found, &expected, "{request:?}");
                    let reference = oracle.by_the_reference(&request.prompt, &request.subject);
                    if let Some(lookup) = reference {
                        assert_eq!(found.clean.lookup, lookup, "{request:?}");
                        *seen.entry("as the reference").or_default() += 1;
                    }
                    "Ok"
                }
                (Err(error), Err(name)) => {
                    // The name of the variant, without what it holds.
                    assert!(format!("{error:?}").starts_with(name), "{error:?} is not {name}: {request:?}");
                    assert!(!error.to_string().contains('\n') && !error.hint().is_empty(), "{error}");
                    name
                }
                (found, expected) => panic!("{request:?}: found {found:?}, expected {expected:?}"),
            };
            *seen.entry(name).or_default() += 1;
        }
    }
    println!("{seen:?}");
    let at_least = [
        ("Ok", 10_000),
        ("as the reference", 1_000),
        ("EmptySubject", 100),
        ("EmptyTarget", 100),
        ("ManySlots", 100),
        ("NoSlot", 100),
        ("SubjectNotFound", 100),
        ("TooLong", 100),
    ];
    for (name, count) in at_least {
        assert!(seen.get(name) >= Some(&count), "{name}: {seen:?}");
    }
}

/// Each of them in each place of a prompt, so that a failure names it.
#[test]
fn every_hostile_subject_is_found_in_every_place() {
    let oracles = oracles();
    let templates =
        ["{}", "{} is", "In truth {}", "In truth {} is", "({})", "pre{}fix", "\"{}\"", "東{}京", "{{}}"];
    for subject in hostile::SUBJECTS.into_iter().filter(|subject| !subject.trim().is_empty()) {
        for template in templates {
            let sentence = template.replacen("{}", subject, 1);
            for prompt in [template, &sentence] {
                let request = Hostile {
                    prompt: prompt.to_owned(),
                    subject: subject.to_owned(),
                    target: "Rome".to_owned(),
                    context: "So it is. {}",
                    preservation: "{} is a",
                };
                for oracle in &oracles {
                    match (oracle.found(&request), oracle.expected(&request)) {
                        (Ok(found), Ok(expected)) => assert_eq!(found, expected, "{request:?}"),
                        // The braces of a subject, in a sentence that has others.
                        (Err(RequestError::ManySlots { .. }), Err("ManySlots")) => {
                            assert!(sentence.matches("{}").count() > 1, "{request:?}");
                        }
                        (found, expected) => panic!("{request:?}: found {found:?}, expected {expected:?}"),
                    }
                }
            }
        }
    }
}
