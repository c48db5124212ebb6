"""How often a Prefect server that is busy is asked."""

from collections.abc import Iterator
from contextlib import contextmanager

from prefect.context import SettingsContext, get_settings_context


@contextmanager
def asked_again(times: int) -> Iterator[None]:
    """Within, Prefect's clients ask a server that is busy so often once more.

    Prefect's own `temporary_settings` reads and validates all settings anew, which takes as long as ten
    requests do.
    """
    context = get_settings_context()
    client = context.settings.client.model_copy(update={"max_retries": times})
    settings = context.settings.model_copy(update={"client": client})
    with SettingsContext(profile=context.profile, settings=settings):
        yield
