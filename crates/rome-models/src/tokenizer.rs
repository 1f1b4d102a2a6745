//! Tokenizers in Hugging Face form.

use std::panic::{AssertUnwindSafe, catch_unwind};

use rome_core::Tokenizer;
use rome_core::request::{Encoding, TokenError};
use serde::Deserialize;
use serde_json::Value;
use tokenizers::PreTokenizerWrapper;
use tokenizers::decoders::byte_level::ByteLevel;
use tokenizers::models::bpe::BPE;
use tokenizers::processors::template::TemplateProcessing;

use crate::tokenizer_settings::TokenizerSettings;
use crate::{ModelError, Source};

const JSON: &str = "tokenizer.json";
const VOCAB: &str = "vocab.json";
const MERGES: &str = "merges.txt";

/// More than the tokenizer of any model of today takes.
const MAX_FILE: u64 = 256 << 20;

/// Vocabularies of other kinds, which transformers can turn into a `tokenizer.json`.
const OTHERS: [&str; 3] = ["vocab.txt", "tokenizer.model", "spiece.model"];

/// The classes that read `vocab.json` and `merges.txt` as GPT-2 does; others put other tokens around a text.
const CLASSES: [&str; 4] =
    ["GPT2Tokenizer", "GPT2TokenizerFast", "PreTrainedTokenizerFast", "TokenizersBackend"];

/// A tokenizer, from `tokenizer.json` or from `vocab.json` and `merges.txt`, with the tokens and settings that
/// the files beside them add. Its ids are those of `AutoTokenizer` of transformers, without tokens that are put
/// after a text: a prompt goes on.
#[derive(Debug, Clone)]
pub struct PretrainedTokenizer {
    /// Nothing of a model that is asked and edited in tokens.
    tokenizer: Option<tokenizers::Tokenizer>,
    /// The number of tokens that are put before a text.
    n_before: usize,
}

impl PretrainedTokenizer {
    /// Loads the tokenizer that lies beside a model. Without one, a model takes tokens and no text.
    ///
    /// # Errors
    /// When it is malformed, or of a kind that has to be converted.
    pub fn load(source: &Source) -> Result<Self, ModelError> {
        let settings = TokenizerSettings::load(source)?;
        let mut tokenizer = match source.find(&[JSON, VOCAB]) {
            Some(JSON) => Self::from_json(source, &settings)?,
            Some(_) => match settings.class.as_deref() {
                Some(class) if !CLASSES.contains(&class) => {
                    let file = format!("the vocabulary of a {class}");
                    return Err(ModelError::Vocabulary { place: source.name(), file });
                }
                _ => Self::from_vocab_and_merges(source, &settings)?,
            },
            None => {
                return match source.find(&OTHERS) {
                    Some(file) => Err(ModelError::Vocabulary { place: source.name(), file: file.to_owned() }),
                    None => Ok(Self { tokenizer: None, n_before: 0 }),
                };
            }
        };
        settings.add_tokens(&mut tokenizer)?;
        let some_text = guarded(|| tokenizer.encode("a", true));
        let put_there = |encoding: tokenizers::Encoding| {
            encoding.get_special_tokens_mask().iter().take_while(|&&mask| mask == 1).count()
        };
        let n_before = some_text.ok().and_then(Result::ok).map_or(0, put_there);
        Ok(Self { tokenizer: Some(tokenizer), n_before })
    }

