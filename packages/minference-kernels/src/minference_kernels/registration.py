"""Making ``attn_implementation="minference"`` known to transformers without importing it.

If transformers' model code is loaded already, the name is registered at once. If not, a finder at the front of
``sys.meta_path`` waits for ``transformers.modeling_utils`` (the module that every model loads and that defines the
attention interface), takes itself off the path, lets the ordinary finders do their work and registers the name when the
module has run. Nothing else is touched, and nothing heavy is imported here.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

_TRIGGER = "transformers.modeling_utils"


def register_with_transformers() -> None:
    """Register now, or as soon as transformers' model code is loaded. Safe to call more than once."""
    if _TRIGGER in sys.modules:
        _register()
    elif not any(isinstance(finder, _Waiting) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Waiting())


class _Waiting(MetaPathFinder):
    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != _TRIGGER:
            return None
        sys.meta_path.remove(self)
        for finder in sys.meta_path:
            spec = finder.find_spec(fullname, path, target)
            if spec is not None:
                break
        else:
            return None
        loader = spec.loader
        if loader is not None:
            run = loader.exec_module

            def run_and_register(module: ModuleType) -> None:
                run(module)
                _register()

            loader.exec_module = run_and_register  # type: ignore[method-assign]
        return spec


def _register() -> None:
    try:
        from minference_kernels.integrations.transformers import register

        register()
    except ImportError as error:  # an unsupported transformers must stay importable without us
        logging.getLogger(__name__).warning("attn_implementation='minference' is not available: %s", error)
