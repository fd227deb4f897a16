"""A new plugin's files, filled in from the templates beside this file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from string import Template

from nlu_kit import __version__
from nlu_kit.cli.plugin_name import COMMAND, PluginName
from nlu_kit.plugin.hooks import KINDS
from nlu_kit.plugin.specs import CONTRACT

TEMPLATES = Path(__file__).parent / "templates"

SUFFIX = ".tmpl"
"""Keeps linters, type checkers and pytest away from what is no Python yet."""

FRAGMENT = "_fill_"
"""A file whose name starts so is not written: it fills the placeholder that is called like the rest of its name."""

PACKAGE = "PACKAGE"
"""Stands for the package's name in paths."""

# kind -> the folders of its templates; a later one's file replaces an earlier one's
LAYERS: dict[str, tuple[str, ...]] = {
    **{kind: ("common", "component", "corpus", kind) for kind in KINDS},
    "reader": ("common", "component", "reader"),  # it brings a corpus in its own format
    COMMAND: ("common", "corpus", COMMAND),
}


def plugin_files(kind: str, name: PluginName) -> dict[Path, bytes]:
    """Every file of a new distribution, by its path in it."""
    texts: dict[PurePosixPath, str] = {}
    for layer in LAYERS[kind]:
        texts |= _templates(TEMPLATES / layer)
    values = {
        "kind": kind,
        "distribution": name.distribution,
        "package": name.package,
        "component": name.component,
        "command": name.command,
        "camel": name.camel,
        "version": __version__,
        "contract": str(CONTRACT),
    }
    fragments = sorted(path for path in texts if path.name.startswith(FRAGMENT))
    for path in fragments:
        values[path.stem.removeprefix(FRAGMENT)] = _filled(texts.pop(path), values).strip()
    return {
        Path(str(path).replace(PACKAGE, name.package)): _filled(text, values).encode()
        for path, text in sorted(texts.items())
    }


def _filled(text: str, values: Mapping[str, str]) -> str:
    return Template(text).substitute(values)


def _templates(folder: Path) -> dict[PurePosixPath, str]:
    """The text of every template below ``folder``, by its path without the suffix."""
    return {
        PurePosixPath(file.relative_to(folder).as_posix().removesuffix(SUFFIX)): file.read_text(encoding="utf-8")
        for file in sorted(folder.rglob(f"*{SUFFIX}"))
    }
