"""pipeline.json: its schema, loading with overrides, checking against what is installed, resolving."""
