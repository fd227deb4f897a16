"""Figures: classification, spans, sentence exact match. All in [0, 1]."""
