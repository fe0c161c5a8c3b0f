"""A double of the Hugging Face Hub: a real HTTP server that the real `huggingface_hub` client talks to.

    with HubDouble() as hub:
        subprocess.run([...], env=os.environ | hub.environment(tmp_path))    # in another process
        hub.use(monkeypatch, tmp_path)                                       # or in this one
        hub.repository("dataset", "org/name").files                          # what arrived

Faults are injected by `hub.fail(...)`; `hub.stop()` makes it unreachable, `hub.start()` brings it back as it was.
`python -m tests.hub_double --port 8999` serves one to try things out by hand.
"""

import argparse
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.hub_answers import Answers, Server
from tests.hub_repositories import Hub, Repository

TOKEN, USER = "hf_token_of_the_double", "org"


@dataclass
class Fault:
    """What goes wrong with requests whose "METHOD /path" matches."""

    match: str
    """Regular expression, searched for."""
    times: int = 1
    """How often; -1 is always."""
    status: int | None = None
    """Answer with this instead."""
    retry_after_s: int | None = None
    slow_s: float = 0.0
    """Wait this long before answering."""
    cut_after: int | None = None
    """Read that many bytes of what is sent, then close the connection."""
    lose_answer: bool = False
    """Do what was asked, then close the connection without saying so."""


class HubDouble:
    """The server; a context manager."""

    def __init__(self, port: int = 0) -> None:
        self.hub = Hub({TOKEN: USER})
        self.faults: list[Fault] = []
        self.requests: list[str] = []
        """"METHOD /path" of all that arrived, in order."""
        self.port = port
        self._server: Server | None = None

    def __enter__(self) -> "HubDouble":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Answer; the second time at the same address as the first."""
        self._server = Server(("127.0.0.1", self.port), Answers)
        self._server.double = self
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self) -> None:
        """Refuse connections; what it holds stays."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def fail(self, match: str, **what: Any) -> Fault:
        """Inject a fault; the fields of `Fault` by name."""
        self.faults.append(Fault(match, **what))
        return self.faults[-1]

    def environment(self, home: Path, token: str | None = TOKEN) -> dict[str, str]:
        """Variables for a process that shall use this Hub; what it downloads lies below `home`."""
        known = {
            "HF_ENDPOINT": self.url,
            "HF_HOME": str(home / "hf"),
            "HF_HUB_DISABLE_XET": "1",
            "HF_HUB_DISABLE_TELEMETRY": "1",
            "HF_HUB_DISABLE_EXPERIMENTAL_WARNING": "1",
            "HF_HUB_DISABLE_PROGRESS_BARS": "1",
            "HF_HUB_OFFLINE": "0",
        }
        return known | ({"HF_TOKEN": token} if token else {})

    def use(self, monkeypatch: Any, home: Path, token: str | None = TOKEN) -> None:
        """Let the client in this process use this Hub."""
        from huggingface_hub import constants

        for name, value in self.environment(home, token).items():
            monkeypatch.setenv(name, value)
        if token is None:
            monkeypatch.delenv("HF_TOKEN", raising=False)
        template = self.url + "/{repo_id}/resolve/{revision}/{filename}"
        for name, value in {
            "ENDPOINT": self.url,
            "HUGGINGFACE_CO_URL_TEMPLATE": template,
            "HF_HUB_CACHE": str(home / "hf" / "hub"),
            "HF_TOKEN_PATH": str(home / "hf" / "token"),
            "HF_HUB_DISABLE_XET": True,
            "HF_HUB_DISABLE_EXPERIMENTAL_WARNING": True,
            "HF_HUB_OFFLINE": False,
        }.items():
            monkeypatch.setattr(constants, name, value)

    def repository(self, kind: str, name: str) -> Repository:
        """What arrived there; KeyError when nothing did."""
        return self.hub.repositories[kind, name]


def main() -> None:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(
        description="A Hub to try things out with; it forgets everything at its end."
    )
    parser.add_argument("--port", type=int, default=8999)
    with HubDouble(parser.parse_args().port) as double:
        for name, value in double.environment(Path("build") / "hub-double").items():
            print(f"export {name}={value}", flush=True)  # noqa: T201
        threading.Event().wait()


if __name__ == "__main__":
    main()
