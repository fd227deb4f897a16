"""The parameters of the readers: there are none yet."""

from __future__ import annotations

from nlu_kit.plugin import Params


class JsonlParams(Params):
    """``jsonl`` has no parameters."""


class ParallelParams(Params):
    """``parallel`` has no parameters."""
