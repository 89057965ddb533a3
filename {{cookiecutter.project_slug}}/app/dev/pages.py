import os
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Protocol, TypeVar

from fastapi import APIRouter, Depends, HTTPException, Request
from fastapi.responses import FileResponse, HTMLResponse, Response

from app.core.db import utcnow
from app.core.settings import is_loopback
from app.core.web import admits, page
from app.dev.mails import KeepingMailer, KeptMail
from app.dev.requests import Recorder, SeenRequest

STARTED = utcnow()
# A proxy or a tunnel adds one of these, or one that begins with x-forwarded. Scripts of other sites, which
# CORS_ALLOW_ORIGINS may allow to read answers, cannot leave out the last one. A browser that opens a page sends none.
FROM_ELSEWHERE = ("forwarded", "via", "x-real-ip", "origin")


class Numbered(Protocol):
    @property
    def number(self) -> int: ...


Found = TypeVar("Found", bound=Numbered)


@admits("browsers on this machine")
def require_this_machine(request: Request) -> None:
    """The mails have tokens. A server that listens on all addresses, or a tunnel to it, must not show them."""
    client = request.client.host if request.client else ""
    is_from_elsewhere = any(name in FROM_ELSEWHERE or name.startswith("x-forwarded") for name in request.headers)
    if is_from_elsewhere or not (is_loopback(client) and is_loopback(_host(request))):
        raise HTTPException(403, "These pages are only for browsers on this machine. Use http://localhost.")


def _host(request: Request) -> str:
    return (request.url.hostname or "").strip("[]")


def get_mails(request: Request) -> Iterable[KeptMail]:
    mailer: KeepingMailer = request.app.state.kept_mails
    return mailer.kept


def get_requests(request: Request) -> Iterable[SeenRequest]:
    recorder: Recorder = request.app.state.recorder
    return recorder.seen


Mails = Annotated[Iterable[KeptMail], Depends(get_mails)]
Requests = Annotated[Iterable[SeenRequest], Depends(get_requests)]

router = APIRouter(prefix="/dev", include_in_schema=False, dependencies=[Depends(require_this_machine)])


@router.get("")
async def index(request: Request, mails: Mails, requests: Requests) -> HTMLResponse:
    lists: dict[str, Any] = {"mails": _newest(mails), "requests": _newest(requests)}
    return page(request, "dev/index.html", process=os.getpid(), started=STARTED, **lists)


@router.get("/mails/{number}")
async def mail(request: Request, number: int, mails: Mails) -> HTMLResponse:
    return page(request, "dev/mail.html", mail=_numbered(mails, number))


@router.get("/mails/{number}/html")
async def mail_html(number: int, mails: Mails) -> HTMLResponse:
    found = _numbered(mails, number)
    return HTMLResponse(found.html, headers={"Content-Security-Policy": found.policy, "Cache-Control": "no-store"})


@router.get("/requests/{number}")
async def seen_request(request: Request, number: int, requests: Requests) -> HTMLResponse:
    return page(request, "dev/request.html", seen=_numbered(requests, number))


@router.get("/dev.css")
async def style() -> Response:
    return FileResponse(Path(__file__).parent / "dev.css")


def _newest(found: Iterable[Found]) -> list[Found]:
    return [*found][::-1]


def _numbered(found: Iterable[Found], number: int) -> Found:
    for each in found:
        if each.number == number:
            return each
    raise HTTPException(404, "It is no longer kept, or the server has started again since.")
