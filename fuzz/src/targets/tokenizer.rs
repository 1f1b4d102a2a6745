//! Tokenizers.

use anyhow::Result;
use rome_core::Tokenizer;
use rome_models::PretrainedTokenizer;
use serde_json::{Value, json};

use super::model;
use crate::{Bound, Files, Outcome, Seed, Target};

const TEXTS: [&str; 5] = ["", "the ab the", "  a\u{301}\n<|endoftext|> thé", "日本 🙂🙂", "\u{0}\u{ffff} c"];

pub(super) static JSON: Target = Target {
    name: "tokenizer-json",
    about: "tokenizer.json, by PretrainedTokenizer::load, encode and decode",
    bound: Bound::PARSED,
    n_cases: 1_200,
    seeds,
    read: |files| read(files),
};

pub(super) static BPE: Target = Target {
    name: "tokenizer-bpe",
    about: "vocab.json and merges.txt, by PretrainedTokenizer::load, encode and decode",
    bound: Bound::PARSED,
    n_cases: 1_200,
    seeds: || Ok(vec![Seed::new("letters", model::tokenizer())]),
    read: |files| read(files),
};

/// The kinds that the library knows: a file may be any of them.
fn seeds() -> Result<Vec<Seed>> {
    let vocab: Value = serde_json::from_slice(model::tokenizer().get("vocab.json"))?;
    let byte_level =
        json!({ "type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true });
    let split = json!({ "type": "Sequence", "pretokenizers": [
        { "type": "Split", "pattern": { "Regex": "(?i:'s|'t)|[^\\r\\n\\p{L}]?\\p{L}+|\\s+(?!\\S)|\\s+" },
          "behavior": "Isolated", "invert": false },
        { "type": "Digits", "individual_digits": true }, byte_level,
    ] });
    let words = json!({ "[UNK]": 0, "the": 1, "ab": 2, "##b": 3, "a": 4 });
    let bpe = |merges: Value| {
        json!({
            "type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": null,
            "end_of_word_suffix": null, "fuse_unk": false, "byte_fallback": false, "vocab": vocab, "merges": merges,
        })
    };
    let merges = json!(["t h", "th e", "Ġ the", "a b"]);
    let pairs = json!([["t", "h"], ["th", "e"], ["Ġ", "the"], ["a", "b"]]);
    let template = json!({ "type": "TemplateProcessing",
        "single": [{ "SpecialToken": { "id": "<|endoftext|>", "type_id": 0 } },
            { "Sequence": { "id": "A", "type_id": 0 } }],
        "pair": [{ "Sequence": { "id": "A", "type_id": 0 } }, { "Sequence": { "id": "B", "type_id": 1 } }],
        "special_tokens": { "<|endoftext|>": { "id": "<|endoftext|>", "ids": [11], "tokens": ["<|endoftext|>"] } } });
    let none = Value::Null;
    let kinds = [
        ("bpe", bpe(merges), &none, &byte_level, &byte_level, &byte_level),
        ("bpe-pairs", bpe(pairs), &json!({ "type": "NFC" }), &split, &template, &byte_level),
        (
            "word-level",
            json!({ "type": "WordLevel", "vocab": words, "unk_token": "[UNK]" }),
            &json!({ "type": "Lowercase" }),
            &json!({ "type": "Whitespace" }),
            &none,
            &none,
        ),
        (
            "word-piece",
            json!({ "type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 100, "vocab": words }),
            &json!({ "type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true,
                "strip_accents": null, "lowercase": true }),
            &json!({ "type": "BertPreTokenizer" }),
            &none,
            &json!({ "type": "WordPiece", "prefix": "##", "cleanup": true }),
        ),
        (
            "unigram",
            json!({ "type": "Unigram", "unk_id": 0, "vocab": [["<unk>", 0.0], ["▁the", -1.5], ["▁a", -2.0],
            ["b", -3.0], ["▁", -4.0]], "byte_fallback": false }),
            &json!({ "type": "Replace", "pattern": { "String": " " }, "content": "▁" }),
            &json!({ "type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": true }),
            &none,
            &json!({ "type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": true }),
        ),
    ];
    let seed = |(name, model, normalizer, pre, post, decoder): (
        &str,
        Value,
        &Value,
        &Value,
        &Value,
        &Value,
    )| {
        let tokenizer = json!({
            "version": "1.0",
            "truncation": { "direction": "Right", "max_length": 4, "strategy": "LongestFirst", "stride": 0 },
            "padding": null,
            "added_tokens": [{ "id": 11, "content": "<|endoftext|>", "single_word": false, "lstrip": false,
                "rstrip": false, "normalized": false, "special": true }],
            "normalizer": normalizer, "pre_tokenizer": pre, "post_processor": post, "decoder": decoder,
            "model": model,
        });
        Seed::new(name, Files::one("tokenizer.json", tokenizer.to_string()))
    };
    Ok(kinds.into_iter().map(seed).collect())
}

fn read(files: &Files) -> Outcome {
    model::in_folder(files, |source| {
        let tokenizer = match PretrainedTokenizer::load(source) {
            Ok(tokenizer) => tokenizer,
            Err(error) => return Outcome::refused(&error),
        };
        for text in TEXTS {
            let encoded = tokenizer.encode(text).and_then(|encoding| {
                let ends = encoding.spans.iter().map(|span| span.end).max().unwrap_or(0);
                tokenizer.decode(&encoding.ids)?;
                tokenizer.encode_continuation(text)?;
                Ok((encoding.ids.len() == encoding.spans.len(), ends <= text.len()))
            });
            match encoded {
                Ok((true, true)) => {}
                Ok(_) => return Outcome::Broken("the places of tokens are not in the text".to_owned()),
                Err(error) => return Outcome::refused(&error),
            }
        }
        match tokenizer.decode(&[0, 3, u32::MAX]) {
            Ok(_) => Outcome::Taken,
            Err(error) => Outcome::refused(&error),
        }
    })
}
