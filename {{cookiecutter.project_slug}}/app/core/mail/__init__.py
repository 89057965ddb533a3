"""Makes mails from templates of the apps, and sends them through the back end that EMAIL_URL names."""

from app.core.mail.backends import Mailer, MemoryMailer, make_mailer
from app.core.mail.errors import MailDelayed, MailError, MailRefused
from app.core.mail.messages import compose, deliver

__all__ = [
    "MailDelayed",
    "MailError",
    "MailRefused",
    "Mailer",
    "MemoryMailer",
    "compose",
    "deliver",
    "make_mailer",
]
