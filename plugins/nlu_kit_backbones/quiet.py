"""Loading without transformers' own progress bars and load reports: only nlu-kit's command line prints."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from logging import ERROR

from transformers.utils import logging

loading = threading.RLock()
"""Held around whatever changes a library's settings and puts them back: of two threads that do it at once, the second
would take the first one's for those that were there before, and leave them for good."""


@contextmanager
def quiet() -> Iterator[None]:
    """Errors only, no bars; as it was before afterwards."""
    with loading:
        verbosity, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
        logging.set_verbosity(ERROR)
        logging.disable_progress_bar()  # type: ignore[no-untyped-call]
        try:
            yield
        finally:
            logging.set_verbosity(verbosity)
            if bars:
                logging.enable_progress_bar()  # type: ignore[no-untyped-call]
