"""What is asked of each stored example, and where in the answer each fact stands.

A reading is a function of a place that holds a copy of the stored files. It runs commands and
returns facts by name. The maps below say where a fact stands: `a.b` is a key in a key, `a[].b` is
the list of all `b` in the list `a`. A later version that puts a fact elsewhere changes its path
here, and one that spells a word otherwise adds the spelling; names and values stay.
"""

import csv
import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from backtests.performance.short_windows import ANNUALISED
from tests.stored.program import (
    Answer,
    PaperWorld,
    command,
    made_up_prices,
    paper_world,
    seconds,
    yearly_figures,
)

Facts = dict[str, Any]
SPELLINGS: dict[str, str] = {
    "inconclusive": "cannot be told",
    "recommended": "recommend",
    "not recommended": "do not recommend",
}  # a word as this version spells it -> as 0.1 spelled it

METRICS = [
    "total_return",
    "cagr",
    "volatility",
    "sharpe",
    "sortino",
    "calmar",
    "max_drawdown",
    "max_drawdown_days",
    "exposure",
    "turnover",
    "orders",
    "fees",
]
COLUMNS = {
    "fills": "time at coin size price fee",
    "fees": "coin units worth executions unknown",
    "nothing": "time state",
    "incidents": "kind severity times first last",
    "sessions": "id started ended mode decisions killed",
    "flows": "time flow",
}
SESSION = {
    "account": "account",
    "compared": "word",
    "first": "first",
    "last": "last",
    "decided": "attendance.decided",
    "missed": "attendance.missing",
    "missed_since": "attendance.missed[].first",
    "halted": "halted",
    "resumed": "resumed",
    **{
        f"{name} {one}": f"{name}[].{one}" for name, ones in COLUMNS.items() for one in ones.split()
    },
    **{f"backtest {one}": f"comparison.backtest.{one}" for one in METRICS},
    **{f"live {one}": f"comparison.live.{one}" for one in METRICS},
    **{f"comparison {one}": f"comparison.{one}" for one in ("bars", "orders", "expected")},
    "differences": "comparison.differences[].time",
    **{f"tracking {one}": f"comparison.tracking.{one}" for one in ("total", "daily", "days")},
}
DECISION = {
    **{
        f"decision {one}": f"decision.{one}"
        for one in [
            "time",
            "decided_at",
            "state",
            "ceiling",
            "filled",
            "confirmed_at",
            "gate_stale",
            "equity",
            "cash",
            "drawdown",
            "gross",
            "missing",
            "current",
            "targets",
            "sizes",
            "session",
        ]
    },
    **{
        f"intent {one}": f"intents[].{one}"
        for one in ["id", "time", "symbol", "size", "price", "state"]
    },
    **{
        f"equity {one}": f"equity.{one}"
        for one in ["time", "value", "cash", "units", "unit_value", "flow"]
    },
}
# Of a window that is too short for them this version repeats no figure of a year and no interval:
# all runs and sessions of 0.1 have one.
NOT_OF_SHORT_WINDOWS = {
    *(
        f"{whose} {one}"
        for whose in ("strategy", "bitcoin", "live", "backtest")
        for one in ANNUALISED
    ),
    "interval",
    "without sharpe",
}
# On the page of such a run no Sharpe ratio is left, nor the caveat that quoted it: facts the other
# way round than in 0.1.
OTHERWISE_ON_SHORT_WINDOWS = {
    "backtest": {"warnings": ["high", "high", "medium"]},
    "replay": {"warnings": ["high", "high", "medium"]},
    "backtest-page": {"page shows sharpe": False},
    "replay-page": {"page shows sharpe": False},
}
RUN = {
    **{f"strategy {one}": f"strategy.{one}" for one in METRICS},
    **{f"bitcoin {one}": f"benchmarks.hold_bitcoin.{one}" for one in METRICS},
    **{f"window {one}": f"window.{one}" for one in ("first", "last", "timeframe")},
    **{f"data {one}": f"data.BTC-USD.{one}" for one in ("source", "rows", "first", "vintage")},
    **{one: f"events.{one}" for one in ("breakouts", "independent_events", "closed_events")},
    **{f"spell {one}": f"events.spells[].{one}" for one in ("opened", "closed", "level")},
    "interval": "intervals",
    "without sharpe": "without[].sharpe",
    "profit coins": "profit.coins",
    "interest": "profit.interest",
    "warnings": "warnings[].severity",
    "simulated": "sample",
    "order_list_hash": "order_list_hash",
}
GATE = {name: name for name in ["as_of", "state", "level", "close", "record", "ceiling", "sample"]}
# Of doctor, with their names now.
FINDINGS = {name: name for name in ("journal", "session", "decision", "incidents")}
FINDINGS["halted"] = "trading"


