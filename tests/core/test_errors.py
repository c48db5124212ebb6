"""What stops a run has a word for it, by which programs know it."""

import pytest

from editcorpus import errors
from editcorpus.errors import EditcorpusError, EndpointStopped, RunStopped, StorageFull


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("AllowanceVoid", "allowance"),
        ("BudgetExceeded", "budget"),
        ("EndpointStopped", "endpoint"),
        ("StorageFull", "disk"),
        ("Interrupted", "interrupted"),
        ("StorageError", "store"),
        ("ShardError", "damage"),
        ("RunStopped", ""),
        ("ConfigError", ""),
    ],
)
def test_each_kind_of_error_has_its_word_and_keeps_its_sentence(name: str, kind: str) -> None:
    made: EditcorpusError = getattr(errors, name)("It ended.")
    assert (made.kind, str(made), made.args) == (kind, "It ended.", ("It ended.",))


def test_a_stop_may_be_of_a_kind_of_its_own() -> None:
    assert EndpointStopped("No.", kind="key").kind == "key"
    assert RunStopped("No.", kind="lease lost").kind == "lease lost"
    assert isinstance(StorageFull("Full."), OSError)
