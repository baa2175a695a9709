"""Which language a step is to be written in: by its files, else by what its own or the user's words name."""

import re
from pathlib import PurePosixPath

from maker.pipeline.values import Step

SUFFIXES = {
    ".py": "python",
    ".pyi": "python",
    ".js": "javascript",
    ".mjs": "javascript",
    ".cjs": "javascript",
    ".ts": "typescript",
    ".mts": "typescript",
    ".tsx": "tsx",
    ".jsx": "jsx",
    ".go": "go",
    ".rs": "rust",
    ".java": "java",
    ".c": "c",
    ".h": "c",
    ".cc": "cpp",
    ".cpp": "cpp",
    ".hpp": "cpp",
    ".sh": "bash",
}
LANGUAGES = {
    "py": "python",
    "py3": "python",
    "python3": "python",
    "ipython": "python",
    "js": "javascript",
    "mjs": "javascript",
    "node": "javascript",
    "ts": "typescript",
    "golang": "go",
    "rs": "rust",
    "c++": "cpp",
    "sh": "bash",
    "shell": "bash",
}
"""What people write for a language's name."""
NAMED = (
    r"\b(?:(?P<python>Python)|(?P<typescript>TypeScript)|(?P<javascript>JavaScript|ECMAScript|Node\.?js)|(?P<rust>Rust)|"
    r"(?P<cpp>C\+\+)|(?P<go>Golang)|(?P<java>Java)|(?P<bash>bash|shell)\s+(?:script|function))(?![\w+#])"
)
"""Names that mean nothing else; `Go` and `C` are words too."""
WANTED = re.compile(rf"\b(?:in|to|into|using)\s+(?:an?\s+|plain\s+|modern\s+)?{NAMED}", re.IGNORECASE)
"""What comes out; what is only named may be what goes in (`port this Java to Python`)."""
NAMES = re.compile(NAMED, re.IGNORECASE)
SCRIPTS = ("javascript", "typescript")
"""What node runs."""
DEFAULT = "python"


def language_of(step: Step, request: str) -> str:
    """The language of the step's code; where nothing tells it, Python."""
    return told_language(step, request) or DEFAULT


def told_language(step: Step, request: str) -> str | None:
    """The language of the step's code, where its files or words tell it."""
    for file in step.files:
        if language := SUFFIXES.get(PurePosixPath(file).suffix.lower()):
            return language
    for text in (step.title, step.detail, request):
        if named := WANTED.search(text) or NAMES.search(text):
            return named.lastgroup
    return None
