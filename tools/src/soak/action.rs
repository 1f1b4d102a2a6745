//! One command, chosen by chance among those that make sense now.

use anyhow::Result;

use crate::trial::Bench;

const MODELS: [&str; 2] = ["facts-gpt2", "facts-gptj"];

/// So many files of edits are kept for each model; a new one takes the place of an older one.
const N_KEPT: usize = 4;

/// So many facts are edited.
const N_FACTS: usize = 60;

/// The way that a command has to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Expected {
    Done,
    DoneOrNotTaken,
    Refused,
}

/// One command.
#[derive(Debug)]
pub(super) struct Action {
    /// The group that it is reported in.
    pub(super) kind: String,
    pub(super) args: String,
    pub(super) expected: Expected,
    outcome: Outcome,
}

/// The change that a command leaves.
#[derive(Debug, Clone, Copy)]
enum Outcome {
    Same,
    /// A file of edits is there.
    Edit {
        model: usize,
        slot: usize,
        fact: usize,
    },
    /// The edit of a file is active.
    On {
        model: usize,
        slot: usize,
    },
    /// The last one that was on is off.
    Undone {
        model: usize,
    },
    /// No edit is active.
    Cleared {
        model: usize,
    },
}

/// The content of the working folder.
#[derive(Debug, Default)]
pub(super) struct Work {
    of_models: [ModelArtefacts; 2],
    /// A number for what must not be there yet.
    n_places: usize,
}

/// The artefacts of a model.
#[derive(Debug, Default)]
struct ModelArtefacts {
    /// Of each file of edits that is there, the fact. The same fact makes the same file.
    facts: [Option<usize>; N_KEPT],
    /// The entries whose edits are on, each with its fact.
    on: Vec<(usize, Option<usize>)>,
    n_entries: usize,
}

impl Work {
    /// Chooses a command.
    pub(super) fn choose(&mut self, bench: &mut Bench) -> Result<Action> {
        let model = bench.below(MODELS.len());
        let there: Vec<usize> =
            (0..N_KEPT).filter(|&slot| self.of_models[model].facts[slot].is_some()).collect();
        // Little makes sense without an edit.
        let Some(&slot) = there.get(bench.below(there.len())) else { return Self::edit(bench, model) };
        let name = MODELS[model];
        let edit = format!("work/{name}-{slot}.safetensors");
        let expected = Expected::Done;
        let act = |kind: &str, args: String, expected: Expected| Action {
            kind: format!("{kind}, {name}"),
            args,
            expected,
            outcome: Outcome::Same,
        };
        Ok(match bench.below(25) {
            0..=2 => return Self::edit(bench, model),
            3 => {
                let first = bench.below(N_FACTS - 3);
                bench.write_requests("requests.jsonl", first..first + 3)?;
                let args = format!(
                    "edit -m {name} --request requests.jsonl --keep-going -o work/{name}-list.safetensors"
                );
                act("edit of 3", args, Expected::DoneOrNotTaken)
            }
            4 => act(
                "generate",
                format!("generate -m {name} --seed {} --edit {edit} Obama", bench.below(99)),
                expected,
            ),
            5 => act(
                "logits",
                format!("logits -m {name} --tokens 1,2,3,4 --edit {edit} -o work/{name}-logits.safetensors"),
                expected,
            ),
            6..=9 => self.export(bench, model, &edit),
            10..=15 => self.ledger(bench, model, slot, &edit),
            16 => {
                let args = format!(
                    "stats collect -m {name} --layers 1 --text text.txt --limit 20 -o work/{name}-statistics"
                );
                act("stats collect", args, expected)
            }
            17 => {
                self.n_places += 1;
                let args = format!("eval -m {name} --limit 1 -o work/{name}-eval-{}", self.n_places % 8);
                act("eval", args, expected)
            }
            18 => {
                bench.write_requests("one.json", 0..1)?;
                let args =
                    format!("trace -m {name} --facts bundled --limit 1 --samples 2 -o work/{name}-trace");
                act("trace", args, expected)
            }
            19 => act(
                "audit",
                format!("audit -m {name} --edit {edit} --html work/{name}-audit.html"),
                Expected::DoneOrNotTaken,
            ),
            20 => {
                let args = format!("suggest -m {name} --limit 1 --layers 1 -o work/{name}-suggested.json");
                act("suggest", args, expected)
            }
            21 => act("verify", format!("verify -m {name} {edit}"), expected),
            _ => Self::wrong(bench, name, &edit),
        })
    }

