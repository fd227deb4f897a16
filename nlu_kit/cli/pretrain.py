"""``nlu-kit pretrain``."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from nlu_kit.cli.options import load_registry, refuse_beside, set_option
from nlu_kit.cli.output import mention, say
from nlu_kit.config.pretraining import FILE, load_pretraining
from nlu_kit.data.printable import one_line
from nlu_kit.extras import needs_train
from nlu_kit.stdout import stdout
from nlu_kit.training.folders import ENCODER, last_unfinished

if TYPE_CHECKING:
    from nlu_kit.plugin.objectives import DataReport
    from nlu_kit.pretraining.run import Pretrained


@click.command("pretrain")
@click.argument("file", type=click.Path(path_type=Path), default=Path(FILE), required=False)
@set_option
@click.option(
    "--runs", type=click.Path(path_type=Path, file_okay=False), default=Path("runs"), show_default=True,
    help="Folder that gets the run's folder and the link 'latest-encoder'.",
)  # fmt: skip
@click.option(
    "--resume", "resumed", metavar="RUN", is_flag=False, flag_value="", type=click.Path(path_type=str),
    help="Go on with a run that was interrupted, where it was; without RUN, the last of them in --runs.",
)  # fmt: skip
@click.option("--force", is_flag=True, help="With --resume and --set: change what is safe to change.")
@click.option("--inspect", is_flag=True, help="Show what the data becomes, and train nothing.")
@click.option("--quiet", "-q", is_flag=True, help="Only the final figures.")
@click.pass_context
def command(
    context: click.Context,
    file: Path,
    overrides: tuple[str, ...],
    runs: Path,
    resumed: str | None,
    force: bool,
    inspect: bool,
    quiet: bool,
) -> None:
    """Teach an encoder what FILE (default: pretrain.json) says, and write it to runs/<time>-<name>/encoder.

    A pipeline names that folder as its backbone's model; sentence-transformers and transformers load it, too. Figures
    on what is held out are shown before and after. Of all epochs the best is kept, and the encoder as it was counts as
    one. Ctrl-C ends it after the step that it is in, so that --resume can go on from there.

    \b
    Examples:
      nlu-kit pretrain pretrain.json --inspect
      nlu-kit pretrain pretrain.json --set training.epochs=2
      nlu-kit pretrain --resume
      nlu-kit train pipeline.json --set backbone.model=runs/latest-encoder
    """
    run = None
    if resumed is not None:
        refuse_beside(context, "--resume", ("file", "inspect"))
        run = file = Path(resumed) if resumed else last_unfinished(runs, result=ENCODER)
    elif force:
        raise click.UsageError("--force goes with --resume only", context)
    plan = load_pretraining(file, overrides=overrides, registry=load_registry())
    needs_train("pre-training")
    # Imported late: these load torch, and a mistake in the file should show at once.
    from nlu_kit.pretraining.prepare import prepare
    from nlu_kit.pretraining.run import pretrain
    from nlu_kit.training.signals import ending_like_ctrl_c

    if inspect:
        for name, report in prepare(plan).reports().items():
            _say_report(name, report)
        return
    from nlu_kit.cli.progress import PretrainingProgress

    with contextlib.closing(PretrainingProgress(quiet=quiet)) as shown, ending_like_ctrl_c():
        result = pretrain(plan, runs=runs, callbacks=[shown], resume=run, force=force)
    _say_result(result)


def _say_report(name: str, report: DataReport) -> None:
    say(name)
    for what, count in report.counts.items():
        say(f"  {what:<50} {count:>10,}")
    for reason, count in report.dropped.items():
        say(f"  dropped: {reason:<41} {count:>10,}")
    for text in report.examples:
        say(f"  e.g. {one_line(text)}")


def _say_result(result: Pretrained) -> None:
    for split in ("dev", "test"):
        if result.after[split]:
            say(f"{split:<36} {'before':>8} {'after':>8}")
            for name, value in result.after[split].items():
                say(f"  {name:<34} {_shown(result, split, name, result.before):>8} {_number(result, name, value):>8}")
    if result.best_epoch < 0:
        say("warning: no epoch was better than the encoder as it was, so that is what was written")
    say(f"encoder {result.encoder}")
    if (stream := stdout()) is not None and stream.isatty():
        mention(f"next: nlu-kit train pipeline.json --set backbone.model={result.encoder}")


def _shown(result: Pretrained, split: str, name: str, figures: Mapping[str, Mapping[str, float]]) -> str:
    value = figures[split].get(name)
    return "" if value is None else _number(result, name, value)


def _number(result: Pretrained, name: str, value: float) -> str:
    return f"{value:.2f}" if name in result.unscaled else f"{100 * value:.2f}"
