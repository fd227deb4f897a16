"""``nlu-kit export``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from nlu_kit.cli.options import load_registry
from nlu_kit.cli.output import say, warn
from nlu_kit.data.example import Example
from nlu_kit.errors import DataError
from nlu_kit.extras import needs_train
from nlu_kit.registry import Registry


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
    "--to", "target", type=click.Path(path_type=Path), metavar="FILE.zip",
    help="Then pack the model into a zip file, for shipping: unpacked, it is a model folder.",
)  # fmt: skip
def command(model: Path, data: Path | None, int8: bool, target: Path | None) -> None:
    """Write the network of MODEL (default: runs/latest) as an ONNX graph, with which it predicts without torch.

    The graph is kept only if it decides as torch does. Training does this too, unless training.export is false.
    Without --int8, a quantised graph that the model has is removed.

    \b
    Examples:
      nlu-kit export runs/latest
      nlu-kit export runs/latest --int8 --to bot.zip
    """
    registry = load_registry()
    needs_train("the export")
    # Imported late: these load torch, and a mistake in the command line should show at once.
    from nlu_kit.model.folder import open_model
    from nlu_kit.model.pack import check_target, pack
    from nlu_kit.runtime.export import add_graph
    from nlu_kit.runtime.graph import GRAPH, GRAPH_INT8

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
        from nlu_kit.runtime.quantise import add_int8, told

        found = add_int8(open_model(model, registry), examples).int8
        assert found is not None
        megabytes = (folder / GRAPH_INT8).stat().st_size / 2**20
        say(f"wrote {folder / GRAPH_INT8} ({megabytes:.1f} MB), which is what predicts now")
        changed = f"{found.different_predictions:,} of {found.utterances:,} predictions differ from torch's"
        say(f"{changed}; {told(found.figures, found.figures_int8)}; checked on {found.cpu}")
    if target is not None:
        pack(open_model(model, registry), target)
        say(f"packed {target} ({target.stat().st_size / 2**20:.1f} MB)")


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
