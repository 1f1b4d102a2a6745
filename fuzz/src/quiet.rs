//! Panics that are noted and not shown.

use std::panic::{self, PanicHookInfo};
use std::sync::{Mutex, PoisonError};

/// The place of the last panic, in any thread.
static LAST: Mutex<Option<String>> = Mutex::new(None);

type Hook = Box<dyn Fn(&PanicHookInfo<'_>) + Send + Sync>;

/// While it lives, panics are noted and not shown.
pub(crate) struct Quiet(Option<Hook>);

impl Quiet {
    pub(crate) fn new() -> Self {
        let before = panic::take_hook();
        panic::set_hook(Box::new(|info| {
            let place = info.location().map(|at| format!("{}:{}", at.file(), at.line())).unwrap_or_default();
            let message = info.payload_as_str().unwrap_or("(no message)");
            // Numbers in messages vary between inputs, and the place says enough to tell them apart.
            let note = format!("{place}: {}", message.chars().take(200).collect::<String>());
            *LAST.lock().unwrap_or_else(PoisonError::into_inner) = Some(note);
        }));
        Self(Some(before))
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        if let (Some(before), false) = (self.0.take(), std::thread::panicking()) {
            panic::set_hook(before);
        }
    }
}

/// Takes the note of the last panic.
pub(crate) fn take_last() -> Option<String> {
    LAST.lock().unwrap_or_else(PoisonError::into_inner).take()
}
