"""Any order of answers, refusals, damage and deaths: what is served is what was stored."""

import tempfile
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from editcorpus.errors import ShardError
from editcorpus.ledger import Record
from editcorpus.records import Reason
from editcorpus.refusals import Refusal, refusal_line, revoked_line
from editcorpus.responses import Responses, text_line
from editcorpus.sinks import LocalSink, Place
from editcorpus.storage import Store

KEYS = ["ab" * 32, "ab" * 8 + "cd" * 24, "00" * 32]  # two of them begin alike
keys = st.sampled_from(KEYS)
bodies = st.sampled_from([b"", b"{}", b"one\ntwo\n", b"\x00\xff" * 40, b'{"t":"end"}\n' * 3])
texts = st.sampled_from(["", "{}", "a\u2028b\n", "\ud800", '"crc":"00000000"}'])
places = st.floats(0, 1, exclude_max=True)
bits = st.integers(1, 255)


@dataclass
class Kept:
    """What a store must hold of one request.

    Attributes:
        pictures: Every picture that was kept, the newest last, each with its record.
        texts: Likewise.
        verdict: The refusal that stands.
        picture_damaged: Whether the picture's file is not what was written.
        damaged: Whether a line of a journal about the request was changed.
    """

    pictures: list[tuple[Record, bytes]] = field(default_factory=list)
    texts: list[tuple[Record, str]] = field(default_factory=list)
    verdict: Refusal | None = None
    picture_damaged: bool = False
    damaged: bool = False


