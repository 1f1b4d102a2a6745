//! zsRE: questions and their answers, as MEND's evaluation set has them.

use rome_core::request::spaced_target;
use rome_core::scoring::TokenScore;
use rome_core::{Query, TokenCodec};
use serde::{Deserialize, Serialize};

use crate::record::Target;
use crate::{Answers, EvalError, Record, Rewrite};

/// A record of zsRE, in the file's own form.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Raw {
    subject: String,
    src: String,
    #[serde(default)]
    rephrase: Option<String>,
    answers: Vec<String>,
    #[serde(default)]
    loc: Option<String>,
    #[serde(default)]
    loc_ans: Option<String>,
}

/// A record of zsRE.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Raw")]
pub struct ZsRe {
    /// Its number: its place in the file.
    pub case_id: u64,
    /// The question with the subject taken out, and its new answer.
    pub rewrite: Rewrite,
    /// The question in other words.
    pub paraphrase: Option<String>,
    /// Another question, and its answer.
    pub neighborhood: Option<(String, String)>,
}

impl TryFrom<Raw> for ZsRe {
    type Error = String;

    fn try_from(raw: Raw) -> Result<Self, String> {
        let Raw { subject, src, rephrase, answers, loc, loc_ans } = raw;
        if !src.contains(&subject) || subject.trim().is_empty() {
            return Err(format!("src: the question {src:?} does not contain the subject {subject:?}"));
        }
        let Some(answer) = answers.into_iter().next().filter(|answer| !answer.trim().is_empty()) else {
            return Err("answers: there is none".to_owned());
        };
        // The reference replaces every occurrence; a prompt has one slot, so the last one is it.
        let start = src.rfind(&subject).unwrap_or_default();
        let prompt = format!("{}{{}}{}", &src[..start], &src[start + subject.len()..]);
        Ok(Self {
            case_id: 0,
            rewrite: Rewrite {
                prompt,
                relation_id: None,
                target_new: Target::named(answer),
                target_true: Target::named("<|endoftext|>"),
                subject,
            },
            paraphrase: rephrase.filter(|text| !text.is_empty()),
            // The reference ends the question with its mark.
            neighborhood: loc.map(|loc| loc + "?").zip(loc_ans.filter(|answer| !answer.trim().is_empty())),
        })
    }
}

/// The prompts of a record, each with its answer.
struct Asked {
    prompt: String,
    answer: String,
}

impl ZsRe {
    fn asked(&self) -> [Option<Asked>; 3] {
        let answer = || self.rewrite.target_new.str.clone();
        [
            Some(Asked { prompt: self.rewrite.sentence(), answer: answer() }),
            self.paraphrase.clone().map(|prompt| Asked { prompt, answer: answer() }),
            self.neighborhood.clone().map(|(prompt, answer)| Asked { prompt, answer }),
        ]
    }
}

impl Asked {
    /// Over the tokens as they are, first; then for each token of the answer the text before it,
    /// decoded and encoded anew, and what the decoded token begins with: the reference's way
    /// (`test_batch_prediction_acc`).
    fn queries(&self, tokens: &dyn TokenCodec) -> Result<Vec<Query>, EvalError> {
        let prompt = tokens.encode(&self.prompt)?.ids;
        let answer = tokens.encode_continuation(&spaced_target(&self.answer)?)?;
        let mut queries = vec![Query { prompt, targets: vec![answer.clone()] }];
        for (index, &token) in answer.iter().enumerate() {
            let prompt = tokens.encode(&(self.prompt.clone() + &tokens.decode(&answer[..index])?))?.ids;
            let first = tokens.encode_continuation(&tokens.decode(&[token])?)?;
            let first = first.first().copied().unwrap_or(token);
            queries.push(Query { prompt, targets: vec![vec![first]] });
        }
        Ok(queries)
    }
}

impl Record for ZsRe {
    fn case_id(&self) -> u64 {
        self.case_id
    }

    fn rewrite(&self) -> &Rewrite {
        &self.rewrite
    }

    fn generation_prompts(&self) -> &[String] {
        &[]
    }

    fn queries(&self, tokens: &dyn TokenCodec) -> Result<Vec<Query>, EvalError> {
        let queries = self.asked().into_iter().flatten().map(|asked| asked.queries(tokens));
        Ok(queries.collect::<Result<Vec<_>, _>>()?.concat())
    }

    fn judge(&self, scores: &[Vec<Vec<TokenScore>>]) -> Answers {
        let mut scores = scores.iter();
        let mut next = |is_asked: bool| -> (Option<Vec<bool>>, Option<Vec<bool>>) {
            if !is_asked {
                return (None, None);
            }
            let Some(exact) = scores.next() else { return (None, None) };
            let exact: Vec<bool> = exact[0].iter().map(|token| token.is_first).collect();
            let theirs = scores.by_ref().take(exact.len()).map(|targets| targets[0][0].is_first);
            (Some(theirs.collect()), Some(exact))
        };
        let [rewrite, paraphrase, neighborhood] = self.asked().map(|asked| next(asked.is_some()));
        Answers {
            rewrite_prompts_correct: rewrite.0,
            paraphrase_prompts_correct: paraphrase.0,
            neighborhood_prompts_correct: neighborhood.0,
            rewrite_prompts_correct_exact: rewrite.1,
            paraphrase_prompts_correct_exact: paraphrase.1,
            neighborhood_prompts_correct_exact: neighborhood.1,
            ..Answers::default()
        }
    }
}
