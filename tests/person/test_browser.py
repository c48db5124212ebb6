"""What a person does on the server's page, in a real browser; docs/prefect.md describes the same."""

import re
from collections import Counter
from typing import Any

import pytest
from chromium import page_of

pytestmark = [pytest.mark.prefect, pytest.mark.browser, pytest.mark.s3, pytest.mark.timeout(1800)]
SLOW = {"time_scale": 1.0, "latency_s": 3.0}
CALM = {"time_scale": 0.001, "latency_s": None}


def fill_in(page: Any, run: str, where: str) -> None:
    """Ask by the form for a small build that is no rehearsal."""
    page.deployment("omniedit")
    page.page.get_by_role("button", name="Run", exact=True).click()
    page.page.get_by_role("menuitem", name="Custom run").click()
    main = page.main
    main.get_by_role("textbox", name="Run", exact=True).fill(run)
    main.get_by_role("textbox", name="Input", exact=True).fill(where)
    main.get_by_role("spinbutton", name="Shard size (Optional)").fill("1")
    main.get_by_role("spinbutton", name="Retry delay in seconds (Optional)").fill("0")
    switch = main.get_by_role("switch", name="Dry run (Optional)")
    assert switch.is_checked(), "the deployment's own parameters are a rehearsal"
    switch.click()
    page.shot("form")


def paid(sandbox: Any) -> Counter[str]:
    """How often each request was billed."""
    return Counter(call["key"] for call in sandbox.admin("journal?billed=true")["calls"])


def test_who_has_no_password_sees_nothing(page: Any, browser: Any) -> None:
    stranger = page_of(browser)
    stranger.goto(f"{page.office.url}/v2/deployments")
    stranger.get_by_role("button", name="Login").wait_for()
    stranger.get_by_placeholder("admin:pass").fill("admin:guess")
    stranger.get_by_role("button", name="Login").click()
    stranger.get_by_text("Invalid credentials").first.wait_for()
    stranger.close()


def test_a_schedule_is_set_on_the_page(page: Any) -> None:
    page.deployment("omniedit")
    assert not page.page.get_by_role("switch", name="toggle At 02:00 AM").is_checked()
    while not scheduled(page, "0 3 29 2 *", "on day 29 of the month"):
        page.page.reload()
    added = page.page.get_by_role("switch", name=re.compile("^toggle At 03:00 AM"))
    added.wait_for()
    assert added.is_checked()
    page.shot("scheduled")
    page.page.get_by_role("dialog").wait_for(state="hidden")
    while not page.takes("/schedules/", added.click):
        page.page.reload()  # the page has put the switch back
        added.wait_for()
    page.page.reload()
    page.page.get_by_role("switch", name=re.compile("03:00 AM"), checked=False).wait_for()


def scheduled(page: Any, cron: str, said: str) -> bool:
    """Add a schedule in the dialog, which says it in words; whether the server has taken it."""
    page.page.get_by_role("button", name="Schedule", exact=True).click()
    dialog = page.page.get_by_role("dialog")
    dialog.get_by_role("tab", name="Cron").click()
    dialog.get_by_role("textbox", name="Value").fill(cron)
    dialog.get_by_text(said).wait_for()
    page.shot("schedule")
    return bool(page.takes("/schedules", dialog.get_by_role("button", name="Save").click))


def test_a_failed_shard_tells_why_and_a_retry_pays_for_nothing_again(
    page: Any, sandbox: Any
) -> None:
    fill_in(page, "struck", page.office.rows("struck", "Paint it. [[emulate server_error]]"))
    run = page.submit()
    page.until(r"^Failed \(1 failed\)$")
    page.page.get_by_role("tab", name="Details").click()
    page.main.get_by_text("3 entered: 2 kept, 0 rejected, 1 failed").first.wait_for()
    page.shot("failed")

    page.page.get_by_role("tab", name="Logs").click()
    page.page.get_by_role("combobox", name="log level filter").click()
    page.page.get_by_role("option", name="Error and above").click()
    page.main.get_by_text("1 of 1 has no answer: 1 unavailable").first.wait_for()
    page.shot("failed-logs")
    page.page.get_by_role("tab", name="Task Runs").click()
    page.page.get_by_placeholder("Search by run name").fill("00001-regenerate")
    page.page.get_by_role("link", name="00001-regenerate").first.click()
    page.page.wait_for_url("**/task-run/**")
    page.main.get_by_text("1 of 1 has no answer: 1 unavailable").first.wait_for()
    page.shot("failed-task")

    page.goto(f"/runs/flow-run/{run}?tab=Artifacts")
    page.page.get_by_role("link", name="editcorpus-failures").click()
    heading = "failed: 1 at regenerate: unavailable"
    page.page.get_by_role("heading", name=heading, exact=True).wait_for()
    page.main.get_by_text("What to do:").first.wait_for()
    page.shot("failures")

    before = paid(sandbox)
    page.goto(f"/runs/flow-run/{run}")
    page.choose("Retry", "Retry")
    page.office.again(run, 2)
    page.goto(f"/runs/flow-run/{run}")
    page.until(r"^Failed \(1 failed\)$")
    assert paid(sandbox) == before
    assert set(before.values()) == {1}
    page.shot("retried")


def test_a_run_is_cancelled_and_a_copy_of_it_goes_on(page: Any, sandbox: Any) -> None:
    sandbox.admin("config", SLOW)
    fill_in(page, "stopped", page.office.rows("stopped"))
    page.submit()
    page.until("^Running$")
    while sandbox.admin("summary")["billed"] < 1:
        page.page.wait_for_timeout(200)
    sandbox.admin("config", {"latency_s": 10.0})  # a person takes some seconds to find the button
    page.choose("Cancel", "Cancel Flow Run")
    page.until("^Cancelled$")
    page.shot("cancelled")
    before = paid(sandbox)

    sandbox.admin("config", CALM)
    page.choose("Copy to new run")
    page.main.get_by_role("textbox", name="Run", exact=True).wait_for()
    page.shot("copy")
    page.submit()
    page.until("^Completed$")
    page.page.get_by_role("tab", name="Artifacts").click()
    page.main.get_by_text("3 of 3 shards; 3 triplets kept of 3.").first.wait_for()
    page.shot("completed")
    after = paid(sandbox)
    assert set(after.values()) == {1}
    assert before.items() < after.items()


def test_no_secret_was_sent_to_the_page(page: Any) -> None:
    page.goto("/blocks")
    page.page.get_by_role("link", name="images").first.wait_for()
    page.shot("blocks")
    page.page.get_by_role("link", name="images").first.click()
    page.page.get_by_text("********").first.wait_for()
    page.shot("block")
    page.goto("/settings")
    page.main.get_by_text(re.compile("version", re.IGNORECASE)).first.wait_for()
    page.shot("settings")
    assert page.office.leaks("/block_documents") == []
    assert len(page.office.answers) > 30
