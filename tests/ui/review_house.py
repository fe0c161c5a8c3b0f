"""For the tests of the Review page: people of every role, faces they differ on, and the page behind real HTTP."""

import asyncio
from types import SimpleNamespace

import gradio as gr
from gradio.routes import App as GradioApp
from starlette.testclient import TestClient

from db.annotators import sign_in
from db.responses import submit
from db.review import review
from db.roles import Role
from tests.db.laboratory import Lab
from ui import account, pictures, review_downloads, server
from ui import review as page

PASSWORD = "a horse and a battery"
"""As of the fixture `request_of`."""
ROLES = {"rev": Role.REVIEWER, "other": Role.REVIEWER, "admin": Role.ADMIN}


class ReviewHouse:
    """`nobody`, annotators `ann`, `bo` and `cy`, reviewers `rev` and `other`, and `admin`."""

    def __init__(self, store, request_of):
        self.store = store
        self.lab = Lab(store, store.clock)
        self._request_of, self._requests = request_of, {}
        self._faces = 0
        self._app = self._component = None
        self._clients = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for client in self._clients:
            client.close()

    def actor(self, name):
        self.request(name)
        return sign_in(self.store, name).actor

    def request(self, name):
        """A request as a handler gets it."""
        if name not in self._requests:
            self._requests[name] = self._request_of(name, ROLES.get(name))
        return self._requests[name]

    def disputed(self, **answers):
        """One more face, answered by these people; returns its item."""
        self._faces += 1
        item = self.lab.add(self._faces)
        for name, answer in answers.items():
            task = self.lab.next(self.actor(name))
            assert task.item_id == item
            submit(self.store, self.actor(name), task.lease_id, answer)
        return item

    def seen(self, item):
        return review(self.store, self.actor("rev"), item)

    def desk(self, name):
        """What somebody's page asks for, without the way there."""
        desk, request = page.ReviewDesk(self.store), self.request(name)
        return SimpleNamespace(act=lambda **message: desk.act(message, request))

    def client(self, name):
        """Somebody's browser, without the browser: the whole server behind it, and the right cookies."""
        if self._app is None:
            self._app, self._component = asyncio.run(self._make_app())
        client = Client(self._app, base_url="http://127.0.0.1")
        client.component = self._component
        if name != "nobody":
            self.request(name)
            answer = client.post("/account/sign-in", json={"name": name, "password": PASSWORD})
            assert answer.status_code == 200, answer.text
        self._clients.append(client)
        return client

    async def _make_app(self):
        """Made inside a loop: Gradio opens one where none is running, and leaves it open."""
        with gr.Blocks(analytics_enabled=False) as pages:
            gr.HTML("start")
        with pages.route("Review", "/review"):
            shown = page.build(self.store)
        routes = [
            *account.Accounts(self.store).routes(),
            *pictures.routes(self.store),
            *review_downloads.routes(self.store),
        ]
        kwargs = server.app_kwargs(self.store, lambda: "small-1", routes)
        return GradioApp.create_app(pages, app_kwargs=kwargs), shown._id


class Client(TestClient):
    """With a word for what the page's script does."""

    component: int

    def act(self, **message):
        """One message of the page, and the reply."""
        body = {
            "session_hash": "test",
            "component_id": self.component,
            "fn_name": "act",
            "data": message,
        }
        answer = self.post("/gradio_api/component_server", json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()