class Place(NamedTuple):
    """A copy of the stored files to work on, made-up prices, and an empty cache beside them."""

    stored: Path
    prices: Path
    cache: Path
    work: Path

    @property
    def sample(self) -> list[str]:
        """Options that read the embedded sample."""
        return ["--set", "prices.source=sample", "--set", f"prices.cache={self.cache}"]

    @property
    def made_up(self) -> list[str]:
        """Options that read the made-up price folder."""
        return made_up_prices(self.prices, self.cache)


def found_at(document: Any, path: str) -> Any:
    """What stands at `path`; KeyError where a key is gone."""
    head, _, rest = path.partition(".")
    if head.endswith("[]"):
        return [found_at(one, rest) for one in document[head[:-2]]]
    value = document[head]
    return found_at(value, rest) if rest else value


def facts_in(document: Any, paths: Mapping[str, str]) -> Facts:
    """All facts of a map."""
    return {name: found_at(document, path) for name, path in paths.items()}


def numbers_on(page: Path) -> set[str]:
    """Every number that a reader sees on a page, as it is written there without its commas."""
    text = re.sub(r"<(script|style)\b.*?</\1>|<[^>]*>", " ", page.read_text(), flags=re.DOTALL)
    return {one.replace(",", "") for one in re.findall(r"\d[\d,]*(?:\.\d+)?", text)}


def shown(page: Path, **values: float) -> Facts:
    """Whether each of `values` stands on the page, whole or to the digits that pages give."""
    seen = numbers_on(page)
    return {
        f"page shows {name}": (f"{value}" if isinstance(value, int) else f"{value:.2f}") in seen
        for name, value in values.items()
    }


def run_facts(place: Place, name: str) -> Facts:
    """A run of 0.1, listed among runs."""
    answer = command("runs", place.stored / name, "--json")
    return {"code": answer.code, **facts_in(answer.json[name], RUN)}


def run_page(place: Place, name: str) -> Facts:
    """The page of a run of 0.1, written again."""
    folder = place.stored / name
    answer = command("report", folder, "--json")
    metrics = json.loads((folder / "metrics.json").read_text())["strategy"]
    page = shown(Path(answer.json["report"]), sharpe=metrics["sharpe"], orders=metrics["orders"])
    return {"code": answer.code, **page}


def gate_as_of_run(place: Place) -> Facts:
    """The gate on the data of a run of 0.1."""
    answer = command("gate", "--as-of", place.stored / "backtest", *place.sample, "--json")
    return {"code": answer.code, **facts_in(answer.json, GATE)}


def tune_page(place: Place) -> Facts:
    """The page of a search of 0.1."""
    folder = place.stored / "tune"
    answer = command("report", folder, "--json")
    search = json.loads((folder / "tune.json").read_text())
    values = {"sharpe": search["best"]["in_sample"]["sharpe"], "sets": search["trials"]["n"]}
    return {"code": answer.code, **shown(Path(answer.json["report"]), **values)}


def evidence_page(place: Place) -> Facts:
    """The page of the evidence of 0.1: every claim and the number of each verdict are on it."""
    folder = place.stored / "evidence"
    answer = command("report", folder, "--json")
    page = Path(answer.json["report"])
    evidence = json.loads((folder / "evidence.json").read_text())
    names = [claim["id"] for claim in evidence["claims"]]
    missing = [name for name in names if not re.search(rf"\b{name}\b", page.read_text())]
    counts = shown(page, **evidence["verdicts"])
    return {"code": answer.code, "claims": len(names), "claims not shown": missing, **counts}


def evidence_quoted(place: Place) -> Facts:
    """A backtest quotes the newest evidence under runs/."""
    folder = place.work / "runs" / "20261130T120000-evidence-01234567"
    folder.parent.mkdir()
    (place.stored / "evidence").rename(folder)
    days = ["--set", "backtest.start=2015-07-20", "--set", "backtest.end=2015-08-10"]
    options = [*place.made_up, *days, "--no-benchmarks", "--no-report", "--output", "quoting"]
    answer = command("backtest", *options, "--json")
    return {"code": answer.code, "quoted": answer.json["evidence"]["folder"]}


