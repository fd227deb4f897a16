"""The one door between a folder and transformers, sentence-transformers or the hub.

A folder may come from anywhere, and these libraries do what its JSON says: run Python files beside it, import classes,
ask the hub for another model or for a compiled kernel, ask a question on stdin. So every JSON is looked at before they
see it, and they see it without a network. What is allowed is listed here; all else is refused.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path, PurePosixPath
from typing import Any
from unittest.mock import patch

from nlu_kit.plugin import JsonError, ModelError, read_json
from nlu_kit_backbones.architectures import DECODERS, ENCODERS

MODULES = "modules.json"
_CODE = ("auto_map", "custom_pipelines", "trust_remote_code", "code_revision")  # Python files to run
_ELSEWHERE = ("backbone", "backbone_config", "use_timm_backbone", "use_pretrained_backbone", "backbone_kwargs")
_ATTENTION = ("attn_implementation", "_attn_implementation", "_attn_implementation_internal")
_EXPERTS = ("experts_implementation", "_experts_implementation", "_experts_implementation_internal")
_DTYPES = (None, "auto", "float32", "float16", "bfloat16", "float64")
_LAYER_BY_LAYER = "per_layer_config"  # of numbers that differ from layer to layer
_LAYERS = ("num_hidden_layers", "num_layers", "n_layer", "n_layers", "num_hidden_groups", "inner_group_num")
_MOST_LAYERS = 512
_LARGEST = 1 << 22  # any whole number of a configuration: vocabularies are the largest, and have up to 262,144
_MOST_JSON = 64 << 20  # bytes; a tokenizer's vocab.json may be large
_ST_MODULES = ("Transformer", "Pooling", "Normalize", "Dense", "Dropout", "LayerNorm")
_ST_ARGUMENTS = ("model_args", "tokenizer_args", "config_args", "model_kwargs", "processor_kwargs", "config_kwargs")


@contextmanager
def offline() -> Iterator[None]:
    """Around whatever loads from a folder: no request to the hub, and no question whether to run code."""
    import huggingface_hub.constants
    import transformers.dynamic_module_utils as dynamic

    from nlu_kit_backbones.quiet import loading

    with (
        loading,
        patch.object(huggingface_hub.constants, "HF_HUB_OFFLINE", True),
        patch.object(dynamic, "TIME_OUT_REMOTE_CODE", 0),
    ):
        yield


def check_config(config: Mapping[str, Any], file: Path) -> None:
    """Raise ModelError where an encoder's config.json asks for more than building a known encoder from numbers."""
    _refuse_code(config, file)
    known = (*ENCODERS, *DECODERS)
    if config.get("model_type") not in known:
        said = repr(config["model_type"])[:60] if "model_type" in config else "nothing"
        raise ModelError(
            f"{file}: model_type: {said} is none of the architectures that work as a backbone: {', '.join(known)}"
        )
    for key in _ELSEWHERE:
        if config.get(key):
            raise ModelError(f"{file}: {key}: an encoder inside another one is not loaded")
    for key, value in config.items():
        if isinstance(value, Mapping) and key != _LAYER_BY_LAYER and (key.endswith("_config") or "model_type" in value):
            what = "quantised weights are" if key == "quantization_config" else "an encoder inside another one is"
            raise ModelError(f"{file}: {key}: {what} not loaded")
    allowed = ("eager", "sdpa", *(("flash_attention_2",) if find_spec("flash_attn") else ()))
    for key in _ATTENTION:
        if config.get(key) not in (None, *allowed):
            raise ModelError(f"{file}: {key}: {config[key]!r} is none of {', '.join(allowed)}")
    for key in _EXPERTS:
        if config.get(key) not in (None, "eager", "batched_mm", "grouped_mm"):
            raise ModelError(f"{file}: {key}: {config[key]!r} is none of eager, batched_mm, grouped_mm")
    for key in ("dtype", "torch_dtype"):
        if config.get(key) not in _DTYPES:
            raise ModelError(f"{file}: {key}: {config[key]!r} is none of {', '.join(map(str, _DTYPES[1:]))}")
    if config.get("chunk_size_feed_forward") not in (None, 0):  # texts would have to have a multiple of so many tokens
        raise ModelError(f"{file}: chunk_size_feed_forward: only 0 is supported")
    _check_numbers(config, file)


