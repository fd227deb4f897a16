"""The onnx runtime: a model's exported graph in onnxruntime, on the CPU. No torch."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from nlu_kit.assets import Assets
from nlu_kit.data.encoding import Encoding, Tokenizer
from nlu_kit.data.padding import pad
from nlu_kit.data.printable import printable
from nlu_kit.errors import ModelError
from nlu_kit.memory import resident_peak_mb, trim
from nlu_kit.model.compute import Computed
from nlu_kit.model.folder import WEIGHTS, SavedModel
from nlu_kit.runtime.graph import GRAPH, GRAPH_INT8, RECORD, GraphRecord
from nlu_kit.runtime.machine import processor

_log = logging.getLogger("nlu_kit")
THREADS = 1
"""Single texts gain nothing from more, and lose much where another process wants the cores."""
_FROM_MEMORY = "add_external_initializers_from_files_in_memory"
"""Of the session's options, since onnxruntime 1.24 (Python 3.11)."""


class OnnxNetwork:
    """The network of a saved model. Safe to use from several threads, and after a fork; pickled by its folder."""

    device = "cpu"
    threads = THREADS

    def __init__(self, saved: SavedModel) -> None:
        self.saved = saved
        self.record = saved.files.settings(RECORD, GraphRecord)
        self.tokenizer = Tokenizer.read(saved.files.below(self.record.tokenizer), max_length=self.record.max_length)
        if self.tokenizer.largest_id < self.record.pad_id:
            raise ModelError(f"{saved.files.folder / RECORD}: pad_id: the tokenizer has no id {self.record.pad_id}")
        self.session = self._session()
        if self.record.int8 is not None:
            _compare_processors(self.record.int8.cpu, saved.files.folder)

    @property
    def graph(self) -> str:
        """The file that is run."""
        return GRAPH if self.record.int8 is None else GRAPH_INT8

    def _session(self) -> Any:
        """Raises ModelError where the graph is none, or not the one of its record."""
        import onnxruntime

        saved, file = self.saved, self.saved.files.folder / self.graph
        try:
            session = _open(saved.files, self.graph, [WEIGHTS] if self.record.int8 is None else [])
        except (ModelError, OSError, MemoryError):
            raise
        except Exception as error:
            reason = " ".join(str(error).split())[:300]
            raise ModelError(
                f"{file} can't be run by onnxruntime {onnxruntime.__version__} ({reason}): a newer onnxruntime may be "
                "needed; or use --runtime torch, or write it anew with nlu-kit export"
            ) from error
        wanted = {self.record.vectors, *(name for named in self.record.outputs.values() for name in named.values())}
        given = {output.name for output in session.get_outputs()}
        inputs = {one.name for one in session.get_inputs()}
        if given != wanted or inputs != set(self.record.inputs) or self.record.outputs.keys() != saved.heads.keys():
            raise ModelError(
                f"{file} is not the graph that {RECORD} describes: its inputs are {', '.join(sorted(inputs))}, its "
                f"outputs {', '.join(sorted(given))}; write it anew with nlu-kit export"
            )
        return session

    def peak_memory_mb(self) -> float:
        """Of the process."""
        return resident_peak_mb()

    def run(self, batch: Sequence[Encoding]) -> Computed:
        """One batch. Raises ModelError where the graph breaks, or its shapes are not those of the model."""
        padded = pad(batch, pad_id=self.record.pad_id, only=self.record.inputs)
        names = [self.record.vectors, *(n for named in self.record.outputs.values() for n in named.values())]
        try:
            found = self.session.run(names, padded)
        except Exception as error:
            reason = " ".join(str(error).split())[:300]
            raise ModelError(f"{self.saved.files.folder / self.graph} can't be run: {reason}") from error
        arrays: dict[str, np.ndarray] = dict(zip(names, found, strict=True))
        self._check(arrays, len(batch))
        outputs = {
            head: {name: arrays[output] for name, output in named.items()}
            for head, named in self.record.outputs.items()
        }
        return Computed(outputs=outputs, vectors=arrays[self.record.vectors])

    def _check(self, arrays: Mapping[str, np.ndarray], count: int) -> None:
        vectors = arrays[self.record.vectors]
        wrong = [name for name, a in arrays.items() if a.dtype != np.float32 or a.ndim < 1 or len(a) != count]
        if vectors.shape != (count, self.record.width):
            wrong.append(self.record.vectors)
        if wrong:
            file = self.saved.files.folder / self.graph
            raise ModelError(f"{file}: the output {wrong[0]} has not the shape of the model")

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "session"}

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        self.__dict__.update(state)
        self.session = self._session()


def _open(files: Assets, graph: str, beside: Sequence[str]) -> Any:
    """A session of ``graph``, which has constants in the files ``beside`` it; all of them as the manifest has them.

    onnxruntime maps such files where it is given a path: whoever copies another model over them changes the answers,
    and whoever shortens one ends the process. So they are read into this process, unless nobody else can write them.
    Raises ModelError for files that are not as they were hashed, and whatever onnxruntime raises.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = THREADS
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 4  # what fails is raised

    def session(source: str | bytes) -> Any:
        # Without a second try, which it would announce on stdout with what the file says.
        return onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"], enable_fallback=0)

    if files.private:
        for name in (graph, *beside):
            files.verify(name)
        return session(str(files.folder / graph))
    if beside and not hasattr(options, _FROM_MEMORY):
        with tempfile.TemporaryDirectory(prefix="nlu-kit-", ignore_cleanup_errors=True) as folder:
            copied = files.copy((graph, *beside), Path(folder))
            return session(str(copied.folder / graph))  # the mapping outlives the folder
    raw = [files.read(name, limit=None) for name in beside]
    if raw:
        getattr(options, _FROM_MEMORY)(list(beside), raw, [len(each) for each in raw])
        # A constant of a subgraph is still looked for in a folder: below a file there is none.
        options.add_session_config_entry(
            "session.model_external_initializers_file_folder_path", str(files.folder / graph)
        )
    opened = session(files.read(graph))
    opened._model_bytes = None  # onnxruntime's Python keeps them for another provider
    del raw
    trim()
    return opened


def _compare_processors(checked: str, folder: Path) -> None:
    here = processor()
    if here != checked:
        _log.warning(
            f"the int8 graph in {printable(str(folder))} was checked on {printable(checked)}, and this is "
            f"{printable(here)}, which may round otherwise: nlu-kit export --int8 checks it here, with the figures"
        )
