"""Writes results/speed.json: the sizes of the results table in the README. About two minutes; keep the machine quiet."""

from __future__ import annotations

import json
import os
from importlib import metadata
from pathlib import Path

from minference_kernels import speed


def main() -> None:
    result = speed.run()
    result["version"] = metadata.version("minference-kernels")
    path = Path(__file__).parent / "results" / "speed.json"
    path.parent.mkdir(exist_ok=True)
    part = path.with_suffix(".part")
    part.write_text(json.dumps(result, indent=1) + "\n")
    os.replace(part, path)
    print(speed.table(result))


if __name__ == "__main__":
    main()