    fn from_json(source: &Source, settings: &TokenizerSettings) -> Result<tokenizers::Tokenizer, ModelError> {
        let bytes = source.read(JSON, MAX_FILE)?;
        // The library panics at some of what is no JSON.
        let outline: Outline =
            serde_json::from_slice(&bytes).map_err(|error| ModelError::malformed(JSON, error))?;
        if !are_charsmaps_whole(&outline.normalizer) {
            return Err(ModelError::malformed(JSON, "a precompiled_charsmap claims more than it holds"));
        }
        let read = guarded(|| tokenizers::Tokenizer::from_bytes(&bytes));
        let read = read.map_err(|panic| ModelError::malformed(JSON, panic))?;
        let mut tokenizer = read.map_err(|error| ModelError::malformed(JSON, error))?;
        // Settings left over from training would pad rows or cut their targets off.
        tokenizer.with_padding(None);
        tokenizer.with_truncation(None).map_err(|error| ModelError::malformed(JSON, error))?;
        if let (Some(add), Some(PreTokenizerWrapper::ByteLevel(byte_level))) =
            (settings.add_prefix_space, tokenizer.get_pre_tokenizer())
        {
            let byte_level = byte_level.add_prefix_space(add);
            tokenizer.with_pre_tokenizer(Some(byte_level));
        }
        Ok(tokenizer)
    }

    /// The byte-level BPE of GPT-2 and GPT-J, from the two files it was published in.
    fn from_vocab_and_merges(
        source: &Source,
        settings: &TokenizerSettings,
    ) -> Result<tokenizers::Tokenizer, ModelError> {
        let vocab = serde_json::from_slice(&source.read(VOCAB, MAX_FILE)?);
        let vocab: std::collections::HashMap<String, u32> =
            vocab.map_err(|error| ModelError::malformed(VOCAB, error))?;
        let merges = String::from_utf8(source.read(MERGES, MAX_FILE)?)
            .map_err(|error| ModelError::malformed(MERGES, error))?;
        let merges = merges
            .lines()
            .filter(|line| !line.starts_with("#version") && !line.is_empty())
            .map(|line| line.split_once(' ').map(|(a, b)| (a.to_owned(), b.to_owned())))
            .collect::<Option<Vec<_>>>()
            .ok_or_else(|| {
                ModelError::malformed(MERGES, "a line is not two parts with a blank between them")
            })?;
        let end_of_text = vocab.contains_key("<|endoftext|>");
        let vocab = vocab.into_iter().collect::<tokenizers::models::bpe::Vocab>();
        let built = guarded(|| BPE::builder().vocab_and_merges(vocab, merges).build());
        let built = built.map_err(|panic| ModelError::malformed(MERGES, panic))?;
        let bpe = built.map_err(|error| ModelError::malformed(MERGES, error))?;
        let mut tokenizer = tokenizers::Tokenizer::new(bpe);
        let add_prefix_space = settings.add_prefix_space.unwrap_or(false);
        let byte_level = ByteLevel::default().add_prefix_space(add_prefix_space).trim_offsets(false);
        tokenizer.with_pre_tokenizer(Some(byte_level));
        tokenizer.with_post_processor(Some(byte_level));
        tokenizer.with_decoder(Some(byte_level));
        if end_of_text {
            tokenizer.add_special_tokens(&[tokenizers::AddedToken::from("<|endoftext|>", true)]);
        }
        if settings.add_bos_token {
            let bos_token = settings.bos_token.as_deref().unwrap_or("<|endoftext|>");
            let template = start_with(bos_token, &tokenizer)?;
            tokenizer.with_post_processor(Some(template));
        }
        Ok(tokenizer)
    }
}

/// Puts a start token before each text.
fn start_with(token: &str, tokenizer: &tokenizers::Tokenizer) -> Result<TemplateProcessing, ModelError> {
    let id = tokenizer.token_to_id(token);
    let id = id.ok_or_else(|| ModelError::malformed(VOCAB, format!("it lacks the start token {token:?}")))?;
    let mut template = TemplateProcessing::builder();
    template.try_single(format!("{token}:0 $A:0")).map_err(|error| ModelError::malformed(VOCAB, error))?;
    template.special_tokens(vec![(token.to_owned(), id)]);
    template.build().map_err(|error| ModelError::malformed(VOCAB, error))
}

/// The place of a text in a sequence.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Start,
    Continuation,
}

impl PretrainedTokenizer {
    fn tokenizer(&self) -> Result<&tokenizers::Tokenizer, TokenError> {
        self.tokenizer.as_ref().ok_or(TokenError::Absent)
    }

