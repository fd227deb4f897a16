"""Teach an encoder before any task: from pretrain.json to a folder that a backbone can begin at."""
