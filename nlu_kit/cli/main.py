"""The ``nlu-kit`` command: finds its subcommands without importing them, and turns every error into an exit code.

Exit codes: 0 done, 1 a fault of ours (or of disk or memory), or a threshold or a contract that was not met, 2 a mistake
that the user can mend, 130 interrupted.
"""

from __future__ import annotations

import io
import os
import signal
import sys
import traceback
from collections.abc import Sequence

import click

from nlu_kit import __version__
from nlu_kit.cli.lazy import LazyGroup
from nlu_kit.cli.output import prepare_streams, warn
from nlu_kit.errors import NluKitError
from nlu_kit.memory import is_short
from nlu_kit.process import own_process
from nlu_kit.stdout import silence

DEBUG_VARIABLE = "NLU_KIT_DEBUG"

HELP = """Intents and entities with one shared sentence-transformer, composed from plugins.

\b
Example:
  nlu-kit init my-bot && cd my-bot
  nlu-kit train pipeline.json
  nlu-kit predict "book a table in Paris"
"""

cli = LazyGroup(
    "nlu-kit",
    help=HELP,
    context_settings={"help_option_names": ["-h", "--help"]},
    # name -> (module, attribute, short help): `nlu-kit --help` imports none of them
    lazy={
        "init": ("nlu_kit.cli.init", "command", "Write a pipeline.json and starter data to begin with."),
        "config": ("nlu_kit.cli.config", "command", "Check a pipeline, show it in full, or write its JSON schema."),
        "train": ("nlu_kit.cli.train", "command", "Train a pipeline and write its model folder."),
        "pretrain": ("nlu_kit.cli.pretrain", "command", "Teach an encoder before any task, and write its folder."),
        "compare": ("nlu_kit.cli.compare", "command", "Train a grid of settings and seeds, and say what is better."),
        "evaluate": ("nlu_kit.cli.evaluate", "command", "Measure a trained model, or a pipeline by cross-validation."),
        "diff": ("nlu_kit.cli.diff", "command", "Compare two models: which utterances got better, which worse."),
        "export": ("nlu_kit.cli.export", "command", "Write a model's graph, with which it predicts without torch."),
        "predict": ("nlu_kit.cli.predict", "command", "Parse texts with a trained model."),
        "serve": ("nlu_kit.cli.serve", "command", "Answer over HTTP, also as Rasa does, with a page to try it."),
        "runs": ("nlu_kit.cli.runs", "command", "List the runs and how they ended; finish one, clean up."),
        "plugins": ("nlu_kit.cli.plugins", "command", "List, explain and check components; write your own plugin."),
    },
)
click.version_option(__version__, prog_name="nlu-kit", message="%(prog)s %(version)s")(cli)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line (``sys.argv`` when no arguments are given) and return the exit code. Never raises."""
    prepare_streams()
    try:
        with own_process():
            return _flushed(_run(arguments))
    except BrokenPipeError:  # whoever reads has seen enough
        silence(sys.stdout)
        return 1


def _flushed(code: int) -> int:
    """A full disk or a closed pipe shows here rather than at interpreter exit, where it can't be caught."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        silence(sys.stdout)
        if code == 0:  # else something has been said already, most likely this
            warn(f"error: {_of_the_machine(error)}")
        return code or 1
    return code


def _run(arguments: Sequence[str] | None) -> int:
    try:
        result = cli.main(args=arguments, prog_name="nlu-kit", standalone_mode=False)
    except click.ClickException as error:
        said = io.StringIO()
        error.show(file=said)
        warn(said.getvalue().rstrip("\n"))
        return error.exit_code
    except (click.Abort, KeyboardInterrupt) as error:
        cause = error.__cause__ or error  # click wraps what it catches
        kept = getattr(cause, "said", "") or (str(error) if isinstance(error, click.Abort) else "")
        warn(f"interrupted; {kept}" if kept else "interrupted")
        return 128 + getattr(cause, "number", signal.SIGINT)
    except NluKitError as error:
        warn(f"error: {error}")
        return 2
    except BrokenPipeError:
        raise
    except SystemExit as error:  # click's answer to a closed pipe, or a command that knows its own code
        return error.code if isinstance(error.code, int) else int(error.code is not None)
    except Exception as error:  # noqa: BLE001 - the last line of defence
        return _unexpected(error)
    return result if isinstance(result, int) else 0


def _unexpected(error: Exception) -> int:
    if os.environ.get(DEBUG_VARIABLE) == "1":
        warn("".join(traceback.format_exception(error)).rstrip("\n"))
    elif fault := _of_the_machine(error):
        warn(f"error: {fault}")
    else:
        text = " ".join(f"{type(error).__name__}: {error}".split())
        hint = f"set {DEBUG_VARIABLE}=1 to see the traceback"
        warn(f"error: {text} (a bug in nlu-kit or in a plugin, please report it; {hint})")
    return 1


def _of_the_machine(error: Exception) -> str:
    """What to say of a full disk or memory, which is no bug; empty for anything else.

    Classes of torch and safetensors are told by name, because neither may be loaded for this.
    """
    names = {cls.__name__ for cls in type(error).__mro__}
    if isinstance(error, OSError):
        said = error.strerror or str(error) or type(error).__name__
        return said if error.filename is None else f"{said}: {error.filename}"
    if is_short(error):
        hint = (
            "set a smaller training.batch_size, or a larger training.gradient_accumulation (same result, less memory)"
        )
        return f"out of memory; when training, {hint}"
    if "SafetensorError" in names and "I/O error" in str(error):
        return " ".join(str(error).split())
    return ""


if __name__ == "__main__":
    sys.exit(main())
