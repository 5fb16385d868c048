"""What the guideline can be asked about itself: which facts it knows, and what stands behind an id."""
