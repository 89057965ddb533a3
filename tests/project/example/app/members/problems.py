"""Errors in the form of RFC 9457."""

from http import HTTPStatus
from typing import Any

from pydantic import BaseModel, Field


class Fault(BaseModel):
    pointer: str = Field(examples=["/body/password"])
    detail: str = Field(examples=["This password is too common."])


class Problem(BaseModel):
    type: str = "about:blank"
    title: str = Field(examples=["Not Found"])
    status: int = Field(examples=[404])
    detail: str | None = Field(None, examples=["This user does not exist"])
    errors: list[Fault] = Field([], description="What is wrong with the request, where it is invalid.")


def problem(code: int, detail: Any) -> dict[str, Any]:
    title = HTTPStatus(code).phrase
    if not isinstance(detail, list):
        return Problem(title=title, status=code, detail=str(detail)).model_dump()
    faults = [Fault(pointer="/" + "/".join(map(str, fault["loc"])), detail=fault["msg"]) for fault in detail]
    return Problem(title=title, status=code, errors=faults).model_dump()
