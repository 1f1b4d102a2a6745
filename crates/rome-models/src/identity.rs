//! The identity of a model whose tensors are not loaded otherwise.

use rome_core::{Event, ModelHash, Observer, Progress, Unit};

use crate::ModelError;
use crate::checkpoint::CheckpointFiles;
use crate::model_hasher::ModelHasher;

impl CheckpointFiles {
    /// Reads every tensor of a model once and returns the model's hash.
    ///
    /// # Errors
    /// When a tensor cannot be read.
    pub fn hash(mut self, observer: &mut dyn Observer) -> Result<ModelHash, ModelError> {
        let mut hash = ModelHasher::default();
        let (mut done, total) = (0, self.n_bytes());
        for file in &mut self.files {
            for tensor in file.take_tensors() {
                done += tensor.n_bytes() as u64;
                if let Some(name) = tensor.canonical_name() {
                    let mut bytes = vec![0; tensor.n_bytes()];
                    file.read(&tensor, &mut bytes)?;
                    hash.add(name, tensor.dtype, &tensor.shape, &bytes);
                }
                let progress = Progress { unit: Unit::ModelBytes, done, total, detail: "" };
                observer.tell(Event::Progress(progress))?;
            }
            file.check_unchanged()?;
        }
        Ok(hash.finish())
    }
}
