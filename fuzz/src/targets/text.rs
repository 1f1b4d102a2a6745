//! Prompts, subjects and targets as text.

use rome_core::{Context, KlPrompt, Request};
use rome_eval::trace::TracePrompt;

use super::requests;
use crate::{Bound, Files, Outcome, Seed, Target};

pub(super) static TEXT: Target = Target {
    name: "text",
    about: "prompts, subjects and targets in any Unicode, by TokenizedRequest and TracePrompt",
    bound: Bound::PARSED,
    n_cases: 2_000,
    seeds: || {
        let seed = |(prompt, subject, target, context): (&str, &str, &str, &str)| {
            let files = Files::one("prompt", prompt).with("subject", subject).with("target", target);
            Seed::new(prompt, files.with("context", context))
        };
        let seeds = [
            ("{} is in the city of", "The Space Needle", "Rome", "It was. {}"),
            ("Paris is near Paris, and Paris is", "Paris", " a city", "{}"),
            ("{}\u{301} は日本の", " 東京タワー ", "🙂🙂 é e\u{301}", "\u{202e}{}\u{200d}"),
            ("{ } {}{", "{}", "{}", "{{}}"),
            ("<|endoftext|>{} is", "<|endoftext|>", "<|endoftext|>", "\u{0} {}"),
        ];
        Ok(seeds.into_iter().map(seed).collect())
    },
    read: |files| {
        let [prompt, subject, target, context] =
            ["prompt", "subject", "target", "context"].map(|name| files.text(name));
        let contexts = [Context::clean(), Context::Template(context)];
        let request = Request::text(&prompt, &subject, target);
        let made = requests::rows(&request, &contexts, &[KlPrompt::essence()]);
        let Ok((tokenizer, shape)) = &*requests::BUNDLED else { return made };
        match (made, TracePrompt::new(&prompt, &subject, tokenizer, shape)) {
            (broken @ Outcome::Broken(_), _) => broken,
            (made, Err(error)) => match Outcome::refused(&error) {
                Outcome::Refused => made,
                broken => broken,
            },
            (made, Ok(traced)) => {
                if traced.subject.end <= traced.tokens.len() && !traced.subject.is_empty() {
                    made
                } else {
                    Outcome::Broken("a subject is not in its prompt".to_owned())
                }
            }
        }
    },
};
