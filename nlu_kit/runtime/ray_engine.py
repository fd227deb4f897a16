"""Files of texts answered on a cluster: the same predictor as actors under Ray Data's ``map_batches`` (extra ``ray``).

Paths may be local or URIs that pyarrow has a file system for (``s3://…``, ``gs://…``, ``hdfs://…``). Every file of the
input is read by a task of its own, in pieces; every task that writes makes a part of the output. Parts are in the
order of the input, and hold what the local engine would have written; when all are there, ``_SUCCESS`` says so.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from nlu_kit.errors import DataError, MissingPackageError, ModelError, NluKitError
from nlu_kit.model.folder import find_model
from nlu_kit.runtime.bulk import WINDOW, answer_window
from nlu_kit.runtime.machine import cores
from nlu_kit.runtime.predictor import load, load_same
from nlu_kit.runtime.rows import Bad, Row, rows_of
from nlu_kit.runtime.texts import Utterance

try:
    import pyarrow
    import ray
    from ray.data import ActorPoolStrategy, DataContext, Datasink, Datasource, ReadTask
    from ray.data.block import BlockMetadata
    from ray.exceptions import RayError

    from nlu_kit.runtime.stores import Texts, check_folders, located, make_room, mark, texts_in
except ImportError as error:
    raise MissingPackageError(f'--engine ray needs {error.name}: pip install "nlu-kit[ray]"') from None

if TYPE_CHECKING:
    from pyarrow.fs import FileSystem

_RAYS_OWN = "\nFailed to "
"""Where Ray's words begin in an error that it passes on: how often it tried, and how to change that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RayJob:
    """``source`` is a file, or a folder of files; ``output`` and ``errors`` become folders. Without ``errors``, the
    first row that is wrong ends the job. ``model`` (a model folder, or a run's) must be at this path on every machine
    of the cluster; ``options`` goes to ``load``."""

    source: str
    output: str
    errors: str | None
    model: Path
    options: Mapping[str, Any]
    jsonl: bool = False
    column: str | None = None
    workers: int | None = None
    overwrite: bool = False


@dataclass(frozen=True, slots=True)
class Done:
    """How many rows there were, how many of them were wrong, and which files of the folder are called like no texts."""

    rows: int
    bad: int
    left_out: Sequence[str] = ()


def answer_on_ray(job: RayJob) -> Done:
    """On the cluster that ``RAY_ADDRESS`` names, or one on this machine. Without ``workers``, one actor a core.

    Raises DataError for what is wrong with the files, ModelError for what is wrong with the model.
    """
    check_folders(job.source, job.output, job.errors)
    texts = texts_in(job.source, jsonl=job.jsonl)
    job = replace(job, model=find_model(job.model).resolve())
    model = load(job.model, **job.options)  # what is wrong with it is said here, and not by every actor
    places = [place for place in (job.output, job.errors) if place is not None]
    make_room(places, overwrite=job.overwrite)
    _start()
    context = DataContext.get_current()
    context.execution_options.preserve_order = True
    context.enable_progress_bars = False
    most = job.workers or max(
        1,
        int(ray.cluster_resources().get("CPU", 1)),  # type: ignore[no-untyped-call]
    )
    sink = _Parts(*located(job.output), *(located(job.errors) if job.errors else (None, None)))
    try:
        # Reading and writing take no core: they must go on while the actors have every one.
        ray.data.read_datasource(_Rows(texts, job), num_cpus=0).map_batches(
            _Answering,
            fn_constructor_args=(job.model, model.saved.files.hashes, dict(job.options)),
            batch_size=WINDOW,
            batch_format="pyarrow",
            compute=ActorPoolStrategy(size=most),
        ).write_datasink(sink, ray_remote_args={"num_cpus": 0})
    except Exception as error:
        raise _ours(error, job) from error
    done = replace(sink.done, left_out=texts.left_out)
    record = {"rows": done.rows, "bad": done.bad, **({"left_out": done.left_out} if done.left_out else {})}
    for place in places:
        mark(place, record)
    return done


def _start() -> None:
    """Ray, without its own reports. Where there is no cluster, one of the cores that this process may use: Ray itself
    would take every one of the machine."""
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
    if not ray.is_initialized():
        quiet: dict[str, Any] = {"log_to_driver": False, "include_dashboard": False, "configure_logging": False}
        try:
            ray.init(os.environ.get("RAY_ADDRESS", "auto"), **quiet)
        except ConnectionError:
            if "RAY_ADDRESS" in os.environ:
                raise
            ray.init(num_cpus=cores(), **quiet)
    for name in ("ray", "ray.data"):  # they log whatever is raised, with every frame of their own
        logging.getLogger(name).setLevel(logging.CRITICAL)


# --- reading, answering, writing --------------------------------------------------------------------------------------


