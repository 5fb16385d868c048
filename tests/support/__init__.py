"""What several test files and benchmarks share: phantoms, faults, naive twins, cases."""
