"""The sections of report.json, each from what the analysis found. `calcscan.report.build` puts them together."""
