"""The model card that every training command leaves beside its weights."""

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource


def given_command() -> str:
    """The command that is running, as it was given; of paths only the names, for a card is published."""
    context = click.get_current_context()
    words = ["pkn", str(context.info_name)]
    for option in context.command.params:
        name, value = str(option.name), context.params.get(str(option.name))
        if context.get_parameter_source(name) is not ParameterSource.COMMANDLINE or name == "resume":
            continue
        if isinstance(option, click.Option) and option.is_flag:
            words.append(option.opts[0] if value else option.secondary_opts[0])
            continue
        for one in value if isinstance(value, tuple) else (value,):
            words += [option.opts[0], _written(one)]
    return shlex.join(words)


def _written(value: Any) -> str:
    path = isinstance(value, Path) or "/" in str(value) or "\\" in str(value)
    return Path(str(value)).name if path else str(value)


def leave_card(weights: Sequence[Path]) -> None:
    """Write the model card of weights that were just trained, and say where."""
    from pkn.training.model_cards import card_path, write_card

    if path := write_card(weights, given_command()):
        click.echo(f"{path}: the model card")
    else:
        click.echo(f"{card_path(weights)} is something else: no model card was written (see pkn nets --card)", err=True)
