"""Generates the traces that the table is trained on, and the questions asked of them, as one stream of numbers.

Everything on the stream is a little-endian u32, so that nothing depends on how a machine rounds:

    per trace      family, samples, questions, milliseconds from one sample to the next
    per sample     used pages, page cache, active part of it, 1 if the limit was hit since the last sample
    per question   number of the sample it is asked at, number of the horizon, 1 if the kill came within it

Pages are of a limit of 2^20. `forecast-features` reads this and writes the rows that `train.py` learns from.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from families import FAMILIES, SAFE, Use
from shapes import Life

LIMIT_PAGES = 1 << 20
HORIZONS_S = 7.5 * 2.0 ** np.arange(13)
QUESTIONS = 10
# Fewer samples than this say nothing of a horizon; a horizon near the whole life would nearly always be cut off by its end.
SAMPLES_OF_A_HORIZON, LARGEST_SHARE_OF_A_LIFE = 12, 0.7


@dataclass(frozen=True)
class Trace:
    """What was sampled until the kill or the end. Times are those of the samples: `step_ms` apart, from 0 on."""

    family: str
    step_ms: int
    duration_s: float
    used: np.ndarray
    cache: np.ndarray
    active: np.ndarray
    hits: np.ndarray
    killed_at_s: float | None

    @property
    def step_s(self) -> float:
        return self.step_ms / 1000


def seeded(family: str, seed: int) -> np.random.Generator:
    """Seeds by the place of the family's name, so that every trace can be made alone."""
    return np.random.default_rng([list(FAMILIES).index(family), seed])


def trace(family: str, seed: int) -> Trace:
    """One container of a family, from its start to its kill or its end."""
    life = Life.begin(seeded(family, seed))
    use = FAMILIES[family](life, life.uniform(0.08, 0.45))
    level = use.level * life.start() + use.noise * life.noise()
    if family in SAFE:
        level = below_the_limit(life, level, use)
    level = np.maximum(level, 0.004)
    wanted = life.flat(0.0) if use.cache is None else use.cache
    if life.chance(0.5):
        wanted = wanted + life.uniform(0, 0.3) * np.minimum(1, life.x / life.uniform(0.01, 0.5))
    over = np.flatnonzero(level >= 1)
    samples = int(over[0]) if over.size else int(np.searchsorted(life.x, use.ends, side="right"))
    cache, active, hits = reclaim(level, wanted, life.uniform(0, 0.9))
    return Trace(
        family,
        life.step_ms,
        life.duration_s,
        pages(level[:samples]),
        pages(cache[:samples]),
        pages(active[:samples]),
        hits[:samples].astype(np.uint32),
        samples * life.step_ms / 1000 if over.size else None,
    )


def below_the_limit(life: Life, level: np.ndarray, use: Use) -> np.ndarray:
    """Holds a safe family below its limit: whatever bounds it is not perfectly still there."""
    highest = life.uniform(0.935, 0.965) if use.noise == 1 else 0.998
    jitter = (0.01 if use.noise == 1 else 0.001) * np.abs(life.random.standard_normal(life.samples)).clip(0, 1)
    return np.where(level > highest, highest - jitter, level)


def reclaim(level: np.ndarray, wanted: np.ndarray, active_share: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The page cache takes what is free. While it wants more, each page it reads hits the limit and is made room for."""
    cache = np.minimum(wanted, np.maximum(0, 1 - level) * 0.998)
    hits = (level + wanted >= 0.998) & (np.diff(wanted + level, prepend=0) > 0)
    return cache, cache * active_share, hits


def pages(fraction: np.ndarray) -> np.ndarray:
    """Whole pages: coarse enough that the last bit of a sine of one processor or another is not seen."""
    return np.rint(fraction * LIMIT_PAGES).astype(np.uint32)


def questions(of: Trace, seed: int) -> np.ndarray:
    """Instants and horizons to learn from: only those whose end is inside the planned life, killed or not."""
    random, asked = np.random.default_rng([0x9E37, *seeded_key(of, seed)]), []
    last = len(of.used) - 1
    for number, horizon in enumerate(HORIZONS_S):
        if not SAMPLES_OF_A_HORIZON * of.step_s <= horizon <= LARGEST_SHARE_OF_A_LIFE * of.duration_s:
            continue
        first = max(6, len(of.used) // 100)
        final = min(last, int((of.duration_s - horizon) / of.step_s))
        if final > first:
            at = np.unique(random.integers(first, final + 1, QUESTIONS))
            asked.append(np.stack([at, np.full(at.size, number), kills(of, at, horizon)], axis=1))
    return np.concatenate(asked).astype(np.uint32) if asked else np.empty((0, 3), np.uint32)


def seeded_key(of: Trace, seed: int) -> tuple[int, int]:
    return list(FAMILIES).index(of.family), seed


def kills(of: Trace, at: np.ndarray, horizon: float) -> np.ndarray:
    """Whether the kill comes after the instant and within the horizon."""
    if of.killed_at_s is None:
        return np.zeros(at.size)
    ahead = of.killed_at_s - at * of.step_s
    return (ahead > 0) & (ahead <= horizon)


def encoded(of: Trace, seed: int) -> bytes:
    asked = questions(of, seed)
    head = [list(FAMILIES).index(of.family), len(of.used), len(asked), of.step_ms]
    samples = np.stack([of.used, of.cache, of.active, of.hits], axis=1)
    return b"".join(np.ascontiguousarray(part, "<u4").tobytes() for part in (np.array(head), samples, asked))


def stream(seeds: range) -> Iterator[bytes]:
    """Every family with every seed."""
    for family in FAMILIES:
        for seed in seeds:
            yield encoded(trace(family, seed), seed)


def main() -> None:
    parser = argparse.ArgumentParser(description="writes generated traces and their questions to stdout")
    parser.add_argument("first", type=int, help="first seed")
    parser.add_argument("last", type=int, help="seed after the last")
    seeds = parser.parse_args()
    for record in stream(range(seeds.first, seeds.last)):
        sys.stdout.buffer.write(record)


if __name__ == "__main__":
    main()
