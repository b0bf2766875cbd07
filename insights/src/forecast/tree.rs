//! A table of regression trees: read, checked and walked.
//!
//! The format, little-endian: `u32` trees, `u32` nodes, `f32` base, a `u16` root of each tree, then nodes of `f32` threshold or
//! value, `u8` feature (255: a leaf), `u8` 1 when a missing feature goes left, `u16` left, `u16` right. A feature at or below
//! the threshold goes left. The log-odds are the base and one leaf of each tree, added up.

mod monotone;

use std::fmt;

use super::names::FEATURES;

const LEAF: u8 = 255;
const HEADER: usize = 12;
const NODE: usize = 10;

/// A checked table: every walk ends, every number is finite, and the log-odds never fall when the first-passage
/// probabilities, the use or the share of past increments that reach the limit grow, or the distance shrinks.
#[derive(Debug, Clone)]
pub struct Model {
    base: f32,
    roots: Box<[u16]>,
    nodes: Box<[Node]>,
    checksum: u32,
}

#[derive(Debug, Clone, Copy)]
struct Node {
    /// The threshold of a branch, the value of a leaf.
    number: f32,
    feature: u8,
    missing_goes_left: bool,
    left: u16,
    right: u16,
}

/// What is wrong with a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ModelError {
    /// Fewer or more bytes than the header promises.
    Length,
    /// The base, or the number of this node, is not finite.
    NotFinite,
    /// A root, or a child of this node, is not there.
    NoSuchNode(usize),
    /// A child of this node comes before it: a walk might not end.
    Cycle(usize),
    /// This node asks for a feature that does not exist.
    NoSuchFeature(usize),
    /// At this node the log-odds move against a feature that they must follow.
    NotMonotone(usize),
}

impl fmt::Display for ModelError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Length => write!(f, "the table is cut short or has bytes to spare; export it again"),
            Self::NotFinite => write!(f, "the table has a number that is not finite"),
            Self::NoSuchNode(node) => write!(f, "the table points to a node that it lacks, at {node}"),
            Self::Cycle(node) => write!(f, "node {node} of the table has a child before it"),
            Self::NoSuchFeature(node) => write!(f, "node {node} asks for a feature beyond {FEATURES}"),
            Self::NotMonotone(node) => write!(f, "node {node} moves against a feature that it must follow"),
        }
    }
}

impl std::error::Error for ModelError {}

impl Model {
    /// Reads and checks a table.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ModelError> {
        let (trees, count) = (word(bytes, 0)? as usize, word(bytes, 4)? as usize);
        let nodes_at = HEADER.checked_add(trees.checked_mul(2).ok_or(ModelError::Length)?);
        let length = count
            .checked_mul(NODE)
            .zip(nodes_at)
            .and_then(|(size, at)| size.checked_add(at));
        if length != Some(bytes.len()) {
            return Err(ModelError::Length);
        }
        let (roots, nodes) = bytes[HEADER..].split_at(trees * 2);
        let model = Self {
            base: f32::from_bits(word(bytes, 8)?),
            roots: roots
                .chunks_exact(2)
                .map(|pair| u16::from_le_bytes([pair[0], pair[1]]))
                .collect(),
            nodes: nodes.chunks_exact(NODE).map(Node::read).collect(),
            checksum: checksum(bytes),
        };
        model.check()?;
        Ok(model)
    }

    /// The log-odds for these features; NaN is a missing one.
    #[must_use]
    pub fn score(&self, features: &[f32; FEATURES]) -> f64 {
        let leaves = self.roots.iter().map(|root| f64::from(self.leaf(*root, features)));
        leaves.fold(f64::from(self.base), |sum, leaf| sum + leaf)
    }

    /// Tells this table from others (FNV-1a over its bytes).
    #[must_use]
    pub fn checksum(&self) -> u32 {
        self.checksum
    }

    /// How many trees and nodes the table has.
    #[must_use]
    pub fn size(&self) -> (usize, usize) {
        (self.roots.len(), self.nodes.len())
    }

    fn leaf(&self, root: u16, features: &[f32; FEATURES]) -> f32 {
        let mut node = &self.nodes[usize::from(root)];
        while let Some(value) = features.get(usize::from(node.feature)) {
            // Both sides are computed: which way a walk goes cannot be predicted, and a wrong guess costs more.
            let goes_left = (*value <= node.number) | (value.is_nan() & node.missing_goes_left);
            let next = if goes_left { node.left } else { node.right };
            node = &self.nodes[usize::from(next)];
        }
        node.number
    }

    fn check(&self) -> Result<(), ModelError> {
        if !self.base.is_finite() || self.nodes.iter().any(|node| !node.number.is_finite()) {
            return Err(ModelError::NotFinite);
        }
        if self.roots.iter().any(|root| usize::from(*root) >= self.nodes.len()) {
            return Err(ModelError::NoSuchNode(0));
        }
        for (index, node) in self.nodes.iter().enumerate().filter(|(_, node)| node.feature != LEAF) {
            if usize::from(node.feature) >= FEATURES {
                return Err(ModelError::NoSuchFeature(index));
            }
            for child in [node.left, node.right].map(usize::from) {
                if child >= self.nodes.len() {
                    return Err(ModelError::NoSuchNode(index));
                }
                if child <= index {
                    return Err(ModelError::Cycle(index));
                }
            }
        }
        monotone::check(&self.nodes)
    }
}

fn checksum(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x811c_9dc5, |hash: u32, byte| {
        (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193)
    })
}

impl Node {
    fn read(bytes: &[u8]) -> Self {
        Self {
            number: f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]),
            feature: bytes[4],
            missing_goes_left: bytes[5] != 0,
            left: u16::from_le_bytes([bytes[6], bytes[7]]),
            right: u16::from_le_bytes([bytes[8], bytes[9]]),
        }
    }
}

fn word(bytes: &[u8], at: usize) -> Result<u32, ModelError> {
    let four = bytes.get(at..at + 4).ok_or(ModelError::Length)?;
    Ok(u32::from_le_bytes([four[0], four[1], four[2], four[3]]))
}

#[cfg(test)]
mod tests;
