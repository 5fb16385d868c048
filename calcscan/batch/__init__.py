"""Many studies, each in a process of its own, so that what breaks one leaves the others alone.

discover  folder → studies, and what is left out (people: whose is whose; names; lists)
status    what is known of a study's last run, beside its results
table     batch.csv and left_out.csv
work      one study, inside its process
processes the local runner: starts, watches and ends those processes
run       run_batch: puts them together, and the table of all
"""

from __future__ import annotations

from calcscan.batch.run import BatchResult, run_batch

__all__ = ["BatchResult", "run_batch"]
