from . import align as align
from . import baselines as baselines
from . import distill as distill
from . import evaluate as evaluate
from . import quality as quality
from . import train as train
from .compressor import Compressor as Compressor
from .prompt_compressor import PromptCompressor as PromptCompressor
from .result import CompressionResult as CompressionResult
from .scores import Scores as Scores
from .scoring.classifier import TokenClassifier as TokenClassifier
from .selection.budget import BudgetError as BudgetError

__version__: str
