"""Scores tables on rows that no tree has seen, and says how far they are apart.

    evaluate.py rows TABLE.bin            AUC, average precision and Brier score, by horizon and by family
    evaluate.py rows TABLE.bin OTHER.bin  the same of both, and how their probabilities differ; fails beyond the bounds
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import numpy as np
from sklearn.metrics import average_precision_score, roc_auc_score

import rows
import table
from families import FAMILIES

# Two tables from the same recipe may differ where a processor rounds the last bit in another way and a split moves. Drawing
# the rows anew that thresholds are chosen from, which moves all of them, changed the average precision by 0.0005 and a
# probability by 0.008 on average. Another recipe for the traces changed them by 0.005 and 0.015.
LOST_PRECISION, MEAN_DIFFERENCE = 0.003, 0.012


def probabilities(path: Path, asked: rows.Rows) -> np.ndarray:
    return 1 / (1 + np.exp(-table.read(path).log_odds(asked.features)))


def figures(killed: np.ndarray, stated: np.ndarray) -> str:
    base = killed.mean()
    brier = np.mean((stated - killed) ** 2)
    return (
        f"{len(killed):7d} rows, base rate {base:.3f}: AUC {roc_auc_score(killed, stated):.3f}, "
        f"AP {average_precision_score(killed, stated):.3f}, "
        f"Brier {brier:.4f}, skill {1 - brier / (base * (1 - base)):+.3f}"
    )


def report(asked: rows.Rows, stated: np.ndarray) -> None:
    print(f"all horizons  {figures(asked.killed, stated)}")
    for horizon in np.unique(asked.horizon_s):
        those = asked.horizon_s == horizon
        print(f"{horizon:10g} s  {figures(asked.killed[those], stated[those])}")
    for number, name in enumerate(FAMILIES):
        those = asked.family == number
        came, said = asked.killed[those].mean(), stated[those].mean()
        print(f"{name:20s} killed {came:.3f}, stated {said:.3f}, above one half {np.mean(stated[those] > 0.5):.3f}")


def apart(killed: np.ndarray, one: np.ndarray, other: np.ndarray) -> bool:
    """Whether the second table is worse than the first, or says other things."""
    lost = average_precision_score(killed, one) - average_precision_score(killed, other)
    difference = np.abs(one - other)
    print(
        f"the second loses {lost:+.4f} of AP (at most {LOST_PRECISION}); probabilities differ by {difference.mean():.4f} "
        f"on average (at most {MEAN_DIFFERENCE}), by {difference.max():.3f} at most"
    )
    return bool(lost > LOST_PRECISION or difference.mean() > MEAN_DIFFERENCE)


def main() -> None:
    parser = argparse.ArgumentParser(description="scores tables on rows that forecast-features wrote")
    parser.add_argument("rows", type=Path)
    parser.add_argument("tables", type=Path, nargs="+", metavar="TABLE.bin", help="one, or two to compare")
    given = parser.parse_args()
    names = json.loads(given.tables[0].with_suffix(".json").read_text())["features"]
    asked = rows.read(given.rows, len(names))
    stated = [probabilities(path, asked) for path in given.tables]
    for path, said in zip(given.tables, stated):
        print(path.name)
        report(asked, said)
    if len(stated) > 1 and apart(asked.killed, *stated[:2]):
        sys.exit("the tables differ by more than chance")


if __name__ == "__main__":
    main()
