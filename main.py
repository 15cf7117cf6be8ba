"""The commands. What they do lives in the packages beside this file; everything heavy is imported when it is needed."""

import gc
import sys
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Annotated, Any

import typer

DONE, USAGE, MARKET_DATA, EXCHANGE, STOPPED, INTERRUPTED = 0, 2, 3, 4, 5, 130

app = typer.Typer(
    help="Gate crypto exposure on the Russell 2000's breakout regime: backtest it, trade it on paper, doubt it.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit codes: 0 done, 2 usage or configuration, 3 market data, 4 exchange, 5 stopped for safety or a check failed, 130 interrupted.",
)
check = typer.Typer(
    help="Check the promises on your own configuration and data.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
config = typer.Typer(
    help="Show settings and their schema.", no_args_is_help=True, rich_markup_mode=None
)
app.add_typer(check, name="check")
app.add_typer(config, name="config")

Config = Annotated[
    list[Path] | None,
    typer.Option(
        "--config", "-c", help="TOML file over config/default.toml; repeatable, later wins."
    ),
]
Set = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        "-s",
        metavar="KEY=VALUE",
        help="One setting, e.g. gate.base_sessions=126; repeatable.",
    ),
]
Json = Annotated[
    bool, typer.Option("--json", help="Print one JSON document on stdout and nothing else there.")
]
Refresh = Annotated[
    bool, typer.Option("--refresh", help="Download all prices again instead of updating the cache.")
]


def command(group: typer.Typer, name: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Register a command whose expected failures become one message and their exit code."""

    def register(function: Callable[..., None]) -> Callable[..., None]:
        @wraps(function)
        def guarded(*args: Any, **kwargs: Any) -> None:
            try:
                function(*args, **kwargs)
            except KeyboardInterrupt:
                typer.echo("interrupted; nothing half-written is left", err=True)
                raise typer.Exit(INTERRUPTED) from None
            except Exception as error:
                code = exit_code(error)
                if code is None:
                    raise
                typer.echo(f"error: {error}", err=True)
                raise typer.Exit(code) from None

        group.command(name)(guarded)
        return guarded

    return register


def exit_code(error: Exception) -> int | None:
    """The exit code an error stands for by its class; None for a bug."""
    kinds = {
        "ConfigError": USAGE,
        "RunError": USAGE,
        "DataError": MARKET_DATA,
        "ExchangeError": EXCHANGE,
        "BrokenPromiseError": STOPPED,
        "SafetyError": STOPPED,
    }
    return next(
        (kinds[kind.__name__] for kind in type(error).__mro__ if kind.__name__ in kinds), None
    )


@command(app, "backtest")
def backtest(
    config: Config = None,
    set_: Set = None,
    json: Json = False,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", help="Run folder to write instead of runs/<time>-backtest-<hash>."
        ),
    ] = None,
    no_report: Annotated[bool, typer.Option("--no-report", help="No HTML report.")] = False,
    no_benchmarks: Annotated[
        bool,
        typer.Option(
            "--no-benchmarks",
            help="The strategy alone: no benchmarks, no random gates, no verdict.",
        ),
    ] = False,
    refresh: Refresh = False,
) -> None:
    """Run the strategy on history, print the table, write the run folder."""
    from backtests.commands.backtest import run_backtest

    run_backtest(config, set_, json, output, not no_benchmarks, not no_report, refresh)


@command(app, "gate")
def gate(
    config: Config = None,
    set_: Set = None,
    json: Json = False,
    as_of: Annotated[
        str | None,
        typer.Option(
            "--as-of",
            metavar="DATE|RUN",
            help="As known at that day's 24:00 UTC, or on a run's data.",
        ),
    ] = None,
    refresh: Refresh = False,
) -> None:
    """Today's reading of the gate, and why."""
    from backtests.commands.gate import read_gate

    read_gate(config, set_, json, as_of, refresh)


@command(app, "tune")
def tune(
    config: Config = None,
    set_: Set = None,
    json: Json = False,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", help="Run folder to write instead of runs/<time>-tune-<hash>."
        ),
    ] = None,
    no_report: Annotated[bool, typer.Option("--no-report", help="No HTML report.")] = False,
    refresh: Refresh = False,
) -> None:
    """Search the parameters named in [tune.space], and say how much of the result is luck."""
    from backtests.commands.tune import run_tune

    run_tune(config, set_, json, output, not no_report, refresh)


@command(app, "evidence")
def evidence(
    config: Config = None,
    set_: Set = None,
    json: Json = False,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", help="Run folder to write instead of runs/<time>-evidence-<hash>."
        ),
    ] = None,
    no_report: Annotated[bool, typer.Option("--no-report", help="No HTML report.")] = False,
    refresh: Refresh = False,
) -> None:
    """Hold the claims behind the strategy against history: what is so, what is not, what cannot be told."""
    from backtests.commands.evidence import run_evidence

    run_evidence(config, set_, json, output, not no_report, refresh)


@command(app, "paper")
def paper(
    config: Config = None,
    set_: Set = None,
    json: Json = False,
    once: Annotated[
        bool,
        typer.Option(
            "--once", help="Decide the newest bar, carry it out, end: for cron and systemd timers."
        ),
    ] = False,
    replay: Annotated[
        str | None,
        typer.Option("--replay", metavar="FROM:TO", help="Drive the live path over history."),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="With --replay: run folder to write.")
    ] = None,
) -> None:
    """Trade on paper: live prices with local fills, or an exchange's testnet."""
    if replay is not None:
        from backtests.commands.backtest import run_replay

        run_replay(config, set_, json, replay, output)
        return
    from backtests.engine.live import live_strategy
    from brokers.commands.paper import run_paper

    raise typer.Exit(run_paper(config, set_, json, once, live_strategy))


