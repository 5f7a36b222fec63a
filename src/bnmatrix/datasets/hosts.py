"""Requests to the hosts of data sets: which faults are tried again, and what is no file."""

import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

#: Answers of a host that has a fault at the moment, or too many requests.
PASSING = (429, 500, 502, 503, 504)

#: How often a request is tried again after such an answer, a broken connection or a time-out.
RETRIES = 3

#: Seconds to wait before a request is tried again; doubled each time.
BACKOFF = 1.0

#: The most seconds to wait where a host asks for more (Retry-After).
LONGEST_WAIT = 30

#: Why a page in HTML is refused. A proxy or host that wants a log-in answers with status 200.
PAGE = "an HTML page instead of the file: a log-in page or a proxy?"


def session() -> requests.Session:
    """Return a session that tries a request again until the host begins to send the file."""
    retry = Retry(
        total=RETRIES,
        status_forcelist=PASSING,
        allowed_methods=("GET",),
        backoff_factor=BACKOFF,
        retry_after_max=LONGEST_WAIT,
        # The last answer is returned, so that its status can be reported.
        raise_on_status=False,
    )
    made = requests.Session()
    for scheme in ("http://", "https://"):
        made.mount(scheme, HTTPAdapter(max_retries=retry))
    return made


def is_page(answer: requests.Response, start: bytes = b"") -> bool:
    """Return whether an answer is a page in HTML, which no file of a data set is.

    Args:
        answer: the answer of a host.
        start: the first bytes of the content, if they have been read.
    """
    declared = answer.headers.get("Content-Type", "").lower().startswith("text/html")
    return declared or start.lstrip().lower().startswith((b"<!doctype html", b"<html"))
