use rome_core::{Hint, Tokenizer};
use rome_models::{PretrainedTokenizer, Source};
use serde_json::{Value, json};
use tempfile::TempDir;

#[test]
fn the_tokens_are_those_of_the_original_tokenizers() {
    let facts = PretrainedTokenizer::load(&Source::Folder(fixtures::model_folder("facts-gpt2"))).unwrap();
    // GPT-2's comes without a tokenizer.json, in the two files it was published in.
    let gpt2 = PretrainedTokenizer::load(&Source::Folder(fixtures::path("gpt2-tokenizer"))).unwrap();
    for case in fixtures::tokenizations() {
        for (tokenizer, expected) in [(&facts, &case.facts), (&gpt2, &case.gpt2)] {
            assert_eq!(&tokenizer.encode(&case.text).unwrap().ids, expected, "{:?}", case.text);
            assert_eq!(tokenizer.decode(expected).unwrap(), case.text);
        }
    }
}

#[test]
fn both_forms_of_a_tokenizer_agree() {
    let folder = tempfile::tempdir().unwrap();
    for file in ["vocab.json", "merges.txt"] {
        std::fs::copy(fixtures::model_folder("facts-gpt2").join(file), folder.path().join(file)).unwrap();
    }
    let two_files = PretrainedTokenizer::load(&Source::Folder(folder.path().into())).unwrap();
    let one_file = PretrainedTokenizer::load(&Source::Folder(fixtures::model_folder("facts-gpt2"))).unwrap();
    for case in fixtures::tokenizations() {
        assert_eq!(two_files.encode(&case.text).unwrap(), one_file.encode(&case.text).unwrap());
    }
}

/// Files saved after training carry these (EasyEdit#365: padding changes results).
#[test]
fn padding_and_truncation_left_in_the_file_are_off() {
    let source = fixtures::model_folder("facts-gpt2").join("tokenizer.json");
    let mut file: serde_json::Value = serde_json::from_slice(&std::fs::read(source).unwrap()).unwrap();
    file["truncation"] =
        json!({ "max_length": 2, "strategy": "LongestFirst", "stride": 0, "direction": "Right" });
    file["padding"] = json!({
        "strategy": { "Fixed": 40 }, "direction": "Left", "pad_to_multiple_of": null,
        "pad_id": 0, "pad_type_id": 0, "pad_token": "<|endoftext|>"
    });
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("tokenizer.json"), file.to_string()).unwrap();
    let tokenizer = PretrainedTokenizer::load(&Source::Folder(folder.path().into())).unwrap();
    let plain = PretrainedTokenizer::load(&Source::Folder(fixtures::model_folder("facts-gpt2"))).unwrap();
    let text = "The mother tongue of Barack Obama is";
    assert_eq!(tokenizer.encode(text).unwrap(), plain.encode(text).unwrap());
}

/// Tokenizers of other families put a start token before every text they encode.
#[test]
fn a_start_token_is_added_to_whole_texts_alone() {
    let source = fixtures::model_folder("facts-gpt2").join("tokenizer.json");
    let mut file: serde_json::Value = serde_json::from_slice(&std::fs::read(source).unwrap()).unwrap();
    file["post_processor"] = json!({
        "type": "TemplateProcessing",
        "single": [{ "SpecialToken": { "id": "<|endoftext|>", "type_id": 0 } }, { "Sequence": { "id": "A", "type_id": 0 } }],
        "pair": [{ "Sequence": { "id": "A", "type_id": 0 } }, { "Sequence": { "id": "B", "type_id": 1 } }],
        "special_tokens": { "<|endoftext|>": { "id": "<|endoftext|>", "ids": [0], "tokens": ["<|endoftext|>"] } }
    });
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("tokenizer.json"), file.to_string()).unwrap();
    let tokenizer = PretrainedTokenizer::load(&Source::Folder(folder.path().into())).unwrap();
    let rows = rome_core::TokenizedRequest::new(
        &rome_core::Request::text("{}, a native", "Barack Obama", "French"),
        &[rome_core::Context::clean()],
        &[],
        &tokenizer,
        crate::load("facts-gpt2").model.shape(),
    )
    .unwrap();
    assert_eq!(rows.clean.tokens[0], 0);
    assert_eq!(tokenizer.decode(&rows.clean.tokens[1..=rows.clean.lookup]).unwrap(), "Barack Obama");
    assert_eq!(tokenizer.decode(&rows.target).unwrap(), " French");
}

#[test]
fn a_tokenizer_that_the_library_would_panic_at_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let load = |text: &str| {
        std::fs::write(folder.path().join("tokenizer.json"), text).unwrap();
        PretrainedTokenizer::load(&Source::Folder(folder.path().into()))
    };
    let with = |normalizer: serde_json::Value, decoder: serde_json::Value| {
        json!({
            "version": "1.0", "truncation": null, "padding": null, "added_tokens": [], "normalizer": normalizer,
            "pre_tokenizer": null, "post_processor": null, "decoder": decoder,
            "model": { "type": "WordLevel", "vocab": { "the": 0 }, "unk_token": "the" },
        })
        .to_string()
    };
    assert!(load(&with(json!(null), json!(null))).is_ok());
    let precompiled = |table: &str| json!({ "type": "Precompiled", "precompiled_charsmap": table });
    // The first claims 4 GiB.
    let nested = json!({ "type": "Sequence", "normalizers": [precompiled("/////w==")] });
    for text in [
        with(precompiled("/////w=="), json!(null)),
        with(nested, json!(null)),
        with(precompiled(""), json!(null)),
        with(json!({ "type": "Precompiled" }), json!(null)),
        with(json!(null), json!({ "type": "WordPiece" }))
            .replace("\"type\":\"WordPiece\"", "\"type\":WordPiece"),
        "[".repeat(10_000),
    ] {
        let error = load(&text).unwrap_err();
        assert!(error.to_string().starts_with("tokenizer.json: "), "{error}");
    }
}

