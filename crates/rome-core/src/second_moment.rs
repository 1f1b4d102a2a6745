//! The second moment of keys, `C = E[k kᵀ]`, uncentred.

/// A sum of outer products of keys, in f64 on the host.
///
/// It is additive: sums over parts of a corpus add up to the sum over all of it.
#[derive(Debug, Clone, PartialEq)]
pub struct SecondMoment {
    d_ff: usize,
    count: u64,
    /// `Σ k kᵀ`, `[d_ff, d_ff]` in row-major order, symmetric.
    sum: Vec<f64>,
}

impl SecondMoment {
    /// Makes the sum over no keys.
    pub fn new(d_ff: usize) -> Self {
        Self { d_ff, count: 0, sum: vec![0.0; d_ff * d_ff] }
    }

    /// Takes a sum over `count` keys, `[d_ff, d_ff]`; `None` if its length is not that of a
    /// square of `d_ff`.
    pub fn from_sum(d_ff: usize, count: u64, sum: Vec<f64>) -> Option<Self> {
        (sum.len() == d_ff * d_ff).then_some(Self { d_ff, count, sum })
    }

    /// Adds `Σ k kᵀ` over `count` keys, `[d_ff, d_ff]` in row-major order.
    ///
    /// # Panics
    /// If the size is not that of this moment.
    pub fn add(&mut self, count: u64, products: &[f32]) {
        assert_eq!(products.len(), self.sum.len(), "a square of the key's length");
        for (sum, product) in self.sum.iter_mut().zip(products) {
            *sum += f64::from(*product);
        }
        self.count += count;
    }

    /// Adds a sum over other keys.
    ///
    /// # Panics
    /// If the keys are of another length.
    pub fn merge(&mut self, other: &Self) {
        assert_eq!(self.d_ff, other.d_ff, "keys of the same length");
        for (sum, other) in self.sum.iter_mut().zip(&other.sum) {
            *sum += other;
        }
        self.count += other.count;
    }

    /// The length of a key.
    pub fn d_ff(&self) -> usize {
        self.d_ff
    }

    /// The number of keys summed, one for each token.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// `Σ k kᵀ`, `[d_ff, d_ff]` in row-major order.
    pub fn sum(&self) -> &[f64] {
        &self.sum
    }

    /// An element of C: the sum divided by the count.
    pub fn mean(&self, row: usize, column: usize) -> f64 {
        self.sum[row * self.d_ff + column] / self.count.max(1) as f64
    }

    /// The trace of C: the mean squared norm of a key.
    pub fn trace(&self) -> f64 {
        (0..self.d_ff).map(|i| self.mean(i, i)).sum()
    }
}
