"""Whom notices go to: apprise's addresses, checked as the settings are read, and shown without the keys they hold."""

from __future__ import annotations

import re
from collections.abc import Sequence
from difflib import get_close_matches
from importlib.util import find_spec
from typing import Any
from urllib.parse import unquote

INSTALL = "pip install 'lazytrain[notify]'"
SERVICES = "https://appriseit.com/services/"
_SCHEME = r"([A-Za-z][\w+.-]*)://"
SHORTEST_SECRET = 4


def has_apprise() -> bool:
    """Whether the extra that sends notices to services is installed."""
    return find_spec("apprise") is not None


def masked(text: str) -> str:
    """`text` with `slack://…` for an address, or for each in it: any part of one may be a key, its host too."""
    whole = re.match(_SCHEME, text)
    return f"{whole[0]}…" if whole else re.sub(_SCHEME + r"[^\s\"']*", r"\1://…", text)


def without_parts(text: str, address: str) -> str:
    """`text` with `…` for whatever of the address is in it, as it is written there or decoded."""
    scheme, _, rest = address.partition("://")
    parts = {each for form in (rest, unquote(rest)) for each in re.split("[/:@?&=,#+]", form)}
    for part in sorted(parts - {scheme}, key=len, reverse=True):
        if len(part) >= SHORTEST_SECRET:
            text = text.replace(part, "…")
    return text


def check_recipients(addresses: Sequence[str]) -> None:
    """Raises ValueError, naming the entry without its keys, for an address that apprise can't use.

    Without apprise only the form is checked: the settings stay good for where it is.
    """
    for number, address in enumerate(addresses, 1):
        found = re.match(_SCHEME + r"\S", address)
        if found is None:
            raise ValueError(f"entry {number} must be an address such as 'slack://…': {SERVICES} lists them")
        problem = _problem(address, found[1].lower()) if has_apprise() else None
        if problem is not None:
            raise ValueError(f"entry {number} ({found[1]}://…): {problem}")


def _problem(address: str, scheme: str) -> str | None:
    """Why apprise can't use the address, and what to do."""
    import logging

    from apprise import Apprise, LogCapture  # 0.3 s, and only for who wants it

    # Captured, and dropped: what it logs holds keys.
    with LogCapture(level=logging.WARNING):
        if Apprise.instantiate(address) is not None:
            return None
        services: list[dict[str, Any]] = Apprise().details(show_requirements=True, show_disabled=True)["schemas"]
    known = {
        each: service
        for service in services
        for each in (*(service["protocols"] or ()), *(service["secure_protocols"] or ()))
    }
    service = known.get(scheme)
    if service is None:
        near = get_close_matches(scheme, known, n=1)
        hint = "an address on the web goes into notify_webhook" if scheme in ("http", "https") else None
        hint = hint or (f"did you mean {near[0]}://?" if near else f"{SERVICES} lists them")
        return f"apprise knows no service of that name: {hint}"
    required = service["requirements"]["packages_required"]
    if not service["enabled"] and required:
        return f"{service['service_name']} needs a package more: pip install {' '.join(map(repr, required))}"
    template = service["details"]["templates"][0].replace("{schema}", scheme)
    return f"{service['service_name']} is written {template}: see {service['setup_url']}"
