"""The rows that `forecast-features` writes: family, horizon, answer and the product's own features."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from families import FAMILIES, SAFE
from generate import HORIZONS_S


@dataclass(frozen=True)
class Rows:
    family: np.ndarray
    horizon_s: np.ndarray
    killed: np.ndarray
    features: np.ndarray

    @property
    def safe(self) -> np.ndarray:
        """Whether the row is of a family that never meets its limit."""
        names = list(FAMILIES)
        return np.isin(self.family, [names.index(name) for name in SAFE])


def read(path: Path, features: int) -> Rows:
    everything = np.fromfile(path, "<f4")
    if everything.size == 0 or everything.size % (3 + features):
        raise SystemExit(f"{path} is cut short or empty: run generate.py into forecast-features again")
    everything = everything.reshape(-1, 3 + features)
    family, horizon, killed = everything[:, :3].astype(int).T
    return Rows(family, HORIZONS_S[horizon], killed, everything[:, 3:])
