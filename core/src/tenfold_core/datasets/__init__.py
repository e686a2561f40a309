"""Where data lies, how it is read and written, how it is split and identified."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
