"""What every block must have, and the clients that the blocks build."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from prefect.blocks.core import Block
from prefect.testing.standard_test_suites import BlockStandardTestSuite
from pydantic import SecretStr, ValidationError

from blocks.budget import Budget
from blocks.corpus_store import CorpusStore
from blocks.model_endpoint import ModelEndpoint
from blocks.schemas import OneSchema
from editcorpus.tariffs import PUBLISHED, Tariff, Usage

KINDS: tuple[type[Block], ...] = (CorpusStore, ModelEndpoint, Budget)
SECRET = "planted-5a6b7c"


@pytest.mark.parametrize("block", KINDS)
class TestEveryBlock(BlockStandardTestSuite):
    """Prefect's own suite for blocks; a logo would be fetched over the network, and there is none."""

    @pytest.fixture
    def block(self) -> type[Block]:
        raise AssertionError("the parameter takes its place")

    test_has_a_valid_image = None  # type: ignore[assignment]

    def test_is_named_by_its_class(self, block: type[Block]) -> None:
        words = block.get_block_type_slug().split("-")
        assert "".join(word.capitalize() for word in words) == block.__name__
        assert block.get_description().endswith(".")

    def test_its_schema_is_made_once_and_is_that_of_pydantic(self, block: type[Block]) -> None:
        made, again = block.model_json_schema(), block.model_json_schema()
        plain = super(OneSchema, block).model_json_schema()
        assert made == again == plain
        made["properties"].clear()
        assert block.model_json_schema() == plain
        assert block.model_json_schema(mode="serialization") != plain

    def test_has_a_default_for_every_field(self, block: type[Block]) -> None:
        """Or a block that was saved before the field was there could not be loaded."""
        assert [name for name, field in block.model_fields.items() if field.is_required()] == []

    def test_has_bounds_for_every_number(self, block: type[Block]) -> None:
        numbers = {
            name: field
            for name, field in block.model_fields.items()
            if field.annotation in (int, float)
        }
        assert [name for name, field in numbers.items() if not field.metadata] == []

    def test_keeps_every_secret_as_one(self, block: type[Block]) -> None:
        secret = ("_key", "secret", "_token", "password")
        for name, field in block.model_fields.items():
            named = name.endswith(secret) and name != "access_key"
            assert (field.annotation is SecretStr) == named, name

    def test_shows_no_secret(self, block: type[Block]) -> None:
        secrets = [n for n, field in block.model_fields.items() if field.annotation is SecretStr]
        made = block(**{name: SecretStr(SECRET) for name in secrets})
        assert bool(secrets) == (block is not Budget)
        assert SECRET not in f"{made!r} {made} {made.model_dump()} {made.model_dump_json()}"


@pytest.mark.parametrize("url", [f"https://someone:{SECRET}@host/v1", f"s3://key:{SECRET}@bucket"])
@pytest.mark.parametrize(
    ("kind", "field"),
    [
        (ModelEndpoint, "base_url"),
        (CorpusStore, "root"),
        (CorpusStore, "endpoint_url"),
        (CorpusStore, "hub_endpoint"),
    ],
)
def test_no_url_holds_a_password_which_the_api_would_show(
    kind: type[Block], field: str, url: str
) -> None:
    with pytest.raises(ValidationError, match="holds a password") as caught:
        kind(**{field: url})
    assert SECRET not in caught.value.errors()[0]["msg"]


def test_nothing_but_prices_stands_among_the_prices_which_the_api_shows() -> None:
    with pytest.raises(ValidationError, match="own prices are wrong"):
        ModelEndpoint(prices={"api_key": SECRET})


def test_a_budget_limits_what_it_names_and_says_where_it_limits_nothing() -> None:
    assert Budget(budget_usd=0.15).limits() == (Decimal("0.15"), None)
    assert Budget(store_budget_usd=20).limits() == (None, Decimal(20))
    assert Budget(budget_usd=5).check() == ""
    assert "limits nothing" in Budget().check()
    assert "more than the $4" in Budget(budget_usd=5, store_budget_usd=4).check()
    for wrong in ({"budget_usd": -1}, {"budget_usd": 1e9}, {"warn_share": 0}):
        with pytest.raises(ValidationError):
            Budget(**wrong)


