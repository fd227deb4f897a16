"""Corpora: which reader reads a path, and what a pipeline names read and split."""
