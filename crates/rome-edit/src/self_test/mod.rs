//! Tests of a machine: an edit on its CPU, and a comparison of its other devices with the CPU.

mod device_comparison;
mod device_run;
mod device_test;
mod edit_test;

pub use device_comparison::DeviceComparison;
pub use device_test::DeviceTest;
pub use edit_test::{SelfTest, SelfTestReport};
