"""Puts our parts around those of the application."""

from fastapi import FastAPI
from sqlalchemy import event

from app.core.web import Application
from app.dev.mails import KeepingMailer, OwnPolicy
from app.dev.pages import router
from app.dev.queries import began, ended
from app.dev.requests import Recorder


def install(app: FastAPI) -> None:
    assert isinstance(app, Application)
    for engine in app.state.database.sync_engines:
        event.listen(engine, "before_cursor_execute", began)
        event.listen(engine, "after_cursor_execute", ended)
    app.state.mailer = app.state.kept_mails = KeepingMailer(app.state.mailer)
    app.state.recorder = Recorder(app.outermost)
    app.outermost = OwnPolicy(app.state.recorder)
    app.include_router(router)