    fn edit(bench: &mut Bench, model: usize) -> Result<Action> {
        let (name, slot, fact) = (MODELS[model], bench.below(N_KEPT), bench.below(N_FACTS));
        bench.write_requests("request.jsonl", fact..fact + 1)?;
        Ok(Action {
            kind: format!("edit, {name}"),
            args: format!("edit -m {name} --request request.jsonl -o work/{name}-{slot}.safetensors"),
            expected: Expected::DoneOrNotTaken,
            outcome: Outcome::Edit { model, slot, fact },
        })
    }

    /// A folder is made again for each, and the second one of a name is refused.
    fn export(&mut self, bench: &mut Bench, model: usize, edit: &str) -> Action {
        let name = MODELS[model];
        let formats = ["hf", "lora", "npz", "safetensors"];
        let format = formats[bench.below(formats.len())];
        self.n_places += 1;
        let place = format!("work/{name}-{format}-{}", self.n_places % 4);
        // It was made by an earlier command, which need not be kept.
        let _ = std::fs::remove_dir_all(bench.path(&place));
        Action {
            kind: format!("export {format}, {name}"),
            args: format!("export -m {name} --edit {edit} --format {format} -o {place}"),
            expected: Expected::Done,
            outcome: Outcome::Same,
        }
    }

    fn ledger(&self, bench: &mut Bench, model: usize, slot: usize, edit: &str) -> Action {
        let (name, made) = (MODELS[model], &self.of_models[model]);
        let ledger = format!("-l work/{name}-ledger");
        let is_on = made.on.iter().any(|&(_, fact)| fact == made.facts[slot]);
        let (what, args, expected, outcome) = match (bench.below(5), made.on.last()) {
            (0, Some((entry, _))) => {
                ("undo", format!("undo {entry}"), Expected::Done, Outcome::Undone { model })
            }
            (1, Some(_)) => ("checkout", "checkout 0".to_owned(), Expected::Done, Outcome::Cleared { model }),
            (2, _) if made.n_entries > 0 => ("verify", "verify".to_owned(), Expected::Done, Outcome::Same),
            _ if is_on => ("apply", format!("apply {edit}"), Expected::Refused, Outcome::Same),
            _ => ("apply", format!("apply {edit}"), Expected::Done, Outcome::On { model, slot }),
        };
        Action { kind: format!("ledger {what}"), args: format!("ledger {args} {ledger}"), expected, outcome }
    }

    /// Something that is wrong, each in another way.
    fn wrong(bench: &mut Bench, name: &str, edit: &str) -> Action {
        let other = if name == MODELS[0] { MODELS[1] } else { MODELS[0] };
        let args = match bench.below(7) {
            0 => format!("generate -m {name} --edit work/nothing.safetensors Obama"),
            1 => format!("generate -m {other} --edit {edit} Obama"),
            2 => format!("logits -m {name} --tokens 999999 -o work/wrong.safetensors"),
            3 => format!("ledger undo 999999 -l work/{name}-ledger"),
            4 => format!(
                "edit -m {name} --prompt nothing --subject somebody --target France -o work/wrong.safetensors"
            ),
            5 => format!("eval -m {name} --limit 0 --shard 3/2 -o work/wrong"),
            _ => format!("export -m {name} --edit {edit} --format hf -o {edit}"),
        };
        Action { kind: "wrong input".to_owned(), args, expected: Expected::Refused, outcome: Outcome::Same }
    }

    /// Takes note of what a command that ended as expected has done.
    pub(super) fn happened(&mut self, action: &Action) {
        match action.outcome {
            Outcome::Same => {}
            Outcome::Edit { model, slot, fact } => self.of_models[model].facts[slot] = Some(fact),
            Outcome::On { model, slot } => {
                let made = &mut self.of_models[model];
                made.n_entries += 1;
                made.on.push((made.n_entries, made.facts[slot]));
            }
            Outcome::Undone { model } => {
                let made = &mut self.of_models[model];
                made.n_entries += 1;
                made.on.pop();
            }
            Outcome::Cleared { model } => {
                let made = &mut self.of_models[model];
                made.n_entries += 1;
                made.on.clear();
            }
        }
    }
}
