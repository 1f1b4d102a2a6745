//! Tokens of every kind of tokenizer, against the tokenizers library in Python.

use fixtures::families::tokenizers;
use rome_core::Tokenizer;
use rome_core::request::TokenError;
use rome_models::{PretrainedTokenizer, Source};
use serde_json::Value;

fn ids(value: &Value) -> Vec<u32> {
    value.as_array().unwrap().iter().map(|id| id.as_u64().unwrap() as u32).collect()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

#[test]
fn every_kind_has_the_tokens_of_the_library() {
    let kinds = tokenizers();
    assert_eq!(kinds.len(), 9);
    for (kind, folder, tokens) in kinds {
        let tokenizer = PretrainedTokenizer::load(&Source::Folder(folder)).unwrap();
        assert_eq!(tokenizer.start().unwrap(), ids(&tokens["start"]), "{kind}");
        assert_eq!(tokenizer.encode(" ").unwrap().ids, ids(&tokens["blank"]), "{kind}");
        let contexts = tokens["contexts"].as_array().unwrap();
        for case in tokens["cases"].as_array().unwrap() {
            let prompt = text(&case["prompt"]).replacen("{}", text(&case["subject"]), 1);
            let (prompt, target) = (prompt.as_str(), text(&case["target"]));
            let what = format!("{kind}: {prompt:?} and {target:?}");
            let encoding = tokenizer.encode(prompt).unwrap();
            assert_eq!(encoding.ids, ids(&case["prompt_ids"]), "{what}");
            let subject = &case["subject_bytes"];
            let subject = subject[0].as_u64().unwrap() as usize..subject[1].as_u64().unwrap() as usize;
            let lookup = case["lookup"].as_u64().map(|lookup| lookup as usize);
            assert_eq!(encoding.last_token_in(&subject), lookup, "{what}: lookup");

            let target = format!(" {}", target.strip_prefix(' ').unwrap_or(target));
            let after = tokenizer.encode_after(prompt, &target);
            match &case["target_ids"] {
                Value::Null => {
                    assert!(matches!(after, Err(TokenError::Joined { .. })), "{what}: {after:?}");
                }
                expected => {
                    let after = after.unwrap();
                    assert_eq!(after, ids(expected), "{what}: target");
                    // Special tokens are left out there, and kept here.
                    if tokenizer.decode_text(&after).unwrap() == tokenizer.decode(&after).unwrap() {
                        let decoded = tokenizer.decode_after(&encoding.ids, &after).unwrap();
                        assert_eq!(decoded, text(&case["decoded_after"]), "{what}");
                    }
                }
            }
            for (context, expected) in contexts.iter().zip(case["contexts"].as_array().unwrap()) {
                let (before, after) = text(context).split_once("{}").unwrap();
                let encoding = tokenizer.encode(&format!("{before}{prompt}{after}")).unwrap();
                assert_eq!(encoding.ids, ids(&expected["ids"]), "{what} in {context}");
                let subject = subject.start + before.len()..subject.end + before.len();
                let lookup = expected["lookup"].as_u64().map(|lookup| lookup as usize);
                assert_eq!(encoding.last_token_in(&subject), lookup, "{what} in {context}: lookup");
            }
        }
    }
}
