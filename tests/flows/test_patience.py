"""How often a busy server is asked is set for a while, and for nobody else."""

import pytest
from prefect.settings import PREFECT_CLIENT_MAX_RETRIES, get_current_settings

from flows.patience import asked_again


def test_it_holds_within_and_only_there() -> None:
    before = PREFECT_CLIENT_MAX_RETRIES.value()
    settings = get_current_settings()
    with asked_again(before + 2):
        assert PREFECT_CLIENT_MAX_RETRIES.value() == before + 2
        with asked_again(0):
            assert PREFECT_CLIENT_MAX_RETRIES.value() == 0
        assert PREFECT_CLIENT_MAX_RETRIES.value() == before + 2
        assert get_current_settings().api == settings.api
    assert PREFECT_CLIENT_MAX_RETRIES.value() == before
    assert get_current_settings() is settings


def test_it_ends_with_an_exception() -> None:
    before = PREFECT_CLIENT_MAX_RETRIES.value()
    with pytest.raises(RuntimeError), asked_again(before + 1):
        raise RuntimeError
    assert PREFECT_CLIENT_MAX_RETRIES.value() == before
