"""The command line: the verbs, under the same names; a file for each, which is loaded when it is needed."""

from importlib import import_module
from pkgutil import iter_modules
from typing import Any

import click

from pkn.version import __version__

# What users of images need. The rest is for research: training, evaluation and sampling.
FOR_IMAGES = (
    "denoise",
    "upsample",
    "deconvolve",
    "debias",
    "predict-maps",
    "maps",
    "estimate-noise",
    "view",
    "wavelet-denoise",
    "nets",
    "doctor",
    "warmup",
)


SHORT = {"maps": "predict-maps"}


class _Commands(click.Group):
    """Errors that a user can mend are one line and exit code 1; click's own usage errors are 2; the rest are bugs."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        files = [module.name for module in iter_modules(__path__) if not module.name.startswith("_")]
        return sorted([*(name.replace("_", "-") for name in files), *SHORT])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.list_commands(ctx):
            return None
        module = SHORT.get(cmd_name, cmd_name).replace("-", "_")
        command: click.Command = import_module(f"{__name__}.{module}").command
        return command

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (ValueError, TypeError, OSError) as error:
            if isinstance(error, BrokenPipeError):
                raise
            raise click.ClickException(str(error)) from error

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        texts = {
            name: command.get_short_help_str(limit=1000)
            for name in self.list_commands(ctx)
            if (command := self.get_command(ctx, name))
        }
        groups = {
            "Images": [name for name in FOR_IMAGES if name in texts],
            "Research": [name for name in texts if name not in FOR_IMAGES],
        }
        for title, group in groups.items():
            with formatter.section(title):
                formatter.write_dl([(name, texts[name]) for name in group])


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="pkn")
def main() -> None:
    """Classical image filters made smart: networks set their parameters pixel by pixel."""
