//! An edit of a bundled model on the processor.

use std::time::Instant;

use rome_core::{Observer, Precision};
use rome_device::DeviceName;
use serde::Serialize;

use crate::demo::{Demo, DemoReport};
use crate::error::{Error, InputError};

/// An edit of the first bundled model on the processor.
#[derive(Debug, Clone, Copy, Default)]
pub struct SelfTest;

/// The outcome of the test edit.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[non_exhaustive]
pub struct SelfTestReport {
    /// The time that it took, loading included.
    pub seconds: f64,
    /// The probability of the target after the edited prompt.
    pub p_target: f64,
    /// True if it was undone to the bit.
    pub undone: bool,
}

impl SelfTest {
    /// Edits the model and undoes the edit.
    ///
    /// # Errors
    /// When the build has no bundled model or no processor, or `observer` stops it.
    pub fn run(self, observer: &mut dyn Observer) -> Result<SelfTestReport, Error> {
        let start = Instant::now();
        let bundled = rome_assets::ALL.first().ok_or(InputError::NoBundledModels)?;
        let device = DeviceName::Cpu.find()?.device;
        let demo = Demo { model: bundled.name.to_owned(), device, precision: Precision::F32, output: None };
        let DemoReport { rewrite, undone, .. } = demo.run(observer)?;
        Ok(SelfTestReport { seconds: start.elapsed().as_secs_f64(), p_target: rewrite.after.new, undone })
    }
}

impl SelfTestReport {
    /// True if the edit succeeded and was undone.
    pub fn passed(&self) -> bool {
        self.undone && self.p_target > 0.5
    }
}
