from . import datasets as datasets
from . import logging as logging
from . import metrics as metrics

__version__: str
