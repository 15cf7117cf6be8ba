"""Of each misfortune one variant in every run, all of them in `make proofs`: a login page, an empty body and half of one take the same way."""

import pytest

MANY_VARIANTS = ("test_faults_", "test_secrets_stay", "test_kills")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        indices = item.callspec.indices.values() if hasattr(item, "callspec") else ()
        if item.path.name.startswith(MANY_VARIANTS) and any(indices):
            item.add_marker("proof")
