"""Pixel data → Hounsfield units."""
