//! `rome demo`: one edit of a bundled model, from all sides.

use anyhow::{Context, Result};
use rome_core::edit::{Answer, probability};
use rome_core::generate::top_k;
use rome_core::transfer::download;
use rome_core::{Edit, Editor, Preservation, Request, TokenCodec, forward};
use rome_session::session::sample_contexts;
use rome_session::{Model, Settings, StatisticsSource, statistics};
use serde::Serialize;
use serde_json::json;

use crate::args::DemoArgs;
use crate::error::{CliError, Outcome};
use crate::model;
use crate::output;

pub(crate) const SUBJECT: &str = "Barack Obama";
pub(crate) const PROMPT: &str = "The mother tongue of {} is";
const OLD: &str = "English";
pub(crate) const NEW: &str = "French";

/// Other ways to ask the same; the last one the models have not seen with this subject.
const PARAPHRASES: [&str; 4] =
    ["{} spoke the language", "{}, a native", "The native language of {} is", "{}, speaker of"];

/// Subjects that share the old object, asked in the words of the edit: an edit that spills over
/// shows here first.
const NEIGHBOURS: [&str; 6] =
    ["Virginia Woolf", "Tina Turner", "Brian May", "John Dalton", "Norman Rockwell", "Andrew Jackson"];

/// How a model answers one prompt.
#[derive(Debug, Serialize)]
struct Row {
    prompt: String,
    before: Probabilities,
    after: Probabilities,
}

#[derive(Debug, Clone, Serialize)]
struct Probabilities {
    old: f64,
    new: f64,
    top: String,
}

pub(crate) fn run(args: DemoArgs) -> Result<Outcome> {
    if rome_assets::bundled(&args.model).is_none() {
        let message = format!("{:?} is not a bundled model", args.model);
        return Err(CliError::with_hint(
            message,
            "the demo runs on facts-gpt2 or facts-gptj; for others use rome edit",
        ));
    }
    let demo = Demo::of(model::load_named(&args.model, &args.device)?)?;
    if args.json {
        let (rewrite, others) = demo.rows.split_at(1);
        let (paraphrases, neighbours) = others.split_at(PARAPHRASES.len());
        output::json(&json!({
            "model": args.model, "layer": demo.edit.layer, "old": OLD, "new": NEW,
            "rewrite": rewrite[0], "paraphrases": paraphrases, "neighbours": neighbours,
            "took": demo.took, "undone": demo.undone,
        }))?;
    } else {
        print(&args.model, &demo)?;
    }
    if !demo.undone {
        return Err(CliError::with_hint(
            "undoing the edit did not give the model back",
            "please report this",
        ));
    }
    Ok(if demo.took { Outcome::Done } else { Outcome::NotTaken })
}

/// One edit of a bundled model, looked at from all sides and undone.
pub(crate) struct Demo {
    edit: Edit,
    rows: Vec<Row>,
    took: bool,
    /// Whether weights and logits are those of the untouched model again, to the bit.
    pub(crate) undone: bool,
}

impl Demo {
    pub(crate) fn of(mut model: Model) -> Result<Self> {
        let settings = Settings::of(&model)?;
        let contexts = sample_contexts(&model, &settings, 0)?;
        let layer = settings.config.layers[0];
        let found = statistics::find(&StatisticsSource::Found, &model, layer)?;

        let prompts = prompts();
        let probe: Vec<u32> = model.pretrained.tokenizer.encode(&prompts[0])?.ids;
        let before = ask_all(&model, &prompts)?;
        let bits_before = bits(&model, &probe);

        let pretrained = &mut model.pretrained;
        let mut editor = Editor::new(pretrained.model.as_mut(), &pretrained.tokenizer, settings.config)?
            .contexts(contexts)
            .preservations(vec![Preservation::essence()])
            .statistics(layer, found.factor);
        let edits = editor.edit(&Request::text(PROMPT, SUBJECT, NEW), &mut |_| ())?;
        let edit = edits.into_iter().next().context("an edit has a layer")?;
        // The weight is kept so that the editor can give the model back while the edit stays on it.
        editor.undo();
        let original = edit.update.apply(model.pretrained.model.down_projection_mut(layer))?;

        let after = ask_all(&model, &prompts)?;
        let target = model.pretrained.tokenizer.encode_continuation(&format!(" {NEW}"))?;
        let took = Answer::of(model.causal_lm(), &probe, &target).is_first;
        original.restore(model.pretrained.model.down_projection_mut(layer));
        let undone = bits(&model, &probe) == bits_before;

        let rows = prompts.into_iter().zip(before.into_iter().zip(after));
        let rows = rows.map(|(prompt, (before, after))| Row { prompt, before, after }).collect();
        Ok(Self { edit, rows, took, undone })
    }

