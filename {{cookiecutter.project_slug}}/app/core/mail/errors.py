"""Why a mail was not taken."""


class MailError(Exception):
    """Says in one line why a mail was not taken; nothing of its text, and no password."""


class MailDelayed(MailError):
    """It may be taken later: the server was away or asked for patience, or is to be put right."""


class MailRefused(MailError):
    """It will never be taken."""
