use rome_core::TokenCodec;
use rome_models::{Source, Tokenizer};

#[test]
fn the_tokens_are_those_of_the_original_tokenizers() {
    let facts = Tokenizer::load(&Source::Folder(fixtures::model_folder("facts-gpt2"))).unwrap();
    // GPT-2's comes without a tokenizer.json, in the two files it was published in.
    let gpt2 = Tokenizer::load(&Source::Folder(fixtures::path("gpt2-tokenizer"))).unwrap();
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
    let two_files = Tokenizer::load(&Source::Folder(folder.path().into())).unwrap();
    let one_file = Tokenizer::load(&Source::Folder(fixtures::model_folder("facts-gpt2"))).unwrap();
    for case in fixtures::tokenizations() {
        assert_eq!(two_files.encode(&case.text).unwrap(), one_file.encode(&case.text).unwrap());
    }
}
