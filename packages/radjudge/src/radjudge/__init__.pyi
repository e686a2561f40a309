from .comparison import compare as compare
from .corruption import Corruption as Corruption
from .corruption import build_pairs as build_pairs
from .corruption import corrupt as corrupt
from .judges import Judge as Judge
from .judges import StructuredJudge as StructuredJudge
from .judges import UnsupportedLanguageError as UnsupportedLanguageError
from .parsing import parse_report as parse_report
from .records import CATEGORIES as CATEGORIES
from .records import Context as Context
from .records import Error as Error
from .records import Finding as Finding
from .records import Judgement as Judgement
from .records import Match as Match
from .records import Mention as Mention
from .records import Pair as Pair
from .records import Report as Report
from .records import Sentence as Sentence
from .scoring import Results as Results
from .scoring import score as score

__version__: str
