"""A candidate as modules of the repository it is written for: whoever imports one of them gets the candidate."""

import importlib
import importlib.machinery
import importlib.util
import sys
import types
from collections.abc import Sequence


def imported(module: types.ModuleType, code: types.CodeType, names: Sequence[str]) -> None:
    """Run the code in the module as if a file of the first name held it; the other names mean the same module.

    The packages around it are loaded first, as they would be, and may import it back.
    """
    for name in names:
        _package_above(name)
    del module.__name__  # the first to import it gives it its name, and with that its package
    sys.meta_path.insert(0, _Finder(module, code, frozenset(names)))
    importlib.import_module(names[0])


def _package_above(name: str) -> None:
    """Make up the packages above a module that are no folders of the repository."""
    above = name.rpartition(".")[0]
    if not above or above in sys.modules:
        return
    _package_above(above)
    try:
        known = importlib.util.find_spec(above)
    except (ImportError, ValueError):
        known = None
    if known is None:
        package = types.ModuleType(above)
        package.__path__ = []
        sys.modules[above] = package


class _Finder:
    """Finds the candidate before anything on the path; it is run when it is first imported."""

    def __init__(self, module: types.ModuleType, code: types.CodeType, names: frozenset[str]) -> None:
        self._module, self._code, self._names = module, code, names
        self._begun = False

    def find_spec(self, name: str, path: object = None, target: object = None) -> importlib.machinery.ModuleSpec | None:
        """The import system's question."""
        return importlib.machinery.ModuleSpec(name, self) if name in self._names else None  # type: ignore[arg-type]

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> types.ModuleType:
        """Always the same module."""
        return self._module

    def exec_module(self, module: types.ModuleType) -> None:
        """Run the source, once."""
        if not self._begun:
            self._begun = True
            exec(self._code, module.__dict__)
