"""Who hears of a run: the recorder, the callbacks that its pipeline names, those of whoever called."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

from nlu_kit.config.pipeline import Pipeline
from nlu_kit.plugin.contracts import Callback, CallbackContext
from nlu_kit.training.recorder import Recorder

HEARD = ("on_run_start", "on_step_end", "on_epoch_end", "on_run_end")


def checked(callbacks: Iterable[Callback]) -> list[Callback]:
    """Raises TypeError for what can't hear of a run, before the run."""
    if not isinstance(callbacks, Iterable):
        raise TypeError(f"callbacks must be a list of callbacks, got {type(callbacks).__name__}")
    listening = list(callbacks)
    for callback in listening:
        missing = [name for name in HEARD if not callable(getattr(callback, name, None))]
        if missing or isinstance(callback, type):
            what = f"has no {', '.join(missing)}" if missing else "is a class, not an object of it"
            raise TypeError(f"callbacks: {callback!r} {what}")
    return listening


def all_listeners(pipeline: Pipeline, recorder: Recorder, callbacks: Sequence[Callback]) -> list[Callback]:
    """In the order in which they hear: what is recorded is on disk before anybody else can fail."""
    context = CallbackContext(run_dir=recorder.log_file.parent)
    built: list[Callback] = [callback.make(context) for callback in pipeline.callbacks]
    return [recorder, *built, *callbacks]


def notifiers(listeners: Sequence[Callback]) -> dict[str, Callable[[Any], None]]:
    """By the name of the method: what to call with an event for each of them to hear it."""

    def notify(method: str, event: Any) -> None:
        for listener in listeners:
            getattr(listener, method)(event)

    return {method: partial(notify, method) for method in HEARD}
