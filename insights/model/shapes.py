"""The life of one container as generated: its clock, its random numbers, and the movements that families are made of.

Levels are fractions of the memory limit, times fractions of the life, so that a shape is the same in a minute and in a day.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.signal import lfilter

SHORTEST_S, LONGEST_S = 60.0, 86_400.0
SAMPLES_OF_A_LIFE = 600
FASTEST_S, SLOWEST_S = 0.1, 30.0


@dataclass(frozen=True)
class Life:
    """A container's planned life: `x` runs from 0 to 1 over it, one value for each sample."""

    random: np.random.Generator
    duration_s: float
    step_ms: int

    @staticmethod
    def begin(random: np.random.Generator) -> Life:
        """Draws how long it lives. Steps are whole milliseconds, so that every machine computes the same bucket of a time."""
        duration = math.exp(random.uniform(math.log(SHORTEST_S), math.log(LONGEST_S)))
        step = min(max(duration / SAMPLES_OF_A_LIFE, FASTEST_S), SLOWEST_S)
        return Life(random, duration, round(1000 * step))

    @property
    def step(self) -> float:
        """One sample's share of the life."""
        return self.step_ms / 1000 / self.duration_s

    @property
    def samples(self) -> int:
        return int(1 / self.step) + 1

    @property
    def x(self) -> np.ndarray:
        return np.arange(self.samples) * self.step

    def uniform(self, low: float, high: float) -> float:
        return float(self.random.uniform(low, high))

    def log_uniform(self, low: float, high: float) -> float:
        return math.exp(self.uniform(math.log(low), math.log(high)))

    def chance(self, probability: float) -> bool:
        return bool(self.random.random() < probability)

    def flat(self, level: float) -> np.ndarray:
        return np.full(self.samples, level)

    def work(self, jitter: float) -> np.ndarray:
        """How busy it is: 1 on average, constant for a fortieth of the life at a time, now and then idle."""
        busy = np.empty(0)
        while busy.size < self.samples:
            lengths = np.maximum(1, (self.random.exponential(1 / 40, 64) / self.step).astype(int))
            loads = np.maximum(0.03, 1 + jitter * self.random.standard_normal(64))
            loads[self.random.random(64) < 0.05] = 0.02
            busy = np.concatenate([busy, np.repeat(loads, lengths)])
        return busy[: self.samples]

    def grown(self, rate: np.ndarray) -> np.ndarray:
        """What a rate, in limits per life, has added up to."""
        return np.cumsum(rate) * self.step

    def noise(self) -> np.ndarray:
        """Allocations come and go: a first-order autoregression with a memory between 1/1000 and 1/20 of the life."""
        if not self.chance(0.8):
            return self.flat(0.0)
        memory, deviation = self.log_uniform(1e-3, 0.05), self.uniform(0, 0.03)
        kept = math.exp(-self.step / max(memory, self.step))
        shocks = self.random.standard_normal(self.samples) * deviation * math.sqrt(1 - kept * kept)
        before = kept * deviation * self.random.standard_normal()
        return lfilter([1], [1, -kept], shocks, zi=[before])[0]

    def start(self) -> np.ndarray:
        """The process loads itself in the first moments: 0 to 1."""
        return np.minimum(1, self.x / max(self.step, self.uniform(0.003, 0.03)))


def steps(x: np.ndarray, at: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """A staircase: rises by `sizes[i]` at `at[i]`, which are in order."""
    return np.concatenate([[0.0], np.cumsum(sizes)])[np.searchsorted(at, x)]


def logistic(x: np.ndarray, middle: float, width: float) -> np.ndarray:
    return 1 / (1 + np.exp(-np.clip((x - middle) / width, -50, 50)))


def wave(life: Life, period: float) -> np.ndarray:
    """A sine from 0 to 2 with a random phase."""
    return 1 + np.sin(2 * np.pi * (life.x / period + life.uniform(0, 1)))
