"""The group `check`: its commands with their options and help texts."""

import typer

from backtests.commands import options as option
from backtests.commands.registration import command, group


def data(
    *,
    config: option.Config = None,
    set_: option.Set = None,
    json: option.Json = False,
    refresh: option.Refresh = False,
) -> None:
    """List each price series: source, period, gaps, last date."""
    from backtests.commands.check import check_data

    check_data(config, set_, as_json=json, refresh=refresh)


def lookahead(
    *,
    config: option.Config = None,
    set_: option.Set = None,
    json: option.Json = False,
    cuts: option.Cuts = 40,
    seed: option.Seed = 20160707,
    refresh: option.Refresh = False,
) -> None:
    """Remove later prices and compare all earlier decisions."""
    from backtests.commands.check import check_lookahead

    check_lookahead(config, set_, as_json=json, cuts=cuts, seed=seed, refresh=refresh)


def parity(
    *,
    config: option.Config = None,
    set_: option.Set = None,
    json: option.Json = False,
    window: option.Window = None,
    refresh: option.Refresh = False,
) -> None:
    """Run the live code over history; compare with the backtest."""
    from backtests.commands.check import check_parity

    check_parity(config, set_, as_json=json, span=window, refresh=refresh)


def add_checks(app: typer.Typer) -> None:
    """Add the group `check` to the program."""
    checks = group(app, "check", "Check your configuration and data for errors.")
    for check in (data, lookahead, parity):
        command(checks, check.__name__)(check)
