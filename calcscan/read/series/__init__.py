"""Slices → stacks → the one series to read, on its own grid."""
