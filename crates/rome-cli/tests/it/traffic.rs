//! Transfers of an edit between the program's memory and a device's.

use std::ops::ControlFlow;

use fixtures::MODELS;
use rome_core::forward::host::is_host;
use rome_core::forward::transfer::Traffic;
use rome_core::method::rome::LayerProblem;
use rome_core::{CholeskyFactor, Event, Request, RomeConfig};

use crate::{contexts, load, rows};

#[test]
fn a_step_sends_nothing_and_reads_its_losses_at_once() {
    for name in MODELS {
        let gpt = load(name);
        let (model, config) = (gpt.model.as_ref(), RomeConfig::new(1));
        let request = Request::text("{} is produced by", "iPhone 5", "Nokia");
        let rows = rows(model, &gpt.tokenizer, &contexts(name), &request);
        let mut seen = Vec::new();
        let factor = CholeskyFactor::identity(model.shape().d_ff);
        let problem = LayerProblem { model, request: &rows, layer: 1, config: &config, factor: &factor };
        let mut observer = |_: Event<'_>| {
            seen.push(Traffic::so_far());
            ControlFlow::Continue(())
        };
        problem.solve(&mut observer).unwrap();
        assert_eq!(seen.len(), config.steps);
        // The processor's memory is the program's own.
        let downloads = u64::from(!is_host(&model.device()));
        for step in seen.windows(2) {
            assert_eq!(step[1].uploads - step[0].uploads, 0, "{name}");
            assert_eq!(step[1].downloads - step[0].downloads, downloads, "{name}");
        }
    }
}
