"""Where a request comes from: this machine, or another one; nothing that a visitor can claim is believed."""

import os
from ipaddress import ip_address

from starlette.requests import Request


def listens_here_only(server_name: str | None) -> bool:
    """Whether a server of that name (`launch`'s argument, or Gradio's variable) is out of reach for other machines."""
    name = server_name or os.environ.get("GRADIO_SERVER_NAME") or "127.0.0.1"
    return _is_this_machine(name)


def comes_from_here(request: Request) -> bool:
    """Whether a request was made on this machine and by its name, through no proxy."""
    address = request.client.host if request.client else ""
    forwarded = any(name.startswith(("x-forwarded-", "forwarded")) for name in request.headers)
    return not forwarded and _is_this_machine(address) and _is_this_machine(request.url.hostname or "")


def _is_this_machine(name: str) -> bool:
    try:
        return ip_address(name.strip("[]")).is_loopback
    except ValueError:
        return name == "localhost"
