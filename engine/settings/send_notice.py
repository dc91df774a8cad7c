"""Sends one notice, in a process of its own, so that whatever it hangs in, it can be ended.

It needs the standard library and apprise alone. Standard input is a JSON object with `webhook` and
`facts`, or with `service`, `title`, `body` and `kind`: an address holds keys, which a command line would show to
everyone. Exit status 0 once the notice is out, else 1, with the reason on standard error.
"""

from __future__ import annotations

import json
import sys
from typing import Any

ANSWER_SECONDS = 10.0
"""How long a webhook may be silent."""


def main() -> int:
    """Send what standard input asks for."""
    order = json.load(sys.stdin)
    problem = post(**order) if "webhook" in order else tell(**order)
    if problem is not None:
        sys.stderr.write(" ".join(problem.split()))
    return 0 if problem is None else 1


def post(webhook: str, facts: dict[str, Any]) -> str | None:
    """POST the facts as JSON to an address (http or https); returns what went wrong, for a person."""
    from http.client import HTTPException
    from urllib.error import HTTPError, URLError
    from urllib.request import HTTPRedirectHandler, Request, build_opener

    class Redirects(HTTPRedirectHandler):
        """Follows an answer that is elsewhere; an address that has moved would get a GET, without the facts."""

        def http_error_301(self, req: Request, fp: Any, code: int, msg: str, headers: Any) -> None:
            return None

    headers = {"Content-Type": "application/json", "User-Agent": "lazytrain"}
    try:
        request = Request(webhook, data=json.dumps(facts).encode(), headers=headers, method="POST")
        with build_opener(Redirects).open(request, timeout=ANSWER_SECONDS):
            return None
    except HTTPError as error:
        return f"answered {error.code} {error.reason}"
    except HTTPException as error:
        return f"gave no answer of HTTP: {type(error).__name__} {error}"
    except (OSError, ValueError) as error:
        return str(error.reason if isinstance(error, URLError) else error)


def tell(service: str, title: str, body: str, kind: str) -> str | None:
    """Have apprise send it; returns what went wrong, for a person."""
    import logging

    from apprise import Apprise, LogCapture

    log: Any
    # What it logs below a warning can hold the address.
    with LogCapture(level=logging.WARNING, fmt="%(message)s") as log:
        # `add` would take what looks like several addresses apart, where the settings have one.
        apprise, recipient = Apprise(), Apprise.instantiate(service)
        if recipient is not None and apprise.add(recipient) and apprise.notify(body, title, kind, body_format="text"):
            return None
        said = log.getvalue().split("\n")
    return "; ".join(line for line in said if line.strip()) or "apprise could not send it, and says no reason"


if __name__ == "__main__":
    sys.exit(main())
