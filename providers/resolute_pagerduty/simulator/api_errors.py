"""The errors that PagerDuty's REST API answers with, as exceptions that handlers raise."""

from resolute.plan.errors import ResoluteError

from .values import Json

MESSAGES = {
    1001: "Incident Already Resolved",
    1002: "Incident Already Acknowledged",
    1003: "Invalid Status Provided",
    1004: "Invalid ID Provided",
    1006: "Cannot Escalate",
    1007: "Assigned To User Not Found",
    1008: "Requester User Not Found",
    1012: "Incident is not Acknowledged",
    1013: "Snooze Duration is Invalid",
    1014: "Escalation Policy Not Found",
    1015: "Escalation Policy Has No User On Call",
    1019: "Incident Already Merged",
    1020: "Invalid Priority",
    1028: 'Malformed "From" header',
    2000: "Internal Server Error",
    2001: "Invalid Input Provided",
    2002: "Arguments Caused Error",
    2003: "Missing Arguments",
    2004: "Invalid since/until Parameters Provided",
    2005: "Invalid Query Date Range",
    2006: "Authentication failed",
    2010: "Access Denied",
    2014: "Missing Account Ability",
    2015: "Invalid operation",
    2016: 'You must specify a user\'s email address in the "From" header to perform this action',
    2020: "Rate Limit Exceeded",
    2100: "Not Found",
}
"""The official words of the error codes used here."""


class ApiError(ResoluteError):
    """PagerDuty answers a request with an error; handlers raise it.

    Args:
        status: The HTTP status.
        code: PagerDuty's error code; its official words become the message.
        errors: What exactly is wrong, one sentence each.
    """

    def __init__(self, status: int, code: int, *errors: str) -> None:
        super().__init__(f"{status}/{code}: {'; '.join(errors) or MESSAGES[code]}")
        self.status = status
        self.code = code
        self.errors = errors

    @property
    def body(self) -> Json:
        """The body in the shape of the REST API."""
        error: Json = {"message": MESSAGES[self.code], "code": self.code}
        if self.errors:
            error["errors"] = list(self.errors)
        return {"error": error}


def invalid(*errors: str) -> ApiError:
    """400 for input that breaks a rule (code 2001)."""
    return ApiError(400, 2001, *errors)


def not_found(what: str = "") -> ApiError:
    """404 for something that does not exist or cannot be seen (code 2100)."""
    return ApiError(404, 2100, *([f"{what} not found"] if what else []))
