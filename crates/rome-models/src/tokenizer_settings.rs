//! The files beside a vocabulary: added tokens, start tokens and blanks.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;
use tokenizers::AddedToken;

use crate::{ModelError, Source};

const CONFIG: &str = "tokenizer_config.json";
const SPECIAL: &str = "special_tokens_map.json";
const ADDED: &str = "added_tokens.json";

/// The names of the files, none of which has to be there.
pub(crate) const FILES: [&str; 3] = [CONFIG, SPECIAL, ADDED];

/// Larger than any such file.
const MAX_FILE: u64 = 64 << 20;

/// The settings of a tokenizer in `tokenizer_config.json`, `special_tokens_map.json` and `added_tokens.json`, as
/// transformers reads them.
#[derive(Debug, Default)]
pub(crate) struct TokenizerSettings {
    /// True if texts begin with the start token.
    pub(crate) add_bos_token: bool,
    /// True if a blank is put before a text that has none; `None` where nothing says so.
    pub(crate) add_prefix_space: Option<bool>,
    /// The start token.
    pub(crate) bos_token: Option<String>,
    /// The class that reads the vocabulary in transformers.
    pub(crate) class: Option<String>,
    /// Tokens beside those of the vocabulary, by their ids.
    added: BTreeMap<u32, AddedToken>,
    /// Tokens of the vocabulary that are special.
    special: Vec<String>,
}

/// The fields of `tokenizer_config.json` that count.
#[derive(Default, Deserialize)]
#[serde(default)]
struct ConfigJson {
    tokenizer_class: Option<String>,
    add_bos_token: Option<bool>,
    add_prefix_space: Option<bool>,
    added_tokens_decoder: BTreeMap<String, AddedJson>,
    #[serde(flatten)]
    special: SpecialJson,
}

/// The special tokens, each as a text or as an object.
#[derive(Default, Deserialize)]
#[serde(default)]
struct SpecialJson {
    bos_token: Value,
    eos_token: Value,
    unk_token: Value,
    pad_token: Value,
    sep_token: Value,
    cls_token: Value,
    mask_token: Value,
    additional_special_tokens: Value,
}

#[derive(Deserialize)]
struct AddedJson {
    content: String,
    #[serde(default)]
    lstrip: bool,
    #[serde(default)]
    rstrip: bool,
    #[serde(default)]
    single_word: bool,
    normalized: Option<bool>,
    #[serde(default)]
    special: bool,
}

impl TokenizerSettings {
    /// Reads the files that are there.
    ///
    /// # Errors
    /// When one of them is malformed.
    pub(crate) fn load(source: &Source) -> Result<Self, ModelError> {
        let config: ConfigJson = source.read_json(CONFIG, MAX_FILE)?.unwrap_or_default();
        let map: SpecialJson = source.read_json(SPECIAL, MAX_FILE)?.unwrap_or_default();
        let plain: BTreeMap<String, u32> = source.read_json(ADDED, MAX_FILE)?.unwrap_or_default();
        let special = [config.special.contents(), map.contents()].concat();
        let mut added = BTreeMap::new();
        for (content, id) in plain {
            let is_special = special.contains(&content);
            added.insert(id, AddedToken::from(content, is_special).normalized(!is_special));
        }
        for (id, token) in config.added_tokens_decoder {
            let id = id
                .parse()
                .map_err(|_| ModelError::malformed(CONFIG, format!("{id:?} is not the id of a token")))?;
            added.insert(id, token.into());
        }
        Ok(Self {
            class: config.tokenizer_class,
            add_bos_token: config.add_bos_token.unwrap_or(false),
            add_prefix_space: config.add_prefix_space,
            bos_token: content(&config.special.bos_token).or(content(&map.bos_token)),
            added,
            special,
        })
    }

    /// Adds the tokens that a tokenizer lacks, each with its id.
    ///
    /// # Errors
    /// When one cannot have its id.
    pub(crate) fn add_tokens(&self, tokenizer: &mut tokenizers::Tokenizer) -> Result<(), ModelError> {
        for (&id, token) in &self.added {
            let known = tokenizer.get_added_tokens_decoder();
            if known.get(&id).is_some_and(|known| known.content == token.content) {
                continue;
            }
            let one = std::slice::from_ref(token);
            let _ = if token.special { tokenizer.add_special_tokens(one) } else { tokenizer.add_tokens(one) };
            if tokenizer.token_to_id(&token.content) != Some(id) {
                let content = &token.content;
                let reason = format!("the added token {content:?} cannot have the id {id}");
                return Err(ModelError::malformed(CONFIG, reason));
            }
        }
        for content in &self.special {
            if tokenizer.token_to_id(content).is_some() {
                tokenizer.add_special_tokens(&[AddedToken::from(content.as_str(), true)]);
            }
        }
        Ok(())
    }
}

impl SpecialJson {
    /// The texts of all of them.
    fn contents(&self) -> Vec<String> {
        let Self { bos_token, eos_token, unk_token, pad_token, sep_token, cls_token, mask_token, .. } = self;
        let single = [bos_token, eos_token, unk_token, pad_token, sep_token, cls_token, mask_token];
        let additional = self.additional_special_tokens.as_array().into_iter().flatten();
        single.into_iter().chain(additional).filter_map(content).collect()
    }
}

impl From<AddedJson> for AddedToken {
    fn from(json: AddedJson) -> Self {
        AddedToken::from(json.content, json.special)
            .lstrip(json.lstrip)
            .rstrip(json.rstrip)
            .single_word(json.single_word)
            .normalized(json.normalized.unwrap_or(!json.special))
    }
}

/// The text of a token: a string, or the content of an object.
fn content(token: &Value) -> Option<String> {
    token.as_str().or_else(|| token.get("content")?.as_str()).map(str::to_owned)
}
