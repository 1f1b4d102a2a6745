//! Our program and the original, one after the other on the same task.

use std::time::Instant;

use anyhow::{Context, Result};
use burn::prelude::*;
use burn::tensor::Distribution;
use fixtures::{cosine, norm};
use serde_json::json;

use crate::compare::case::Case;
use crate::compare::original::Original;
use crate::compare::runs::{self, Medians, median};
use crate::compare::task::{Run, Task};
use crate::report::Report;

pub(crate) fn run(original: Option<Original<'_>>, case: &Case, runs: u32) -> Result<Report> {
    let rome = case.program()?;
    let task = Task::new(case)?;
    let (ours, theirs) = runs::in_turn(
        original,
        runs,
        |_| task.run_ours(&rome, case),
        |original| task.run_theirs(original, case),
    )?;
    let last = ours.last().context("no run was made")?;
    let n_tokens = suffix_tokens(&last.said.lookup_idxs, &task, case)?;
    // What one product reaches is known of the processor alone.
    let product_rate = match case.backend() {
        None => Some(product_rate(n_tokens, task.d_model, task.n_threads)?),
        Some(_) => None,
    };
    Ok(report(&task, case, (&ours, last), &theirs, (n_tokens, product_rate)))
}

/// `last` is the last of ours.
fn report(
    task: &Task,
    case: &Case,
    (ours, last): (&[Run], &Run),
    theirs: &[Run],
    (n_tokens, product_rate): (usize, Option<f64>),
) -> Report {
    let printed = &last.said;
    let rate = printed.flops["optimise"] as f64 / printed.seconds["optimise"] / 1e9;
    let memory_limit = (task.weight_bytes + task.statistics_bytes) as f64;
    let peak_memory = median(ours.iter().map(|run| run.peak_memory as f64).collect());
    let json = json!({
        "model": task.model, "layer": task.layer, "threads": task.n_threads,
        "evaluations": printed.losses.len(), "runs": ours.len(),
        "flops": printed.flops, "seconds": printed.seconds,
        "gflops_per_second": rate, "product_gflops_per_second": product_rate, "product_rows": n_tokens,
        "memory_of_weights_and_c": peak_memory / memory_limit,
    });
    let mut medians = Medians::new(ours, theirs, json);
    medians.add("an edit, s", "edit", 1.0, |run| run.edit);
    medians.add("the whole process, s", "process", 1.0, |run| run.process);
    medians.add("peak memory, MiB", "peak_memory", f64::from(1 << 20), |run| run.peak_memory as f64);
    let Medians { rows, mut json, .. } = medians;

    let mut notes = vec![
        format!(
            "layer {} of {}, {} contexts, {} steps, {} threads, C {}, medians of {}",
            task.layer,
            case.name(),
            task.contexts.len(),
            printed.losses.len(),
            task.n_threads,
            if case.second_moment == "identity" { "= identity" } else { "given" },
            ours.len()
        ),
        match product_rate {
            Some(product_rate) => format!(
                "v*: {rate:.1} GF/s on the operations it cannot do without, {:.0} % of what one product of \
                 [{n_tokens}, {d}] and [{d}, {}] reaches ({product_rate:.1} GF/s)",
                100.0 * rate / product_rate,
                4 * task.d_model,
                d = task.d_model,
            ),
            None => format!("v*: {rate:.0} GF/s on the operations it cannot do without"),
        },
        match printed.device_memory {
            None => format!("memory: {:.2} × (weights + C)", peak_memory / memory_limit),
            Some(bytes) => format!("memory of {}: {:.0} MiB", case.device, bytes as f64 / f64::from(1 << 20)),
        },
    ];
    if let (a, Some(b)) = (last, theirs.last()) {
        let (left_sim, right_sim) = (cosine(&a.left, &b.left), cosine(&a.right, &b.right));
        let norm_ratio = norm(&a.left) * norm(&a.right) / (norm(&b.left) * norm(&b.right));
        let difference = a
            .said
            .losses
            .iter()
            .zip(&b.said.losses)
            .map(|(a, b)| (a[0] - b[0]).abs() / b[0])
            .fold(0.0, f64::max);
        json["values"] = json!({
            "left_sim": left_sim, "right_sim": right_sim, "w_delta_sim": left_sim * right_sim,
            "norm_ratio": norm_ratio, "loss_difference": difference,
            "lookup_idxs_equal": a.said.lookup_idxs == b.said.lookup_idxs,
            "steps_equal": a.said.losses.len() == b.said.losses.len(),
        });
        json["device"] = json!(b.said.device);
        notes.push(format!(
            "values: left_sim {left_sim:.7}, right_sim {right_sim:.7}, w_delta_sim {:.7}, norm ratio \
             {norm_ratio:.5}, losses within {difference:.0e}, lookup indices {}",
            left_sim * right_sim,
            if a.said.lookup_idxs == b.said.lookup_idxs { "the same" } else { "different" },
        ));
        notes.push(format!("kmeng01/rome on {}, torch {}", b.said.device, b.said.torch));
    }
    Report { json, tables: vec![rows], notes, faults: Vec::new() }
}

/// The number of positions that a step of v* runs: those from the lookup index on.
fn suffix_tokens(lookup_idxs: &[usize], task: &Task, case: &Case) -> Result<usize> {
    use rome_core::{Context, KlPrompt, ModelShape, Request, TokenizedRequest};
    let source = rome_models::Source::resolve(&task.model.display().to_string(), &mut ())?;
    let tokenizer = rome_models::PretrainedTokenizer::load(&source)?;
    let contexts: Vec<Context> = task.contexts.iter().cloned().map(Context::Template).collect();
    let request = Request::text(&case.prompt, &case.subject, &case.target);
    // Only what bounds a row's length and its tokens matters here, and both programs have run.
    let shape = ModelShape {
        family: String::new(),
        n_layers: 1,
        d_model: task.d_model,
        d_ff: 0,
        n_heads: 1,
        n_kv_heads: 1,
        head_dim: 8,
        vocab_size: usize::MAX,
        n_positions: usize::MAX,
    };
    let rows = TokenizedRequest::new(&request, &contexts, &[KlPrompt::essence()], &tokenizer, &shape)?;
    debug_assert_eq!(rows.lookups(), lookup_idxs);
    let of_rows: usize = rows.rows.iter().map(|row| row.tokens.len() - row.lookup).sum();
    Ok(of_rows + rows.kl_rows.len())
}

/// The rate of `[n_tokens, d] × [d, 4 d]`, in GF/s, by the backend that edits run on.
fn product_rate(n_tokens: usize, d_model: usize, n_threads: usize) -> Result<f64> {
    const SECONDS: f64 = 2.0;
    let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build()?;
    let device = Device::flex();
    let random = |rows, columns| Tensor::<2>::random([rows, columns], Distribution::Default, &device);
    let (x, weight) = (random(n_tokens, d_model), random(d_model, 4 * d_model));
    let flops = (2 * n_tokens * d_model * 4 * d_model) as f64;
    Ok(pool.install(|| {
        let product = || std::hint::black_box(x.clone().matmul(weight.clone()));
        product();
        let (start, mut n_products) = (Instant::now(), 0);
        while start.elapsed().as_secs_f64() < SECONDS {
            product();
            n_products += 1;
        }
        f64::from(n_products) * flops / start.elapsed().as_secs_f64() / 1e9
    }))
}
