"""Why a step failed, as steps given to `on_failure` read it and as reports tell it."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Failure(BaseModel):
    """Why a step, and with it a run, failed."""

    model_config = ConfigDict(frozen=True, defer_build=True)

    step: str
    node: str
    error_type: str
    message: str
