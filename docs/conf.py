"""Sphinx configuration. Build with ``make docs``: warnings are errors."""

from __future__ import annotations

import sys
from pathlib import Path

from pygments.lexers.data import JsonLexer
from sphinx.application import Sphinx

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

import nlu_kit

project = "nlu-kit"
author = "the nlu-kit authors"
project_copyright = "the nlu-kit authors, Apache-2.0"
release = version = nlu_kit.__version__

extensions = ["myst_parser", "nlu_kit_reference"]
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
source_suffix = {".md": "markdown"}
exclude_patterns = ["_build", "examples"]  # which are projects of their own, with READMEs that are no pages
nitpicky = False

html_theme = "furo"
html_title = "nlu-kit"
html_copy_source = False


def setup(app: Sphinx) -> None:
    """One JSON object a line highlights as JSON."""
    app.add_lexer("jsonl", JsonLexer)
