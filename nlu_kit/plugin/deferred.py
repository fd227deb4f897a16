"""Name a class instead of importing it: ``build=lazy("my_package.head:Head")`` keeps a plugin's module light."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import Any


@dataclass(frozen=True, slots=True)
class Lazy:
    """Stands for the class or function that ``target`` names, imports it when it is called, and calls it."""

    target: str

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.load()(*args, **kwargs)

    def load(self) -> Any:
        """What it stands for. Raises whatever importing it raises, and AttributeError where the module lacks it."""
        module, _, name = self.target.partition(":")
        found: Any = import_module(module)
        for part in name.split("."):
            found = getattr(found, part)
        return found


def lazy(target: str) -> Any:
    """``"package.module:Class"`` as something to call, which is imported when that happens, and not before.

    Raises ValueError for a text of another form.
    """
    module, colon, name = target.partition(":")
    if not colon or not all(part.isidentifier() for part in (*module.split("."), *name.split("."))):
        raise ValueError(f"lazy() takes 'package.module:Class', got {target!r}")
    return Lazy(target)


def loaded(component: Any) -> Any:
    """The class or function itself, whether it is named or given."""
    return component.load() if isinstance(component, Lazy) else component
