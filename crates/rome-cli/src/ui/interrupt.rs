//! Ctrl-C: the first one stops long work at its next step, the second one at once.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::error::STOPPED;

static IS_ASKED_FOR: AtomicBool = AtomicBool::new(false);

/// True if the user wants the work to stop.
pub(super) fn is_asked_for() -> bool {
    IS_ASKED_FOR.load(Ordering::Relaxed)
}

/// Listens for Ctrl-C from now on. Files are written as a whole or not at all, so that an end at once loses
/// nothing but the work since the last save.
pub(super) fn listen() {
    let result = ctrlc::set_handler(|| {
        if IS_ASKED_FOR.swap(true, Ordering::Relaxed) {
            std::process::exit(STOPPED);
        }
    });
    // It is set once in a program; another one's handler is as good.
    if let Err(error) = result {
        tracing::debug!("Ctrl-C is left as it is: {error}");
    }
}
