"""Of an address nothing but its host may be shown."""

import pytest

from config.addresses import secret_parts


@pytest.mark.parametrize(
    ("address", "secrets", "shown"),
    [
        ("ntfy://MyTopic", {"MyTopic"}, set()),
        (
            "ntfys://joe:pass@ntfy.example.org/alerts",
            {"joe", "pass", "alerts"},
            {"ntfy.example.org"},
        ),
        ("ntfy://10.0.0.7:8080/alerts", {"alerts"}, {"10.0.0.7:8080", "10.0.0.7"}),
        ("ntfy://nas:8080/alerts", {"alerts"}, {"nas:8080", "nas"}),
        (
            "tgram://123456789:abcdefg_hijklmnop/12315544/",
            {"123456789:abcdefg_hijklmnop", "123456789", "abcdefg_hijklmnop", "12315544"},
            set(),
        ),
        (
            "mailto://someone:p%40ssw0rd@mail.example.test?to=me@example.test,you@example.test",
            {"someone", "p%40ssw0rd", "p@ssw0rd", "me@example.test", "you@example.test"},
            {"mail.example.test", "to"},
        ),
        (
            "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/#general",
            {"T1JJ3T3L2", "A1BRTD4JD", "TIiajkdnlazkcOXrIdevi7FQ", "general"},
            set(),
        ),
        ("pbul://o.gn5kj6nfhv736I7jC3cj3Q", {"o.gn5kj6nfhv736I7jC3cj3Q"}, set()),
        ("https://hc-ping.com/key/my-slug?create=1", {"key", "my-slug"}, {"hc-ping.com"}),
        ("http://localhost/ping/abc", {"ping", "abc"}, {"localhost"}),
        ("http://hc:8000/ping/abc", {"abc"}, {"hc:8000", "hc"}),
    ],
)
def test_every_part_but_the_host_is_secret(
    address: str, secrets: set[str], shown: set[str]
) -> None:
    found = set(secret_parts([address]))
    assert {address, *secrets} <= found
    assert found.isdisjoint({"", *shown})


@pytest.mark.parametrize("address", ["http://[broken", "no address", "://"])
def test_what_is_no_address_is_secret_as_a_whole(address: str) -> None:
    assert address in secret_parts([address])
