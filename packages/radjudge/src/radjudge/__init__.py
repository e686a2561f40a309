"""An auditable judge of radiology reports that runs offline. A research tool, not a medical device."""

from importlib.metadata import version

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
__version__ = version("radjudge")
