"""``python -m radjudge``."""

from radjudge.cli import main

main()
