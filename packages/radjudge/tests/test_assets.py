"""assets/README.md tells where every shipped file comes from, and what its bytes are."""

import hashlib
import re
from pathlib import Path

import radjudge

ASSETS = Path(radjudge.__file__).parent / "assets"


def test_the_readme_holds_the_sha256_of_every_file():
    listed = dict(
        re.findall(r"^\| `([^`]+)` \| `([0-9a-f]{64})` \|$", (ASSETS / "README.md").read_text(encoding="utf-8"), re.M)
    )
    actual = {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(ASSETS.iterdir())
        if path.name != "README.md"
    }
    assert listed == actual, "\n".join(f"| `{name}` | `{digest}` |" for name, digest in actual.items())