def best_settings(place: Place) -> Facts:
    """The set that a search of 0.1 found, as settings."""
    answer = command("config", "show", "--config", place.stored / "best.toml", "--json")
    names = {
        **{f"tuned {one}": f"tuned.{one}" for one in ("verdict", "run", "on", "judged")},
        **{f"gate {one}": f"gate.{one}" for one in ("base_sessions", "confirm_sessions")},
        "fee": "costs.fee",
        "cash": "backtest.cash",
        "coins": "coins[].name",
    }
    return {"code": answer.code, **facts_in(answer.json, names)}


def best_alone(place: Place) -> Facts:
    """A backtest with best.toml over this version's defaults: not the settings it judged."""
    return _best_backtest(place, "alone")


def best_as_judged(place: Place) -> Facts:
    """A backtest with best.toml over the settings.toml of its search: the settings it judged."""
    return _best_backtest(place, "judged", "--config", place.stored / "tune" / "settings.toml")


def _best_backtest(place: Place, output: str, *config: object) -> Facts:
    best = ("--config", place.stored / "best.toml")
    dates = ("--set", "backtest.start=2020-10-01", "--set", "backtest.end=2021-06-30")
    options = (*config, *best, *place.sample, *dates, "--no-benchmarks", "--no-report")
    answer = command("backtest", *options, "--output", place.work / output, "--json")
    yearly = yearly_figures(place.work / output)
    assert all(answer.json["strategy"][name] is None for name in yearly)
    strategy = answer.json["strategy"] | yearly
    told = [one for one in answer.json["warnings"] if "search of" in one["text"]]
    return {
        "code": answer.code,
        **{f"strategy {one}": strategy[one] for one in METRICS},
        "order_list_hash": answer.json["order_list_hash"],
        "orders": _orders(place.work / output / "orders.csv"),
        "warnings of the search": len(told),
        "says it is not the set": ["not the parameter set" in one["text"] for one in told],
    }


def _orders(path: Path) -> list[dict[str, Any]]:
    """The orders of a run folder: instants, coin, side, size, price."""
    names = ["decided", "filled", "symbol", "side", "size", "price", "status"]
    with path.open() as file:
        rows = [{name: row[name] for name in names} for row in csv.DictReader(file)]
    return [row | {name: _number(row[name]) for name in ("size", "price")} for row in rows]


def _number(text: str) -> float | None:
    """A cell's number; None for an empty one, as of an order that was never filled."""
    return float(text) if text else None


EQUITY = {"dry-run": 5205.19054413639, "testnet": 5343.824211992867}  # at the last bar
JOURNALS = {
    "dry-run": "dry-run/dry-run-binance.sqlite",
    "testnet": "testnet/testnet-binance.sqlite",
    "halted": "halted/dry-run-binance.sqlite",
}


def _report(place: Place, journal: Path) -> Answer:
    """`report` on a journal, with the made-up prices for the backtest beside it."""
    folder = {"source": "folder", "folder": place.prices, "cache": place.cache}
    options = [text for key, one in folder.items() for text in ("--set", f"prices.{key}={one}")]
    return command("report", journal, "--json", *options)


def session(place: Place, mode: str) -> Facts:
    """A journal of 0.1 against the backtest of its days."""
    answer = _report(place, place.stored / JOURNALS[mode])
    facts = facts_in(answer.json, SESSION)
    orders, page = facts["live orders"], Path(answer.json["report"])
    shows = shown(page, equity=EQUITY[mode], bars=facts["decided"], orders=orders)
    return {"code": answer.code, **facts, **shows}


@contextmanager
def _session_at(place: Place, mode: str, now: str) -> Iterator[PaperWorld]:
    """The world of a stored journal at an instant: its exchange holds what it held then."""
    changes = {
        "exchange.mode": "testnet" if mode == "testnet" else "dry-run",
        "exchange.amount": 7000.0,  # both began with 5,000 and go on with what they have
        "exchange.fill_within": 20.0,
        "allocation.band": 0.05,
    }
    with paper_world(place.prices, place.cache, place.work, now, changes) as world:
        (place.work / "state").mkdir()
        (place.stored / JOURNALS[mode]).rename(place.work / "state" / Path(JOURNALS[mode]).name)
        if mode == "testnet":
            world.restore(place.stored / "testnet" / "orders.json")
        yield world


