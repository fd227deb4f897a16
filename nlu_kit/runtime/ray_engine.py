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
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from nlu_kit.errors import DataError, MissingPackageError, ModelError, NluKitError
from nlu_kit.runtime.bulk import WINDOW, answer_window
from nlu_kit.runtime.machine import cores
from nlu_kit.runtime.predictor import load, load_same
from nlu_kit.runtime.rows import Bad, Row, rows_of
from nlu_kit.runtime.texts import Utterance

try:
    import pyarrow
    import ray
    from pyarrow import fs as stores
    from ray.data import ActorPoolStrategy, DataContext, Datasink, Datasource, ReadTask
    from ray.data.block import BlockMetadata
except ImportError as error:
    raise MissingPackageError(f'--engine ray needs {error.name}: pip install "nlu-kit[ray]"') from None

if TYPE_CHECKING:
    from pyarrow.fs import FileSystem

SUCCESS = "_SUCCESS"
_HIDDEN = (".", "_")


@dataclass(frozen=True, slots=True, kw_only=True)
class RayJob:
    """``source`` is a file, or a folder of files; ``output`` and ``errors`` become folders. Without ``errors``, the
    first row that is wrong ends the job. ``model`` must be at this path on every machine of the cluster; ``options``
    goes to ``load``."""

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
    """How many rows there were, and how many of them were wrong."""

    rows: int
    bad: int


def answer_on_ray(job: RayJob) -> Done:
    """On the cluster that ``RAY_ADDRESS`` names, or one on this machine. Without ``workers``, one actor a core.

    Raises DataError for what is wrong with the files, ModelError for what is wrong with the model.
    """
    model = load(job.model, **job.options)  # what is wrong with it is said here, and not by every actor
    store, files = _files(job.source)
    places = [place for place in (job.output, job.errors) if place is not None]
    for place in places:
        _make_room(place, overwrite=job.overwrite)
    _start()
    context = DataContext.get_current()
    context.execution_options.preserve_order = True
    context.enable_progress_bars = False
    most = job.workers or max(
        1,
        int(ray.cluster_resources().get("CPU", 1)),  # type: ignore[no-untyped-call]
    )
    sink = _Parts(*_located(job.output), *(_located(job.errors) if job.errors else (None, None)))
    try:
        # Reading and writing take no core: they must go on while the actors have every one.
        ray.data.read_datasource(_Rows(store, files, job), num_cpus=0).map_batches(
            _Answering,
            fn_constructor_args=(job.model, model.saved.files.hashes, dict(job.options)),
            batch_size=WINDOW,
            batch_format="pyarrow",
            compute=ActorPoolStrategy(size=most),
        ).write_datasink(sink, ray_remote_args={"num_cpus": 0})
    except Exception as error:
        raise _ours(error, job) from error
    for place in places:
        _mark(place, sink.done)
    return sink.done


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
    for name in ("ray", "ray.data"):
        logging.getLogger(name).setLevel(logging.ERROR)


# --- where things are -------------------------------------------------------------------------------------------------


def _located(place: str) -> tuple[FileSystem, str]:
    """The store and the path in it. Raises DataError for a URI that leads nowhere."""
    try:
        store, path = stores.FileSystem.from_uri(place if "://" in place else str(Path(place).absolute()))
    except (OSError, ValueError) as error:
        raise DataError(
            f"{place}: {error}; name a path, or a URI that pyarrow can open, such as s3://bucket/folder"
        ) from None
    return store, str(path)


def _files(source: str) -> tuple[FileSystem, list[str]]:
    """The file, or those in the folder, by name. Raises DataError where there is none."""
    store, path = _located(source)
    try:
        found = store.get_file_info(path)
        inside = store.get_file_info(stores.FileSelector(path)) if found.type == stores.FileType.Directory else [found]
    except OSError as error:
        raise DataError(f"{source} can't be read: {error}") from None
    files = sorted(info.path for info in inside if info.is_file and not info.base_name.startswith(_HIDDEN))
    if not files:
        missing = found.type == stores.FileType.NotFound
        raise DataError(f"there is no file {source}" if missing else f"there is no file in {source}")
    return store, files


def _make_room(place: str, *, overwrite: bool) -> None:
    """An empty folder. Raises DataError where something is there that may not go."""
    store, path = _located(place)
    found = store.get_file_info(path)
    if found.is_file:
        raise DataError(f"{place} is a file: --engine ray writes a folder of parts; name another")
    if found.type == stores.FileType.Directory and store.get_file_info(stores.FileSelector(path)):
        if not overwrite:
            raise DataError(f"{place} is there already: name another folder, or say --overwrite")
        store.delete_dir_contents(path)
    store.create_dir(path, recursive=True)


def _mark(place: str, done: Done) -> None:
    store, path = _located(place)
    with store.open_output_stream(f"{path}/{SUCCESS}") as stream:
        stream.write(json.dumps({"rows": done.rows, "bad": done.bad}).encode())


# --- reading, answering, writing --------------------------------------------------------------------------------------


class _Rows(Datasource):
    """The rows of files, each row as a line of JSON: Arrow would give all rows the same keys."""

    def __init__(self, store: FileSystem, files: Sequence[str], job: RayJob) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.store, self.files, self.job = store, files, job

    def get_read_tasks(
        self, parallelism: int, per_task_row_limit: int | None = None, data_context: Any = None
    ) -> list[ReadTask]:
        """One for each file."""
        return [
            ReadTask(partial(_read, self.store, file, self.job), BlockMetadata(None, None, None, None, (file,)))
            for file in self.files
        ]

    def estimate_inmemory_data_size(self) -> int | None:
        return None


def _read(store: FileSystem, file: str, job: RayJob) -> Iterator[pyarrow.Table]:
    def opening(path: Path) -> BinaryIO:
        return cast("BinaryIO", store.open_input_file(path.as_posix()))

    rows = rows_of(Path(file), jsonl=job.jsonl, column=job.column, opening=opening)
    while window := list(islice(rows, WINDOW)):
        if job.errors is None:
            wrong = next((row for row in window if isinstance(row, Bad)), None)
            if wrong is not None:
                raise DataError(f"{wrong.reason} (--errors FOLDER sets such rows aside)")
        yield pyarrow.table({"row": [_packed(row) for row in window]})


def _packed(row: Row) -> str:
    plain = {"line": row.line, "reason": row.reason} if isinstance(row, Bad) else {"text": row.text, "given": row.given}
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
    waiting: list[BaseException | None] = [error]
    while waiting:
        one = waiting.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        if isinstance(one, NluKitError):
            return type(one)(str(getattr(one, "cause", None) or one))
        waiting += [getattr(one, "cause", None), one.__cause__, one.__context__]
    last = str(error).strip().splitlines()[-1:] or [type(error).__name__]
    return ModelError(
        f"Ray could not answer {job.source}: {last[0]}; every machine of the cluster needs nlu-kit, and the model at "
        f"{job.model}"
    )
