"""Many studies, each in its own process, so that a failure affects one study only.

discover  folder → studies, and what is left out (archives, joins, people, drafts, names, lists)
bids      a BIDS dataset as input: what is wanted of it, and whose scans they are (participants)
contexts  what is known of the people, from a table of the user's own
own_files   label maps of the user's own: which belongs to which study
status    how a study's last run ended, stored beside its results
table     batch.csv, lesions.csv, sites.csv and left_out.csv (columns: what they hold)
derivatives  the same results as a BIDS derivative
renew     tables and derivative after a review of one study (place: where its results lie)
work      one study, inside its process
processes the local runner: starts, watches and ends those processes
run       run_batch: all of these in order
"""

from __future__ import annotations

from calcscan.batch.run import BatchResult, run_batch

__all__ = ["BatchResult", "run_batch"]
