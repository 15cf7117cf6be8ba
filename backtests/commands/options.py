"""The options of the commands, with help texts. Imports only the parser, so `--help` is fast."""

from pathlib import Path
from typing import Annotated

import typer

Config = Annotated[
    list[Path] | None,
    typer.Option(
        "--config", "-c", help="TOML file that changes the defaults; repeatable, later files win."
    ),
]
Set = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        "-s",
        metavar="KEY=VALUE",
        help="Change one setting, e.g. gate.base_sessions=126; repeatable.",
    ),
]
Json = Annotated[
    bool, typer.Option("--json", help="Print one JSON document to stdout and nothing else.")
]
Refresh = Annotated[
    bool, typer.Option("--refresh", help="Download all prices again; ignore the cache.")
]
Output = Annotated[
    Path | None,
    typer.Option("--output", "-o", help="Folder to write; default: runs/<time>-<command>-<hash>."),
]
NoReport = Annotated[bool, typer.Option("--no-report", help="Skip the HTML report.")]
NoBenchmarks = Annotated[
    bool,
    typer.Option("--no-benchmarks", help="Skip benchmarks, permutation test and verdict."),
]
Calibrate = Annotated[
    int | None,
    typer.Option(
        "--calibrate",
        metavar="N",
        min=1,
        help="Repeat the run in N worlds whose coins do not follow the gate; count its verdicts. "
        "If interrupted, the same command goes on.",
    ),
]
Effect = Annotated[
    float | None,
    typer.Option(
        "--effect",
        metavar="X",
        help="With --calibrate: worlds in which coins follow the gate X times as much as measured.",
    ),
]
Regimes = Annotated[
    bool,
    typer.Option("--regimes", help="With --calibrate: bull and bear markets that ignore the gate."),
]
# They win over the settings named, wherever those come from: files, the environment, --set.
Start = Annotated[
    str | None,
    typer.Option(
        "--start", metavar="DATE", help="First day traded (YYYY-MM-DD); wins over backtest.start."
    ),
]
End = Annotated[
    str | None,
    typer.Option(
        "--end", metavar="DATE", help="Last day traded, inclusive; wins over backtest.end."
    ),
]
Cash = Annotated[
    str | None,
    typer.Option("--cash", metavar="USD", help="USD at the start; wins over backtest.cash."),
]
OnlyCoins = Annotated[
    str | None,
    typer.Option(
        "--coins",
        metavar="LIST",
        help="Only these coins, e.g. BTC,ETH: those of [[coins]] in their proportions, others as "
        "`init` adds them. Like the options above it wins over files, environment and --set.",
    ),
]
AsOf = Annotated[
    str | None,
    typer.Option(
        "--as-of",
        metavar="DATE|RUN",
        help="The state on a past day (24:00 UTC), or with the data and settings of a run folder.",
    ),
]
Once = Annotated[
    bool,
    typer.Option("--once", help="Trade the newest bar and exit (for cron and systemd timers)."),
]
Replay = Annotated[
    str | None,
    typer.Option("--replay", metavar="FROM:TO", help="Run the live code over past days."),
]
ReplayOutput = Annotated[
    Path | None, typer.Option("--output", "-o", help="Run folder to write, with --replay.")
]
Reason = Annotated[str, typer.Option("--reason", help="Reason, for journal and notifications.")]
HeldSymbol = Annotated[
    str, typer.Argument(metavar="SYMBOL", help="Series with a held close, e.g. HYG or ^RUT.")
]
HeldSession = Annotated[
    str, typer.Argument(metavar="DATE", help="Its session (YYYY-MM-DD), as `status` names it.")
]
ReduceOnly = Annotated[bool, typer.Option("--reduce-only", help="Only stop buys; sells go on.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask for the account's name.")]
Drill = Annotated[
    bool,
    typer.Option(
        "--drill", help="Also buy and sell the smallest lot on the testnet and report its cost."
    ),
]
Cuts = Annotated[
    int, typer.Option("--cuts", min=1, max=10_000, help="Number of past times to test.")
]
Seed = Annotated[int, typer.Option("--seed", min=0, help="Seed of the random times.")]
Window = Annotated[
    str | None,
    typer.Option(
        "--window", metavar="FROM:TO", help="Days to replay; default: all days of the backtest."
    ),
]
DocumentName = Annotated[
    str | None,
    typer.Option(
        "--document",
        metavar="NAME",
        help="Schema of a document instead: metrics, tune, evidence, calibration, decision or "
        "status.",
    ),
]
RunOrJournal = Annotated[
    Path,
    typer.Argument(
        metavar="RUN|JOURNAL",
        help="Run folder, or the journal (NAME.sqlite) of a paper session or its folder.",
    ),
]
JournalSet = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        "-s",
        metavar="KEY=VALUE",
        help="For a journal: change a setting of its last session, e.g. prices.source=folder; "
        "repeatable.",
    ),
]
NewFile = Annotated[Path, typer.Option("--output", "-o", help="File to write.")]
Coins = Annotated[
    str | None,
    typer.Option("--coins", help="Coins in the order they are bought, e.g. BTC,ETH,SOL."),
]
Style = Annotated[str | None, typer.Option("--style", help="gate, strict or or-trend.")]
BarLength = Annotated[
    str | None, typer.Option("--timeframe", help="Length of a bar: 1d, 4h, 1h, 15m, 5m, 1m.")
]
PriceFolder = Annotated[
    str | None, typer.Option("--prices", help="Folder of price files; default: Yahoo.")
]
RunFolders = Annotated[
    list[Path] | None,
    typer.Argument(help="Run folders to compare; default: all under runs/.", show_default=False),
]
