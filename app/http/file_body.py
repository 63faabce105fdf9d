"""Bodies that are files: as they are, or as a part of a form (multipart/form-data, RFC 7578)."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from email import message_from_bytes
from email.message import Message
from email.policy import HTTP
from typing import Annotated, Any, NamedTuple

from fastapi import Request
from pydantic import Field

from app.errors import FieldError, Invalid
from app.http.json_body import Body, read_body, read_media_type

FORM = "multipart/form-data"
ANY_FILE = "application/octet-stream"
BinaryFile = Annotated[bytes, Field(description="The file as it is, of any of the forms that `sitrep import` reads.")]


class UploadedFile(NamedTuple):
    """A file that came with a request; `name` is None where the request gives none."""

    name: str | None
    content: bytes


@dataclass(frozen=True, eq=False)
class FileBody(Body[UploadedFile]):
    """A FastAPI dependency: the file in the body, which is the whole body unless that is a form."""

    async def __call__(self, request: Request) -> UploadedFile:
        """Raise Invalid where there is no file, or more than one."""
        raw = await read_body(request)
        sent_type = request.headers.get("content-type", "")
        if read_media_type(sent_type)[0] == FORM:
            return await asyncio.to_thread(file_in_form, sent_type, raw)
        if not raw:
            raise invalid_body(
                FieldError("missing", "Send the file as the body, or as the one file of a form.", pointer="")
            )
        return UploadedFile(None, raw)


def file_body() -> FileBody:
    """The dependency that reads a file; ProblemMiddleware refuses one that is too large."""
    return FileBody(no_json, BinaryFile, (ANY_FILE,), body_optional=False)


def invalid_body(fault: FieldError) -> Invalid:
    """422 for a body in which there is no file to read."""
    return Invalid(fault.detail, errors=[fault])


def no_json(value: object) -> Any:
    """Refuse to be called: a file is not parsed here."""
    raise TypeError(value)


def file_in_form(sent_type: str, raw: bytes) -> UploadedFile:
    """The one file of a form."""
    head = b"Content-Type: " + sent_type.encode("latin-1", "replace") + b"\r\n\r\n"
    form: Message = message_from_bytes(head + raw, policy=HTTP)
    files = [part for part in form.walk() if part.get_filename() is not None]
    if len(files) != 1:
        detail = f"The form has {len(files)} files: send one, with its name (RFC 7578, 4.2)."
        raise invalid_body(FieldError("file", detail, pointer=""))
    content = files[0].get_payload(decode=True)
    return UploadedFile(files[0].get_filename(), content if isinstance(content, bytes) else b"")
