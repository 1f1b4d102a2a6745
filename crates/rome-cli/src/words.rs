//! Hints in the words of the command line: options and commands by their names.
//!
//! The library's hints name no options. A hint here replaces the library's; where there is none, the
//! library's is printed.

use std::borrow::Cow;
use std::error::Error as StdError;

use rome_core::edit::EditFileError;
use rome_core::method::mass::MassError;
use rome_core::method::rome::ConfigError;
use rome_core::{EditError, Hint};
use rome_edit::statistics::{FetchError, StatisticsError};
use rome_edit::{
    Error, EvalError, EvaluateError, ExportError, FileError, InputError, LedgerError, ModelError, StatsError,
    TogetherError, TraceError,
};

use crate::cli_error::CliError;

type Words = Cow<'static, str>;

/// The hint for an error or for its cause.
pub(crate) fn hint(error: &anyhow::Error) -> Words {
    error
        .chain()
        .find_map(in_our_words)
        .unwrap_or_else(|| "this is a bug; please report it with the output of RUST_LOG=debug".into())
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
    error.is::<std::io::Error>().then(|| "check that the path exists, is writable and has free space".into())
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
        Error::Model(ModelError::Adapter { .. }) => {
            "give its base with -m, and make an edit of the adapter with rome edit import".into()
        }
        Error::Model(ModelError::Precision { .. })
        | Error::Export(ExportError::Model(ModelError::Precision { .. })) => {
            "use f32, which every device supports; rome doctor lists the others".into()
        }
        Error::Statistics(error) => statistics(error),
        Error::Stats(error) => stats(error),
        Error::Trace(error) => trace(error),
        Error::Together(error) => together(error),
        _ => error.hint(),
    }
}

fn input(error: &InputError) -> Words {
    let words = match error {
        InputError::NoStartToken => "give contexts with --contexts FILE",
        InputError::NotBundled { .. } => {
            "use facts-llama, facts-gpt2 or facts-gptj; rome edit edits other models"
        }
        InputError::EditsFolder { .. } => "give a file that rome edit wrote, or a ledger's folder",
        InputError::Unfinished { .. } => "continue it with --resume, or remove it to start over",
        InputError::OtherSettings | InputError::OtherRequests => {
            "give the options of that run, or start over without --resume"
        }
        InputError::FailedRequest { n_saved: 0, .. } => "try another --variant or other --stats",
        InputError::FailedRequest { n_saved, .. } => {
            return saved(*n_saved, "skip it with --resume --keep-going");
        }
        InputError::Collapsed { n_saved: n_saved @ 1.., .. } => {
            return saved(*n_saved, "continue with --resume --allow-collapse, or edit fewer facts");
        }
        InputError::Interrupted { .. } => "continue with --resume",
        InputError::Layers { .. } => {
            "write numbers or ranges with commas, such as 1,3 or 4-8; --layers takes all, too"
        }
        InputError::UnknownMethod => "verify edits that rome edit made",
        InputError::MissingBelow { .. } => "give them with --edit",
        InputError::OtherPrecision { precision } => {
            return format!("give --dtype {}", precision.name()).into();
        }
        _ => return error.hint(),
    };
    words.into()
}

fn together(error: &TogetherError) -> Words {
    let words = match error {
        TogetherError::NoValues { .. } => {
            "give a file that rome edit wrote without --no-values, or with --shard"
        }
        TogetherError::Unfinished { .. } => "continue it with --resume, or remove it to start over",
        TogetherError::Interrupted { .. } => "continue with --resume",
        TogetherError::NotASet { .. } => "give a file that rome edit --method wrote",
        TogetherError::ShardOfBatches => "leave out --batch or --shard",
        _ => return error.hint(),
    };
    words.into()
}

fn mass(error: &MassError) -> Words {
    let words = match error {
        MassError::Layer { .. } => "choose layers with --layer, counted from 0",
        MassError::LayerOrder { .. } => "write --layer 1,2 or --layer 4-8",
        MassError::WritesNothing { .. } => {
            "lower --weight: 0.9x to 3x, multiples of the length of a key, are published for GPT-J and GPT-2 XL"
        }
        MassError::PostNorm { .. } => "edit this model with --method rome",
        MassError::NullSpace { .. } => "raise --threshold, or give --nullspace-share 0.02",
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
            "give a folder that rome stats collect wrote, or a cache of kmeng01/rome"
        }
        StatisticsError::SeveralStatistics { .. } => "give one of them with --stats",
        StatisticsError::SaveEvery { .. } => {
            "write --save-every 1000000 for tokens, or --save-every 60s for seconds"
        }
        StatisticsError::Pattern { .. } | StatisticsError::NoMatch { .. } => {
            "give files or a pattern with --text"
        }
        StatisticsError::Unfinished { .. } => "continue it with --resume, or delete this file to start over",
        StatisticsError::Interrupted { .. } => "continue with --resume",
        _ => return error.hint(),
    };
    words.into()
}

fn fetch(error: &FetchError) -> Words {
    let words = match error {
        FetchError::Broken { .. } => "run the same command again: it continues the download",
        FetchError::Refused { .. } => "check --name and --url, or collect them with rome stats collect",
        FetchError::UnknownSize { .. } | FetchError::UnknownPart { .. } => {
            "download it in another way and give it with --stats FILE"
        }
        FetchError::OtherSize { .. } => "give the published name of this model with --name",
        FetchError::Damaged { error, .. } => return stats(error),
        _ => return error.hint(),
    };
    words.into()
}

