"""``nlu-kit export``."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from nlu_kit.cli.options import finite, load_registry
from nlu_kit.cli.output import say, warn
from nlu_kit.data.example import Example
from nlu_kit.errors import DataError
from nlu_kit.extras import needs_train
from nlu_kit.registry import Registry

if TYPE_CHECKING:
    from nlu_kit.model.folder import SavedModel


@click.command("export")
@click.argument("model", type=click.Path(path_type=Path), default=Path("runs/latest"), required=False)
@click.option(
    "--data", type=click.Path(path_type=Path), metavar="FILE",
    help="Utterances to compare the graph with torch on. By default, the dev set that the model's pipeline names.",
)  # fmt: skip
@click.option(
    "--int8", is_flag=True, help="Quantise as well: a quarter of the size, and faster. Kept if dev's figures stay."
)
@click.option(
    "--allow", type=click.FloatRange(0, 1), metavar="SHARE", callback=finite,
    help="With --int8: the share of predictions on dev that may change, and by which a figure may drop, such as 0.05.",
)  # fmt: skip
@click.option(
    "--to", "target", type=click.Path(path_type=Path), metavar="FILE.zip",
    help="Then pack the model into a zip file, for shipping: unpacked, it is a model folder.",
)  # fmt: skip
def command(model: Path, data: Path | None, int8: bool, allow: float | None, target: Path | None) -> None:
    """Write the network of MODEL (default: runs/latest) as an ONNX graph, with which it predicts without torch.

    The graph is kept only if it decides as torch does. Training does this too, unless training.export is false.
    Without --int8, a quantised graph that the model has is removed.

    \b
    Examples:
      nlu-kit export runs/latest
      nlu-kit export runs/latest --int8 --to bot.zip
      nlu-kit export runs/latest --int8 --allow 0.05
    """
    if allow is not None and not int8:
        raise click.UsageError("--allow goes with --int8")
    registry = load_registry()
    needs_train("the export")
    # Imported late: these load torch, and a mistake in the command line should show at once.
    from nlu_kit.model.folder import open_model
    from nlu_kit.model.pack import check_target, pack
    from nlu_kit.runtime.export import add_graph
    from nlu_kit.runtime.graph import GRAPH

    if target is not None:
        check_target(target)
    saved = open_model(model, registry)
    folder = saved.files.folder
    examples = _examples(data, folder, registry)
    if int8 and not examples:
        raise DataError("int8 is compared with torch on annotated utterances: name some with --data")
    record = add_graph(saved, [example.text for example in examples])
    megabytes = (folder / GRAPH).stat().st_size / 2**20
    say(f"wrote {folder / GRAPH} ({megabytes:.1f} MB; it shares the weights)")
    say(
        f"compared with torch on {record.check.utterances:,} utterances: the same predictions, outputs within "
        f"{record.check.largest_difference:.1g}"
    )
    if int8:
        again = ["nlu-kit", "export", str(model), "--int8"]
        for option, file in (("--data", data), ("--to", target)):
            again += [] if file is None else [option, str(file)]
        _add_int8(open_model(model, registry), examples, registry, again=again, allow=allow)
    if target is not None:
        pack(open_model(model, registry), target)
        say(f"packed {target} ({target.stat().st_size / 2**20:.1f} MB)")


def _add_int8(
    saved: SavedModel, examples: Sequence[Example], registry: Registry, *, again: Sequence[str], allow: float | None
) -> None:
    """``again`` is the command without --allow. Raises NotExportedError, with the command that accepts it, where int8
    changes too much."""
    from nlu_kit.model.folder import WEIGHTS
    from nlu_kit.runtime.graph import GRAPH_INT8
    from nlu_kit.runtime.parity import NotExportedError
    from nlu_kit.runtime.quantise import Int8RefusedError, add_int8, figures_beside, gain

    folder = saved.files.folder
    try:
        check = add_int8(saved, examples, texts=_train_texts(folder, registry), allow=allow).int8
    except Int8RefusedError as error:
        accepting = shlex.join([*again, "--allow", f"{error.allow:g}"])
        raise NotExportedError(f"{error}. To accept that: {accepting}") from error
    assert check is not None
    small = folder / GRAPH_INT8
    say(f"wrote {small}, which is what predicts now: {gain(check, small, folder / WEIGHTS)}")
    changed = f"{check.different_predictions:,} of {check.utterances:,} predictions differ from torch's"
    say(f"{changed}; {figures_beside(check.figures, check.figures_int8)}; checked on {check.cpu}")


def _train_texts(folder: Path, registry: Registry) -> Sequence[str]:
    """What int8 is fitted to; none where the train set is gone."""
    from nlu_kit.evaluation.data import read_data

    try:
        return [example.text for example in read_data(None, model=folder, registry=registry, split="train").examples]
    except DataError:
        return []


def _examples(data: Path | None, folder: Path, registry: Registry) -> Sequence[Example]:
    """Those to compare on; none, with a warning, where the dev set is gone. Raises DataError for ``data``."""
    from nlu_kit.evaluation.data import read_data

    try:
        return read_data(data, model=folder, registry=registry, split="dev").examples
    except DataError as error:
        if data is not None:
            raise
        warn(f"warning: compared on a few built-in texts only ({error}); name others with --data")
        return []
