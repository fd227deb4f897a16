"""Huge pages for large tensors on a CPU: fewer page faults, so a quicker step. No torch.

The embeddings' gradient (47 MB for all-MiniLM-L6-v2) is allocated anew in every step. In pages of 4 KB, filling it with
zeros costs more than AdamW does. benchmarks/huge_pages.py measures the difference.
"""

from __future__ import annotations

import os

VARIABLE = "THP_MEM_ALLOC_ENABLE"


def use_huge_pages() -> None:
    """Let torch ask Linux for them. To be called before torch is imported: it reads the variable once. What the user
    has set stays."""
    os.environ.setdefault(VARIABLE, "1")
