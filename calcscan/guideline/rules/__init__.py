"""The rules: read from their files, checked for safety, compiled, and ready to be asked."""