    fn encode_as(&self, text: &str, place: Place) -> Result<Encoding, TokenError> {
        if text.is_empty() && !self.has_text() {
            return Ok(Encoding { ids: Vec::new(), spans: Vec::new() });
        }
        let tokenizer = self.tokenizer()?;
        let add_special_tokens = place == Place::Start;
        let encoded = guarded(|| tokenizer.encode(text, add_special_tokens)).map_err(TokenError::Failed)?;
        let encoding = encoded.map_err(|error| TokenError::Failed(error.to_string()))?;
        // A text is continued, so that nothing ends it.
        let put_there = encoding.get_special_tokens_mask();
        let of_text = put_there.iter().rposition(|&mask| mask == 0);
        let len = of_text.map_or(self.n_before.min(put_there.len()), |last| last + 1);
        Ok(Encoding {
            ids: encoding.get_ids()[..len].to_vec(),
            spans: encoding.get_offsets()[..len].iter().map(|&(start, end)| start..end).collect(),
        })
    }
}

impl Tokenizer for PretrainedTokenizer {
    fn has_text(&self) -> bool {
        self.tokenizer.is_some()
    }

    fn encode(&self, text: &str) -> Result<Encoding, TokenError> {
        self.encode_as(text, Place::Start)
    }

    fn encode_continuation(&self, text: &str) -> Result<Vec<u32>, TokenError> {
        Ok(self.encode_as(text, Place::Continuation)?.ids)
    }

    fn decode(&self, ids: &[u32]) -> Result<String, TokenError> {
        let Some(tokenizer) = &self.tokenizer else { return Ok(numbers(ids)) };
        let decoded = guarded(|| tokenizer.decode(ids, false)).map_err(TokenError::Failed)?;
        decoded.map_err(|error| TokenError::Failed(error.to_string()))
    }

    fn decode_text(&self, ids: &[u32]) -> Result<String, TokenError> {
        let Some(tokenizer) = &self.tokenizer else { return Ok(numbers(ids)) };
        let decoded = guarded(|| tokenizer.decode(ids, true)).map_err(TokenError::Failed)?;
        decoded.map_err(|error| TokenError::Failed(error.to_string()))
    }
}

/// Tokens as a person can tell them apart, where they have no text.
fn numbers(ids: &[u32]) -> String {
    ids.iter().map(|id| format!("<{id}>")).collect()
}

/// The parts of a tokenizer's file that are checked before the library reads it.
#[derive(Deserialize)]
struct Outline {
    #[serde(default)]
    normalizer: Value,
}

/// True if the tables of characters among some settings are as long as they claim. The library makes room
/// for what the first four bytes say, up to 8 GiB.
fn are_charsmaps_whole(settings: &Value) -> bool {
    match settings {
        Value::Object(members) => members.iter().all(|(name, value)| match value {
            Value::String(table) if name == "precompiled_charsmap" => {
                claimed_len(table) <= table.len() as u64
            }
            value => are_charsmaps_whole(value),
        }),
        Value::Array(values) => values.iter().all(are_charsmaps_whole),
        _ => true,
    }
}

/// The number that a text in base64 starts with, of four bytes, the lowest first; 0 if it is none.
fn claimed_len(base64: &str) -> u64 {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let Some(start) = base64.as_bytes().first_chunk::<6>() else { return 0 };
    let digit = |byte: &u8| DIGITS.iter().position(|digit| digit == byte).unwrap_or(0) as u64;
    let bits = start.iter().fold(0, |bits, byte| bits << 6 | digit(byte));
    u64::from(((bits >> 4) as u32).swap_bytes())
}

/// Makes an error of a panic: the library takes it for granted that a tokenizer makes sense, and one that
/// was read may not.
fn guarded<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
        format!("the tokenizer contradicts itself: {}", text.unwrap_or("it cannot be used"))
    })
}
