"""Grows the table of trees from the rows of generated traces, and writes it with the names of its features.

    generate.py 0 420 | forecast-features >rows
    forecast-features --names >names
    train.py rows names oom.bin

One thread, because sums of several are added up in another order and the last bit of a leaf would depend on the machine.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import platform
from pathlib import Path

import numpy as np
import scipy
import sklearn
from sklearn.ensemble import HistGradientBoostingClassifier
from threadpoolctl import threadpool_limits

import rows
import table

TREES, LEAVES, LEARNING_RATE, ROWS_OF_A_LEAF, SHRINKAGE = 150, 12, 0.12, 300, 1.0
# An alarm on a container that is well costs more than a missed one on a container that may be: most are well.
WEIGHT_OF_SAFE = 2.0
# The forecast never falls when the first-passage probability, the use or the share of past horizons that grew by the
# distance grow, and never rises with the distance.
RISES_WITH = ("u", "ig_q", "igm_q", "ig_h", "igm_h", "fge")
FALLS_WITH = ("d",)


def grown(learned: rows.Rows, names: list[str]) -> table.Table:
    model = HistGradientBoostingClassifier(
        max_iter=TREES,
        learning_rate=LEARNING_RATE,
        max_leaf_nodes=LEAVES,
        min_samples_leaf=ROWS_OF_A_LEAF,
        l2_regularization=SHRINKAGE,
        monotonic_cst=[(name in RISES_WITH) - (name in FALLS_WITH) for name in names],
        early_stopping=False,
        random_state=0,
    )
    with threadpool_limits(limits=1):
        model.fit(learned.features, learned.killed, sample_weight=np.where(learned.safe, WEIGHT_OF_SAFE, 1.0))
    return table.exported(model)


def provenance(learned: rows.Rows, names: list[str], grown_table: table.Table) -> dict:
    """What the table is, and what it was made with."""
    return {
        "features": names,
        "rises_with": RISES_WITH,
        "falls_with": FALLS_WITH,
        "trees": len(grown_table.roots),
        "nodes": len(grown_table.nodes),
        "rows": len(learned.killed),
        "killed": int(learned.killed.sum()),
        "versions": {
            "python": platform.python_version(),
            "numpy": np.__version__,
            "scipy": scipy.__version__,
            "scikit-learn": sklearn.__version__,
        },
        "sha256": hashlib.sha256(grown_table.written()).hexdigest(),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description="grows the table of trees")
    parser.add_argument("rows", type=Path, help="what forecast-features wrote")
    parser.add_argument("names", type=Path, help="what forecast-features --names wrote")
    parser.add_argument("table", type=Path, help="where the table goes; its description goes beside it, as .json")
    given = parser.parse_args()
    names = given.names.read_text().split()
    missing = set(RISES_WITH + FALLS_WITH) - set(names)
    if missing:
        raise SystemExit(f"forecast-features has no feature {', '.join(sorted(missing))}: name it anew in train.py")
    learned = rows.read(given.rows, len(names))
    trained = grown(learned, names)
    given.table.write_bytes(trained.written())
    given.table.with_suffix(".json").write_text(json.dumps(provenance(learned, names, trained), indent=1) + "\n")


if __name__ == "__main__":
    main()
