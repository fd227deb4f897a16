"""Many runs of one pipeline: the grid, what each run is known by, and the processes that do the work."""
