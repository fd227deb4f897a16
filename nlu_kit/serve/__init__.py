"""An HTTP server on the runtime without torch: one process a core, each with the models loaded."""
