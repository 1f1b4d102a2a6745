//! What to do about an error, in the words of the command line: options and commands by their names.
//!
//! The library's own hints speak to its users and know no options. Those that stand here take their place, and
//! where none does, the library's is printed.

use std::borrow::Cow;
use std::error::Error as StdError;

use rome_core::edit::EditFileError;
use rome_core::method::rome::ConfigError;
use rome_core::{EditError, Hint};
use rome_edit::statistics::{FetchError, StatisticsError};
use rome_edit::{
    Error, EvalError, EvaluateError, ExportError, FileError, InputError, LedgerError, ModelError, StatsError,
    TraceError,
};

use crate::cli_error::CliError;

type Words = Cow<'static, str>;

/// What to do about an error or what caused it.
pub(crate) fn hint(error: &anyhow::Error) -> Words {
    error
        .chain()
        .find_map(in_our_words)
        .unwrap_or_else(|| "this is not expected; please report it with RUST_LOG=debug".into())
}

/// The words for an error that the program knows.
pub(crate) fn in_our_words(error: &(dyn StdError + 'static)) -> Option<Words> {
    if let Some(error) = error.downcast_ref::<CliError>() {
        return Some(error.hint.into());
    }
    if let Some(error) = error.downcast_ref::<Error>() {
        return Some(of_concern(error));
    }
    if let Some(error) = error.downcast_ref::<FileError>() {
        return Some(file(error));
    }
    error.is::<std::io::Error>().then(|| "check that the place exists, has room and may be used".into())
}

/// The words for an error of the library.
fn of_concern(error: &Error) -> Words {
    match error {
        Error::At { error, .. } => of_concern(error),
        Error::Config(error) => config(error),
        Error::Edit(error) => edit(error),
        Error::EditFile(error) | Error::Export(ExportError::Edits(error)) => edit_file(error),
        Error::Eval(error) => eval(error),
        Error::Evaluate(error) => evaluate(error),
        Error::Export(ExportError::Nothing) => "give edits with --edit FILE".into(),
        Error::Fetch(error) => fetch(error),
        Error::File(error) | Error::Export(ExportError::File(error)) => file(error),
        Error::Input(error) => input(error),
        Error::Ledger(error) => ledger(error),
        Error::Model(ModelError::Precision { .. })
        | Error::Export(ExportError::Model(ModelError::Precision { .. })) => {
            "rome doctor lists what each device supports; f32 is by all".into()
        }
        Error::Statistics(error) => statistics(error),
        Error::Stats(error) => stats(error),
        Error::Trace(error) => trace(error),
        _ => error.hint(),
    }
}

fn input(error: &InputError) -> Words {
    let words = match error {
        InputError::NoStartToken => "give contexts with --contexts FILE",
        InputError::NotBundled { .. } => {
            "the demo runs on facts-gpt2 or facts-gptj; for others use rome edit"
        }
        InputError::EditsFolder { .. } => "give a file that rome edit has written, or a ledger",
        InputError::Unfinished { .. } => "go on from it with --resume, or remove it to start anew",
        InputError::OtherSettings | InputError::OtherRequests => {
            "give the options of that run, or leave --resume out to start anew"
        }
        InputError::FailedRequest { n_saved: 0, .. } => "see --variant and --stats for other ways to edit it",
        InputError::FailedRequest { n_saved, .. } => {
            return saved(*n_saved, "go on past it with --resume --keep-going");
        }
        InputError::Collapsed { n_saved: n_saved @ 1.., .. } => {
            return saved(*n_saved, "go on all the same with --resume --allow-collapse, or edit fewer facts");
        }
        InputError::Interrupted { .. } => "go on with --resume",
        InputError::Layers { .. } => "write --layers 1,3 or --layers all",
        InputError::UnknownMethod => "verify what rome edit has made",
        InputError::MissingBelow { .. } => "give them with --edit",
        InputError::OtherPrecision { precision } => {
            return format!("give --dtype {}", precision.name()).into();
        }
        _ => return error.hint(),
    };
    words.into()
}

fn saved(n_edits: usize, hint: &str) -> Words {
    format!("{n_edits} edits are saved: {hint}").into()
}

fn statistics(error: &StatisticsError) -> Words {
    let words = match error {
        StatisticsError::NoStatistics { layer, model } => {
            return format!("rome stats collect -m {model} --layers {layer} --text FILE…").into();
        }
        StatisticsError::NoStatisticsIn { .. } => {
            "give the folder that rome stats collect wrote, or one of the reference's caches"
        }
        StatisticsError::SeveralStatistics { .. } => "give one of them with --stats",
        StatisticsError::SaveEvery { .. } => {
            "write --save-every 1000000 for tokens, or --save-every 60s for seconds"
        }
        StatisticsError::Pattern { .. } | StatisticsError::NoMatch { .. } => {
            "give files or a pattern with --text"
        }
        StatisticsError::Unfinished { .. } => "go on with it by --resume, or delete this file to start anew",
        StatisticsError::Interrupted { .. } => "go on with --resume",
        _ => return error.hint(),
    };
    words.into()
}

fn fetch(error: &FetchError) -> Words {
    let words = match error {
        FetchError::Broken { .. } => "run the same command again: it goes on from where it broke off",
        FetchError::Refused { .. } => "check --name and --url, or collect them yourself: rome stats collect",
        FetchError::UnknownSize { .. } | FetchError::UnknownPart { .. } => {
            "download it by other means and give it with --stats FILE"
        }
        FetchError::OtherSize { .. } => {
            "give the name that the statistics of this model are published under with --name"
        }
        FetchError::Damaged { error, .. } => return stats(error),
        _ => return error.hint(),
    };
    words.into()
}

fn config(error: &ConfigError) -> Words {
    match error {
        ConfigError::NoLayer | ConfigError::Layer { .. } | ConfigError::LayerTwice { .. } => {
            "choose with --layer, counted from 0".into()
        }
        _ => error.hint(),
    }
}

fn edit(error: &EditError) -> Words {
    let words = match error {
        EditError::Config(error) => return config(error),
        EditError::Layer { .. } => "choose with --layer, counted from 0",
        EditError::StatisticsSize { .. } | EditError::NoStatistics { .. } => {
            "collect statistics for this very model and layer: rome stats collect"
        }
        EditError::Disabling { divides_by_another_key: true, .. } => {
            "use --variant mean-key, which divides by the key it is built on"
        }
        _ => return error.hint(),
    };
    words.into()
}

fn edit_file(error: &EditFileError) -> Words {
    let words = match error {
        EditFileError::Format(_) => "give a file that rome edit has written",
        EditFileError::NoSuchEdit { .. } => "see rome edit show for their numbers",
        _ => return error.hint(),
    };
    words.into()
}

fn eval(error: &EvalError) -> Words {
    let words = match error {
        EvalError::Case { error, .. } => return eval(error),
        EvalError::Edit(error) => return edit(error),
        EvalError::File(error) => return file(error),
        EvalError::Record { .. } => "mend the record, or leave it out with --keep-going",
        EvalError::NoSnippets { .. } => {
            "give snippets and records whose ids belong together, or leave --snippets out"
        }
        EvalError::OtherRun { .. } => "give another folder with -o, or the options of that run",
        EvalError::NoResults(_) => "give the folder of one run of rome eval",
        EvalError::NoiseShape { .. } | EvalError::Noise(_) => {
            "give a safetensors file with one tensor, noise, f32, as many samples as --samples"
        }
        EvalError::TooMuchNoise { .. } => "take fewer --samples: the paper takes 10",
        EvalError::AuditRecords { .. } => {
            "give a record {\"paraphrase_prompts\", \"neighborhood_prompts\", …} or a list of them: see rome audit --help"
        }
        _ => return error.hint(),
    };
    words.into()
}

fn evaluate(error: &EvaluateError) -> Words {
    let words = match error {
        EvaluateError::NoRecords => "give a file that has some with --data, or another --limit or --shard",
        EvaluateError::NoBundledRecords { dataset, .. } => {
            return format!("give a file of {} with --data", dataset.name()).into();
        }
        EvaluateError::Sweep { .. } => {
            "write --vary layer=all, variant=all, clamp=1,2,4, steps=5,10,20 or contexts=1,11,21"
        }
        EvaluateError::TooFewContexts { .. } => "give more with --contexts, or fewer with --vary",
        EvaluateError::SeveralCandidates => "compare their folders afterwards: rome eval compare DIR OTHER",
        EvaluateError::NothingToContinue => "leave --generate out",
        EvaluateError::Case { error, .. } => {
            return format!("{}, or go on without it with --keep-going", eval(error)).into();
        }
        EvaluateError::NoScore => "give records of CounterFact with --data",
        _ => return error.hint(),
    };
    words.into()
}

fn file(error: &FileError) -> Words {
    match error {
        FileError::NoFolder(_)
        | FileError::NotAFile(_)
        | FileError::NotAFolder(_)
        | FileError::WriteInto { .. }
        | FileError::InUse(_) => format!("{} with -o", error.hint()).into(),
        _ => error.hint().into(),
    }
}

fn ledger(error: &LedgerError) -> Words {
    let words = match error {
        LedgerError::File(error) => return file(error),
        LedgerError::Edits { error, .. } => return edit_file(error),
        LedgerError::NotFound(_) => "start one with rome ledger apply, or name it with --ledger",
        LedgerError::Changed { .. } => {
            "put the file back from a copy, or take its entry out with rome ledger undo"
        }
        LedgerError::NoSuchEntry { .. } | LedgerError::NotOn { .. } => "see rome ledger log for the numbers",
        LedgerError::AlreadyOn { .. } => "to apply edits twice as strongly, see rome edit scale",
        _ => return error.hint(),
    };
    words.into()
}

fn stats(error: &StatsError) -> Words {
    let words = match error {
        StatsError::Line { .. } => {
            "mend the line; .jsonl has one object a line, with the text under \"text\" or --field"
        }
        StatsError::Row { .. } => "the column must hold strings or lists of strings; choose it with --field",
        StatsError::Malformed { .. } => "download the file again, or choose the column with --field",
        StatsError::Shard { .. } => "write --shard I/N, with I from 0 to N-1",
        StatsError::OtherSettings => {
            "go on with the model and the flags that it was begun with, or delete the file to start anew"
        }
        StatsError::Format(_) => "give a file that rome stats or kmeng01/rome has written",
        StatsError::Empty => "give text with --text FILE",
        StatsError::Layer { .. } => "choose with --layers, counted from 0, or --layers all",
        StatsError::OtherModel { .. } | StatsError::OtherLayer { .. } | StatsError::Size { .. } => {
            "collect statistics for this very model and layer: rome stats collect"
        }
        _ => return error.hint(),
    };
    words.into()
}

fn trace(error: &TraceError) -> Words {
    let words = match error {
        TraceError::Form { .. } => "give a name that ends in .json, .svg or .png with -o",
        TraceError::CutWithoutState => "leave --kind out, or --sever",
        TraceError::NotBundled { .. } => "give a file such as known_1000.json with --facts",
        TraceError::Fact { error, .. } => {
            return format!("{}, or go on without it with --keep-going", error.hint()).into();
        }
        TraceError::OtherTraces { .. } => "give another folder with -o, or the options of that run",
        _ => return error.hint(),
    };
    words.into()
}

#[cfg(test)]
#[test]
fn an_error_that_nobody_expects_asks_to_be_reported() {
    assert!(hint(&anyhow::anyhow!("the moon is down")).contains("report it"));
    assert!(!hint(&Error::Config(ConfigError::NoLayer).into()).contains("report it"));
}
