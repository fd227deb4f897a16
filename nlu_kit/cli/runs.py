"""``nlu-kit runs``: what was trained, how it ended, and what can be done about it."""

from __future__ import annotations

from pathlib import Path

import click

from nlu_kit.cli.lazy import Group
from nlu_kit.cli.options import load_registry
from nlu_kit.cli.output import mention, say
from nlu_kit.data.printable import one_line
from nlu_kit.errors import DataError, NluKitError
from nlu_kit.extras import needs_train
from nlu_kit.training.folders import MODEL
from nlu_kit.training.runs import Run, list_runs, removable, remove

_FOLDER = click.Path(path_type=Path, file_okay=False)
runs_option = click.option(
    "--runs", type=_FOLDER, default=Path("runs"), show_default=True, help="The folder that the runs are in."
)


@click.group("runs", cls=Group, invoke_without_command=True)
@runs_option
@click.pass_context
def command(context: click.Context, runs: Path) -> None:
    """List the runs, the newest first: how each ended, its epochs, its figures and its size.

    \b
    Examples:
      nlu-kit runs
      nlu-kit runs finish runs/20260131-120000-my-bot
      nlu-kit runs clean
    """
    context.obj = runs
    if context.invoked_subcommand is not None:
        return
    found = list_runs(runs)
    if not found:
        raise DataError(f"there is no run in {runs}: nlu-kit train makes one, or name another folder with --runs")
    width = max(len(run.folder.name) for run in found)
    for run in found:
        name = one_line(run.folder.name)
        say(f"{name:<{width}}  {run.state:<11}  {run.epochs:>4} epochs  {_size(run):>8}  {_figures(run)}")
    for run in found:
        if ways := _ways_on(run):
            mention(f"{run.folder.name}: {ways}")


def _ways_on(run: Run) -> str:
    """What can be done about it, as commands."""
    if run.state in ("training", "finished"):
        return ""
    again = " begins it again" if run.resumable == "start" else ""
    command = "train" if run.makes == MODEL else "pretrain"
    ways = [f"nlu-kit {command} --resume {run.folder}{again}"] if run.resumable else []
    if run.state == "empty":
        ways.append("nlu-kit runs clean")
    elif run.makes == MODEL and run.epochs:
        ways.append(f"nlu-kit runs finish {run.folder}")
    return ", or ".join(ways)


def _figures(run: Run) -> str:
    shown = "  ".join(f"{name} {100 * value:.2f}" for name, value in run.figures.items())
    return f"{run.split} {shown}" if shown else "no figures yet"


def _size(run: Run) -> str:
    return f"{run.bytes / 2**20:,.0f} MB"


@command.command("finish", short_help="Make a model of the best checkpoint of a run that ended too early.")
@click.argument("run", type=_FOLDER)
@click.option("--quiet", "-q", is_flag=True, help="Only the final figures.")
def finish(run: Path, quiet: bool) -> None:
    """Make a model of the best checkpoint of RUN, which ended too early, without training. RUN is finished then, and
    can't be resumed any more.

    \b
    Example:
      nlu-kit runs finish runs/20260131-120000-my-bot
    """
    needs_train("that")
    # Imported late: these load torch.
    from nlu_kit.cli.progress import ProgressCallback
    from nlu_kit.training.run import finish_run

    finish_run(run, callbacks=[ProgressCallback(quiet=quiet)], registry=load_registry())


@command.command("clean", short_help="Remove what nobody can use any more.")
@click.option("--yes", is_flag=True, help="Don't ask.")
@click.pass_obj
def clean(runs: Path, yes: bool) -> None:
    """Remove what runs that were killed have left, and runs that ended before there was anything to keep.

    Models, checkpoints and running trainings stay. It shows what it would remove, and asks.

    \b
    Example:
      nlu-kit runs clean --yes
    """
    found = removable(runs)
    if not found:
        say("there is nothing to remove")
        return
    for path in found:
        say(str(path))
    if not yes:
        click.confirm(f"remove {'this' if len(found) == 1 else f'these {len(found)}'}?", abort=True, err=True)
    for path in found:
        try:
            remove(path)
        except OSError as error:
            raise NluKitError(f"{path} can't be removed: {error.strerror or error}") from error
    say(f"removed {len(found)}")
