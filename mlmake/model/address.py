"""URLs as texts for people and records; it knows no network."""

import re

_USER = re.compile(r"(://)[^/?#]*@")
_VALUE = re.compile(r"([?&;])([^=&;#?]+)=([^&;#]+)")
_SECRET = re.compile(r"(?i)token|secret|passw|pwd|signature|credential|api[-_]?key|auth|^key$|^sig$")


def without_secrets(url: str) -> str:
    """The same without user and password, and with `…` for what a query calls a token, key, signature or the like."""
    if "://" not in url:
        return url
    return _VALUE.sub(lambda m: f"{m[1]}{m[2]}=…" if _SECRET.search(m[2]) else m[0], _USER.sub(r"\1", url, count=1))
