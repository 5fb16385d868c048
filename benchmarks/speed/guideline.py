"""How many cases a second does the guideline evaluate on one core?

    python -m benchmarks.speed.guideline [--seconds N]

Printed for four cases, from no facts at all to the findings of a whole head.
"""

from __future__ import annotations

import argparse
import json
import time
from typing import Any

from calcscan.guideline import recommend

SITES = (
    "basal_ganglia",
    "thalamus",
    "dentate",
    "cortex",
    "white_matter",
    "cerebellum",
    "brainstem",
    "dura",
    "vascular",
)
CASES: dict[str, dict[str, Any]] = {
    "nothing known": {},
    "one finding": {"findings": [{"site": "basal_ganglia", "present": True}]},
    "one person in full": {
        "age_years": 52,
        "sex": "M",
        "findings": [{"site": "dura", "present": True, "bilateral": True, "isolated": True, "volume_mm3": 120}],
        "imaging": {"white_matter_lesions": False, "atrophy": False},
        "symptoms": {"asymptomatic": False, "headache": True, "positional_headache": True},
        "labs": {
            "calcium": {"value": 1.9, "unit": "mmol/L"},
            "phosphate": "high",
            "pth": {"value": 8, "unit": "pg/mL"},
        },
        "egfr": 28,
        "conditions": {"chronic_kidney_disease": True, "dialysis": False},
        "family_history": False,
    },
    "a whole scan": {
        "age_years": 71,
        "findings": [
            {"site": site, "present": True, "bilateral": True, "symmetric": False, "multiple": True, "volume_mm3": 90}
            for site in SITES
        ],
    },
}


def rate(facts: dict[str, Any], seconds: float) -> float:
    """Evaluations a second: reading the facts, all rules, and the result as plain data."""
    recommend(facts).to_dict()
    count, start = 0, time.process_time()
    while (spent := time.process_time() - start) < seconds:
        for _ in range(50):
            recommend(facts).to_dict()
        count += 50
    return count / spent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=2.0)
    seconds = parser.parse_args().seconds
    for name, facts in CASES.items():
        size = len(json.dumps(recommend(facts).to_dict()))
        print(f"{name:20} {rate(facts, seconds):8.0f} evaluations/s  ({size / 1000:.0f} kB of JSON each)")


if __name__ == "__main__":
    main()
