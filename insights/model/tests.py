"""What must hold of the generated traces and of the table, whatever the table learns from them."""

from __future__ import annotations

import tempfile
import unittest
from pathlib import Path

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier

import generate
import table
from families import FAMILIES, MAY_KILL, SAFE

SEEDS = range(40)


def traces(names: dict) -> list[generate.Trace]:
    return [generate.trace(name, seed) for name in names for seed in SEEDS]


class Traces(unittest.TestCase):
    def test_safe_families_never_meet_their_limit(self) -> None:
        for trace in traces(SAFE):
            self.assertIsNone(trace.killed_at_s, trace.family)
            self.assertLess(trace.used.max(), generate.LIMIT_PAGES, trace.family)

    def test_every_other_family_meets_it_in_some_lives(self) -> None:
        for name in MAY_KILL:
            killed = sum(generate.trace(name, seed).killed_at_s is not None for seed in SEEDS)
            self.assertGreater(killed, 0, name)

    def test_use_and_cache_fit_under_the_limit(self) -> None:
        for trace in traces(FAMILIES):
            self.assertLessEqual(int((trace.used + trace.cache).max()), generate.LIMIT_PAGES, trace.family)
            self.assertTrue((trace.active <= trace.cache).all(), trace.family)

    def test_a_trace_depends_on_its_seed_alone(self) -> None:
        one = [generate.encoded(generate.trace(name, 3), 3) for name in FAMILIES]
        other = [generate.encoded(generate.trace(name, 3), 3) for name in reversed(FAMILIES)]
        self.assertEqual(one, other[::-1])
        self.assertNotEqual(one[0], generate.encoded(generate.trace("leak-linear", 4), 4))


class Questions(unittest.TestCase):
    def test_each_ends_inside_the_planned_life_and_is_answered_by_the_kill(self) -> None:
        for trace in traces(FAMILIES):
            for sample, number, answer in generate.questions(trace, 0):
                at, horizon = sample * trace.step_s, generate.HORIZONS_S[number]
                self.assertLess(sample, len(trace.used))
                self.assertLessEqual(at + horizon, trace.duration_s)
                killed = trace.killed_at_s is not None and at < trace.killed_at_s <= at + horizon
                self.assertEqual(bool(answer), killed)


class Tables(unittest.TestCase):
    def test_a_table_says_what_the_model_says_also_on_its_thresholds(self) -> None:
        random = np.random.default_rng(0)
        features = random.standard_normal((4000, 3)).astype(np.float32)
        features[random.random(features.shape) < 0.2] = np.nan
        killed = np.nan_to_num(features[:, 0]) + random.standard_normal(4000) > 1
        model = HistGradientBoostingClassifier(max_iter=20, max_leaf_nodes=12, random_state=0).fit(features, killed)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "table.bin"
            path.write_bytes(table.exported(model).written())
            read = table.read(path)
        inner = read.nodes[read.nodes["feature"] != table.LEAF]
        on_thresholds = np.repeat(inner["number"][:, None], 3, axis=1)
        for rows in (features, on_thresholds):
            np.testing.assert_allclose(read.log_odds(rows), model.decision_function(rows), atol=1e-5)


if __name__ == "__main__":
    unittest.main()
