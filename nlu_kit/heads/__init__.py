"""Heads: the contract of both halves, and the families that supply all that heads of one shape do alike."""
