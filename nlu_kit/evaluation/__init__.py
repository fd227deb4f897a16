"""Evaluate a trained model: figures with their intervals, calibration, errors, cost; two models; folds."""
