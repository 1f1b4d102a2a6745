//! Devices by name: `cpu`, `wgpu:1`, `auto`.
//!
//! Libraries take a [`burn::Device`] as a value and name no backend. A program has to: this crate
//! turns what a user types into a device, and lists the devices. Which backends a program has is
//! chosen by this crate's features, `flex`, `ndarray`, `wgpu`, `vulkan`, `metal` and `cuda`.
//!
//! ```
//! use rome_device::DeviceName;
//!
//! let name: DeviceName = "cpu".parse()?;
//! # #[cfg(feature = "flex")]
//! assert_eq!(name.find()?.name, "flex");
//! # Ok::<(), rome_device::DeviceError>(())
//! ```
//!
//! [`burn::Device`]: burn::prelude::Device

mod backend;
mod device_info;
mod error;
mod name;

pub use backend::Backend;
pub use device_info::DeviceInfo;
pub use error::DeviceError;
pub use name::DeviceName;
