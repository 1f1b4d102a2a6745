//! Tokenizers in Hugging Face form.

use rome_core::TokenCodec;
use rome_core::tokens::{Encoding, TokenError};
use tokenizers::decoders::byte_level::ByteLevel;
use tokenizers::models::bpe::BPE;

use crate::{ModelError, Source};

const JSON: &str = "tokenizer.json";
const VOCAB: &str = "vocab.json";
const MERGES: &str = "merges.txt";

/// More than the tokenizer of any model of today takes.
const MAX_FILE: u64 = 256 << 20;

/// A tokenizer, from `tokenizer.json` or from `vocab.json` and `merges.txt`.
#[derive(Debug, Clone)]
pub struct Tokenizer(tokenizers::Tokenizer);

impl Tokenizer {
    /// Loads the tokenizer that lies beside a model.
    ///
    /// # Errors
    /// When there is none, or it is malformed.
    pub fn load(source: &Source) -> Result<Self, ModelError> {
        match source.find(&[JSON, VOCAB]) {
            Some(JSON) => {
                let mut tokenizer = tokenizers::Tokenizer::from_bytes(source.read(JSON, MAX_FILE)?)
                    .map_err(|error| malformed(JSON, error))?;
                // Settings left over from training would pad rows or cut their targets off.
                tokenizer.with_padding(None);
                tokenizer.with_truncation(None).map_err(|error| malformed(JSON, error))?;
                Ok(Self(tokenizer))
            }
            Some(_) => Self::from_vocab_and_merges(source),
            None => Err(ModelError::MissingFile {
                place: source.name(),
                file: format!("{JSON} (nor {VOCAB} and {MERGES})"),
            }),
        }
    }

    /// The byte-level BPE of GPT-2 and GPT-J, from the two files it was published in.
    fn from_vocab_and_merges(source: &Source) -> Result<Self, ModelError> {
        let vocab = serde_json::from_slice(&source.read(VOCAB, MAX_FILE)?);
        let vocab: std::collections::HashMap<String, u32> = vocab.map_err(|error| malformed(VOCAB, error))?;
        let merges =
            String::from_utf8(source.read(MERGES, MAX_FILE)?).map_err(|error| malformed(MERGES, error))?;
        let merges = merges
            .lines()
            .filter(|line| !line.starts_with("#version") && !line.is_empty())
            .map(|line| line.split_once(' ').map(|(a, b)| (a.to_owned(), b.to_owned())))
            .collect::<Option<Vec<_>>>()
            .ok_or_else(|| malformed(MERGES, "a line is not two parts with a blank between them"))?;
        let end_of_text = vocab.contains_key("<|endoftext|>");
        let bpe = BPE::builder()
            .vocab_and_merges(vocab.into_iter().collect::<tokenizers::models::bpe::Vocab>(), merges)
            .build()
            .map_err(|error| malformed(MERGES, error))?;
        let mut tokenizer = tokenizers::Tokenizer::new(bpe);
        let byte_level = ByteLevel::default().add_prefix_space(false).trim_offsets(false);
        tokenizer.with_pre_tokenizer(Some(byte_level));
        tokenizer.with_post_processor(Some(byte_level));
        tokenizer.with_decoder(Some(byte_level));
        if end_of_text {
            tokenizer.add_special_tokens(&[tokenizers::AddedToken::from("<|endoftext|>", true)]);
        }
        Ok(Self(tokenizer))
    }
}

impl Tokenizer {
    fn encode_with(&self, text: &str, add_special_tokens: bool) -> Result<Encoding, TokenError> {
        let encoding =
            self.0.encode(text, add_special_tokens).map_err(|error| TokenError(error.to_string()))?;
        Ok(Encoding {
            ids: encoding.get_ids().to_vec(),
            spans: encoding.get_offsets().iter().map(|&(start, end)| start..end).collect(),
        })
    }
}

impl TokenCodec for Tokenizer {
    fn encode(&self, text: &str) -> Result<Encoding, TokenError> {
        self.encode_with(text, true)
    }

    fn encode_continuation(&self, text: &str) -> Result<Vec<u32>, TokenError> {
        Ok(self.encode_with(text, false)?.ids)
    }

    fn decode(&self, ids: &[u32]) -> Result<String, TokenError> {
        self.0.decode(ids, false).map_err(|error| TokenError(error.to_string()))
    }
}

fn malformed(file: &str, reason: impl ToString) -> ModelError {
    ModelError::Malformed { file: file.to_owned(), reason: reason.to_string() }
}
