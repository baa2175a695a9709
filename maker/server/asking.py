"""What a request's own headers ask of its run: the repository it is about, and a smaller budget."""

from urllib.parse import unquote, urlsplit

from werkzeug.datastructures import Headers

from maker.errors import RequestError

WORKSPACE = "x-maker-workspace"


def workspace(headers: Headers) -> str | None:
    """The repository that the request names, an absolute path; whether it is registered is not looked at here.

    A `file:` URI, with its percent escapes, is one way to write it: headers have no letters beyond Latin-1.

    Raises:
        RequestError: it is not an absolute path.
    """
    given = _as_text(headers.get(WORKSPACE, "")).strip()
    if not given:
        return None
    path = _path_of(given) if given.lower().startswith("file:") else given
    if not path.startswith("/") or "\x00" in path:
        raise RequestError(f"{WORKSPACE} must be an absolute path, as /home/me/project", param=WORKSPACE)
    return path.rstrip("/") or "/"


def _path_of(uri: str) -> str:
    """The path of a `file:` URI; nothing where it is none that can be read, as `file://[/x`."""
    try:
        return unquote(urlsplit(uri).path)
    except ValueError:
        return ""


def _as_text(header: str) -> str:
    """The header as its sender meant it: some send UTF-8, which arrives byte by byte."""
    try:
        return header.encode("latin-1").decode("utf-8")
    except ValueError:
        return header
