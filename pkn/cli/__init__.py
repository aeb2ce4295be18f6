"""The command line: the verbs, under the same names; a file for each."""

from importlib import import_module
from pkgutil import iter_modules
from typing import Any

import click


class _Commands(click.Group):
    """Errors that a user can mend are one line and exit code 1; click's own usage errors are 2; the rest are bugs."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (ValueError, TypeError, OSError) as error:
            if isinstance(error, BrokenPipeError):
                raise
            raise click.ClickException(str(error)) from error


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="pkn")
def main() -> None:
    """Classical image filters made smart: networks set their parameters pixel by pixel."""


for module in iter_modules(__path__):
    if not module.name.startswith("_"):
        found = import_module(f"{__name__}.{module.name}")
        main.add_command(found.command)
        if hasattr(found, "SHORT"):
            main.add_command(found.command, found.SHORT)
