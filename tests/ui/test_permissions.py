"""Each endpoint of the running application, asked by nobody, annotator, reviewer and admin, against the table."""

import re
from contextlib import closing

import pytest

from tests.ui.conftest import ROOT, App
from tests.ui.endpoint_calls import PASSWORD, Caller

pytestmark = pytest.mark.slow

PEOPLE = {"nobody": None, "annotator": "anna", "reviewer": "rita", "admin": "adam"}
ENDS_THE_SESSION = "POST /account/sign-out"


def table():
    """What -> person -> whether they may, as docs/permissions.md has it."""
    text = (ROOT / "docs" / "permissions.md").read_text("utf-8")
    rows = re.findall(r"^\| ((?:Event|Function|GET|POST) .*?) \| (.*) \|$", text, re.MULTILINE)
    assert rows
    return {
        what: dict(zip(PEOPLE, (said == "yes" for said in rest.split(" | ")), strict=True))
        for what, rest in rows
    }


@pytest.fixture(scope="module")
def opened(tmp_path_factory):
    """The application on a store with a person of each role and one project."""
    from db.annotators import set_role
    from db.passwords import sign_up
    from db.projects import ProjectSettings, add_project
    from db.roles import OPERATOR, Role
    from db.store import Store

    folder = tmp_path_factory.mktemp("permissions")
    store = Store.open(folder=folder / "data")
    for role, name in PEOPLE.items():
        if name is not None:
            sign_up(store, name, PASSWORD)
            set_role(store, OPERATOR, name, Role(role))
    add_project(store, OPERATOR, ProjectSettings("Faces"))
    store.close()
    with closing(App(folder)) as running:
        yield running


def test_every_endpoint_has_a_row_and_every_row_an_endpoint(opened, store):
    import app
    from ui.annotate import AnnotateDesk
    from ui.metrics import Metrics
    from ui.review import _DONE, ReviewDesk
    from ui.server import health_routes
    from ui.training import TrainingDesk

    verbs = {
        "Annotate": set(AnnotateDesk(store).verbs),
        "Review": (set(ReviewDesk(store).verbs) - {"decide"}) | {f"decide {verdict}" for verdict in _DONE},
        "Training": set(TrainingDesk(store).verbs),
    }
    with Caller(opened) as caller:
        found = caller.endpoints()
    functions = {what for what in found if what.startswith("Function")}
    assert functions == {f"Function {page}: act" for page in verbs}
    own = [*app.routes(store), *health_routes(store, lambda: None)]
    routes = [*own, *Metrics(store, lambda: None).routes()]
    there = {
        *(found.keys() - functions),
        *(f"Function {page}: {verb}" for page, names in verbs.items() for verb in names),
        *(f"{method} {route.path}" for route in routes for method in (route.methods or {"GET"}) - {"HEAD"}),
    }
    assert there == table().keys()


@pytest.mark.parametrize("person", PEOPLE)
def test_everybody_may_do_what_the_table_says_and_nothing_else(opened, person):
    wanted = table()
    rows = sorted(wanted, key=lambda what: what == ENDS_THE_SESSION)
    with Caller(opened, PEOPLE[person]) as caller:
        assert {what: caller.may(what) for what in rows} == {what: wanted[what][person] for what in rows}
