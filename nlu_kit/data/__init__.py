"""Examples, label spaces, encodings and batches."""
