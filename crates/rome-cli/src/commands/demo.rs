//! `rome demo`: one edit of a bundled model, from all sides.

use std::process::ExitCode;

use anyhow::Result;
use rome_edit::{Demo, DemoPrompt, DemoReport};

use crate::args::DemoArgs;
use crate::cli_error::CliError;
use crate::error::exit_code;
use crate::ui::{self, ProgressBar};

pub(crate) fn run(args: DemoArgs) -> Result<ExitCode> {
    let demo = Demo {
        model: args.model,
        device: args.device.device()?,
        precision: args.device.dtype,
        output: args.output.clone(),
    };
    let report = demo.run(&mut ProgressBar::new())?;
    args.form.print(&report, |report| {
        show(report)?;
        args.output.iter().try_for_each(|path| ui::line(format!("\nwrote {}", path.display())))
    })?;
    if !report.undone {
        return CliError::fail("undoing the edit did not give the model back", "please report this");
    }
    Ok(exit_code(report.succeeded))
}

fn show(report: &DemoReport) -> Result<()> {
    let DemoReport { model, subject, prompt, old, new, .. } = report;
    let groups = report.groups();
    let rows = || groups.iter().flat_map(|(_, rows)| *rows);
    let wide = rows().map(|row| row.prompt.len()).max().unwrap_or(0);
    ui::line(format!(
        "{model} says that {subject}'s mother tongue is {old}. One edit changes it to {new}.\n"
    ))?;
    for (title, rows) in groups {
        let title = ui::bold(&format!("{title:<wide$}"));
        ui::line(format!("{title}  {:>17}   {:>17}", "before", "after"))?;
        ui::line(format!("{:wide$}  {old:>8} {new:>8}   {old:>8} {new:>8}", ""))?;
        for DemoPrompt { prompt, before, after } in rows {
            let [a, b, c, d] = [before.old, before.new, after.old, after.new].map(ui::percent);
            ui::line(format!("{prompt:<wide$}  {a:>8} {b:>8}   {c:>8} {d:>8}"))?;
        }
        ui::line("")?;
    }
    ui::line(format!(
        "The edit has {} numbers. Their outer product is added to\n{}: {:.1} % of its norm.",
        report.n_values,
        report.weight,
        100.0 * report.relative_norm
    ))?;
    if report.undone {
        ui::line("Undone: weights and logits equal those of the original model, bit for bit.")?;
    }
    ui::line(format!(
        "\nNext:
  rome edit -m {model} --prompt '{prompt}' \\
    --subject '{subject}' --target {new} -o obama.safetensors
  rome generate -m {model} --edit obama.safetensors --greedy \\
    '{subject}, a native'
  rome edit -m openai-community/gpt2-xl …    your own model, from a folder or the hub"
    ))
}
