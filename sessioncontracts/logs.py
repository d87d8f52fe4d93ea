"""Log lines without secrets: keys, passwords and cookies are blotted out, whoever quotes them."""

import logging
import re

_BLOT = "[hidden]"
_SECRETS = (
    re.compile(r"(?P<keep>://[^\s:/@]*:)[^\s@]+(?=@)"),  # the password of postgresql://user:password@host
    re.compile(r"(?P<keep>\b(?:Bearer|Basic)\s+)[^\s'\",]+", re.IGNORECASE),
    re.compile(
        r"(?P<keep>\w*(?:password|passwd|secret|csrfmiddlewaretoken|csrftoken|sessionid|authorization|api_?key|token)\w*"
        r"['\"]?\s*[=:]\s*b?['\"]?)(?!\s*(?:Bearer|Basic)\b)[^\s'\",;&)}]+",
        re.IGNORECASE,
    ),
    re.compile(r"(?P<keep>\bsm_)[A-Za-z0-9_-]{16,}"),  # an API key
)


class WithoutSecrets(logging.Formatter):
    """The usual line, blotted."""

    def format(self, record: logging.LogRecord) -> str:
        return redacted(super().format(record))


def redacted(text: str) -> str:
    """`text` with everything that looks like a secret replaced."""
    for secret in _SECRETS:
        text = secret.sub(rf"\g<keep>{_BLOT}", text)
    return text
