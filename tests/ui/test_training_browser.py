"""The Training page in a real browser: promoting, going back, a run that moves on by itself, and a phone."""

import json
import socket
from contextlib import ExitStack, closing
from datetime import timedelta
from types import SimpleNamespace

import gradio as gr
import pytest

from db import registry
from db.annotators import set_role
from db.passwords import sign_up
from db.registry_tables import Alias, RunState
from db.roles import OPERATOR, Role
from db.store import Store
from db.training_runs import begin_run, end_run
from finetune import jobs
from tests.ui.browsing import BEYOND_THE_EDGE, Visit, expect
from tests.ui.test_training import report
from ui import account, backup_badge, server, theme, training

PASSWORD = "a horse and a battery"

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """small-1 serves, small-2 passed the gate; an admin and a reviewer."""
    folder = tmp_path_factory.mktemp("training")
    opened = Store.open(folder=folder / "data")
    made = []
    for name in ("small-1", "small-2"):
        made.append(folder / name)
        made[-1].mkdir()
        (made[-1] / "config.json").write_text(json.dumps({"model_version": name}))
        (made[-1] / "model.safetensors").write_bytes(name.encode())
    first = registry.begin(opened, OPERATOR, made[0])
    second = registry.add_version(opened, OPERATOR, made[1])
    registry.add_comparison(opened, OPERATOR, second, first, True, report())
    registry.propose(opened, OPERATOR, second, "Newest.")
    for name, role in (("ada", Role.ADMIN), ("rev", Role.REVIEWER)):
        sign_up(opened, name, PASSWORD)
        set_role(opened, OPERATOR, name, role)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def served(store):
    """The page alone, served as `app.py` serves its pages."""
    with gr.Blocks(analytics_enabled=False) as pages:
        theme.head("Analyse")
    with pages.route("Training", "/training", show_in_navbar=False):
        theme.head("Training")
        training.build(store)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    pages.launch(
        server_port=port,
        theme=theme.THEME,
        css_paths=theme.STYLESHEETS,
        app_kwargs=server.app_kwargs(
            store, lambda: "small-1", [*account.Accounts(store, True).routes(), *backup_badge.routes(store)]
        ),
        run_history=False,
        prevent_thread_lock=True,
        quiet=True,
    )
    yield SimpleNamespace(url=f"http://127.0.0.1:{port}/")
    pages.close()


@pytest.fixture
def visit(browser, served):
    """`visit("ada", tab="candidate")`: the page, signed in; at the end nothing went wrong on the console."""
    with ExitStack() as visits:

        def begin(name, tab="training", **look):
            seen = visits.enter_context(closing(Visit(browser, served, **look))).sign_in(name, PASSWORD)
            seen.page.goto(f"{served.url}training#tab={tab}")
            seen.page.wait_for_selector(f".vt-page[data-tab={tab}]")
            return seen.page

        yield begin


def production(store):
    return registry.alias_version(store, OPERATOR, Alias.PRODUCTION).name


def test_promoting_and_going_back_by_hand(visit, store):
    page = visit("ada", "candidate")
    page.get_by_role("button", name="Promote it …").click()
    dialog = page.locator("[data-dialog=promote]")
    expect(dialog).to_be_visible()
    dialog.get_by_label("Why").fill("It reads AU4 better.")
    dialog.get_by_role("button", name="Serve it").click()
    expect(page.locator(".vt-done")).to_have_text("small-2 is in production now.")
    assert production(store) == "small-2"
    assert registry.moves(store, OPERATOR, Alias.PRODUCTION)[0].reason == "It reads AU4 better."
    page.get_by_role("button", name="Roll back to small-1 …").click()
    page.locator("[data-dialog=back]").get_by_role("button", name="Roll back").click()
    expect(page.locator(".vt-done")).to_have_text("small-1 is in production again.")
    assert production(store) == "small-1"


def test_what_is_refused_is_told_and_the_page_stays(visit, store):
    page = visit("ada", "candidate")
    page.get_by_role("button", name="Promote it …").click()
    dialog = page.locator("[data-dialog=promote]")
    dialog.get_by_label("Why").fill("<script>")
    dialog.get_by_role("button", name="Serve it").click()
    expect(page.locator(".vt > .vt-notice")).to_contain_text("looks like HTML")
    expect(page.locator(".vt-page[data-tab=candidate]")).to_be_visible()
    assert production(store) == "small-1"


def test_a_run_moves_on_by_itself_and_ends(visit, store):
    run = begin_run(store, OPERATOR, "v7", "A test.", {}, 28, "elsewhere", timedelta(hours=1))
    folder = jobs.run_folder(store, run) / "version.work"
    folder.mkdir(parents=True)

    def at(step):
        status = {"state": "training", "step": step, "of": 120, "eta_s": 100.0, "loss": 0.5}
        (folder / "status.json").write_text(json.dumps(status))

    at(30)
    page = visit("rev")
    expect(page.locator(".vt-live")).to_contain_text("step 30 of at most 120")
    at(60)
    expect(page.locator(".vt-live")).to_contain_text("step 60 of at most 120")
    end_run(store, OPERATOR, run.id, RunState.FAILED, "The disk is full.")
    expect(page.locator(".vt-said")).to_have_text("The disk is full.")
    expect(page.locator(".vt-page")).not_to_have_attribute("data-run", str(run.id))


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("tab", ["training", "candidate", "runs", "people"])
def test_nothing_sticks_out_on_a_phone(visit, tab, scheme):
    page = visit("rev", tab, width=390, scheme=scheme)
    assert page.evaluate(BEYOND_THE_EDGE) == []


def test_the_way_back_to_a_tab_is_in_the_address(visit):
    page = visit("rev")
    page.get_by_role("button", name="Contributions").click()
    expect(page.locator(".vt-people")).to_be_visible()
    page.reload()
    expect(page.locator(".vt-people")).to_be_visible()
