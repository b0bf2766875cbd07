"""The 26 kinds of memory use: 13 that may meet their limit and 13 that never do.

A family draws its parameters and returns a level, and a page cache where it has one. Noise, the start, the kill and the
bound of the safe families are the generator's. Each has a real cause; the figures are the range in which that cause is seen.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from shapes import Life, logistic, steps, wave


@dataclass(frozen=True)
class Use:
    """Memory that cannot be given back, and what the page cache would take if there were room, both in limits."""

    level: np.ndarray
    cache: np.ndarray | None = None
    noise: float = 1.0
    ends: float = 1.0


Family = Callable[[Life, float], Use]


def leak_linear(life: Life, base: float) -> Use:
    rate = (1 - base) / life.uniform(0.25, 1.1)
    return Use(base + life.grown(rate * life.work(life.uniform(0.05, 0.7))))


def leak_onset(life: Life, base: float) -> Use:
    """A release or a feature flag begins to leak in the middle of a life."""
    onset = life.uniform(0.05, 0.6)
    rate = (1 - base) / (life.uniform(0.25, 1.0) * (1 - onset))
    return Use(base + life.grown(rate * (life.x >= onset) * life.work(life.uniform(0.05, 0.7))))


def leak_accelerating(life: Life, base: float) -> Use:
    """Retries hold what they retry: growth that feeds itself."""
    steepness, end = life.uniform(2, 6), life.uniform(0.4, 1.05)
    curve = np.expm1(steepness * life.x) / np.expm1(steepness * end) * (1 - base)
    return Use(base + np.cumsum(np.diff(curve, prepend=0) * life.work(life.uniform(0.05, 0.7))))


def leak_steps(life: Life, base: float) -> Use:
    """Each job of a queue leaves something behind."""
    count = int(life.random.integers(6, 60))
    at = np.sort(life.random.uniform(life.uniform(0, 0.3), life.uniform(0.6, 1), count))
    sizes = life.random.uniform(0.4, 1.6, count)
    return Use(base + steps(life.x, at, sizes * (1 - base) * life.uniform(0.9, 1.6) / sizes.sum()))


def leak_daily(life: Life, base: float) -> Use:
    """A leak that follows the traffic of the day."""
    period, onset = life.uniform(0.15, 0.6), life.uniform(0.05, 0.6)
    rate = (1 - base) / (life.uniform(0.25, 1.0) * (1 - onset)) * wave(life, period)
    grown = life.grown(rate * (life.x >= onset) * life.work(life.uniform(0.05, 0.7)))
    return Use(base + grown + life.uniform(0.02, 0.1) * wave(life, period))


def leak_beside_a_cache(life: Life, base: float) -> Use:
    rate = (1 - base) / life.uniform(0.25, 1.0)
    cache = np.minimum(1, life.grown(life.work(0.5)) * life.uniform(2, 20))
    return Use(base + life.grown(rate * life.work(life.uniform(0.05, 0.7))), cache)


def collections(life: Life, height: float) -> np.ndarray:
    """The saw of a garbage-collected heap: young collections, and a full one after some of them."""
    cycles = life.grown(life.work(0.4)) / life.log_uniform(0.004, 0.08)
    young = height * (cycles % 1) ** life.uniform(0.7, 1.3)
    return young + height * life.uniform(0, 0.6) * ((cycles / int(life.random.integers(5, 12))) % 1)


def committed(level: np.ndarray, chunk: float) -> np.ndarray:
    """A heap is enlarged by whole chunks and not given back, whatever is free inside of it."""
    return np.ceil(np.maximum.accumulate(level) / chunk) * chunk


def heap(life: Life, live: np.ndarray, height: float) -> np.ndarray:
    """What a collected heap takes for what is live in it; half of them keep what they once took."""
    used = live + collections(life, height)
    return committed(used, life.log_uniform(0.003, 0.2)) if life.chance(0.5) else used


def heap_leak(life: Life, base: float) -> Use:
    height = life.log_uniform(0.04, 0.5)
    rate = max(0.1, 1 - base - height) / life.uniform(0.25, 1.05)
    held = rate * np.maximum(0, life.x - life.uniform(0, 0.3))
    return Use(heap(life, base + held, height))


def heap_stable(life: Life, base: float) -> Use:
    held = life.uniform(0, 0.25) * -np.expm1(-life.x / life.uniform(0.01, 0.1))
    level = heap(life, base + held, life.log_uniform(0.04, 0.5))
    return Use(np.minimum(level, life.uniform(0.7, 0.96)))


def bursts(life: Life, base: float, peak: float, growth: float, highest: float) -> np.ndarray:
    """Batches that allocate for a while and give all back; the peak of the next is higher by `growth`."""
    period = life.log_uniform(0.02, 0.25)
    spread = life.uniform(0.02, 0.2) * (peak - base)
    rise = max(life.step, period * life.uniform(0.01, 0.2)) / max(peak - base, 0.1)
    level, begin, number = life.flat(base), life.uniform(0, period), 0
    while begin < 1:
        end = begin + period * life.uniform(0.15, 0.6)
        top = peak + spread * life.random.standard_normal() + growth * period / 0.1 * number
        on = slice(int(begin / life.step), int(end / life.step))
        level[on] = np.minimum(max(min(top, highest), base), base + (life.x[on] - begin + life.step) / rise)
        begin, number = max(begin + period * life.uniform(0.7, 1.3), end + 0.02 * period), number + 1
    return level


def bursts_growing(life: Life, base: float) -> Use:
    return Use(bursts(life, base, life.uniform(0.35, 0.6), life.uniform(0.02, 0.4), np.inf))


def bursts_stable(life: Life, base: float) -> Use:
    return Use(bursts(life, base, life.uniform(0.4, 0.88), 0.0, 0.95))


def recycled(life: Life, base: float, top: float, growth: float, highest: float) -> np.ndarray:
    """Workers that grow and are replaced when they are large; what is large grows by `growth` each time."""
    grown = life.grown((top - base) / life.log_uniform(0.04, 0.5) * life.work(life.uniform(0.05, 0.7)))
    level, begin = np.empty(life.samples), 0
    while begin < life.samples:
        bound = min(top * (1 + 0.04 * life.random.standard_normal()), highest)
        given_back = grown[begin - 1] if begin else 0.0
        end = max(begin + 1, int(np.searchsorted(grown, given_back + bound - base, side="right")))
        level[begin:end] = base + grown[begin:end] - given_back
        begin, top = end, top * (1 + growth)
    return level


def recycled_growing(life: Life, base: float) -> Use:
    return Use(recycled(life, base, life.uniform(0.45, 0.7), life.uniform(0.03, 0.15), np.inf))


def recycled_stable(life: Life, base: float) -> Use:
    return Use(recycled(life, base, life.uniform(0.55, 0.93), 0.0, 0.96))


def forks(life: Life, begins: np.ndarray, ends: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """What processes hold that live from `begins` to `ends`."""
    change = np.zeros(life.samples + 1)
    np.add.at(change, np.minimum(np.ceil(begins / life.step).astype(int), life.samples), sizes)
    np.add.at(change, np.minimum(np.ceil(ends / life.step).astype(int), life.samples), -sizes)
    return np.cumsum(change)[: life.samples]


def forks_growing(life: Life, base: float) -> Use:
    """Children that are never ended."""
    size = life.uniform(0.015, 0.06)
    rate = (1 - base) / size / life.uniform(0.3, 1.0)
    begins = np.cumsum(life.random.exponential(1 / rate, int(1.2 * rate) + 50))
    sizes = size * life.random.uniform(0.5, 1.5, begins.size)
    return Use(base + forks(life, begins, np.full(begins.size, 2.0), sizes))


def forks_stable(life: Life, base: float) -> Use:
    """A bounded pool of children: one is only begun when another has ended."""
    size, alive_for = life.uniform(0.015, 0.06), life.uniform(0.01, 0.1)
    most = max(1, int(life.uniform(0.3, 0.8) / size))
    rate = 0.8 * most / alive_for
    begins = np.cumsum(life.random.exponential(1 / rate, int(1.2 * rate) + 50))
    ends = begins + alive_for * life.random.uniform(0.5, 1.5, begins.size)
    admitted, alive = [], []
    for child, begin in enumerate(begins):
        alive = [end for end in alive if end > begin]
        if len(alive) < most:
            alive.append(ends[child])
            admitted.append(child)
    sizes = size * life.random.uniform(0.5, 1.5, len(admitted))
    return Use(np.minimum(base + forks(life, begins[admitted], ends[admitted], sizes), 0.95))


def spike(life: Life, base: float) -> Use:
    """One request that asks for everything. Nothing foretells it, and the table must learn just that."""
    at, width = life.uniform(0.2, 0.95), max(2 * life.step, life.uniform(0.0005, 0.01))
    return Use(life.uniform(0.15, 0.7) + np.maximum(0, (life.x - at) / width))


def walk(life: Life, base: float) -> Use:
    shocks = np.cumsum(life.random.standard_normal(life.samples)) * np.sqrt(life.step)
    return Use(np.maximum(base + 0.1 + life.uniform(-0.2, 0.8) * life.x + life.uniform(0.1, 0.6) * shocks, 0.03))


def warm_up_too_large(life: Life, base: float) -> Use:
    """It would level off, if only above the limit."""
    return Use(base + (life.uniform(1.02, 1.4) - base) * -np.expm1(-life.x / life.uniform(0.05, 0.4)))


def warming(life: Life) -> np.ndarray:
    """From 0 to 1 and then no more: classes are loaded, caches and pools fill."""
    begin = life.uniform(0, 0.4)
    since = np.maximum(0, life.x - begin)
    match int(life.random.integers(6)):
        case 0:
            return -np.expm1(-since / life.uniform(0.03, 0.25))
        case 1:
            work = life.work(life.uniform(0.05, 0.7)) * (life.x >= begin)
            return np.minimum(1, life.grown(work) / life.uniform(0.1, 0.6))
        case 2:
            count = int(life.random.integers(4, 20))
            at = np.sort(begin + life.random.uniform(0, life.uniform(0.1, 0.5), count))
            return steps(life.x, at, np.full(count, 1 / count))
        case 3:
            return logistic(life.x, begin + 0.15, life.uniform(0.01, 0.06))
        case 4:
            return np.minimum(1, since / life.uniform(0.05, 0.5))
        case _:
            return slower_and_slower(life)


def slower_and_slower(life: Life) -> np.ndarray:
    """Straight pieces from the start on, each flatter than the one before."""
    pieces = int(life.random.integers(2, 6))
    at = np.concatenate([[0], np.cumsum(life.random.uniform(0.3, 1, pieces))])
    gains = life.uniform(0.2, 0.7) ** np.arange(pieces)
    at *= life.uniform(0.05, 0.6) / at[-1]
    return np.interp(life.x, at, np.concatenate([[0], np.cumsum(gains)]) / gains.sum())


def warm_up(low: float, high: float) -> Family:
    """It levels off between `low` and `high`."""

    def family(life: Life, base: float) -> Use:
        level = life.uniform(low, high)
        return Use((begin := min(base, level - 0.2)) + (level - begin) * warming(life))

    return family


def sine(life: Life, base: float) -> Use:
    peak = life.uniform(0.55, 0.94)
    base = min(base, peak - 0.1)
    return Use(base + (peak - base) / 2 * wave(life, life.uniform(0.15, 1.0)))


def steady(life: Life, base: float) -> Use:
    return Use(life.flat(life.uniform(0.1, 0.85)))


def page_cache(life: Life, base: float) -> Use:
    """Reads and writes files until the limit is full of pages that can be given back."""
    return Use(life.flat(life.uniform(0.1, 0.65)), life.grown(life.work(0.6)) * life.uniform(1, 30))


def near_limit(life: Life, base: float) -> Use:
    """Sized to the last megabyte, and well. Where hardly any room is left, what reads many files would not live."""
    if life.chance(0.05):
        return Use(life.flat(life.uniform(0.96, 0.996)), noise=0.03)
    cache = life.grown(life.work(0.6)) * life.uniform(2, 30) if life.chance(0.6) else None
    return Use(life.flat(life.uniform(0.84, 0.96)), cache, noise=0.2)


def level_shift(life: Life, base: float) -> Use:
    """A heap that is enlarged under load and keeps its size; tables that are loaded once."""
    level = life.flat(life.uniform(0.1, 0.4))
    for _ in range(int(life.random.integers(1, 4))):
        level += life.uniform(0.05, 0.22) * logistic(life.x, life.uniform(0.1, 0.9), life.uniform(0.0005, 0.02))
    return Use(np.minimum(level, 0.93))


def leak_that_ends(life: Life, base: float) -> Use:
    """It grows as a leak does until the job is done, or until it is given back."""
    end, top = life.uniform(0.3, 0.9), life.uniform(0.5, 0.93)
    level = base + (top - base) * np.minimum(1, life.x / end)
    after = base + (top - base) * np.maximum(0, life.x - end) / end * life.uniform(0, 1)
    if life.chance(0.3):
        return Use(level, ends=end)
    return Use(np.minimum(np.where(life.x > end, after, level), 0.95))


MAY_KILL: dict[str, Family] = {
    "leak-linear": leak_linear,
    "leak-onset": leak_onset,
    "leak-accelerating": leak_accelerating,
    "leak-steps": leak_steps,
    "leak-daily": leak_daily,
    "leak-beside-a-cache": leak_beside_a_cache,
    "heap-leak": heap_leak,
    "bursts-growing": bursts_growing,
    "recycled-growing": recycled_growing,
    "forks-growing": forks_growing,
    "spike": spike,
    "walk": walk,
    "warm-up-too-large": warm_up_too_large,
}

SAFE: dict[str, Family] = {
    "warm-up-60": warm_up(0.55, 0.62),
    "warm-up-80": warm_up(0.75, 0.82),
    "warm-up-95": warm_up(0.89, 0.96),
    "heap-stable": heap_stable,
    "bursts-stable": bursts_stable,
    "recycled-stable": recycled_stable,
    "sine": sine,
    "steady": steady,
    "page-cache": page_cache,
    "near-limit": near_limit,
    "forks-stable": forks_stable,
    "level-shift": level_shift,
    "leak-that-ends": leak_that_ends,
}

FAMILIES: dict[str, Family] = MAY_KILL | SAFE
