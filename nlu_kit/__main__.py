"""``python -m nlu_kit``: the same command line as ``nlu-kit``, for torchrun and friends."""

from __future__ import annotations

import sys

from nlu_kit.cli.main import main

if __name__ == "__main__":  # worker processes import this module again
    sys.exit(main())
