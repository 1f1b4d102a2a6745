//! The names of a decoder's tensors.

use crate::layout::Layout;

/// The names of a decoder's tensors in its checkpoints, without `.weight` and `.bias`; those of a block stand
/// after [`block`](Self::block). A part that a family lacks has any name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Names {
    /// The beginning of all names but the head's. It is put before names that a base model was saved under.
    pub root: &'static str,
    /// The replacements of other beginnings of names: of wrappers, or of base models saved alone.
    pub renames: &'static [(&'static str, &'static str)],
    /// The path of a wrapper's language model in the memory of transformers, in place of `root`, if there is one.
    pub wrapper_root: Option<&'static str>,
    /// Token embeddings.
    pub embeddings: &'static str,
    /// Learned positions.
    pub positions: &'static str,
    /// The final norm.
    pub final_norm: &'static str,
    /// The head.
    pub head: &'static str,
    /// A block, `{}` for its index.
    pub block: &'static str,
    /// The norm before attention.
    pub attention_norm: &'static str,
    /// The norm before the MLP.
    pub mlp_norm: &'static str,
    /// The norm after attention.
    pub after_attention: &'static str,
    /// The norm after the MLP.
    pub after_mlp: &'static str,
    /// Queries.
    pub query: &'static str,
    /// Keys.
    pub key: &'static str,
    /// Values.
    pub value: &'static str,
    /// All three in one.
    pub fused_attention: &'static str,
    /// The output of attention.
    pub attention_output: &'static str,
    /// The norm of queries.
    pub query_norm: &'static str,
    /// The norm of keys.
    pub key_norm: &'static str,
    /// The gate of the MLP.
    pub gate: &'static str,
    /// The up projection.
    pub up: &'static str,
    /// Gate and up projection in one.
    pub fused_mlp: &'static str,
    /// The down projection, which edits change.
    pub down: &'static str,
    /// The layout of the weights of blocks.
    pub layout: Layout,
}

impl Names {
    /// The name of a part of a block.
    pub fn of_block(&self, layer: usize, part: &str) -> String {
        format!("{}.{part}", self.block.replacen("{}", &layer.to_string(), 1))
    }

    /// The canonical name of the weight that edits of a layer change.
    pub fn edited_weight(&self, layer: usize) -> String {
        self.of_block(layer, self.down) + ".weight"
    }

    /// The name of the head's weight.
    pub fn head_weight(&self) -> String {
        format!("{}.weight", self.head)
    }

    /// The name of the token embeddings.
    pub fn embeddings_weight(&self) -> String {
        format!("{}.weight", self.embeddings)
    }

    /// The beginning of the names of blocks.
    pub fn blocks(&self) -> &'static str {
        self.block.split("{}").next().unwrap_or_default()
    }

    /// The canonical name of a tensor, from the name that it is stored under.
    pub fn canonical(&self, stored: &str) -> String {
        for (from, to) in self.renames {
            if let Some(rest) = stored.strip_prefix(from) {
                return format!("{to}{rest}");
            }
        }
        let is_whole = stored.starts_with(self.root) || stored.starts_with(self.head);
        if is_whole { stored.to_owned() } else { format!("{}{stored}", self.root) }
    }

    /// The canonical name of a tensor or a module, as transformers and PEFT have it in memory.
    pub fn in_memory(&self, canonical: &str) -> String {
        match self.wrapper_root {
            Some(root) => canonical.replacen(self.root, root, 1),
            None => canonical.to_owned(),
        }
    }
}
