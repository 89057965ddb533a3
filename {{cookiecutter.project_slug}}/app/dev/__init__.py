"""The pages at `/dev`, only if ENVIRONMENT is local: the mails of this process, and its last requests with queries."""
