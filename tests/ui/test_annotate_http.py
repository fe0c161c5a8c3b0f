"""What the Annotate page's private function answers to whoever posts to it directly, behind the whole server."""

import asyncio

import gradio as gr
import pytest
from gradio.routes import App as GradioApp
from starlette.testclient import TestClient

from tests.ui.annotate_lab import PASSWORD, AnnotateLab, begin, marks, shrunk
from ui import account, annotate, pictures, server


@pytest.fixture(scope="module")
def lab(tmp_path_factory, faces, image):
    folder = tmp_path_factory.mktemp("http")
    lab = AnnotateLab(folder / "lab", *shrunk(image, faces[0].face), begin(folder / "begun"))
    lab.add(3)
    yield lab
    lab.close()


@pytest.fixture(scope="module")
def served(lab):
    """The application, and the number of the page's component in it."""

    async def make():  # Gradio opens a loop of its own where none is running, and leaves it open
        with gr.Blocks(analytics_enabled=False) as pages:
            page = annotate.build(lab.store)
        routes = [*account.Accounts(lab.store).routes(), *pictures.routes(lab.store)]
        kwargs = server.app_kwargs(lab.store, lambda: "lab-1", routes)
        return GradioApp.create_app(pages, app_kwargs=kwargs), page._id

    return asyncio.run(make())


@pytest.fixture
def client(served):
    with TestClient(served[0], base_url="http://127.0.0.1") as browser:
        yield browser


@pytest.fixture
def post(client, served):
    def send(function="act", headers=None, **message):
        body = {"session_hash": "x", "component_id": served[1], "fn_name": function, "data": message}
        return client.post("/gradio_api/component_server", json=body, headers=headers)

    return send


@pytest.fixture
def signed_in(client):
    answer = client.post("/account/sign-in", json={"name": "Ada", "password": PASSWORD})
    assert answer.status_code == 200


def test_a_person_who_signed_in_gets_a_face_and_its_picture(lab, client, post, signed_in):
    reply = post(do="open", project=lab.project).json()
    picture = client.get(f"/faces/{reply['task']['item']}/chip.jpg")
    assert (picture.status_code, picture.headers["cache-control"]) == (200, "no-store")


@pytest.mark.parametrize("verb", ["open", "draft", "submit", "skip", "undo", "reopen", "history", "progress"])
def test_nobody_gets_nothing_and_stores_nothing(lab, client, post, verb):
    task = lab.open("Ada")
    before = lab.count("response"), lab.count("event")
    message = {"project": lab.project, "lease": task["lease"], "item": task["item"], "reason": "x"}
    reply = post(do=verb, **message, answer=marks(AU12="present")).json()
    assert reply["error"] == "NotSignedIn"
    assert set(reply) == {"error", "message", "html"}
    assert (lab.count("response"), lab.count("event")) == before
    assert client.get(f"/faces/{task['item']}/chip.jpg").status_code == 401


def test_a_page_of_another_site_acts_as_nobody(lab, post, signed_in):
    task = lab.open("Ada")
    message = {
        "do": "submit",
        "project": lab.project,
        "lease": task["lease"],
        "answer": marks(AU12="present"),
    }
    reply = post(headers={"Origin": "https://evil.example"}, **message)
    assert reply.status_code == 403 or reply.json()["error"] == "NotSignedIn"
    assert lab.count("response") == 0


def test_a_forged_session_is_nobody(lab, client, post):
    client.cookies.set(server.SESSION_COOKIE, "eyJhbm5vdGF0b3IiOjF9.forged.signature")
    assert post(do="open").json()["error"] == "NotSignedIn"


@pytest.mark.parametrize("claim", [{"me": 1}, {"annotator": 1}, {"actor": {"annotator_id": 1}}])
def test_who_somebody_says_to_be_does_not_matter(post, claim):
    assert post(do="open", **claim).json()["error"] == "NotSignedIn"


def test_somebody_elses_lease(lab, client, post, signed_in):
    lease = lab.open("Bob")["lease"]
    reply = post(do="submit", project=lab.project, lease=lease, answer=marks(AU12="present")).json()
    assert reply["error"] == "LeaseError"
    assert lab.count("response") == 0


@pytest.mark.parametrize("function", ["preprocess", "postprocess", "get_config", "Act", "__init__"])
def test_no_other_function_can_be_called(post, signed_in, function):
    assert post(function, do="open").status_code == 404


def test_it_is_not_among_the_endpoints(client):
    described = client.get("/gradio_api/info").json()
    assert described == {"named_endpoints": {}, "unnamed_endpoints": {}}
