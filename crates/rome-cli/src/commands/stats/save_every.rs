//! When a collection is saved.

use std::str::FromStr;
use std::time::{Duration, Instant};

use anyhow::Result;

use crate::error::CliError;

/// So many seconds or tokens after the last time.
pub(crate) enum SaveEvery {
    Seconds { interval: Duration, last: Instant },
    Tokens { interval: u64, last: u64 },
}

impl SaveEvery {
    pub(crate) fn is_due(&mut self, n_tokens: u64) -> bool {
        match self {
            Self::Seconds { interval, last } => {
                let is_due = last.elapsed() >= *interval;
                if is_due {
                    *last = Instant::now();
                }
                is_due
            }
            Self::Tokens { interval, last } => {
                let is_due = n_tokens >= *last + *interval;
                if is_due {
                    *last = n_tokens;
                }
                is_due
            }
        }
    }
}

impl FromStr for SaveEvery {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let wrong = || {
            CliError::with_hint(
                format!("{text:?} is not a number of tokens or seconds"),
                "write --save-every 1000000 for tokens, or --save-every 60s for seconds",
            )
        };
        match text.strip_suffix('s') {
            Some(seconds) => {
                let interval = Duration::from_secs(seconds.parse().map_err(|_| wrong())?);
                Ok(Self::Seconds { interval, last: Instant::now() })
            }
            None => match text.parse() {
                Ok(interval) if interval > 0 => Ok(Self::Tokens { interval, last: 0 }),
                _ => Err(wrong()),
            },
        }
    }
}
