"""Mail addresses, with or without a name."""

import re
from email.headerregistry import Address

MAILBOX = re.compile(r'"?(?P<name>[^"<>]*?)"?\s*<(?P<address>[^<>]*)>')


def parse_mailbox(value: str | Address) -> Address:
    """Parse `noreply@example.com` or `My Service <noreply@example.com>`. The name may have quotes."""
    if isinstance(value, Address):  # a default
        return value
    match = MAILBOX.fullmatch(value)
    name, address = match.groups() if match else ("", value)
    try:
        mailbox = parse_address(address)
    except ValueError:
        raise ValueError("is not an address like My Service <noreply@example.com>") from None
    if not (name.isprintable() and mailbox.username.isascii()):
        raise ValueError("must have a printable name, and only ASCII before the @: not every server takes more")
    return Address(name, mailbox.username, mailbox.domain)


def parse_address(text: str) -> Address:
    """Return the address with its domain in ASCII (IDNA), which every server knows. Raises ValueError with a reason."""
    from email_validator import validate_email  # takes long to load, and few need it

    local_part, _, domain = text.rpartition("@")
    is_local = domain == "localhost"  # the library refuses it, because it is no address on the internet
    found = validate_email(f"{local_part}@example.com" if is_local else text, check_deliverability=False)
    # Many mail programs, and Python, would decode this as an encoded word (RFC 2047) and send the mail to the decoded
    # address, although the RFC does not allow encoded words in addresses.
    if "=?" in found.local_part:
        raise ValueError("The part before the @-sign must not hold =?.")
    return Address("", found.local_part, "localhost" if is_local else found.ascii_domain)