@command(app, "halt")
def halt(
    config: Config = None,
    set_: Set = None,
    reason: Annotated[
        str, typer.Option("--reason", help="What is told and written down.")
    ] = "by hand",
) -> None:
    """Stop a paper session's trading at once, whether it runs or not."""
    from brokers.commands.halt import halt

    halt(config, set_, reason)


@command(app, "resume")
def resume(config: Config = None, set_: Set = None) -> None:
    """Let a halted session trade again."""
    from brokers.commands.resume import resume

    resume(config, set_)


@command(app, "doctor")
def doctor(
    config: Config = None,
    set_: Set = None,
    json: Json = False,
    drill: Annotated[
        bool,
        typer.Option(
            "--drill",
            help="Also buy and sell the smallest lot on the testnet, and tell what it cost.",
        ),
    ] = False,
) -> None:
    """Versions, network, clock, keys, coins, prices, disk, journal: what is wrong and how to mend it."""
    from brokers.commands.doctor import run_doctor

    raise typer.Exit(run_doctor(config, set_, json, drill))


@command(check, "data")
def check_data(
    config: Config = None, set_: Set = None, json: Json = False, refresh: Refresh = False
) -> None:
    """Each series: source, span, gaps, odd rows, stale end."""
    from backtests.commands.check import check_data

    check_data(config, set_, json, refresh)


@command(check, "lookahead")
def check_lookahead(
    config: Config = None,
    set_: Set = None,
    json: Json = False,
    cuts: Annotated[
        int, typer.Option("--cuts", min=1, max=10_000, help="Instants at which all series are cut.")
    ] = 40,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Chooses the instants.")] = 20160707,
    refresh: Refresh = False,
) -> None:
    """Nothing from the future: cut every series, and see whether an earlier decision moves."""
    from backtests.commands.check import check_lookahead

    check_lookahead(config, set_, json, cuts, seed, refresh)


@command(check, "parity")
def check_parity(
    config: Config = None,
    set_: Set = None,
    json: Json = False,
    window: Annotated[
        str | None,
        typer.Option(
            "--window",
            metavar="FROM:TO",
            help="Days to replay; without it all the backtest trades.",
        ),
    ] = None,
    refresh: Refresh = False,
) -> None:
    """One strategy: drive history through the live path, and hold every decision and order against the backtest."""
    from backtests.commands.check import check_parity

    check_parity(config, set_, json, window, refresh)


@command(config, "show")
def config_show(config: Config = None, set_: Set = None, json: Json = False) -> None:
    """The merged settings as TOML."""
    from backtests.commands.settings import show_config

    show_config(config, set_, json)


@command(config, "schema")
def config_schema() -> None:
    """The JSON schema of all settings: units, bounds, meaning."""
    from backtests.commands.settings import show_schema

    show_schema()


@command(app, "report")
def report(
    path: Annotated[
        Path,
        typer.Argument(
            metavar="RUN|JOURNAL",
            help="Run folder, or a paper session's NAME.sqlite or its folder.",
        ),
    ],
    json: Json = False,
    set_: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            "-s",
            metavar="KEY=VALUE",
            help="For a journal: change a setting of its last session, above all where the backtest's prices come from, "
            "e.g. prices.source=folder; repeatable.",
        ),
    ] = None,
) -> None:
    """Write the HTML report of a run again, or of a paper session: live against the backtest of the same days."""
    from backtests.commands.report import write_report

    write_report(path, set_, json)


@command(app, "init")
def init(
    output: Annotated[Path, typer.Option("--output", "-o", help="File to write.")] = Path(
        "my.toml"
    ),
    coins: Annotated[
        str | None, typer.Option("--coins", help="Coins in the order they join, e.g. BTC,ETH,SOL.")
    ] = None,
    style: Annotated[str | None, typer.Option("--style", help="gate, strict or or-trend.")] = None,
    timeframe: Annotated[
        str | None, typer.Option("--timeframe", help="Length of a bar: 1d, 4h, 1h, 15m, 5m, 1m.")
    ] = None,
    prices: Annotated[
        str | None,
        typer.Option("--prices", help="Folder of price files; without it prices come from Yahoo."),
    ] = None,
) -> None:
    """Write a starting configuration, from flags or a few questions."""
    from backtests.commands.settings import start_config

    start_config(output, coins, style, timeframe, prices)


@command(app, "runs")
def runs(
    folders: Annotated[
        list[Path] | None,
        typer.Argument(
            help="Run folders to compare; without them all under runs/.", show_default=False
        ),
    ] = None,
    json: Json = False,
) -> None:
    """List and compare finished runs."""
    from backtests.commands.runs import list_runs

    list_runs(folders, json)


def run(name: str | None = None) -> None:
    """Run the command line; `name` is what the program is called, for shells that complete its words."""
    gc.disable()  # a sixth of a backtest's time: the collector walks a million objects that all live to the end
    sys.exit(app(prog_name=name))


if __name__ == "__main__":
    run()
