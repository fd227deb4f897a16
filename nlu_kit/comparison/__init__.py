"""Compare pipelines: a grid of settings and seeds, each run in a process of its own, and what came of it."""
