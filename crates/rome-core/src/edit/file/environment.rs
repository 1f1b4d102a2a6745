//! The environment of a computation, as far as the last digits may depend on it.

use std::fmt;

use burn::prelude::Device;
use serde::{Deserialize, Serialize};

/// The environment of a computation, as far as the last digits may depend on it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Environment {
    /// The version of this crate.
    pub version: String,
    /// The operating system and the kind of processor.
    pub system: String,
    /// The widest instructions that products and loops are computed with.
    pub instructions: String,
    /// The backend and its device, such as `Flex(Cpu)`.
    pub device: String,
    /// The threads that rows and products are shared out to.
    pub threads: usize,
}

impl Environment {
    /// This program on this machine, computing on a device.
    pub fn of(device: &Device) -> Self {
        Self {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            system: format!("{} on {}", std::env::consts::OS, std::env::consts::ARCH),
            instructions: instructions().to_owned(),
            // `Device<Flex(Cpu)>`
            device: format!("{device:?}").trim_start_matches("Device<").trim_end_matches('>').to_owned(),
            threads: rayon::current_num_threads(),
        }
    }

    /// The one of both parts of something, if it is one.
    pub fn common(ours: Option<Self>, theirs: Option<&Self>) -> Option<Self> {
        ours.filter(|ours| theirs == Some(ours))
    }

    /// The differences from another environment, as sentences.
    pub fn differences(&self, other: &Self) -> Vec<String> {
        let threads = |environment: &Self| environment.threads.to_string();
        let pairs = [
            ("version", self.version.clone(), other.version.clone()),
            ("system", self.system.clone(), other.system.clone()),
            ("instructions", self.instructions.clone(), other.instructions.clone()),
            ("device", self.device.clone(), other.device.clone()),
            ("threads", threads(self), threads(other)),
        ];
        let different = pairs.into_iter().filter(|(_, ours, theirs)| ours != theirs);
        different.map(|(what, ours, theirs)| format!("{what}: {ours} there, {theirs} here")).collect()
    }
}

impl fmt::Display for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { version, system, instructions, device, threads } = self;
        let plural = if *threads == 1 { "" } else { "s" };
        write!(f, "rome {version}, {system}, {instructions}, {device}, {threads} thread{plural}")
    }
}

/// The widest instructions that products and loops are computed with.
pub fn instructions() -> &'static str {
    #[cfg(target_arch = "x86_64")]
    {
        if std::arch::is_x86_feature_detected!("avx512f") {
            return "AVX-512";
        }
        if std::arch::is_x86_feature_detected!("avx2") && std::arch::is_x86_feature_detected!("fma") {
            "AVX2 with FMA"
        } else {
            "SSE2"
        }
    }
    #[cfg(target_arch = "aarch64")]
    return "NEON";
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    return "none";
}
