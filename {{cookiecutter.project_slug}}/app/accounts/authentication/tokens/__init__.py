"""Signed tokens: for access, and in the links of mails; and the keys that sign them."""
