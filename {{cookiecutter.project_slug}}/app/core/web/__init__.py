"""What happens to a request on its way in and out."""

from app.core.web.errors import OAuth2Error, ServerBusy, conflict_reason, error_response, install_error_handlers
from app.core.web.lookups import get_or_404
from app.core.web.metrics import RouteTemplates
from app.core.web.middleware import Application
from app.core.web.openapi import (
    ERROR_HEADERS,
    NEVER_SENT,
    ErrorFormat,
    admits,
    install_openapi,
    operation_id,
    permissions_of,
    public,
    raises,
)
from app.core.web.pages.docs import install_docs
from app.core.web.pages.files import install_static_files
from app.core.web.pages.front import install_front_page
from app.core.web.pages.rendering import page, prefers_page
from app.core.web.pages.templating import jinja_environment, render
from app.core.web.redis import REDIS_CONNECTIONS, Outage, redis_options
from app.core.web.schemas import EmailAddress, WebAddress, faults, sentences
from app.core.web.throttling import Limiter, Throttle, Throttled, client_address

__all__ = [
    "ERROR_HEADERS",
    "NEVER_SENT",
    "REDIS_CONNECTIONS",
    "Application",
    "EmailAddress",
    "ErrorFormat",
    "Limiter",
    "OAuth2Error",
    "Outage",
    "RouteTemplates",
    "ServerBusy",
    "Throttle",
    "Throttled",
    "WebAddress",
    "admits",
    "client_address",
    "conflict_reason",
    "error_response",
    "faults",
    "get_or_404",
    "install_docs",
    "install_error_handlers",
    "install_front_page",
    "install_openapi",
    "install_static_files",
    "jinja_environment",
    "operation_id",
    "page",
    "permissions_of",
    "prefers_page",
    "public",
    "raises",
    "redis_options",
    "render",
    "sentences",
]
