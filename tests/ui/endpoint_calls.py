"""What the running application answers, by the names of docs/permissions.md, and how a program asks for each of it."""

import io
import json
from functools import cached_property
from uuid import uuid4

import httpx
from PIL import Image

PASSWORD = "a horse and a battery"

ANSWER = {"units": {}, "description": None, "note": ""}
LEASE = {"project": 1, "lease": 1, "item": 1, "reason": "unsure", "answer": ANSWER}
VERDICT = {"do": "decide", "item": 1, "mark": "x", "note": "", "answer": ANSWER}

MESSAGES = {
    **{
        f"Annotate: {verb}": {"do": verb, **LEASE}
        for verb in ("open", "draft", "submit", "skip", "undo", "reopen")
    },
    **{f"Annotate: {verb}": {"do": verb, **LEASE} for verb in ("history", "progress")},
    **{f"Review: decide {verb}": VERDICT | {"verb": verb} for verb in ("settle", "gold", "back", "aside")},
    "Review: go": {"do": "go"},
    "Review: measure": {"do": "measure"},
    "Review: change": {"do": "change", "settings": {"answers_wanted": 3}},
    "Training: go": {"do": "go"},
    "Training: watch": {"do": "watch", "run": 1},
    "Training: start": {"do": "start", "what": "head", "project": "", "reason": "x"},
    "Training: cancel": {"do": "cancel", "run": 1},
    "Training: promote": {"do": "promote", "version": "x", "reason": "x", "force": False},
    "Training: back": {"do": "back", "reason": "x"},
}
"""Function -> a message that passes everything but, perhaps, the question of who asks."""

FIELDS = {
    "/account/sign-in": {"name": "anna", "password": PASSWORD},
    "/account/password": {"password": "not this one", "new": "another long password"},
    "/account/withdraw": {"code": "no such code"},
    **{
        f"/account/{verb}": {"name": "no such person", "role": "reviewer"}
        for verb in ("role", "block", "unblock", "reset")
    },
}
"""Route -> what is posted as JSON."""


class Caller:
    """Somebody who asks the application directly, signed in or not; nothing of the page is between."""

    def __init__(self, app, name=None):
        self.client = httpx.Client(base_url=app.url, timeout=60)
        self.session = uuid4().hex
        if name is not None:
            self.client.post("account/sign-in", json={"name": name, "password": PASSWORD}).raise_for_status()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.client.close()

    @cached_property
    def config(self):
        return self.client.get("config").json()

    def endpoints(self):
        """Names of all events that run code on the server, and of all components whose functions can be called."""
        return {**self._events(), **self._functions()}

    def _events(self):
        found = {}
        for event in self.config["dependencies"]:
            if event["backend_fn"]:
                found[self._name_of(event)] = event
        return found

    def _name_of(self, event):
        if not event["targets"]:
            return f"Event API: /{event['api_name']}"
        return f"Event {self._page_of('dependencies', event['id'])}: {event['targets'][0][1]}"

    def _functions(self):
        calls = {one["id"]: one["props"].get("server_fns") for one in self.config["components"]}
        return {
            f"Function {self._page_of('components', number)}: {name}": number
            for number, names in calls.items()
            for name in names or []
        }

    def _page_of(self, kind, number):
        (path,) = [path for path, page in self.config["page"].items() if number in page[kind]]
        return (path or "analyse").capitalize()

    def may(self, what):
        """Whether this is looked at, or refused because of who asks."""
        kind, _, name = what.partition(" ")
        if kind == "Event":
            return not _is_refusal(self._event(what))
        if kind == "Function":
            return self._function(name)
        return self._route(kind, name)

    def _function(self, name):
        page = name.split(":")[0]
        body = {"session_hash": self.session, "fn_name": "act", "data": MESSAGES[name]}
        number = self._functions()[f"Function {page}: act"]
        answer = self.client.post("gradio_api/component_server", json=body | {"component_id": number})
        reply = answer.raise_for_status().json()
        closed = any(
            f'class="{style}-page" data-tab=""' in (reply.get("html") or "") for style in ("vr", "vt")
        )
        return not closed and reply.get("error") not in ("NotSignedIn", "NotAllowed")

    def _route(self, method, path):
        url = path.replace("{item_id:int}", "1").replace("{name}", "au12").removeprefix("/")
        fields = FIELDS.get(path, {})
        if path == "/account/sign-up":
            fields = {"name": uuid4().hex[:12], "password": PASSWORD, "language": "en"}
        if method == "GET":
            answer = self.client.get(url, params={"project": 1})
        elif path.startswith("/account"):
            keep = dict(self.client.cookies)
            answer = self.client.post(url, json=fields)
            if path in ("/account/sign-in", "/account/sign-up"):
                self.client.cookies = httpx.Cookies(keep)
        else:
            answer = self.client.post(url, data={"project": "1"})
        return not (answer.status_code in (401, 403) and _is_refusal(answer.json()["message"]))

    def _event(self, what):
        event = self._events()[what]
        data = (
            [{"path": self._uploaded(), "meta": {"_type": "gradio.FileData"}}, False] if "API" in what else []
        )
        sent = {"path": self._uploaded(), "name": "x.png", "scope": "", "agreed": False}
        body = {"data": data, "event_data": sent, "fn_index": event["id"], "session_hash": self.session}
        if not event["queue"]:
            return self.client.post("gradio_api/run/predict", json=body).text
        self.client.post("gradio_api/queue/join", json=body).raise_for_status()
        with self.client.stream(
            "GET", "gradio_api/queue/data", params={"session_hash": self.session}
        ) as lines:
            for line in lines.iter_lines():
                if line.startswith("data:") and (told := json.loads(line[5:]))["msg"] == "process_completed":
                    return json.dumps(told["output"])
        raise AssertionError(f"{what} was not answered")

    def _uploaded(self):
        file = io.BytesIO()
        Image.new("RGB", (8, 8)).save(file, "PNG")
        return self.client.post("gradio_api/upload", files={"files": ("x.png", file.getvalue())}).json()[0]


def _is_refusal(message):
    return "You are not signed in" in message or "may do this (" in message
