"""Every error maker raises on purpose, sorted by who has to act.

MakerError                    `code`: stable machine word; str(): one sentence that says what to do
├── ConfigError               maker.toml, MAKER_HOME or the environment is wrong
│   └── ClientFileError       an editor's file cannot be changed safely, so it was not
├── RequestError              the caller's request is wrong; `param` names the field
│   ├── ModelNotFound         an id that this port does not serve
│   ├── ContextOverflow       the prompt does not fit a slot
│   ├── Refused               Host, Origin, content type, size or key; `status` says which
│   ├── KeyInUse              another request with the same Idempotency-Key is not over
│   └── TooBusy               more requests than the queue takes; `retry_after_s`
├── ModelError                talking to a model server; `role` names it
│   ├── ModelUnavailable      no server answers for the role; `retry_after_s`
│   ├── ModelLoading          it answers, but was not ready within the start budget
│   ├── ModelTimeout          silent for longer than the stage allows
│   ├── ModelHTTPError        it refused; keeps `status` and `body`
│   └── ModelReplyError       what it sent is not SSE, not JSON, or an in-band error
├── PipelineError             the models answered, the work failed
│   └── RunCancelled          somebody else than its client ended the run
├── ToolError                 a codebase tool refused; the model reads the sentence
│   └── PathRefused           a path outside the workspace, or a file it must not see
├── ServiceError              a supervised process or the supervisor is not as it should be
│   ├── PortBusy              another program owns a port that is needed
│   ├── NotRunning            the bundle does not run, or does not answer
│   └── NotReady              it runs, but not everything became ready in time
├── ModelFileError            a GGUF is missing, truncated or not the one that was promised
└── StoreError                Redis or Qdrant did not do what was asked

HTTP statuses live in `server/errors.py`, exit codes in `cli/app.py`; this tree knows neither. Inside a fan-out
failures are values: an exception that escapes a TaskGroup would kill the siblings.
"""

from collections.abc import Sequence


class MakerError(Exception):
    """Root of what maker raises on purpose; the text is one sentence for a person."""

    code = "error"


class ConfigError(MakerError):
    """The configuration cannot be used; names the file, the key and what is allowed there."""

    code = "config_error"


class ClientFileError(ConfigError):
    """A client's file is not what its name promises, or too tangled to be changed safely; nothing was written."""

    code = "client_file_error"


class RequestError(MakerError):
    """The caller's request is wrong; `param` is the field at fault, if one is."""

    code = "invalid_request"

    def __init__(self, message: str, *, param: str | None = None, code: str | None = None) -> None:
        super().__init__(message)
        self.param = param
        self.code = code or self.code


class ModelNotFound(RequestError):
    """The model id is not served on this port."""

    code = "model_not_found"


class ContextOverflow(RequestError):
    """The prompt is longer than one slot's context."""

    code = "context_length_exceeded"


class Refused(RequestError):
    """A request turned away before its body was read; `status` is the HTTP status that says why."""

    code = "refused"

    def __init__(self, message: str, *, status: int, code: str) -> None:
        super().__init__(message, code=code)
        self.status = status


class KeyInUse(RequestError):
    """Another request with the same Idempotency-Key is being worked on."""

    code = "idempotency_key_in_use"


class TooBusy(RequestError):
    """More requests than the queue takes; try again after `retry_after_s` seconds."""

    code = "too_busy"

    def __init__(self, message: str, *, retry_after_s: int) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class ModelError(MakerError):
    """Something went wrong with the model server of `role`."""

    code = "model_error"

    def __init__(self, message: str, *, role: str) -> None:
        super().__init__(message)
        self.role = role


class ModelUnavailable(ModelError):
    """No server answers for the role; worth a retry after `retry_after_s` seconds."""

    code = "model_unavailable"
    silent = "does not answer"
    """Stands in the text wherever a role has no server, in notes too."""

    def __init__(self, message: str, *, role: str, retry_after_s: int = 5) -> None:
        super().__init__(message, role=role)
        self.retry_after_s = retry_after_s

    @classmethod
    def of(cls, role: str) -> "ModelUnavailable":
        """The failure of a role that maker itself serves."""
        return cls(
            f"the {role} {cls.silent}; `maker status` says why, `maker restart {role}` starts it again", role=role
        )


class ModelLoading(ModelUnavailable):
    """The server is there but did not finish loading its model in time."""

    code = "model_loading"


class ModelTimeout(ModelError):
    """The server stayed silent for longer than allowed."""

    code = "model_timeout"


class ModelHTTPError(ModelError):
    """The server answered with an error status before generating anything."""

    code = "model_http_error"

    def __init__(self, message: str, *, role: str, status: int, body: str) -> None:
        super().__init__(message, role=role)
        self.status = status
        self.body = body


class ModelReplyError(ModelError):
    """What the server streamed is not a reply: malformed, an in-band error, or cut short."""

    code = "model_reply_error"


class PipelineError(MakerError):
    """The models answered, but the work could not be finished."""

    code = "pipeline_error"


class RunCancelled(PipelineError):
    """The run was ended on request, not by the client that is waiting for it."""

    code = "cancelled"


class ToolError(MakerError):
    """A codebase tool refused; the sentence is for the model that asked."""

    code = "tool_error"


class PathRefused(ToolError):
    """The path leaves the workspace or names something a tool must not read."""

    code = "path_refused"


class ServiceError(MakerError):
    """A supervised process, or the supervisor itself, is not as it should be."""

    code = "service_error"


class PortBusy(ServiceError):
    """Ports that are needed belong to other programs; `owners` has one line for each."""

    code = "port_busy"

    def __init__(self, owners: Sequence[str]) -> None:
        super().__init__("; ".join(owners))
        self.owners = tuple(owners)


class NotRunning(ServiceError):
    """The bundle is not running, or its supervisor does not answer."""

    code = "not_running"


class NotReady(ServiceError):
    """Not everything became ready in time; the sentence names what did not and where to look."""

    code = "not_ready"


class ModelFileError(MakerError):
    """A model file is missing, truncated, or not the file that was promised."""

    code = "model_file_error"


class StoreError(MakerError):
    """A store that is configured did not do what was asked."""

    code = "store_error"