def test_an_endpoint_gets_every_member() -> None:
    block = ModelEndpoint(
        base_url="http://127.0.0.1:9/v1/",
        api_key=SecretStr(SECRET),
        provider="ours",
        tariff="per_image",
        usd_per_image=0.015,
        sizes="legacy",
        qualities=["high"],
        in_flight=7,
        requests_per_minute=100,
        deadline_s=400,
        call_attempts=1,
        batch_lines=50,
        batch_tokens=90_000,
    )
    made = block.endpoint("images")
    assert (made.name, made.provider, made.base_url) == ("images", "ours", "http://127.0.0.1:9/v1")
    assert made.api_key.get_secret_value() == SECRET
    assert (made.tariff, str(made.usd_per_image)) == (Tariff.PER_IMAGE, "0.015")
    assert (made.sizes, made.qualities) == ("legacy", ("high",))
    assert (made.limits.in_flight, made.limits.requests_per_minute) == (7, 100)
    assert (made.deadline_s, made.call_attempts) == (400, 1)
    assert (made.batch_lines, made.batch_chats, made.batch_tokens) == (50, 5_000, 90_000)
    assert SECRET not in repr(made)


@pytest.mark.parametrize(
    "wrong",
    [
        {"in_flight": 0},
        {"call_attempts": 21},
        {"max_blocked_share": 0},
        {"tariff": "cheap"},
        {"deadline_s": 0},
    ],
)
def test_an_endpoint_refuses_what_it_cannot_have(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        ModelEndpoint(**wrong)


def test_an_endpoint_has_the_published_prices_or_rows_of_its_own() -> None:
    assert ModelEndpoint().endpoint("images").tariffs == PUBLISHED
    row = {"kind": "chat", "source": "own", "prices": {"text_in": "3", "image_in": "0"}}
    own = ModelEndpoint(prices={"as_of": "2026-11-21", "models": {"mine": row}}).endpoint("writer")
    assert own.tariffs.price("mine", Usage(text_in=1_000_000)) == 3
    assert own.tariffs.models.keys() == {"mine", *PUBLISHED.models}
    with pytest.raises(ValidationError, match="own prices are wrong at as_of"):
        ModelEndpoint(prices={"models": {}})


def test_a_folder_is_opened_without_a_word_of_s3(tmp_path: Path) -> None:
    store = CorpusStore(root=str(tmp_path), access_key="who", secret_key=SecretStr(SECRET)).store()
    store.write("runs/a", b"1")
    assert (tmp_path / "runs" / "a").read_bytes() == b"1"


def test_a_bucket_is_opened_with_its_key_and_only_with_what_is_set() -> None:
    block = CorpusStore(root="s3://team/x", endpoint_url="http://127.0.0.1:9", access_key="who")
    assert block.options() == {"endpoint_url": "http://127.0.0.1:9", "key": "who"}
    assert block.store().url("a") == "s3://team/x/a"
    keyed = CorpusStore(root="s3://team/x", secret_key=SecretStr(SECRET))
    assert keyed.options() == {"secret": SECRET}
    assert SECRET not in repr(keyed.store())


def test_the_hub_is_for_inputs_alone() -> None:
    block = CorpusStore(root="s3://team/x", hub_token=SecretStr(SECRET), hub_endpoint="http://hub")
    assert block.options() == {"hub": {"endpoint": "http://hub", "token": SECRET}}
    assert "hub" not in repr(block.store().beneath("a"))
    assert SECRET not in repr(block.store())


@pytest.mark.prefect
def test_the_masks_hold_on_a_real_server(prefect_api: str) -> None:
    import httpx

    ModelEndpoint(api_key=SecretStr(SECRET)).save("masked", overwrite=True)
    CorpusStore(secret_key=SecretStr(SECRET)).save("masked", overwrite=True)
    shown = httpx.post(f"{prefect_api}/block_documents/filter", json={}).raise_for_status()
    assert SECRET not in shown.text
    assert "********" in shown.text
    loaded: Any = ModelEndpoint.load("masked")
    assert loaded.endpoint("images").api_key.get_secret_value() == SECRET
