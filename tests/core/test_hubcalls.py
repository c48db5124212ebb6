"""Reading by range from the Hub and its CDN, whatever happens on the way."""

import gzip
from typing import Any

import pytest
from hub_data import HubServer, Refused

from editcorpus.errors import StorageError
from editcorpus.hub import Hub, parse
from editcorpus.hubcalls import HubCalls, Patience
from editcorpus.inputs import Inputs

NAME = "TIGER-Lab/OmniEdit"
DATA = bytes(range(256)) * 4096  # 1 MiB
BUSY = {"Retry-After": "7"}


class Reader:
    """A file of a megabyte on the Hub, and the seconds that were waited for it."""

    def __init__(self, hub: HubServer, tries: int = 4) -> None:
        self.waited: list[float] = []
        sha = hub.dataset(NAME).commit({"a.parquet": DATA, "small.txt": b"small"})
        self.url = f"hf://datasets/{NAME}@{sha}/a.parquet"
        patience = Patience(tries, 300, 10, self.waited.append)
        self.hub = Hub(HubCalls(hub.url, "", patience))

    def read(self, start: int, length: int, url: str = "") -> bytes:
        address = parse(url or self.url)
        with self.hub.open(address, len(DATA)) as file:
            file.seek(start)
            return file.read(length)


@pytest.fixture
def reader(hub: HubServer) -> Reader:
    return Reader(hub)


def test_a_read_is_one_range_of_the_cdn_under_one_signed_url(
    hub: HubServer, reader: Reader
) -> None:
    with reader.hub.open(parse(reader.url)) as file:
        assert [file.seek(at) and file.read(10) for at in (1, 700_000, 5)] == [
            DATA[1:11],
            DATA[700_000:700_010],
            DATA[5:15],
        ]
    asked = [(one.server, one.method, one.range) for one in hub.asked]
    ranges = ["bytes=1-10", "bytes=700000-700009", "bytes=5-14"]
    assert asked == [("hub", "HEAD", ""), *(("cdn", "GET", one) for one in ranges)]
    assert hub.sent() == 30


def test_nothing_is_asked_before_the_first_read_where_the_size_is_known(
    hub: HubServer, reader: Reader
) -> None:
    with reader.hub.open(parse(reader.url), len(DATA)) as file:
        assert file.seek(0, 2) == len(DATA)
        assert file.read(10) == b""
    assert hub.asked == []


def test_a_small_file_comes_from_the_hub_itself(hub: HubServer, reader: Reader) -> None:
    with reader.hub.open(parse(reader.url.replace("a.parquet", "small.txt"))) as file:
        assert file.read() == b"small"
    assert {one.server for one in hub.asked} == {"hub"}


def test_a_read_goes_on_at_the_byte_where_the_connection_dropped(
    hub: HubServer, reader: Reader
) -> None:
    hub.troubles.extend([100_000, 200_000, 0, 300_000])
    assert reader.read(1000, 900_000) == DATA[1000:901_000]
    begins = [one.range.split("-")[0] for one in hub.asked if one.server == "cdn"]
    assert begins == [f"bytes={at}" for at in (1000, 101_000, 301_000, 301_000, 601_000)]
    assert hub.sent() == 900_000, "nothing is sent twice"
    assert reader.waited == [1], "only where nothing came"


def test_a_connection_that_always_drops_is_given_up(hub: HubServer, reader: Reader) -> None:
    hub.troubles.extend([10] * 50)
    with pytest.raises(StorageError, match=r"cannot be read: no whole answer .*, 4 times in a row"):
        reader.read(0, 1000)
    assert len([one for one in hub.asked if one.server == "cdn"]) == 4
    assert reader.waited == [1, 2, 4]


def test_headway_is_no_failure(hub: HubServer, reader: Reader) -> None:
    hub.troubles.extend([70_000] * 10)
    assert reader.read(0, len(DATA)) == DATA


@pytest.mark.parametrize(
    ("headers", "waits"),
    [
        (BUSY, [7, 7]),
        ({"Retry-After": "99999"}, [300, 300]),
        ({"RateLimit": '"resolvers";r=0;t=55', "Retry-After": "7"}, [55, 55]),
        ({"RateLimit": '"resolvers";r=9;t=55'}, [1, 2]),
        ({"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"}, [1, 2]),
        ({}, [1, 2]),
    ],
)
@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_server_is_asked_again_when_it_says(
    hub: HubServer, reader: Reader, status: int, headers: dict[str, str], waits: list[float]
) -> None:
    hub.troubles.extend([Refused(status, headers)] * 2)
    assert reader.read(5, 10) == DATA[5:15]
    assert reader.waited == waits


