"""Sparse attention for long prefill: dynamic, exact about what it attends to, on any transformers model."""

from importlib.metadata import version

import lazy_loader

from minference_kernels.registration import register_with_transformers

__version__ = version("minference-kernels")
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

register_with_transformers()  # at once, or when transformers is loaded: see `registration`