class Keeping(RuleBasedStateMachine):
    """A response store in many lives, over a disk that rots."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.store = Store.on_disk(self.folder.name)
        self.kept = {key: Kept() for key in KEYS}
        self.lines: list[tuple[str, Place]] = []
        self.number = 0
        self.open()

    def open(self) -> None:
        self.responses = Responses(self.store)
        self.responses.read_index()
        self.sink = LocalSink(self.store, f"journal/spring/p{self.number}")

    def teardown(self) -> None:
        self.sink.close()
        self.folder.cleanup()

    def record(self, key: str, outcome: Any = "settled") -> Record:
        self.number += 1
        at = f"2026-11-20T00:{self.number // 60:02d}:{self.number % 60:02d}.000+00:00"
        call = (f"p-{self.number}", key, "spring", 0, "omniedit/1", "align", 0, "m")
        return Record(*call, Decimal(self.number) / 100, at, outcome, {}, "req_1", 1.5)

    def write(self, key: str, line: bytes) -> Place:
        (place,) = self.sink.append([line])
        self.lines.append((key, place))
        return place

    @rule(key=keys, body=bodies)
    def keep_a_picture(self, key: str, body: bytes) -> None:
        record = self.record(key)
        self.responses.keep_image(record, body)
        self.kept[key].pictures.append((record, body))
        self.kept[key].picture_damaged = False
        self.kept[key].verdict = None

    @rule(key=keys, body=texts)
    def keep_a_text(self, key: str, body: str) -> None:
        record = self.record(key)
        place = self.write(key, text_line(record, body))
        self.responses.keep_text(record, body, place)
        self.kept[key].texts.append((record, body))
        self.kept[key].verdict = None

    @rule(key=keys, reason=st.sampled_from([Reason.MODERATION_INPUT, Reason.REQUEST_REFUSED]))
    def refuse(self, key: str, reason: Reason) -> None:
        record, verdict = self.record(key, "free"), Refusal(reason, "It said\nno \u2028.")
        self.write(key, refusal_line(record, verdict))
        self.responses.keep_refusal(record, verdict)
        self.kept[key].verdict = Refusal(reason, verdict.sentence, record.at)

    @rule(key=keys)
    def revoke(self, key: str) -> None:
        self.write(key, revoked_line(key, self.record(key).at))
        self.responses.revoke(key)
        self.kept[key].verdict = None

    @rule()
    def die(self) -> None:
        self.sink.close()
        self.open()

    @rule(torn=st.sampled_from([b"{", b'{"t":"answer","k":"' + b"ab" * 32 + b'","usd":"1"']))
    def die_in_the_middle_of_a_line(self, torn: bytes) -> None:
        if self.lines:
            with (Path(self.folder.name) / self.lines[-1][1].path).open("ab") as file:
                file.write(torn)
        self.number += 1
        self.die()

    def change(self, path: str, at: int, mask: int) -> None:
        file = Path(self.folder.name) / path
        data = bytearray(file.read_bytes())
        data[at] ^= mask
        file.write_bytes(bytes(data))

    @precondition(lambda self: self.store.list("responses"))
    @rule(data=st.data(), where=places, mask=bits)
    def flip_a_picture(self, data: st.DataObject, where: float, mask: int) -> None:
        path = data.draw(st.sampled_from(self.store.list("responses")))
        kept = self.kept[path.rpartition("/")[2]]
        if size := self.store.size(path) * (not kept.picture_damaged):
            self.change(path, int(where * size), mask)
            kept.picture_damaged = True

    @precondition(lambda self: self.store.list("responses"))
    @rule(data=st.data(), share=places)
    def cut_a_picture(self, data: st.DataObject, share: float) -> None:
        path = data.draw(st.sampled_from(self.store.list("responses")))
        whole = (Path(self.folder.name) / path).read_bytes()
        (Path(self.folder.name) / path).write_bytes(whole[: int(share * len(whole))])
        self.kept[path.rpartition("/")[2]].picture_damaged = True

    @precondition(lambda self: self.lines)
    @rule(data=st.data(), where=places, mask=bits)
    def flip_a_line(self, data: st.DataObject, where: float, mask: int) -> None:
        """Each line once: what a checksum misses at the second flip, it would miss by chance."""
        number = data.draw(st.integers(0, len(self.lines) - 1))
        key, place = self.lines.pop(number)
        at = place.offset + int(where * place.length)
        self.change(place.path, at, mask)
        self.kept[key].damaged = True
        if at == place.offset + place.length - 1:  # the end of the line: the next one is lost, too
            for other, beside in self.lines:
                self.kept[other].damaged |= beside.path == place.path

    def look_for_a_picture(self, key: str) -> None:
        kept, found = self.kept[key], self.responses.image(key)
        if not kept.pictures:
            assert found is None
        elif found is None:
            assert kept.picture_damaged
        else:
            assert found.record == kept.pictures[-1][0]

    @rule(key=keys)
    def take_a_picture(self, key: str) -> None:
        """It comes as it was kept, or it is set aside and missing from then on."""
        kept = self.kept[key]
        try:
            found = self.responses.picture(key)
        except ShardError:
            assert kept.picture_damaged or not kept.pictures
            assert self.responses.image(key) is None
            assert key in self.responses.damaged
            kept.picture_damaged, kept.pictures = False, []
        else:
            assert not kept.picture_damaged
            assert found == kept.pictures[-1][1]

    def look_for_a_text(self, key: str) -> None:
        kept, found = self.kept[key], self.responses.text(key)
        if found is None:
            assert kept.damaged or not kept.texts
            return
        assert (found.record, found.body) in kept.texts
        assert kept.damaged or (found.record, found.body) == kept.texts[-1]

    def look_for_a_refusal(self, key: str) -> None:
        """What came last counts: the caller compares the times of answer and refusal."""
        kept, found = self.kept[key], self.responses.refusal(key)
        answered = [record.at for record, _ in [*kept.texts, *kept.pictures]]
        if kept.verdict is not None:
            assert found == kept.verdict or kept.damaged
        elif found is not None:
            assert kept.damaged or max(answered, default="") > found.at

    @invariant()
    def what_is_served_is_what_was_stored(self) -> None:
        for key in KEYS:
            self.look_for_a_picture(key)
            self.look_for_a_text(key)
            self.look_for_a_refusal(key)


TestKeeping = Keeping.TestCase
TestKeeping.settings = settings(
    max_examples=60,
    stateful_step_count=30,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
