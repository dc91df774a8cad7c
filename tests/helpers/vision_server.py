"""A server on this machine for torchvision to download from, in this process and in the one that downloads."""

from __future__ import annotations

import hashlib
import io
import json
import socket
import sys
import threading
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from lazytrain.engine.child_process import ROOT
from lazytrain.engine.data.vision import download, fetching

_START = """
import json, runpy, sys
root, patches, module = sys.argv[1:4]
del sys.argv[1:4]
sys.path.insert(0, root)
from torchvision import datasets
for name, attributes in json.loads(patches).items():
    for attribute, value in attributes.items():
        setattr(getattr(datasets, name), attribute, value)
runpy.run_module(module, run_name="__main__", alter_sys=True)
"""


class Server(ThreadingHTTPServer):
    """Serves `files`, path → content; counts the bytes that it is asked for."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files: dict[str, bytes] = {}
        self.asked: list[str] = []
        self.silent = threading.Event()
        """Set: it sends the first half of a file and waits until this is cleared."""
        self.woken = threading.Event()

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hangs up is what some tests are about."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        server = self.server
        assert isinstance(server, Server)
        server.asked.append(self.path)
        content = server.files.get(self.path.removeprefix("/"))
        if content is None:
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        half = len(content) // 2
        self.wfile.write(content[:half])
        if server.silent.is_set():
            self.wfile.flush()
            server.woken.wait()
        self.wfile.write(content[half:])

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  http.server's name
        pass


@contextmanager
def serve() -> Iterator[Server]:
    server = Server()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.woken.set()
        server.shutdown()
        thread.join()
        server.server_close()


def patch_sets(monkeypatch: pytest.MonkeyPatch, patches: Mapping[str, Mapping[str, Any]]) -> None:
    """Give torchvision's classes other attributes, here and in the process that downloads: class → name → value."""
    from torchvision import datasets

    for name, attributes in patches.items():
        for attribute, value in attributes.items():
            monkeypatch.setattr(getattr(datasets, name), attribute, value)

    def command(module: str, *arguments: str) -> list[str]:
        return [sys.executable, "-P", "-c", _START, str(ROOT), json.dumps(patches), module, *arguments]

    monkeypatch.setattr(fetching, "python_command", command)


def download_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the process that downloads would say is found out in this one, which has torch; the process only says it."""

    def command(_: str, order: str) -> list[str]:
        status, said = run_download(monkeypatch, order)
        return [
            sys.executable,
            "-c",
            "import sys; sys.stdout.write(sys.argv[1]); sys.exit(sys.argv[2] != '0')",
            said,
            str(status),
        ]

    monkeypatch.setattr(fetching, "python_command", command)


def run_download(monkeypatch: pytest.MonkeyPatch, order: str) -> tuple[int, str]:
    """Download in this process: the exit status, and what was said."""
    said, silence = io.StringIO(), socket.getdefaulttimeout()
    with monkeypatch.context() as patch:
        patch.setattr(sys, "argv", ["download", order])
        patch.setattr(sys, "stdout", said)
        patch.setattr(urllib.request, "_opener", None)
        try:
            return download.main(), said.getvalue()
        finally:
            socket.setdefaulttimeout(silence)


def md5(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()
