"""Two threads that load at once leave the libraries' settings as they were before."""

from __future__ import annotations

import threading
from contextlib import ExitStack

import huggingface_hub.constants
from transformers.utils import logging

from nlu_kit_backbones.guard import offline
from nlu_kit_backbones.quiet import quiet


def test_settings_come_back_whoever_ends_first() -> None:
    def settings() -> tuple[object, ...]:
        return huggingface_hub.constants.HF_HUB_OFFLINE, logging.get_verbosity(), logging.is_progress_bar_enabled()

    before = settings()
    inside, leave = threading.Event(), threading.Event()

    def second() -> None:
        with offline(), quiet():
            inside.set()
            leave.wait(60)

    thread = threading.Thread(target=second)
    with ExitStack() as first:
        first.enter_context(quiet())
        first.enter_context(offline())
        assert settings() == (True, logging.ERROR, False)
        thread.start()
        inside.wait(0.1)  # it can't, while the first loads
        assert not inside.is_set()
    assert inside.wait(60)
    leave.set()
    thread.join()
    assert settings() == before
