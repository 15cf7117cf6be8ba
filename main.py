"""The command line: options and help texts. Each command imports its package when it runs."""

import _signal  # built in, so that loading it leaves no time for Ctrl-C

if __name__ == "__main__":
    _signal.pthread_sigmask(_signal.SIG_BLOCK, {_signal.SIGINT})  # until run() records it

import gc
import sys
from pathlib import Path

import typer

from backtests.commands import options as option
from backtests.commands.check_group import add_checks
from backtests.commands.command_group import CommandGroup
from backtests.commands.registration import EXIT_CODES, command, group
from brokers.interrupts import record_interrupts
from brokers.standard_streams import run_protected

app = typer.Typer(
    cls=CommandGroup,
    help="Hold crypto only after breakouts of the Russell 2000: backtest, tune, trade on paper.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=EXIT_CODES,
)
add_checks(app)
config = group(app, "config", "Show the settings and the JSON schemas.")
prices = group(app, "prices", "Stand by a close that is held.")


@command(app, "backtest")
def backtest(
    *,
    config: option.Config = None,
    set_: option.Set = None,
    json: option.Json = False,
    output: option.Output = None,
    start: option.Start = None,
    end: option.End = None,
    cash: option.Cash = None,
    coins: option.OnlyCoins = None,
    no_report: option.NoReport = False,
    no_benchmarks: option.NoBenchmarks = False,
    refresh: option.Refresh = False,
    calibrate: option.Calibrate = None,
    effect: option.Effect = None,
    regimes: option.Regimes = False,
) -> None:
    """Backtest the strategy and write a run folder with a report."""
    from backtests.commands.backtest import Choices, run_backtest
    from backtests.commands.calibration import make_request
    from backtests.commands.run_scope import RunOptions

    options = RunOptions(
        as_json=json,
        output=output,
        with_report=not no_report,
        refresh=refresh,
        calibration=make_request(calibrate, effect, regimes=regimes),
    )
    choices = Choices(start, end, cash, coins)
    run_backtest(config, set_, options, with_benchmarks=not no_benchmarks, choices=choices)


@command(app, "gate")
def gate(
    *,
    config: option.Config = None,
    set_: option.Set = None,
    json: option.Json = False,
    as_of: option.AsOf = None,
    refresh: option.Refresh = False,
) -> None:
    """Show whether the gate is open, why, and what would change it."""
    from backtests.commands.gate import read_gate

    read_gate(config, set_, as_json=json, as_of=as_of, refresh=refresh)


@command(app, "tune")
def tune(
    *,
    config: option.Config = None,
    set_: option.Set = None,
    json: option.Json = False,
    output: option.Output = None,
    no_report: option.NoReport = False,
    refresh: option.Refresh = False,
    calibrate: option.Calibrate = None,
    effect: option.Effect = None,
    regimes: option.Regimes = False,
) -> None:
    """Search the parameters in [tune.space] and test for overfitting."""
    from backtests.commands.calibration import make_request
    from backtests.commands.run_scope import RunOptions
    from backtests.commands.tune import run_tune

    options = RunOptions(
        as_json=json,
        output=output,
        with_report=not no_report,
        refresh=refresh,
        calibration=make_request(calibrate, effect, regimes=regimes),
    )
    run_tune(config, set_, options)


@command(app, "evidence")
def evidence(
    *,
    config: option.Config = None,
    set_: option.Set = None,
    json: option.Json = False,
    output: option.Output = None,
    no_report: option.NoReport = False,
    refresh: option.Refresh = False,
    calibrate: option.Calibrate = None,
    effect: option.Effect = None,
    regimes: option.Regimes = False,
) -> None:
    """Test the claims behind the strategy on historical prices."""
    from backtests.commands.calibration import make_request
    from backtests.commands.evidence import run_evidence
    from backtests.commands.run_scope import RunOptions

    options = RunOptions(
        as_json=json,
        output=output,
        with_report=not no_report,
        refresh=refresh,
        calibration=make_request(calibrate, effect, regimes=regimes),
    )
    run_evidence(config, set_, options)


@command(app, "paper", of_account=True)
def paper(
    *,
    config: option.Config = None,
    set_: option.Set = None,
    json: option.Json = False,
    once: option.Once = False,
    replay: option.Replay = None,
    output: option.ReplayOutput = None,
) -> None:
    """Paper trading: simulated fills, or orders on a testnet."""
    if replay is not None:
        from backtests.commands.backtest import run_replay
        from backtests.commands.run_scope import RunOptions

        run_replay(config, set_, replay, RunOptions(as_json=json, output=output))
        return
    from backtests.engine.live import live_strategy
    from backtests.paper_sessions.week_process import compare_week
    from brokers.commands.paper import run_paper

    raise typer.Exit(
        run_paper(config, set_, live_strategy, compare_week=compare_week, as_json=json, once=once)
    )


