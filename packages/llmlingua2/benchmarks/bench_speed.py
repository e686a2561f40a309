"""Times this package beside llmlingua 0.2.2; writes results/speed.json.

python benchmarks/bench_speed.py
"""

import json
import os
from pathlib import Path

import torch

from llmlingua2.speed import run
from tenfold_core.datasets import resolve

# The peer counts tokens with cl100k_base and would fetch it.
os.environ.setdefault("TIKTOKEN_CACHE_DIR", str(resolve("llmlingua2/tiktoken_cache")))
torch.set_num_threads(1)
result = run(rounds=9) | {"command": "python benchmarks/bench_speed.py"}
path = Path(__file__).parent / "results" / "speed.json"
path.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
print(path.name)
