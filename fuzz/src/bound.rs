//! Bounds of time and memory for reading an input.

use std::time::Duration;

const MIB: usize = 1 << 20;

/// The bounds of time and memory for reading an input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bound {
    /// The memory that any input may take, in bytes.
    pub memory: usize,
    /// The memory that each byte of the input may take in addition.
    pub memory_per_byte: usize,
    /// The time that any input may take. Machines are busy, so it is generous.
    pub time: Duration,
}

impl Bound {
    /// The bound of files that are parsed and kept: 64 MiB, and 64 bytes for each byte.
    pub const PARSED: Self = Self { memory: 64 * MIB, memory_per_byte: 64, time: Duration::from_secs(10) };

    /// The bound of archives: deflate packs up to 1,032 bytes into one, and values are held as f64 beside the
    /// f32 that they are stored in, in vectors that may be twice as long.
    pub const PACKED: Self = Self { memory_per_byte: 1032 * 6, ..Self::PARSED };

    /// The memory that an input of this many bytes may take.
    pub fn memory_of(self, n_bytes: usize) -> usize {
        self.memory + self.memory_per_byte * n_bytes
    }
}