fn config(error: &ConfigError) -> Words {
    match error {
        ConfigError::NoLayer | ConfigError::Layer { .. } | ConfigError::LayerTwice { .. } => {
            "choose a layer with --layer, counted from 0".into()
        }
        _ => error.hint(),
    }
}

fn edit(error: &EditError) -> Words {
    let words = match error {
        EditError::Config(error) => return config(error),
        EditError::Mass(error) => return mass(error),
        EditError::Layer { .. } => "choose a layer with --layer, counted from 0",
        EditError::StatisticsSize { .. } | EditError::NoStatistics { .. } => {
            "collect statistics of this model and layer with rome stats collect"
        }
        EditError::Disabling { divides_by_another_key: true, .. } => {
            "use --variant mean-key, which divides by the key that it is built on"
        }
        _ => return error.hint(),
    };
    words.into()
}

fn edit_file(error: &EditFileError) -> Words {
    let words = match error {
        EditFileError::Format(_) => "give a file that rome edit wrote",
        EditFileError::NoSuchEdit { .. } => "list the numbers with rome edit show",
        EditFileError::Together { .. } => {
            "leave facts out with rome edit again FILE --drop I,J: their values are kept, so that takes little"
        }
        _ => return error.hint(),
    };
    words.into()
}

fn eval(error: &EvalError) -> Words {
    let words = match error {
        EvalError::Case { error, .. } => return eval(error),
        EvalError::Edit(error) => return edit(error),
        EvalError::File(error) => return file(error),
        EvalError::Record(error) if error.place.is_some() => "fix the record, or skip it with --keep-going",
        EvalError::NoSnippets { .. } => {
            "give snippets and records with the same ids, or leave out --snippets"
        }
        EvalError::OtherRun { .. } => "give another folder with -o, or the options of that run",
        EvalError::NoResults(_) => "give the folder of a run of rome eval",
        EvalError::NoiseShape { .. } | EvalError::Noise(_) => {
            "give a safetensors file with one f32 tensor, noise, of as many samples as --samples"
        }
        EvalError::TooMuchNoise { .. } => "give fewer --samples; the paper uses 10",
        EvalError::AuditRecords(_) => {
            "give a record {\"paraphrase_prompts\", \"neighborhood_prompts\", …} or a list of them, as in rome audit --help"
        }
        _ => return error.hint(),
    };
    words.into()
}

fn evaluate(error: &EvaluateError) -> Words {
    let words = match error {
        EvaluateError::NoRecords => "give a file with records with --data, or another --limit or --shard",
        EvaluateError::NoBundledRecords { dataset, .. } => {
            return format!("give a file of {} with --data", dataset.name()).into();
        }
        EvaluateError::Sweep { .. } => {
            "write --vary layer=all, variant=all, clamp=1,2,4, steps=5,10,20 or contexts=1,11,21"
        }
        EvaluateError::TooFewContexts { .. } => "give more with --contexts, or fewer with --vary",
        EvaluateError::SeveralCandidates => "compare the folders afterwards with rome eval compare DIR OTHER",
        EvaluateError::NothingToContinue => "leave out --generate",
        EvaluateError::Case { error, .. } => {
            return format!("{}, or skip it with --keep-going", eval(error)).into();
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
        LedgerError::NotFound(_) => "start a ledger with rome ledger apply, or name its folder with --ledger",
        LedgerError::Changed { .. } => {
            "restore the file from a copy, or undo its entry with rome ledger undo"
        }
        LedgerError::NoSuchEntry { .. } | LedgerError::NotOn { .. } => {
            "list the numbers with rome ledger log"
        }
        LedgerError::AlreadyOn { .. } => "scale edits with rome edit scale to apply them twice",
        _ => return error.hint(),
    };
    words.into()
}

fn stats(error: &StatsError) -> Words {
    let words = match error {
        StatsError::Line { .. } => {
            "fix the line; .jsonl has one object a line, with the text under \"text\" or --field"
        }
        StatsError::Row { .. } => "choose a column of strings or lists of strings with --field",
        StatsError::Malformed { .. } => "download the file again, or choose the column with --field",
        StatsError::Shard { .. } => "write --shard I/N, with I from 0 to N-1",
        StatsError::OtherSettings => {
            "continue with the same model and options, or delete the file to start over"
        }
        StatsError::Format(_) => "give a file that rome stats or kmeng01/rome wrote",
        StatsError::Empty => "give text with --text FILE",
        StatsError::Layer { .. } => "choose layers with --layers, counted from 0, or --layers all",
        StatsError::OtherModel { .. } | StatsError::OtherLayer { .. } | StatsError::Size { .. } => {
            "collect statistics of this model and layer with rome stats collect"
        }
        _ => return error.hint(),
    };
    words.into()
}

fn trace(error: &TraceError) -> Words {
    let words = match error {
        TraceError::Form { .. } => "end the file's name with -o in .json, .svg or .png",
        TraceError::CutWithoutState => "leave out --kind or --sever",
        TraceError::NotBundled { .. } => "give a file such as known_1000.json with --facts",
        TraceError::Fact { error, .. } => {
            return format!("{}, or skip it with --keep-going", error.hint()).into();
        }
        TraceError::OtherTraces { .. } => "give another folder with -o, or the options of that run",
        _ => return error.hint(),
    };
    words.into()
}

#[cfg(test)]
#[test]
fn an_unexpected_error_asks_to_be_reported() {
    assert!(hint(&anyhow::anyhow!("the moon is down")).contains("report it"));
    assert!(!hint(&Error::Config(ConfigError::NoLayer).into()).contains("report it"));
}
