"""The table of trees as a file: written from what scikit-learn has grown, read again, and walked.

The format is that of `insights/src/forecast/tree.rs`, little-endian: u32 trees, u32 nodes, f32 base, a u16 root of each tree, then
nodes of f32 threshold or value, u8 feature (255: a leaf), u8 1 when a missing feature goes left, u16 left, u16 right.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier

LEAF = 255
NODE = np.dtype([("number", "<f4"), ("feature", "u1"), ("missing_left", "u1"), ("left", "<u2"), ("right", "<u2")])


@dataclass(frozen=True)
class Table:
    base: np.float32
    roots: np.ndarray
    nodes: np.ndarray

    def log_odds(self, features: np.ndarray) -> np.ndarray:
        """The log-odds of each row; NaN is a missing feature."""
        total = np.full(len(features), self.base, np.float64)
        for root in self.roots:
            total += self.leaves(root, features)
        return total

    def leaves(self, root: int, features: np.ndarray) -> np.ndarray:
        at = np.full(len(features), root)
        rows = np.arange(len(features))
        while True:
            node = self.nodes[at]
            inner = node["feature"] != LEAF
            if not inner.any():
                return node["number"]
            value = features[rows, np.where(inner, node["feature"], 0)]
            left = np.where(np.isnan(value), node["missing_left"] != 0, value <= node["number"])
            at = np.where(inner, np.where(left, node["left"], node["right"]), at)

    def written(self) -> bytes:
        head = struct.pack("<IIf", len(self.roots), len(self.nodes), self.base)
        return head + self.roots.astype("<u2").tobytes() + self.nodes.tobytes()


def read(path: Path) -> Table:
    everything = path.read_bytes()
    trees, nodes, base = struct.unpack_from("<IIf", everything)
    roots = np.frombuffer(everything, "<u2", trees, 12)
    return Table(np.float32(base), roots, np.frombuffer(everything, NODE, nodes, 12 + 2 * trees))


def exported(model: HistGradientBoostingClassifier) -> Table:
    """What the model has grown, tree after tree, in single precision."""
    trees = [stage[0].nodes for stage in model._predictors]
    roots = np.concatenate([[0], np.cumsum([len(tree) for tree in trees])[:-1]])
    nodes = np.concatenate([converted(tree, root) for tree, root in zip(trees, roots)])
    return Table(np.float32(np.ravel(model._baseline_prediction)[0]), roots.astype("<u2"), nodes)


def converted(tree: np.ndarray, root: int) -> np.ndarray:
    leaf = tree["is_leaf"].astype(bool)
    nodes = np.zeros(len(tree), NODE)
    nodes["number"] = np.where(leaf, tree["value"], rounded_down(tree["num_threshold"]))
    nodes["feature"] = np.where(leaf, LEAF, tree["feature_idx"])
    nodes["missing_left"] = np.where(leaf, 0, tree["missing_go_to_left"])
    nodes["left"] = np.where(leaf, 0, root + tree["left"].astype(int))
    nodes["right"] = np.where(leaf, 0, root + tree["right"].astype(int))
    return nodes


def rounded_down(thresholds: np.ndarray) -> np.ndarray:
    """To the single-precision number below, so that no feature changes sides; a split off of missing values is no number."""
    most = np.finfo(np.float32).max
    nearest = np.clip(thresholds, -most, most).astype(np.float32)
    return np.where(nearest > thresholds, np.nextafter(nearest, np.float32(-np.inf)), nearest)
