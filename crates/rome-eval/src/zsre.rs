//! zsRE: questions and their answers, as MEND's evaluation set has them.

use rome_core::request::spaced_target;
use rome_core::scoring::TargetScore;
use rome_core::{Query, Tokenizer};
use serde::{Deserialize, Serialize};

use crate::answers::Answers;
use crate::error::EvalError;
use crate::record::Record;
use crate::rewrite::{Rewrite, Target};

/// A record of zsRE, in the file's own form.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct ZsReJson {
    #[serde(default)]
    case_id: u64,
    subject: String,
    src: String,
    #[serde(default)]
    rephrase: Option<String>,
    answers: Vec<String>,
    #[serde(default)]
    loc: Option<String>,
    #[serde(default)]
    loc_ans: Option<String>,
    /// A prompt and its answer, as they are; of records in another form.
    #[serde(default)]
    neighborhood: Option<(String, String)>,
}

/// A record of zsRE.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "ZsReJson")]
pub struct ZsRe {
    /// Its number.
    pub case_id: u64,
    /// The question with the subject taken out, and its new answer.
    pub rewrite: Rewrite,
    /// The question in other words.
    pub paraphrase: Option<String>,
    /// Another question, and its answer.
    pub neighborhood: Option<(String, String)>,
}

impl TryFrom<ZsReJson> for ZsRe {
    type Error = String;

    fn try_from(json: ZsReJson) -> Result<Self, String> {
        let ZsReJson { case_id, subject, src, rephrase, answers, loc, loc_ans, neighborhood } = json;
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
            case_id,
            rewrite: Rewrite {
                prompt,
                relation_id: None,
                target_new: Target::named(answer),
                target_true: Target::named("<|endoftext|>"),
                subject,
            },
            paraphrase: rephrase.filter(|text| !text.is_empty()),
            // The reference ends the question with its mark.
            neighborhood: neighborhood
                .or(loc.map(|loc| loc + "?").zip(loc_ans).filter(|(_, answer)| !answer.trim().is_empty())),
        })
    }
}

/// The prompts of a record, each with its answer.
struct Question {
    prompt: String,
    answer: String,
}

impl ZsRe {
    fn questions(&self) -> [Option<Question>; 3] {
        let answer = || self.rewrite.target_new.str.clone();
        [
            Some(Question { prompt: self.rewrite.sentence(), answer: answer() }),
            self.paraphrase.clone().map(|prompt| Question { prompt, answer: answer() }),
            self.neighborhood.clone().map(|(prompt, answer)| Question { prompt, answer }),
        ]
    }
}

impl Question {
    /// Over the tokens as they are, first; then for each token of the answer the text before it, decoded and
    /// encoded again, and what the decoded token begins with: the reference's way (`test_batch_prediction_acc`).
    /// It fails with tokenizers that put tokens before a text, where the tokens are taken as they are.
    fn queries(&self, tokenizer: &dyn Tokenizer) -> Result<Vec<Query>, EvalError> {
        let prompt = tokenizer.encode(&self.prompt)?.ids;
        let answer = tokenizer.encode_after_tokens(&prompt, &self.prompt, &spaced_target(&self.answer)?)?;
        let mut queries = vec![Query { prompt: prompt.clone(), targets: vec![answer.clone()] }];
        let has_start = !tokenizer.start()?.is_empty();
        for (index, &token) in answer.iter().enumerate() {
            let before = &answer[..index];
            let (prompt, first) = if has_start {
                ([&prompt, before].concat(), token)
            } else {
                let text = self.prompt.clone() + &tokenizer.decode(before)?;
                let first = tokenizer.encode_continuation(&tokenizer.decode(&[token])?)?;
                (tokenizer.encode(&text)?.ids, first.first().copied().unwrap_or(token))
            };
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

    fn queries(&self, tokenizer: &dyn Tokenizer) -> Result<Vec<Query>, EvalError> {
        let queries = self.questions().into_iter().flatten().map(|question| question.queries(tokenizer));
        Ok(queries.collect::<Result<Vec<_>, _>>()?.concat())
    }

    fn judge(&self, scores: &[Vec<TargetScore>]) -> Answers {
        let mut scores = scores.iter();
        let mut next = |is_asked: bool| -> (Option<Vec<bool>>, Option<Vec<bool>>) {
            if !is_asked {
                return (None, None);
            }
            let Some(exact) = scores.next() else { return (None, None) };
            let exact: Vec<bool> = exact[0].tokens.iter().map(|token| token.is_first).collect();
            let theirs = scores.by_ref().take(exact.len()).map(|targets| targets[0].is_first());
            (Some(theirs.collect()), Some(exact))
        };
        let [rewrite, paraphrase, neighborhood] = self.questions().map(|question| next(question.is_some()));
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