def _check_numbers(config: Mapping[str, Any], file: Path) -> None:
    """Before anything of these sizes is built."""
    for key, value in config.items():
        if isinstance(value, Mapping):
            _check_numbers(value, file)
        for number in value if isinstance(value, list) else (value,):
            if isinstance(number, bool) or not isinstance(number, int):
                continue
            most = _MOST_LAYERS if key in _LAYERS else _LARGEST
            if not -most <= number <= most:
                raise ModelError(f"{file}: {key}: {str(number)[:40]} is out of bounds: {most:,} is the most")


def check_folder(folder: Path) -> Path:
    """Look at every JSON file below ``folder`` before transformers or sentence-transformers do; the folder in it that
    holds the encoder.

    Raises ModelError for anything that asks to run code, to load a model from elsewhere, or for an unknown
    architecture. Files that are no JSON objects (model folders come with all sorts) can't ask for anything.
    """
    for file in sorted(folder.rglob("*.json")):
        if file.name == "adapter_config.json":
            raise ModelError(f"{file}: an adapter needs a model from elsewhere; merge it into its model first")
        _refuse_code(_lenient(file), file)
    encoder = folder / (_check_modules(folder / MODULES) if (folder / MODULES).is_file() else "")
    check_config(read_config(encoder / "config.json"), encoder / "config.json")
    return encoder


def _check_modules(file: Path) -> str:
    """modules.json: sentence-transformers' own types in folders of their own. Where the encoder is, seen from there."""
    modules = _read(file)
    if not isinstance(modules, list) or not all(isinstance(module, dict) for module in modules) or not modules:
        raise ModelError(f"{file}: expected a list of modules")
    for number, module in enumerate(modules):
        kind, path = module.get("type"), module.get("path")
        if not isinstance(kind, str) or not isinstance(path, str):
            raise ModelError(f"{file}: {number}: expected an object with a type and a path")
        if not kind.startswith("sentence_transformers.") or kind.rpartition(".")[2] not in _ST_MODULES:
            raise ModelError(
                f"{file}: {number}.type: {kind!r} is none of sentence-transformers' own: {', '.join(_ST_MODULES)}"
            )
        place = PurePosixPath(path)
        if place.is_absolute() or ".." in place.parts or "\\" in path or ":" in path:
            raise ModelError(f"{file}: {number}.path: {path!r} leads out of the folder")
        for settings in (file.parent / path).glob("sentence_*_config.json"):
            arguments = next((key for key in _ST_ARGUMENTS if _lenient(settings).get(key)), None)
            if arguments is not None:
                raise ModelError(f"{settings}: {arguments}: arguments for transformers are not taken from a folder")
    encoder: str = modules[0]["path"]
    return encoder


def _refuse_code(value: Any, file: Path, depth: int = 0) -> None:
    if isinstance(value, Mapping):
        for key in _CODE:  # a number is a word's place in a vocabulary
            if value.get(key) is True or (value.get(key) and not isinstance(value[key], (int, float))):
                raise ModelError(
                    f"{file} asks to run code of its own ({key}); nlu-kit never does that. Use a model whose "
                    "architecture is part of transformers"
                )
    if isinstance(value, (Mapping, list)) and depth < 8:
        for inner in value.values() if isinstance(value, Mapping) else value:
            _refuse_code(inner, file, depth + 1)


def _lenient(file: Path) -> dict[str, Any]:
    try:
        value = read_json(file, limit=_MOST_JSON)
    except (OSError, JsonError):
        return {}
    return value if isinstance(value, dict) else {"": value}


def _read(file: Path) -> Any:
    try:
        return read_json(file, limit=_MOST_JSON)
    except (OSError, JsonError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise ModelError(f"{file} can't be read: {reason}") from error


def read_config(file: Path) -> dict[str, Any]:
    """A JSON object of a model folder; raises ModelError where it is broken."""
    value = _read(file)
    if not isinstance(value, dict):
        raise ModelError(f"{file} is not a JSON object")
    return value
