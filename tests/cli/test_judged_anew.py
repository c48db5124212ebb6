"""A published corpus judged anew: a build that needs no key of an image API, and pays for nothing."""

from pathlib import Path
from typing import Any

import pytest

from editcorpus.demo.gpt_image_edit import write_gpt_image_edit

pytestmark = pytest.mark.prefect


def test_published_pairs_are_judged_without_a_key_and_without_a_cent(
    shell: Any, sandbox: Any, tmp_path: Path
) -> None:
    bare = shell.having(OPENAI_API_KEY=None, OPENAI_BASE_URL=None)
    where = write_gpt_image_edit(tmp_path)
    words = ("build", "gpt-image-edit", "--input", where, "--store", "store", "--json")
    refused = bare.run(*words, "--variant", "output", "--run", "other")
    assert refused.code == 1
    assert "OPENAI_API_KEY is not set" in refused.err
    ended = bare.run(*words, "--run", "anew")
    assert ended.code == 0, ended.err
    told = ended.json
    assert told["kept"] + sum(told["rejected"].values()) == told["entered"] == 8
    assert told["rejected"]["image_missing"] == told["rejected"]["edited_missing"] == 1
    assert float(told["cost_usd"]) == 0
    assert "No budget" not in ended.err
    asked = {call["endpoint"] for call in sandbox.admin("journal")["calls"]}
    assert asked == {"/vllm/v1/chat/completions"}
    assert bare.run("audit", "--store", "store", "--run", "anew").code == 0
    nobody = bare.run("redrive", "--store", "store", "--run", "anew", "--reason", "no_edit")
    assert nobody.code == 1
    assert "has given up nobody for these reasons" in nobody.err
