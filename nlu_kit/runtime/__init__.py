"""Prediction: the same model folder, the same result type, whatever the runtime."""
