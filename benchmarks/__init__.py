"""What calcscan is measured with, by question; README.md has the questions and the figures.

Run each from the repository root, for example `python -m benchmarks.volume.synthetic --help`. Some use helpers of the
tests and of the atlas's build that import each other by their bare names, so those two folders are put on the path.
"""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path += [str(ROOT / folder) for folder in ("tests", "atlases")]
