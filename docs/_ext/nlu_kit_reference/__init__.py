"""A Sphinx extension that writes docs/reference/ from the installed code: nothing there is written by hand.

Only the contracts' page imports torch: half of the checks that it lists are of torch components.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nlu_kit.registry import Registry

from . import cli, configuration, contracts, hooks

if TYPE_CHECKING:
    from sphinx.application import Sphinx

PAGES: dict[str, Callable[[Registry], str]] = {
    "configuration.md": configuration.page,
    "hooks.md": hooks.page,
    "contracts.md": contracts.page,
    "cli.md": cli.page,
}


def write_reference(folder: Path, registry: Registry) -> list[Path]:
    """Write every page into ``folder`` and return the files. A page that would not change is left alone, so that
    Sphinx does not read it again."""
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for name, render in PAGES.items():
        file, text = folder / name, render(registry)
        if not file.is_file() or file.read_text(encoding="utf-8") != text:
            file.write_text(text, encoding="utf-8")
        files.append(file)
    return files


def setup(app: Sphinx) -> dict[str, Any]:
    """Called by Sphinx; the pages must be there before it looks for sources."""

    def write(app: Sphinx) -> None:
        write_reference(Path(app.srcdir) / "reference", Registry.load())

    app.connect("builder-inited", write)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
