//! What an edit moves between the program's memory and a device's.

use fixtures::MODELS;
use rome_core::host::is_host;
use rome_core::transfer::Traffic;
use rome_core::{Edit, EditConfig, Factor, Request};

use crate::{contexts, load, rows};

#[test]
fn a_step_sends_nothing_to_the_device_and_reads_its_losses_at_once() {
    for name in MODELS {
        let gpt = load(name);
        let (model, config) = (gpt.model.as_ref(), EditConfig::new(1));
        let request = Request::text("{} is produced by", "iPhone 5", "Nokia");
        let rows = rows(model, &gpt.tokenizer, &contexts(name), &request);
        let mut seen = Vec::new();
        let factor = Factor::identity(model.shape().d_ff);
        Edit::compute(model, &rows, 1, &config, &factor, &mut |_, _| seen.push(Traffic::so_far())).unwrap();
        assert_eq!(seen.len(), config.steps);
        // The processor's memory is the program's own.
        let downloads = u64::from(!is_host(&model.device()));
        for step in seen.windows(2) {
            assert_eq!(step[1].uploads - step[0].uploads, 0, "{name}");
            assert_eq!(step[1].downloads - step[0].downloads, downloads, "{name}");
        }
    }
}
