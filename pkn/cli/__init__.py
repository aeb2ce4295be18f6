"""The command line: the verbs, under the same names; a file for each."""

from typing import Any

import click

from pkn.cli import (
    deconvolve,
    denoise,
    evaluate,
    evaluate_cold,
    evaluate_sampler,
    maps,
    nets,
    sample,
    sample_cold,
    train,
    train_cold,
    train_sampler,
    upsample,
)


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


for module in (
    deconvolve,
    denoise,
    evaluate,
    evaluate_cold,
    evaluate_sampler,
    maps,
    nets,
    sample,
    sample_cold,
    train,
    train_cold,
    train_sampler,
    upsample,
):
    main.add_command(module.command)
