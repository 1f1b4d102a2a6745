//! CounterFact (Meng et al. 2022, section 3.3): does an edit hold in other words, and only there?

use rome_core::request::spaced_target;
use rome_core::scoring::TargetScore;
use rome_core::{Query, Tokenizer};
use serde::{Deserialize, Serialize};

use crate::answers::Answers;
use crate::error::EvalError;
use crate::nll::Nll;
use crate::record::Record;
use crate::rewrite::Rewrite;

/// A record of CounterFact. Lists may be empty, or missing: what would be asked of them is left out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CounterFact {
    /// Its number.
    pub case_id: u64,
    /// The fact to write.
    pub requested_rewrite: Rewrite,
    /// The same in other words.
    #[serde(default)]
    pub paraphrase_prompts: Vec<String>,
    /// Of subjects that share the old object.
    #[serde(default)]
    pub neighborhood_prompts: Vec<String>,
    /// Of subjects that have the new object already.
    #[serde(default)]
    pub attribute_prompts: Vec<String>,
    /// To be continued freely.
    #[serde(default)]
    pub generation_prompts: Vec<String>,
}

impl CounterFact {
    /// The prompts, kind by kind, in the reference's order.
    fn prompts(&self) -> [Vec<String>; 4] {
        [
            vec![self.requested_rewrite.sentence()],
            self.paraphrase_prompts.clone(),
            self.neighborhood_prompts.clone(),
            self.attribute_prompts.clone(),
        ]
    }
}

impl Record for CounterFact {
    fn case_id(&self) -> u64 {
        self.case_id
    }

    fn rewrite(&self) -> &Rewrite {
        &self.requested_rewrite
    }

    fn generation_prompts(&self) -> &[String] {
        &self.generation_prompts
    }

    fn neighbours(&self) -> &[String] {
        &self.neighborhood_prompts
    }

    fn queries(&self, tokenizer: &dyn Tokenizer) -> Result<Vec<Query>, EvalError> {
        let Rewrite { target_new, target_true, .. } = &self.requested_rewrite;
        // As an edit takes them.
        let targets = [spaced_target(&target_new.str)?, spaced_target(&target_true.str)?];
        let query = |text: String| {
            let prompt = tokenizer.encode(&text)?.ids;
            let targets = targets.iter().map(|target| tokenizer.encode_after_tokens(&prompt, &text, target));
            Ok(Query { targets: targets.collect::<Result<_, _>>()?, prompt })
        };
        self.prompts().into_iter().flatten().map(query).collect()
    }

    fn judge(&self, scores: &[Vec<TargetScore>]) -> Answers {
        let mut scores = scores.iter();
        let mut of = |prompts: &[String]| -> Option<Vec<Nll>> {
            let nll = |targets: &Vec<TargetScore>| Nll {
                target_new: targets[0].nll(),
                target_true: targets[1].nll(),
            };
            let judged: Vec<Nll> = scores.by_ref().take(prompts.len()).map(nll).collect();
            (!judged.is_empty()).then_some(judged)
        };
        let [rewrite, paraphrase, neighborhood, attribute] = self.prompts();
        Answers {
            rewrite_prompts_probs: of(&rewrite),
            paraphrase_prompts_probs: of(&paraphrase),
            neighborhood_prompts_probs: of(&neighborhood),
            attribute_prompts_probs: of(&attribute),
            ..Answers::default()
        }
    }
}
