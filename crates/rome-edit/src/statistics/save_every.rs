//! When the state of a collection is saved.

use std::str::FromStr;
use std::time::{Duration, Instant};

use super::error::StatisticsError;

/// The work between two saves: `1000000` tokens, or `60s`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SaveEvery {
    /// So much time.
    Time(Duration),
    /// So many tokens.
    Tokens(u64),
}

impl Default for SaveEvery {
    fn default() -> Self {
        Self::Time(Duration::from_secs(300))
    }
}

impl FromStr for SaveEvery {
    type Err = StatisticsError;

    fn from_str(text: &str) -> Result<Self, StatisticsError> {
        let wrong = || StatisticsError::SaveEvery { text: text.to_owned() };
        match text.strip_suffix('s') {
            Some(seconds) => Ok(Self::Time(Duration::from_secs(seconds.parse().map_err(|_| wrong())?))),
            None => match text.parse() {
                Ok(tokens) if tokens > 0 => Ok(Self::Tokens(tokens)),
                _ => Err(wrong()),
            },
        }
    }
}

/// The saves of a collection under way.
pub(super) struct SaveSchedule {
    every: SaveEvery,
    last_time: Instant,
    last_tokens: u64,
}

impl SaveSchedule {
    pub(super) fn new(every: SaveEvery) -> Self {
        Self { every, last_time: Instant::now(), last_tokens: 0 }
    }

    /// True if it is time to save, after this many tokens; the next interval then starts now.
    pub(super) fn is_due(&mut self, n_tokens: u64) -> bool {
        let is_due = match self.every {
            SaveEvery::Time(interval) => self.last_time.elapsed() >= interval,
            SaveEvery::Tokens(interval) => n_tokens >= self.last_tokens.saturating_add(interval),
        };
        if is_due {
            (self.last_time, self.last_tokens) = (Instant::now(), n_tokens);
        }
        is_due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_told_from_seconds() {
        assert_eq!("1000".parse::<SaveEvery>().unwrap(), SaveEvery::Tokens(1000));
        assert_eq!("60s".parse::<SaveEvery>().unwrap(), SaveEvery::Time(Duration::from_secs(60)));
        for wrong in ["", "0", "s", "-1", "soon", "1.5s"] {
            assert!(matches!(wrong.parse::<SaveEvery>(), Err(StatisticsError::SaveEvery { .. })), "{wrong}");
        }
    }

    #[test]
    fn a_save_is_due_after_so_many_tokens_since_the_last_one() {
        let mut schedule = SaveSchedule::new(SaveEvery::Tokens(10));
        assert_eq!([9, 12, 21, 22].map(|n_tokens| schedule.is_due(n_tokens)), [false, true, false, true]);
    }
}
