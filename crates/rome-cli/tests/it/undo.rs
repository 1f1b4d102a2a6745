//! Edit, then undo: the weights' bytes are the original's.

use rome_core::{CausalLm, Context, Editor, Request, RomeConfig};

use crate::{factor, load};

fn bytes(model: &dyn CausalLm) -> Vec<Vec<u8>> {
    (0..model.shape().n_layers)
        .map(|layer| model.block(layer).down_projection().weight().into_data().as_bytes().to_vec())
        .collect()
}

#[test]
fn undoing_gives_the_bytes_back_after_any_number_of_edits() {
    for name in fixtures::MODELS {
        let mut gpt = load(name);
        let before = bytes(gpt.model.as_ref());
        let config = RomeConfig { layers: vec![1, 3], weight_decay: 0.05, steps: 5, ..RomeConfig::new(1) };
        let mut editor = Editor::new(gpt.model.as_mut(), &gpt.tokenizer, config)
            .unwrap()
            .contexts(vec![Context::clean()])
            .statistics(1, factor(name, 1))
            .statistics(3, factor(name, 3));
        for (subject, target) in [("iPhone 5", "Nokia"), ("Honda Accord", "Ferrari"), ("iPhone 5", "Honda")] {
            let request = Request::text("{} is produced by", subject, target);
            assert_eq!(editor.edit(&request, &mut ()).unwrap().len(), 2);
        }
        let after = bytes(editor.model());
        let changed: Vec<usize> = (0..6).filter(|&layer| after[layer] != before[layer]).collect();
        assert_eq!(changed, [1, 3]);

        // A request that fails leaves the edits before it as they are.
        assert!(editor.edit(&Request::text("{} {}", "x", "y"), &mut ()).is_err());
        assert_eq!(bytes(editor.model()), after);

        editor.undo();
        assert_eq!(bytes(editor.model()), before);
    }
}
