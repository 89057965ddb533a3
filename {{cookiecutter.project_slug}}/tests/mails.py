"""Reads links and tokens from mails."""

import re
from email.message import EmailMessage
from urllib.parse import parse_qs, urlsplit


def link_in(mail: EmailMessage) -> str:
    text = mail.get_body(("plain",))
    assert text is not None
    (link,) = re.findall(r"^http\S+$", text.get_content(), re.MULTILINE)
    return str(link)


def token_in(mail: EmailMessage) -> str:
    return parse_qs(urlsplit(link_in(mail)).query)["token"][0]