def test_a_busy_list_is_asked_for_again_and_given_up_in_the_end(
    hub: HubServer, reader: Reader
) -> None:
    hub.api_troubles.extend([Refused(429, BUSY)] * 3)
    found = reader.hub.find(parse(f"hf://datasets/{NAME}/a.parquet"))
    assert dict(found.sizes) == {reader.url: len(DATA)}
    assert reader.waited == [7, 7, 7]
    hub.api_troubles.extend([Refused(500)] * 4)
    with pytest.raises(StorageError, match="the Hub answers 500, 4 times in a row"):
        reader.hub.find(parse(f"hf://datasets/{NAME}"))


def test_a_signed_url_that_expired_is_asked_for_anew(hub: HubServer, reader: Reader) -> None:
    hub.expires = 2
    with reader.hub.open(parse(reader.url)) as file:
        read = [file.seek(at) and file.read(10) for at in range(100, 106)]
    assert read == [DATA[at : at + 10] for at in range(100, 106)]
    assert [one.method for one in hub.asked if one.server == "hub"] == ["HEAD"] * 3
    assert reader.waited == [0, 0]


def test_a_store_that_refuses_every_signature_is_told_without_one(
    hub: HubServer, reader: Reader, caplog: Any
) -> None:
    caplog.set_level("DEBUG", "editcorpus")
    hub.expires = 0
    with pytest.raises(
        StorageError, match="the store behind the Hub answers 403, 4 times"
    ) as caught:
        reader.read(0, 10)
    assert "s1gned" not in str(caught.value) + caplog.text


def test_a_server_that_gives_whole_files_only_is_refused_before_they_are_read(
    hub: HubServer, reader: Reader
) -> None:
    hub.whole = True
    with pytest.raises(StorageError, match="does not give single ranges of it"):
        reader.read(5, 10)
    assert reader.read(0, 10) == DATA[:10], "its beginning is read, and no more"


@pytest.mark.parametrize(
    ("headers", "sentence"),
    [
        ({}, "does not give single ranges"),
        ({"Content-Range": "bytes 0-9/1048576"}, "does not give single ranges"),
        ({"Content-Range": "bytes 5-14/99"}, "has 99 bytes where the Hub says 1048576"),
    ],
)
def test_another_range_than_asked_for_is_refused(
    hub: HubServer, reader: Reader, headers: dict[str, str], sentence: str
) -> None:
    hub.troubles.append(Refused(206, headers, b"0123456789"))
    with pytest.raises(StorageError, match=sentence):
        reader.read(5, 10)


def test_an_answer_that_is_too_short_or_too_long_for_its_range_does_no_harm(
    hub: HubServer, reader: Reader
) -> None:
    headers = {"Content-Range": "bytes 5-14/*"}
    hub.troubles.append(Refused(206, headers, DATA[5:9]))
    assert reader.read(5, 10) == DATA[5:15]
    hub.troubles.append(Refused(206, headers, DATA[5:100]))
    assert reader.read(5, 10) == DATA[5:15]


@pytest.mark.parametrize(
    ("headers", "sentence"),
    [
        ({"Location": "file:///etc/passwd"}, "sends to file://"),
        ({"Location": "ftp://127.0.0.1/a"}, "sends to ftp://"),
        ({"Location": "http://[nowhere/a"}, "sends to what is no URL"),
        ({"Location": "http://127.0.0.1:x/a", "X-Linked-Size": "9"}, "sends to what is no URL"),
        ({"Location": "http://127.0.0.1:1/a", "X-Linked-Size": "-1"}, "does not say how long"),
        ({"Location": "http://127.0.0.1:1/a"}, "does not say how long"),
        ({"Location": "/datasets/a/b/resolve/main/a"}, "sends from one URL to the next"),
    ],
)
def test_a_hub_that_sends_astray_is_refused(
    hub: HubServer, reader: Reader, headers: dict[str, str], sentence: str
) -> None:
    hub.resolve_troubles.extend([Refused(302, headers)] * 9)
    with pytest.raises(StorageError, match=sentence):
        reader.read(0, 10)


def test_a_packed_list_is_unpacked_and_an_endless_one_given_up(
    hub: HubServer, reader: Reader
) -> None:
    packed = {"Content-Encoding": "gzip"}
    body = gzip.compress(b'{"sha": "%s"}' % (b"1" * 40))
    hub.api_troubles.append(Refused(200, packed, body))
    with pytest.raises(StorageError, match="no such revision"):
        reader.hub.find(parse(f"hf://datasets/{NAME}"))
    hub.api_troubles.append(Refused(200, packed, gzip.compress(bytes(80_000_000))))
    with pytest.raises(StorageError, match="the Hub's answer is endless"):
        reader.hub.find(parse(f"hf://datasets/{NAME}"))


def test_where_nothing_may_be_asked_of_the_hub_that_is_said(
    hub: HubServer, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(StorageError, match="HF_HUB_OFFLINE is set"):
        reader.read(0, 10)


def test_what_is_read_is_read_by_anybody_with_the_url_alone(hub: HubServer, reader: Reader) -> None:
    inputs = Inputs(options={"hub": {"endpoint": hub.url}})
    with inputs.open(reader.url) as file:
        assert file.read() == DATA