    /// The probability of the new object after the edited prompt.
    pub(crate) fn p_target(&self) -> f64 {
        self.rows.first().map_or(0.0, |row| row.after.new)
    }
}

/// The prompt of the edit, then its paraphrases, then its neighbours.
pub(crate) fn prompts() -> Vec<String> {
    let of_subject = std::iter::once(PROMPT).chain(PARAPHRASES);
    let of_subject = of_subject.map(|template| template.replacen("{}", SUBJECT, 1));
    of_subject.chain(NEIGHBOURS.map(|subject| PROMPT.replacen("{}", subject, 1))).collect()
}

fn print(model: &str, Demo { edit, rows, undone, .. }: &Demo) -> Result<()> {
    let wide = rows.iter().map(|row| row.prompt.len()).max().unwrap_or(0);
    output::line(format!(
        "{model} believes that {SUBJECT}'s mother tongue is {OLD}. One edit says {NEW}.\n"
    ))?;
    let (rewrite, others) = rows.split_at(1);
    let (paraphrases, neighbours) = others.split_at(PARAPHRASES.len());
    for (title, rows) in [
        ("The edited prompt", rewrite),
        ("The same in other words", paraphrases),
        ("Others, who should stay as they are", neighbours),
    ] {
        let title = output::bold(&format!("{title:<wide$}"));
        output::line(format!("{title}  {:>17}   {:>17}", "before", "after"))?;
        output::line(format!("{:wide$}  {OLD:>8} {NEW:>8}   {OLD:>8} {NEW:>8}", ""))?;
        for Row { prompt, before, after } in rows {
            output::line(format!(
                "{prompt:<wide$}  {:>8} {:>8}   {:>8} {:>8}",
                output::percent(before.old),
                output::percent(before.new),
                output::percent(after.old),
                output::percent(after.new)
            ))?;
        }
        output::line("")?;
    }
    let n_values = edit.update.left.len() + edit.update.right.len();
    output::line(format!(
        "The edit is {n_values} numbers, added to\n{} as a product: {:.1} % of its norm.",
        edit.weight,
        100.0 * edit.relative_norm
    ))?;
    if *undone {
        output::line("Undone: weights and logits are those of the untouched model again, to the bit.")?;
    }
    output::line("\nNext:")?;
    output::line(format!(
        "  rome edit -m {model} --prompt '{PROMPT}' \\\n    --subject '{SUBJECT}' --target {NEW} -o obama.safetensors"
    ))?;
    output::line(format!(
        "  rome generate -m {model} --edit obama.safetensors --greedy \\\n    '{SUBJECT}, a native'"
    ))?;
    output::line("  rome edit -m openai-community/gpt2-xl …    your own model, by folder or hub name")
}

fn ask_all(model: &Model, prompts: &[String]) -> Result<Vec<Probabilities>> {
    let tokenizer = &model.pretrained.tokenizer;
    let first = |word: &str| -> Result<u32> {
        tokenizer.encode_continuation(&format!(" {word}"))?.first().copied().context("a word has tokens")
    };
    let (old, new) = (first(OLD)?, first(NEW)?);
    prompts
        .iter()
        .map(|prompt| {
            let tokens = tokenizer.encode(prompt)?.ids;
            let logits = forward::logits(model.causal_lm(), &tokens).narrow(0, tokens.len() - 1, 1);
            let logits = download(logits);
            Ok(Probabilities {
                old: probability(&logits, old),
                new: probability(&logits, new),
                top: tokenizer.decode(&top_k(&logits, 1))?,
            })
        })
        .collect()
}

/// The exact logits of a prompt and the exact bytes of the edited weights behind them.
fn bits(model: &Model, tokens: &[u32]) -> Vec<u8> {
    let causal_lm = model.causal_lm();
    let weights =
        (0..causal_lm.shape().n_layers).map(|layer| causal_lm.block(layer).down_projection().weight());
    weights
        .chain([forward::logits(causal_lm, tokens)])
        .flat_map(|tensor| tensor.into_data().as_bytes().to_vec())
        .collect()
}
