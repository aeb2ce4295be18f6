"""``python -m pkn``."""

from pkn.cli import main

main(prog_name="pkn")
