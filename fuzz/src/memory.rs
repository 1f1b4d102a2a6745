//! Measures the memory that is held.

use peak_alloc::PeakAlloc;

/// Counts what is held now, and the most since it was reset.
#[global_allocator]
static HELD: PeakAlloc = PeakAlloc;

/// The memory that is held now, in bytes.
pub(crate) fn held() -> usize {
    HELD.current_usage()
}

/// Forgets the peak.
pub(crate) fn reset() {
    HELD.reset_peak_usage();
}

/// The most that was held since the peak was forgotten, in bytes.
pub(crate) fn peak() -> usize {
    HELD.peak_usage()
}
