"""Training: the trainer, its optimiser groups, schedule, precision, checkpoints and events."""
