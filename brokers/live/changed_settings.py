"""Settings that differ from those of the session before: what applies, what does not, what ends."""

from collections.abc import Iterator, Mapping

from brokers.clock import utc_text
from brokers.journal.incident import Incident
from brokers.journal.reader import JournalReader
from brokers.journal.records import SessionRecord
from config.changes import changed_settings, coin_markets, effect_of
from config.settings import ConfigError, Settings

KIND = "settings"
NOT_APPLIED = "not applied to this account"


def report_changes(journal: JournalReader, settings: Settings, digest: str) -> Iterator[Incident]:
    """One incident if the settings are not those of the last session; before that is recorded.

    `digest` is that of the rules in force. Where it differs though no setting does, another version
    of the program has other rules: that is reported too.
    """
    sessions = journal.sessions()
    if not sessions:
        yield from _report_new_account(journal)
        return
    text = describe_changes(sessions[-1], settings)
    last = journal.last_decision()
    if not text and last and last.rules_digest and last.rules_digest != digest:
        text = (
            f"the rules differ from those of the last decision ({last.rules_digest} -> {digest}) "
            "though no setting does: they are those of another version of this program"
        )
    if text:
        yield Incident(KIND, "info", text)


def describe_changes(last: SessionRecord, settings: Settings) -> str:
    """Which settings differ from those of the session `last`, and what that does; "" for none."""
    mode = settings.exchange.mode
    changes = [
        (str(change), *effect_of(change.key, mode))
        for change in changed_settings(last.settings, settings.model_dump_json())
    ]
    applied = [text for text, effect, _ in changes if effect in ("rules", "applied", "account")]
    kept = [f"{text} ({why})" for text, effect, why in changes if effect == "kept"]
    parts = []
    if applied:
        parts.append(f"apply from now on, earlier decisions stay: {', '.join(applied)}")
    if kept:
        parts.append(
            f"{NOT_APPLIED}: {', '.join(kept)}; for a new account set journal.folder to another"
        )
    if not parts:
        return ""
    return f"settings changed since the session of {utc_text(last.started)}; {'; '.join(parts)}"


def _report_new_account(journal: JournalReader) -> Iterator[Incident]:
    """A first session beside the journals of other accounts, which are left as they are."""
    path = journal.path
    others = sorted(other.name for other in path.parent.glob("*.sqlite") if other != path)
    if others:
        text = (
            f"{path.name} begins a new account: exchange.mode, exchange.id (on a testnet) and "
            f"exchange.prices_id (in a dry run) choose it; {', '.join(others)} in the same folder "
            "is left as it is, with what it holds"
        )
        yield Incident(KIND, "info", text)


def refuse_other_markets(journal: JournalReader, settings: Settings) -> None:
    """Check that the account's money and its coins are what they were.

    The journal keeps cash in one quote coin and fills by the coins' names: under another market
    they would be taken for something else.

    Raises
    ------
    ConfigError
        The quote coin has changed, or a name that was traded stands for another coin.

    """
    sessions = journal.sessions()
    before = coin_markets(sessions[-1].settings) if sessions else {}
    now = {coin.name: coin.market for coin in settings.coins}
    quotes = {market.partition("/")[2] for market in before.values()}
    if quotes and settings.quote not in quotes:
        raise ConfigError(
            f"coins: markets are quoted in {settings.quote}, but the account in "
            f"{journal.path.name} is kept in {', '.join(sorted(quotes))}; quote them as "
            "before, or start a new account with another journal.folder"
        )
    _refuse_other_coins(journal, _markets_of(sessions, now), now)


def _markets_of(sessions: list[SessionRecord], names: Mapping[str, str]) -> Mapping[str, str]:
    """The newest market that an earlier session had for each of `names`."""
    found: dict[str, str] = {}
    for session in reversed(sessions):
        found = dict(coin_markets(session.settings)) | found
        if names.keys() <= found.keys():
            break
    return found


def _refuse_other_coins(
    journal: JournalReader, before: Mapping[str, str], now: Mapping[str, str]
) -> None:
    changed = [
        name
        for name, market in now.items()
        if before.get(name, market).partition("/")[0] != market.partition("/")[0]
    ]
    traded = {fill.symbol for fill in journal.fills()} if changed else set()
    if names := [name for name in changed if name in traded]:
        name = names[0]
        raise ConfigError(
            f"coins.{name}.market: got {now[name]!r}, but the journal's fills of {name} are of "
            f"{before[name]}; give the other coin a name of its own, or start a new account with "
            "another journal.folder"
        )
