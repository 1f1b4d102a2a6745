use rome_core::Tokenizer;
use rome_models::{PretrainedTokenizer, Source};
use serde_json::json;

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
