//! Tests of a machine: an edit on its processor, and its other devices held against the processor.

mod device_comparison;
mod device_run;
mod device_test;
mod edit_test;

pub use device_comparison::DeviceComparison;
pub use device_test::DeviceTest;
pub use edit_test::{SelfTest, SelfTestReport};
