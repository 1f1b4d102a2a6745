//! Checks that the examples of every help parse as they stand.

use clap::{Command, CommandFactory, Parser};

use super::Args;

/// The commands among a help's examples, with lines that go on in the next one joined.
fn examples(command: &Command) -> Vec<String> {
    let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    let joined = help.replace("\\\n", " ");
    joined.lines().map(str::trim).filter(|line| line.starts_with("rome ")).map(str::to_owned).collect()
}

fn commands(command: &Command) -> Vec<&Command> {
    let inner = command.get_subcommands().flat_map(commands);
    std::iter::once(command).chain(inner).collect()
}

#[test]
fn the_examples_of_every_help_parse_as_they_stand() {
    let root = Args::command();
    let examples: Vec<String> = commands(&root).into_iter().flat_map(examples).collect();
    assert!(examples.len() >= 20, "{}", examples.len());
    for example in examples {
        let (command, _) = example.split_once(" > ").unwrap_or((&example, ""));
        let words = shlex::split(command).unwrap();
        if let Err(error) = Args::try_parse_from(words) {
            panic!("{example}\n{error}");
        }
    }
}
