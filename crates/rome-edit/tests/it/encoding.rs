//! The number of times that text is encoded.

use std::sync::Mutex;

use rome_core::request::{Encoding, TokenError};
use rome_core::{CholeskyFactor, Context, Editor, KlPrompt, RomeConfig, Tokenizer};
use rome_models::Pretrained;

/// A tokenizer that notes what it is asked to encode.
struct Counting<'a> {
    inner: &'a dyn Tokenizer,
    texts: Mutex<Vec<String>>,
}

impl Counting<'_> {
    fn note(&self, text: &str) {
        self.texts.lock().unwrap().push(text.to_owned());
    }
}

impl Tokenizer for Counting<'_> {
    fn encode(&self, text: &str) -> Result<Encoding, TokenError> {
        self.note(text);
        self.inner.encode(text)
    }

    fn encode_continuation(&self, text: &str) -> Result<Vec<u32>, TokenError> {
        self.note(text);
        self.inner.encode_continuation(text)
    }

    fn decode(&self, ids: &[u32]) -> Result<String, TokenError> {
        self.inner.decode(ids)
    }
}

#[test]
fn an_edit_encodes_no_text_twice() {
    let folder = fixtures::model_folder("facts-gpt2");
    let mut pretrained = Pretrained::load(folder.to_str().unwrap(), &fixtures::device()).unwrap();
    let tokenizer = Counting { inner: &pretrained.tokenizer, texts: Mutex::default() };
    let config = RomeConfig { steps: 1, ..RomeConfig::new(1) };
    let d_ff = pretrained.model.shape().d_ff;
    let mut editor = Editor::new(pretrained.model.as_mut(), &tokenizer, config)
        .unwrap()
        .statistics(1, CholeskyFactor::identity(d_ff))
        .contexts(vec![Context::clean(), Context::Template("Then {}".to_owned())])
        .kl_prompts(vec![KlPrompt::essence()]);
    editor.edit(&crate::requests(1)[0], &mut ()).unwrap();
    drop(editor);
    let mut texts = tokenizer.texts.into_inner().unwrap();
    let n_texts = texts.len();
    texts.sort();
    texts.dedup();
    assert!(n_texts > 2 && n_texts == texts.len(), "{n_texts} texts, of which {} differ", texts.len());
}
