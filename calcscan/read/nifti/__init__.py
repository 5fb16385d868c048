"""NIfTI and Analyze files."""
