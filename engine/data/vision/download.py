"""For a process of its own: has torchvision download one of its sets, and says on standard output how it goes.

torchvision's downloads can't be stopped, wait forever for a server that is silent, and draw a bar on the terminal; a
process can be stopped, has its own time-out, and no terminal.

Its argument is JSON: `{"class": …, "parts": [{…}, …], "root": …, "lent": [file names]}`. It prints a JSON object a
line: `{"url": …}` for a request; `{"done": …}` each megabyte, for all bytes that came by now, with `"whole": true` at a
file's end; and at last, if it failed, `{"error": …}`, half a sentence, with `"disk": true` where the disk is to blame.
"""

from __future__ import annotations

import errno
import json
import os
import socket
import sys
import urllib.error
import urllib.request
from typing import Any, TextIO
from urllib.parse import urlparse

from lazytrain.engine.errors import encodable, text_of, type_name

SILENT_SECONDS = 20.0
"""A server that sends nothing for this long is given up."""
MEGABYTE = 10**6
DISK = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.EFBIG, errno.EIO)


class LentDamaged(ValueError):
    """A file that was lent isn't what torchvision wants: it asks for that very file from the network."""


class ByteReporter(urllib.request.BaseHandler):
    """A handler of urllib's that says what is asked for, and counts what comes."""

    def __init__(self, out: TextIO, lent: list[str]) -> None:
        self.url = ""
        self.done = 0
        self._out = out
        self._lent = lent
        self._said = 0

    def say(self, **report: Any) -> None:
        self._out.write(json.dumps(report) + "\n")
        self._out.flush()

    def http_request(self, request: urllib.request.Request) -> urllib.request.Request:
        name = urlparse(request.full_url).path.rpartition("/")[2]
        if name in self._lent:
            raise LentDamaged(name)
        self.url = request.full_url
        self.say(url=self.url)
        return request

    def http_response(self, _: urllib.request.Request, response: Any) -> Any:
        read = response.read

        def counted(*arguments: Any) -> bytes:
            data = read(*arguments)
            self.done += len(data)
            if self.done // MEGABYTE != self._said or not data:
                self._said = self.done // MEGABYTE
                self.say(done=self.done, whole=not data)
            return data

        response.read = counted
        return response

    https_request = http_request
    https_response = http_response


def explain(error: Exception, reporter: ByteReporter) -> dict[str, Any]:
    """Why there is no set, for whoever reads the last line."""
    reason = getattr(error, "reason", None)
    said = encodable(reason) if isinstance(reason, str) else text_of(reason if isinstance(reason, Exception) else error)
    text = " ".join(said.split()) or type_name(error)
    match error:
        case LentDamaged():
            return {"error": text, "lent": text}
        case urllib.error.URLError() | TimeoutError():
            return {"error": f"{reporter.url} failed: {text}"}
        case OSError(errno=number) if number in DISK:
            return {"error": os.strerror(number or 0), "disk": True}
        case RuntimeError() if "corrupted" in text and reporter.url:
            return {"error": f"{reporter.url} sent something else than the archive ({reporter.done:,} bytes)"}
        case _:
            told = not reporter.url or "://" in text  # as where several mirrors were tried
            return {"error": text if told else f"{reporter.url} failed: {text}"}


def main() -> int:
    order = json.loads(sys.argv[1])
    out, sys.stdout = sys.stdout, sys.stderr  # what torchvision prints is for nobody
    reporter = ByteReporter(out, order["lent"])
    socket.setdefaulttimeout(SILENT_SECONDS)
    urllib.request.install_opener(urllib.request.build_opener(reporter))
    try:
        from torchvision import datasets

        for part in order["parts"]:
            getattr(datasets, order["class"])(order["root"], download=True, **part)
    except Exception as error:  # noqa: BLE001  # torchvision and what it calls raise nearly anything
        reporter.say(**explain(error, reporter))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
