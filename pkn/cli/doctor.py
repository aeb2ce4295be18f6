"""``pkn doctor``."""

import click


@click.command("doctor")
def command() -> None:
    """Print what a bug report needs: versions, processor, caches, extras, and a self-test of two seconds.

    The exit code is 1 if the self-test fails or a required package is missing.
    """
    from pkn.cli._environment import missing_packages, sections

    for title, facts in sections():
        click.echo(title)
        _print(facts)
    if absent := missing_packages():
        raise ValueError(f"{', '.join(absent)} can't be found; expected all that pkn requires: install it again")
    from pkn.cli._first_use import announce_compiling
    from pkn.cli._self_test import checks

    click.echo("self-test")
    announce_compiling()
    failed = []
    for check in checks():
        _print([(check.name, f"{'good' if check.good else 'WRONG'}: {check.text}")])
        failed += [] if check.good else [check.name]
    if failed:
        raise ValueError(f"the self-test failed: {', '.join(failed)}; expected every check to be good")


def _print(facts: list[tuple[str, str]]) -> None:
    for name, text in facts:
        click.echo(f"  {name:<16} {text}")