class _Rows(Datasource):
    """The rows of files, each row as a line of JSON: Arrow would give all rows the same keys."""

    def __init__(self, texts: Texts, job: RayJob) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.texts, self.job = texts, job

    def get_read_tasks(
        self, parallelism: int, per_task_row_limit: int | None = None, data_context: Any = None
    ) -> list[ReadTask]:
        """One for each file."""
        return [
            ReadTask(
                partial(_read, self.texts.store, file, keys, self.job), BlockMetadata(None, None, None, None, (file,))
            )
            for file, keys in self.texts.files.items()
        ]

    def estimate_inmemory_data_size(self) -> int | None:
        return None


def _read(store: FileSystem, file: str, keys: Mapping[str, str | None], job: RayJob) -> Iterator[pyarrow.Table]:
    """``keys`` go to every row that has none of the name."""

    def opening(path: Path) -> BinaryIO:
        return cast("BinaryIO", store.open_input_file(path.as_posix()))

    rows = rows_of(Path(file), jsonl=job.jsonl, column=job.column, opening=opening)
    while window := list(islice(rows, WINDOW)):
        if job.errors is None:
            wrong = next((row for row in window if isinstance(row, Bad)), None)
            if wrong is not None:
                raise DataError(f"{wrong.reason} (--errors FOLDER sets such rows aside)")
        yield pyarrow.table({"row": [_packed(row, keys) for row in window]})


def _packed(row: Row, keys: Mapping[str, str | None]) -> str:
    if isinstance(row, Bad):
        plain: dict[str, Any] = {"line": row.line, "reason": row.reason}
    else:
        plain = {"text": row.text, "given": {**keys, **row.given}}
    return json.dumps(plain, ensure_ascii=False, default=str)


def _unpacked(line: str) -> Row:
    plain = json.loads(line)
    return Bad(**plain) if "reason" in plain else Utterance(**plain)


class _Answering:
    """One actor: a predictor."""

    def __init__(self, model: Path, hashes: Mapping[str, str] | None, options: Mapping[str, Any]) -> None:
        logging.getLogger("nlu_kit").setLevel(logging.ERROR)  # as many warnings as actors would be too many
        self.predictor = load_same(model, hashes, **options)

    def __call__(self, batch: pyarrow.Table) -> pyarrow.Table:
        rows = [_unpacked(line) for line in batch.column("row").to_pylist()]
        answers, errors, count, bad = answer_window(self.predictor, rows)
        return pyarrow.table({"answers": [answers], "errors": [errors], "rows": [count], "bad": [bad]})


class _Parts(Datasink[tuple[int, int]]):
    """``part-000000.jsonl`` and so on. A part is written under another name first: whoever reads the folder meets
    whole parts only."""

    def __init__(self, store: FileSystem, path: str, errors_store: FileSystem | None, errors_path: str | None) -> None:
        self.places = [("answers", store, path)]
        if errors_store is not None and errors_path is not None:
            self.places.append(("errors", errors_store, errors_path))
        self.done = Done(0, 0)

    def write(self, blocks: Iterable[Any], ctx: Any) -> tuple[int, int]:
        """One part of the answers, and one of the errors; (rows, bad ones)."""
        tables = list(blocks)
        for column, store, path in self.places:
            pieces = [piece for table in tables for piece in table.column(column).to_pylist()]
            if not any(pieces):
                continue
            name = f"part-{ctx.task_idx:06d}.jsonl"
            with store.open_output_stream(f"{path}/.{name}", compression=None) as stream:
                for piece in pieces:
                    stream.write(piece)
            store.move(f"{path}/.{name}", f"{path}/{name}")
        return sum(sum(t.column("rows").to_pylist()) for t in tables), sum(
            sum(t.column("bad").to_pylist()) for t in tables
        )

    def on_write_complete(self, write_result: Any) -> None:
        written = write_result.write_returns  # none, where there was no row
        self.done = Done(sum(rows for rows, _ in written), sum(bad for _, bad in written))


def _ours(error: BaseException, job: RayJob) -> NluKitError:
    """The error of ours behind one of Ray's, which wraps what its workers raise."""
    seen: set[int] = set()
    waiting: list[Any] = [error]
    while waiting:
        one = waiting.pop()
        if not isinstance(one, BaseException) or id(one) in seen:
            continue
        seen.add(id(one))
        if isinstance(one, NluKitError) and not isinstance(one, RayError):  # some of Ray's are of our class, too
            return type(one)(str(one).partition(_RAYS_OWN)[0])
        waiting += [one.__context__, one.__cause__, getattr(one, "cause", None)]
    last = str(error).strip().splitlines()[-1:] or [type(error).__name__]
    return ModelError(
        f"Ray could not answer {job.source}: {last[0]}; every machine of the cluster needs nlu-kit, and the model at "
        f"{job.model}"
    )
