//! Isotonic calibration: the best non-decreasing map from a score to a probability.
//!
//! Source: the pool-adjacent-violators algorithm (Barlow et al., "Statistical Inference under Order Restrictions", 1972);
//! between the scores that it was fitted on the map is linear, beyond them it is flat.

/// Probabilities are kept this far from 0 and 1.
const CLIP: f64 = 1e-4;

/// A fitted map: scores that rise, probabilities that do not fall.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Isotonic {
    knots: Vec<(f64, f64)>,
}

/// Scores that share one probability.
struct Block {
    low: f64,
    high: f64,
    count: f64,
    mean: f64,
}

impl Block {
    fn join(&mut self, above: &Self) {
        let count = self.count + above.count;
        self.mean = (self.mean * self.count + above.mean * above.count) / count;
        self.count = count;
        self.high = above.high;
    }
}

impl Isotonic {
    /// Fits the map; without any scores it says 0.5.
    pub(crate) fn fit(scores: &[f64], labels: &[bool]) -> Self {
        let mut points: Vec<(f64, bool)> = scores.iter().copied().zip(labels.iter().copied()).collect();
        points.sort_by(|a, b| a.0.total_cmp(&b.0));
        let mut blocks: Vec<Block> = Vec::new();
        for tie in points.chunk_by(|a, b| a.0.total_cmp(&b.0).is_eq()) {
            let mut block = pooled(tie);
            while let Some(below) = blocks.pop_if(|below| below.mean >= block.mean) {
                let above = std::mem::replace(&mut block, below);
                block.join(&above);
            }
            blocks.push(block);
        }
        let clip = |p: f64| p.clamp(CLIP, 1.0 - CLIP);
        let ends = |block: &Block| [(block.low, clip(block.mean)), (block.high, clip(block.mean))];
        Self {
            knots: blocks.iter().flat_map(ends).collect(),
        }
    }

    /// The probability at a score.
    pub(crate) fn at(&self, score: f64) -> f64 {
        let above = self.knots.partition_point(|knot| knot.0 < score);
        let high = self.knots.get(above);
        let low = above.checked_sub(1).and_then(|index| self.knots.get(index));
        match (low, high) {
            (Some(low), Some(high)) => low.1 + (score - low.0) / (high.0 - low.0) * (high.1 - low.1),
            (Some(end), None) | (None, Some(end)) => end.1,
            (None, None) => 0.5,
        }
    }
}

/// What scores alike is one block from the start.
fn pooled(tie: &[(f64, bool)]) -> Block {
    let positives = tie.iter().filter(|(_, label)| *label).count() as f64;
    let score = tie.first().map_or(0.0, |first| first.0);
    Block {
        low: score,
        high: score,
        count: tie.len() as f64,
        mean: positives / tie.len() as f64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(a: f64, b: f64) -> bool {
        (a - b).abs() < 1e-9
    }

    #[test]
    fn violators_are_pooled() {
        let map = Isotonic::fit(&[1.0, 2.0, 3.0, 4.0], &[false, true, false, true]);
        assert!(near(map.at(1.0), CLIP) && near(map.at(4.0), 1.0 - CLIP));
        assert!(near(map.at(2.0), 0.5) && near(map.at(2.5), 0.5) && near(map.at(3.0), 0.5));
    }

    #[test]
    fn it_is_linear_between_the_scores_and_flat_beyond() {
        let map = Isotonic::fit(&[1.0, 1.0, 3.0], &[false, true, true]);
        assert!(near(map.at(2.0), f64::midpoint(0.5, 1.0 - CLIP)));
        assert!(near(map.at(0.0), 0.5) && near(map.at(9.0), 1.0 - CLIP));
    }

    #[test]
    fn pooling_goes_back_as_far_as_it_must() {
        let map = Isotonic::fit(&[1.0, 2.0, 3.0, 4.0, 5.0], &[true, true, false, false, false]);
        assert!([1.0, 3.0, 5.0].iter().all(|score| near(map.at(*score), 0.4)));
        assert!(near(Isotonic::fit(&[], &[]).at(1.0), 0.5));
    }
}
