"""``python -m pkn.cli``."""

from pkn.cli import main

main()
