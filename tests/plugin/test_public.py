"""What an author imports: everything from one place, and nothing heavy before it is asked for."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from nlu_kit import plugin
from nlu_kit.heads.label import LabelCodec
from nlu_kit.plugin import Codec, lazy
from nlu_kit.plugin.deferred import loaded

SOURCE = Path(plugin.__file__)


def for_type_checkers() -> dict[str, str]:
    """Name to module, as the ``if TYPE_CHECKING`` block says."""
    (block,) = [node for node in ast.parse(SOURCE.read_text(encoding="utf-8")).body if isinstance(node, ast.If)]
    return {
        alias.name: str(node.module) for node in block.body if isinstance(node, ast.ImportFrom) for alias in node.names
    }


def test_type_checkers_and_the_interpreter_see_the_same_names() -> None:
    assert for_type_checkers() == plugin._WHERE


@pytest.mark.parametrize("name", sorted(plugin._WHERE))
def test_every_name_can_be_imported(name: str) -> None:
    assert getattr(plugin, name) is not None
    assert name in dir(plugin)


def test_a_name_that_is_not_there() -> None:
    with pytest.raises(AttributeError, match=r"module 'nlu_kit\.plugin' has no attribute 'LabelCodex'"):
        _ = plugin.LabelCodex  # type: ignore[attr-defined]


def test_the_import_is_light() -> None:
    script = (
        "import sys\nfrom nlu_kit.plugin import HeadSpec, Params, hookimpl, lazy\n"
        "lazy('nlu_kit.heads.modules:SentenceClassifier')\n"
        "print({'torch', 'numpy', 'transformers'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "set()\n"


def test_lazy_imports_when_it_is_called() -> None:
    path = lazy("pathlib:Path")
    assert path("a") == Path("a")
    assert loaded(path) is Path
    assert loaded(LabelCodec) is LabelCodec
    assert lazy("collections:OrderedDict.fromkeys")("ab") == {"a": None, "b": None}
    assert repr(path) == "Lazy(target='pathlib:Path')"


@pytest.mark.parametrize("target", ["pathlib.Path", "pathlib:", ":Path", "path lib:Path", "a:b:c", "a:b."])
def test_what_lazy_does_not_take(target: str) -> None:
    with pytest.raises(ValueError, match=r"lazy\(\) takes 'package\.module:Class'"):
        lazy(target)


def test_what_is_not_there_says_so_when_it_is_called() -> None:
    with pytest.raises(AttributeError, match="Pathe"):
        lazy("pathlib:Pathe")()
    assert Codec.__abstractmethods__ == {"counts", "decode", "fields", "gold", "matches", "targets"}
