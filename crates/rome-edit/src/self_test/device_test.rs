//! Comparison of devices with the CPU.

use rome_core::{Event, Observer, Progress, Unit};
use rome_device::{DeviceInfo, DeviceName};

use super::device_comparison::DeviceComparison;
use super::device_run::DeviceRun;
use crate::error::Error;

/// Devices to compare with the CPU: text, logits, an edit and a second moment of each bundled model.
#[derive(Debug, Clone)]
pub struct DeviceTest {
    /// The devices; the processor may be among them.
    pub devices: Vec<DeviceInfo>,
}

impl DeviceTest {
    /// Runs the bundled models on the processor and on each other device.
    ///
    /// # Errors
    /// When a model cannot be edited on a device, or `observer` stops it.
    pub fn run(&self, observer: &mut dyn Observer) -> Result<Vec<DeviceComparison>, Error> {
        let processor = DeviceName::Cpu.find()?;
        let others: Vec<&DeviceInfo> =
            self.devices.iter().filter(|device| device.name != processor.name).collect();
        let total = (rome_assets::ALL.len() * (1 + others.len())) as u64;
        let mut done = 0;
        let mut tell = |device: &str, model: &str, observer: &mut dyn Observer| {
            let detail = format!("{model} on {device}");
            let progress = Progress { unit: Unit::Tests, done, total, detail: &detail };
            done += 1;
            observer.tell(Event::Progress(progress))
        };
        let mut comparisons = Vec::new();
        for &bundled in rome_assets::ALL {
            tell(&processor.name, bundled.name, observer)?;
            let reference = DeviceRun::of(bundled, &processor.device, None, observer)?;
            for device in &others {
                tell(&device.name, bundled.name, observer)?;
                let run = DeviceRun::of(bundled, &device.device, Some(&reference), observer)?;
                comparisons.push(run.compare(&reference, &device.name, bundled.name));
            }
        }
        Ok(comparisons)
    }
}
