"""`python -m calcscan` is the command `calcscan`."""

from __future__ import annotations

import sys

from calcscan.cli import main

if __name__ == "__main__":
    sys.exit(main())
