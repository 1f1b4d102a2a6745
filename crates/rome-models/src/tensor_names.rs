//! The names of a checkpoint's tensors in its model.

use crate::config::Config;

/// Endings of the names of buffers, which follow from the configuration: masks and rotations.
const BUFFERS: [&str; 8] = [
    ".rotary_emb.inv_freq",
    ".attention.bias",
    ".attention.masked_bias",
    ".attn.bias",
    ".attn.masked_bias",
    ".attn.embed_positions",
    ".attn.attention.bias",
    ".attn.attention.masked_bias",
];

/// Beginnings of the names of what stands beside a language model: towers for images and sounds, and heads that
/// predict several tokens at once.
const BESIDE: [&str; 7] = [
    "vision_tower.",
    "model.vision_tower.",
    "vision_model.",
    "audio_tower.",
    "multi_modal_projector.",
    "model.multi_modal_projector.",
    "mtp.",
];

/// The prefixes that wrappers put before all names: those of DDP, Opacus, torch.compile, PEFT, trl and trlx.
const WRAPPERS: [&str; 6] =
    ["module.", "_module.", "_orig_mod.", "base_model.model.", "base_model.", "pretrained_model."];

/// Heads for other tasks than the next token, which are no part of the model.
const OTHER_HEADS: [&str; 7] =
    ["v_head.", "multiple_choice_head.", "score.", "summary.", "classifier.", "qa_outputs.", "ilql_heads."];

/// The names of a checkpoint's tensors in its model.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TensorNames {
    /// Of each tensor, its canonical name; nothing of one that is not the model's.
    pub(crate) canonical: Vec<Option<String>>,
    /// The prefix of a wrapper that all names have, or nothing.
    pub(crate) wrapper: String,
    /// The names of tensors of heads for other tasks.
    pub(crate) other_heads: Vec<String>,
}

impl TensorNames {
    /// Finds them from the names in the files.
    pub(crate) fn new(names: &[&str], config: &Config) -> Self {
        let wrapper = wrapper(names);
        let mut other_heads = Vec::new();
        let mut canonical: Vec<Option<String>> = names
            .iter()
            .map(|full| {
                let name = full.strip_prefix(&wrapper).unwrap_or(full);
                if is_other_head(name) {
                    other_heads.push((*full).to_owned());
                    return None;
                }
                let is_ignored = BESIDE.iter().any(|beginning| name.starts_with(beginning))
                    || BUFFERS.iter().any(|ending| name.ends_with(ending));
                (!is_ignored).then(|| config.names.canonical(name))
            })
            .collect();
        // Saved once for both, and under the name of the head.
        let (head, embeddings) = (config.names.head_weight(), config.names.embeddings_weight());
        let has = |wanted: &String| canonical.iter().flatten().any(|name| name == wanted);
        if config.is_tied() && has(&head) && !has(&embeddings) {
            for name in canonical.iter_mut().flatten().filter(|name| **name == head) {
                name.clone_from(&embeddings);
            }
        }
        Self { canonical, wrapper, other_heads }
    }
}

/// The prefixes of wrappers that all names have, but for those of other heads.
fn wrapper(names: &[&str]) -> String {
    let mut names: Vec<&str> = names.to_vec();
    let mut wrapper = String::new();
    loop {
        let of_model = || names.iter().filter(|name| !is_other_head(name));
        let common = WRAPPERS.iter().find(|prefix| of_model().all(|name| name.starts_with(**prefix)));
        let Some(prefix) = common.filter(|_| of_model().count() > 0) else { return wrapper };
        wrapper.push_str(prefix);
        names = names.into_iter().map(|name| name.strip_prefix(prefix).unwrap_or(name)).collect();
    }
}

fn is_other_head(name: &str) -> bool {
    let name = name.strip_prefix("transformer.").unwrap_or(name);
    OTHER_HEADS.iter().any(|head| name.starts_with(head))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "lm_head.weight";
    const EMBEDDINGS: &str = "transformer.wte.weight";

    fn config(is_tied: bool) -> Config {
        let json = serde_json::json!({
            "model_type": "gpt2", "vocab_size": 8, "n_positions": 8, "n_embd": 8, "n_layer": 1, "n_head": 1,
            "tie_word_embeddings": is_tied,
        });
        Config::parse(json.to_string().as_bytes()).unwrap()
    }

    fn canonical(names: &[&str], is_tied: bool) -> Vec<Option<String>> {
        TensorNames::new(names, &config(is_tied)).canonical
    }

    fn some(names: &[&str]) -> Vec<Option<String>> {
        names.iter().map(|name| Some((*name).to_owned())).collect()
    }

    #[test]
    fn the_prefix_of_a_wrapper_is_taken_off_all_names() {
        let plain = ["transformer.wte.weight", "transformer.h.0.ln_1.bias", "lm_head.weight"];
        for wrapper in ["", "module.", "_orig_mod.", "module._orig_mod.", "base_model.model.", "base_model."]
        {
            let names = plain.map(|name| format!("{wrapper}{name}"));
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            assert_eq!(canonical(&names, false), some(&plain), "{wrapper}");
        }
        let mixed = ["module.wte.weight", "h.0.ln_1.bias"];
        assert_eq!(canonical(&mixed, false)[0].as_deref(), Some("transformer.module.wte.weight"));
    }

    #[test]
    fn heads_for_other_tasks_are_none_of_the_model() {
        let names = ["base_model.wte.weight", "v_head.summary.weight"];
        let found = TensorNames::new(&names, &config(true));
        assert_eq!(found.canonical, [Some(EMBEDDINGS.to_owned()), None]);
        assert_eq!(found.other_heads, ["v_head.summary.weight"]);
    }

    #[test]
    fn a_tied_head_without_embeddings_is_the_embeddings() {
        assert_eq!(canonical(&["lm_head.weight"], true), some(&[EMBEDDINGS]));
        assert_eq!(canonical(&["lm_head.weight"], false), some(&[HEAD]));
        assert_eq!(canonical(&["lm_head.weight", "wte.weight"], true), some(&[HEAD, EMBEDDINGS]));
    }
}
