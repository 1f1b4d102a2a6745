//! The memory of processes of one kind, one after the other.

/// From this many runs on, tenths say something: how much one run holds depends on how its threads meet.
const ENOUGH: usize = 50;

/// The share by which the last ones may take more: their inputs are not the same.
const SHARE: f64 = 0.15;
const MEBIBYTES: f64 = 8.0;

/// The most memory that each process of a kind held.
#[derive(Debug, Default)]
pub(super) struct Memory(Vec<u64>);

impl Memory {
    pub(super) fn add(&mut self, n_bytes: u64) {
        self.0.push(n_bytes);
    }

    pub(super) fn n_runs(&self) -> usize {
        self.0.len()
    }

    /// The mean over the first and the last tenth, in MiB.
    pub(super) fn ends(&self) -> (f64, f64) {
        let n = (self.0.len() / 10).max(1).min(self.0.len());
        let mean =
            |peaks: &[u64]| peaks.iter().sum::<u64>() as f64 / peaks.len().max(1) as f64 / f64::from(1 << 20);
        (mean(&self.0[..n]), mean(&self.0[self.0.len() - n..]))
    }

    /// The growth from the first ones to the last, if there is any.
    pub(super) fn growth(&self) -> Option<String> {
        let (first, last) = self.ends();
        let has_grown = self.0.len() >= ENOUGH && last > first * (1.0 + SHARE) + MEBIBYTES;
        has_grown.then(|| format!("memory has grown from {first:.1} to {last:.1} MiB"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn growth_is_told_and_noise_is_not() {
        let of = |peaks: &mut dyn Iterator<Item = u64>| {
            let mut memory = Memory::default();
            peaks.for_each(|mebibytes| memory.add(mebibytes << 20));
            memory
        };
        assert_eq!(of(&mut [100, 105].into_iter().cycle().take(60)).growth(), None);
        assert!(of(&mut (0..60).map(|run| 100 + run)).growth().is_some());
        assert_eq!(of(&mut (0..49).map(|run| 100 * run)).growth(), None, "too few to say");
        assert_eq!(Memory::default().ends(), (0.0, 0.0));
    }
}
