"""Why a mail was not sent."""


class MailError(Exception):
    """Says in one line why a mail was not sent. It shows no password and no part of the mail's text."""


class MailDelayed(MailError):
    """A later try may succeed: the server was away or busy, or its settings or ours are wrong."""


class MailRefused(MailError):
    """No later try can succeed."""