/// A folder with the bundled GPT-2's tokenizer, without some files and with others.
fn folder(without: &[&str], with: &[(&str, Value)]) -> (TempDir, Source) {
    let folder = tempfile::tempdir().unwrap();
    for file in ["tokenizer.json", "vocab.json", "merges.txt"] {
        if !without.contains(&file) {
            std::fs::copy(fixtures::model_folder("facts-gpt2").join(file), folder.path().join(file)).unwrap();
        }
    }
    for (file, value) in with {
        std::fs::write(folder.path().join(file), value.to_string()).unwrap();
    }
    let source = Source::Folder(folder.path().to_owned());
    (folder, source)
}

fn ids(source: &Source, text: &str) -> Vec<u32> {
    PretrainedTokenizer::load(source).unwrap().encode(text).unwrap().ids
}

/// huggingface/tokenizers#1643
#[test]
fn what_ends_a_text_is_not_put_after_a_prompt() {
    let json = std::fs::read(fixtures::model_folder("facts-gpt2").join("tokenizer.json")).unwrap();
    let mut file: Value = serde_json::from_slice(&json).unwrap();
    let (text, end) = (json!({ "Sequence": { "id": "A", "type_id": 0 } }), "<|endoftext|>");
    let special = json!({ "SpecialToken": { "id": end, "type_id": 0 } });
    for (single, expected) in [
        (json!([text, special]), vec![258, 1864, 79]),
        (json!([special, text, special]), vec![0, 258, 1864, 79]),
    ] {
        file["post_processor"] = json!({
            "type": "TemplateProcessing", "single": single, "pair": [text, { "Sequence": { "id": "B", "type_id": 1 } }],
            "special_tokens": { end: { "id": end, "ids": [0], "tokens": [end] } },
        });
        let (_folder, source) = folder(&["tokenizer.json"], &[("tokenizer.json", file.clone())]);
        assert_eq!(ids(&source, "hello"), expected);
        assert_eq!(ids(&source, ""), expected[..expected.len() - 3], "an empty text goes on, too");
    }
}

/// huggingface/transformers#3311; the ids are those of transformers 4.38 and 5.24.
#[test]
fn the_files_beside_a_vocabulary_count() {
    let slow = |with: &[(&str, Value)], text: &str| ids(&folder(&["tokenizer.json"], with).1, text);
    let config = |value: Value| ("tokenizer_config.json", value);
    let bos = json!({ "add_bos_token": true, "bos_token": "<|endoftext|>" });
    assert_eq!(slow(&[config(bos)], "hello"), [0, 258, 1864, 79]);
    assert_eq!(slow(&[config(json!({ "add_prefix_space": true }))], "hello"), slow(&[], " hello"));

    let added = ("added_tokens.json", json!({ "<speaker1>": 4096, "COVID-19": 4097 }));
    let map = ("special_tokens_map.json", json!({ "additional_special_tokens": ["<speaker1>"] }));
    assert_eq!(slow(&[added.clone(), map], "<speaker1> hello"), [4096, 392, 1864, 79]);
    assert_eq!(slow(&[added], "COVID-19 hello"), [4097, 392, 1864, 79]);
    let decoder = json!({ "added_tokens_decoder": { "4096": { "content": "COVID-19", "special": false } } });
    assert_eq!(slow(&[config(decoder.clone())], "COVID-19 hello"), [4096, 392, 1864, 79]);
    let (_folder, fast) = folder(&[], &[config(decoder)]);
    assert_eq!(ids(&fast, "COVID-19 hello"), [4096, 392, 1864, 79], "also beside a tokenizer.json");
}

#[test]
fn a_token_that_cannot_have_its_id_is_an_error() {
    let config = json!({ "added_tokens_decoder": { "9999": { "content": "COVID-19" } } });
    let (_folder, source) = folder(&["tokenizer.json"], &[("tokenizer_config.json", config)]);
    let error = PretrainedTokenizer::load(&source).unwrap_err().to_string();
    assert!(error.contains("COVID-19") && error.contains("9999"), "{error}");
}

/// huggingface/transformers#2026: the reference takes the start token out of a context by its text.
#[test]
fn special_tokens_are_not_in_text() {
    let tokenizer = PretrainedTokenizer::load(&Source::Folder(fixtures::model_folder("facts-gpt2"))).unwrap();
    let hello = tokenizer.encode("hello").unwrap().ids;
    assert_eq!(tokenizer.decode_text(&[&[0], &hello[..], &[0]].concat()).unwrap(), "hello");
}

/// Morizeyao/GPT2-Chinese#152
#[test]
fn a_vocabulary_of_another_kind_is_called_what_it_is() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("vocab.txt"), "[PAD]").unwrap();
    let error = PretrainedTokenizer::load(&Source::Folder(folder.path().to_owned())).unwrap_err();
    assert!(error.to_string().contains("vocab.txt") && error.hint().contains("tokenizer.json"), "{error}");
    // Its files have the names of GPT-2's, and its texts begin and end otherwise.
    let class = json!({ "tokenizer_class": "RobertaTokenizer" });
    let (_folder, source) = self::folder(&["tokenizer.json"], &[("tokenizer_config.json", class)]);
    let error = PretrainedTokenizer::load(&source).unwrap_err();
    assert!(error.to_string().contains("RobertaTokenizer"), "{error}");
}