def once(place: Place, mode: str, now: str) -> Facts:
    """`paper --once` on a stored journal at `now`, twice: what is decided, ordered and filled.

    The second time nothing may happen. `ordered` is what the exchange itself got, `fills` what the
    journal then holds of the newest bar.
    """
    with _session_at(place, mode, now) as world:
        before = len(world.ordered())
        answer = world.command("paper", "--once", "--json")
        again = world.command("paper", "--once", "--json")
        ordered = world.ordered()
    assert again.json == answer.json
    facts = facts_in(answer.json, DECISION)
    fills = _report(place, place.work / "state" / Path(JOURNALS[mode]).name).json["fills"]
    return {
        "code": answer.code,
        "again": again.code,
        **facts,
        "ordered": ordered[before:],
        "fills before": len(fills) - sum(_new(fill, facts) for fill in fills),
        "fills": [
            {name: fill[name] for name in ("coin", "size", "price", "fee")}
            for fill in fills
            if _new(fill, facts)
        ],
    }


def _new(fill: Mapping[str, Any], facts: Facts) -> bool:
    """Whether a fill belongs to the newest decision."""
    decided = datetime.fromtimestamp(facts["decision time"], UTC)
    return datetime.fromisoformat(fill["time"]) == decided


def halted_and_resumed(place: Place) -> Facts:
    """A bar during a halt orders nothing, the first after `resume` does."""
    facts: Facts = {}
    with _session_at(place, "dry-run", "2014-05-23 00:00:05") as world:
        facts["halt"] = world.command("halt", "--reason", "a test").code
        journal = place.work / "state" / Path(JOURNALS["dry-run"]).name
        facts["reason"] = _report(place, journal).json["halted"]
        answer = world.command("paper", "--once", "--json")
        facts |= {f"halted {name}": one for name, one in facts_in(answer.json, DECISION).items()}
        facts["resume"] = world.command("resume").code
        world.clock.sleep(seconds("2014-05-24 00:00:05") - world.clock.now())
        answer = world.command("paper", "--once", "--json")
        facts |= {f"resumed {name}": one for name, one in facts_in(answer.json, DECISION).items()}
    return facts


def doctors_findings(place: Place, mode: str) -> Facts:
    """What the doctor makes of a journal, ten minutes after its last bar."""
    with _session_at(place, mode, LAST if mode == "testnet" else "2014-05-22 00:10") as world:
        answer: Answer = world.command("doctor", "--json")
    states = {one["name"]: one["state"] for one in answer.json["findings"]}
    return {"code": answer.code, **{name: states[now] for name, now in FINDINGS.items()}}


LAST = "2014-05-23 00:10"  # ten minutes after the testnet's last bar
READINGS: dict[str, Callable[[Place], Facts]] = {
    "backtest": lambda place: run_facts(place, "backtest"),
    "backtest-page": lambda place: run_page(place, "backtest"),
    "replay": lambda place: run_facts(place, "replay"),
    "replay-page": lambda place: run_page(place, "replay"),
    "gate-as-of-run": gate_as_of_run,
    "tune-page": tune_page,
    "evidence-page": evidence_page,
    "evidence-quoted": evidence_quoted,
    "best-settings": best_settings,
    "best-alone": best_alone,
    "best-as-judged": best_as_judged,
    "dry-run-report": lambda place: session(place, "dry-run"),
    "dry-run-status": lambda place: once(place, "dry-run", "2014-05-22 00:10"),
    "dry-run-next-bar": lambda place: once(place, "dry-run", "2014-05-23 00:00:05"),
    "halted-next-bar": lambda place: once(place, "halted", "2014-05-23 00:00:05"),
    "halted-doctor": lambda place: doctors_findings(place, "halted"),
    "dry-run-halted-and-resumed": halted_and_resumed,
    "dry-run-doctor": lambda place: doctors_findings(place, "dry-run"),
    "testnet-report": lambda place: session(place, "testnet"),
    "testnet-same-bar": lambda place: once(place, "testnet", LAST),
    "testnet-next-bar": lambda place: once(place, "testnet", "2014-05-24 00:00:05"),
    "testnet-doctor": lambda place: doctors_findings(place, "testnet"),
}
