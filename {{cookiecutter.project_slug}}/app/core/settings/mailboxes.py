"""Addresses of those who write and get mail, as people write them."""

import re
from email.headerregistry import Address

MAILBOX = re.compile(r'"?(?P<name>[^"<>]*?)"?\s*<(?P<address>[^<>]*)>')


def parse_mailbox(value: str | Address) -> Address:
    """Parse `noreply@example.com`, or `My Service <noreply@example.com>` with any name, quoted or not."""
    if isinstance(value, Address):  # a default
        return value
    match = MAILBOX.fullmatch(value)
    name, address = match.groups() if match else ("", value)
    try:
        mailbox = parse_address(address)
    except ValueError:
        raise ValueError("is not an address such as My Service <noreply@example.com>") from None
    if not (name.isprintable() and mailbox.username.isascii()):
        raise ValueError("must have a name that can be seen, and ASCII before the @, which every server can take")
    return Address(name, mailbox.username, mailbox.domain)


def parse_address(text: str) -> Address:
    """Return it with the domain in ASCII (IDNA), as every server knows it. Raises ValueError, which says why."""
    from email_validator import validate_email  # takes long to load, and few need it

    local_part, _, domain = text.rpartition("@")
    is_local = domain == "localhost"  # which the library refuses, since nobody elsewhere can be written to there
    found = validate_email(f"{local_part}@example.com" if is_local else text, check_deliverability=False)
    # Programs that read mail, Python's own among them, take this for an encoded word (RFC 2047), although within an
    # address it is none, and would send to whatever it says.
    if "=?" in found.local_part:
        raise ValueError("The part before the @-sign must not hold =?.")
    return Address("", found.local_part, "localhost" if is_local else found.ascii_domain)
