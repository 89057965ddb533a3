"""Conduit's form of errors: `{"errors": {"body": ["title: Field required"]}}`."""

from typing import Any

from pydantic import BaseModel, Field


class Reasons(BaseModel):
    body: list[str] = Field(examples=[["title: Field required"]])


class ErrorsRead(BaseModel):
    errors: Reasons


def errors(code: int, detail: Any) -> dict[str, Any]:
    faults = detail if isinstance(detail, list) else []
    reasons = [f"{fault['loc'][-1]}: {fault['msg']}" for fault in faults]
    return ErrorsRead(errors=Reasons(body=reasons or [str(detail)])).model_dump()