@command(app, "halt", of_account=True)
def halt(
    *,
    config: option.Config = None,
    set_: option.Set = None,
    reason: option.Reason = "by hand",
    reduce_only: option.ReduceOnly = False,
) -> None:
    """Stop all orders of a paper session at once, or all buys.

    Works while its session runs and without one, on a full disk too. What is held is kept.

    Exit codes: 0 halted; 2 no such journal, or several could be meant; 5 the journal cannot be
    used; 75 it is busy or its disk is full. After 5 and 75 nothing was changed.
    """
    from brokers.commands.halt import halt

    halt(config, set_, reason, reduce_only=reduce_only)


@command(app, "flatten", waits=True, of_account=True)
def flatten(
    *,
    config: option.Config = None,
    set_: option.Set = None,
    reason: option.Reason = "by hand",
    yes: option.Yes = False,
) -> None:
    """Sell everything a paper account holds, then halt it.

    Its session sells; where none runs, this command does. What was not sold when it ends is sold by
    the next start of `paper` or `flatten`; `halt` calls it off.

    Exit codes: 0 everything is sold; 2 the account was not named; 4 the exchange refuses; 5
    something is left, or it was called off; 75 not done yet; 130 interrupted: still to be sold.
    """
    from backtests.engine.live import live_strategy
    from brokers.commands.flatten import run_flatten

    raise typer.Exit(run_flatten(config, set_, live_strategy, reason, confirmed=yes))


@command(app, "resume", of_account=True)
def resume(*, config: option.Config = None, set_: option.Set = None) -> None:
    """Allow a halted paper session to trade again.

    At its next bar it buys as the gate allows, also what `flatten` has sold. The drawdown guard
    starts a new peak. Nothing changes where trading is on already.

    Exit codes: 0 trading is on; 2 no such journal, or several could be meant; 5 the journal cannot
    be used; 75 it is busy or its disk is full.
    """
    from brokers.commands.resume import resume

    resume(config, set_)


@command(app, "status", of_account=True)
def status(
    *, config: option.Config = None, set_: option.Set = None, json: option.Json = False
) -> None:
    """Show how a paper session stands.

    Gate, holdings, next decision and incidents, from the journal alone. Without --config it is the
    session that runs, or the only journal below journal.folder.

    Exit codes: 0 well; 2 no such journal, or several could be meant; 5 a person is needed; 75
    recovering by itself.
    """
    from brokers.commands.status import show_status
    from strategies.breakout import STATES

    raise typer.Exit(show_status(config, set_, STATES, as_json=json))


@command(app, "doctor", waits=True, of_account=True)
def doctor(
    *,
    config: option.Config = None,
    set_: option.Set = None,
    json: option.Json = False,
    drill: option.Drill = False,
) -> None:
    """Check installation, network, keys, prices and journal."""
    from brokers.commands.doctor import run_doctor

    raise typer.Exit(run_doctor(config, set_, as_json=json, drill=drill))


@command(config, "show")
def config_show(
    *, config: option.Config = None, set_: option.Set = None, json: option.Json = False
) -> None:
    """Print the merged settings as TOML."""
    from backtests.commands.settings import show_config

    show_config(config, set_, as_json=json)


@command(config, "schema")
def config_schema(*, document: option.DocumentName = None) -> None:
    """Print the JSON schema of the settings or of a document."""
    from backtests.commands.settings import show_schema

    show_schema(document)


@command(prices, "accept", waits=True, of_account=True)
def prices_accept(
    symbol: option.HeldSymbol,
    day: option.HeldSession,
    *,
    config: option.Config = None,
    set_: option.Set = None,
    reason: option.Reason = "by hand",
) -> None:
    """Confirm a held close: it counts from now on, in session, replay and backtest.

    Exit codes: 0 recorded; 2 no such journal, several could be meant, or that close is not held; 3
    the prices cannot be read; 5 the journal cannot be used; 75 it is busy or its disk is full.
    """
    from backtests.engine.live import live_strategy
    from brokers.commands.prices import accept_close

    accept_close(config, set_, live_strategy, symbol, day, reason=reason)


@command(app, "report")
def report(
    path: option.RunOrJournal, *, json: option.Json = False, set_: option.JournalSet = None
) -> None:
    """Write the report of a run or of a paper session."""
    from backtests.commands.report import write_report

    write_report(path, set_, as_json=json)


@command(app, "init", waits=True)
def init(
    *,
    output: option.NewFile = Path("my.toml"),
    coins: option.Coins = None,
    style: option.Style = None,
    timeframe: option.BarLength = None,
    prices: option.PriceFolder = None,
) -> None:
    """Write a configuration file, from options or a few questions."""
    from backtests.commands.settings import start_config

    start_config(output, coins, style, timeframe, prices)


@command(app, "runs")
def runs(folders: option.RunFolders = None, *, json: option.Json = False) -> None:
    """List and compare backtest runs."""
    from backtests.commands.runs import list_runs

    list_runs(folders, as_json=json)


def run(name: str | None = None) -> None:
    """Run the command line; `name` is the program's name, for shell completion."""
    record_interrupts()
    gc.disable()  # a sixth of a backtest's time: it walks a million objects that live to the end
    sys.exit(run_protected(lambda: app(prog_name=name)))


if __name__ == "__main__":
    run()
