"""Which of an agent's tools change nothing: a policy of names. Pure.

A tool that is not known to only read counts as one that writes: its calls are voted on and validated.
"""

import re
from collections.abc import Collection, Mapping

from maker.chat.types import JsonObject

READ_ONLY = frozenset(
    # Of Continue (editor and CLI), opencode, Cline, Codex, Claude Code, the MCP servers for files and git, and maker;
    # then those that only talk to the user or keep a list. Compared in lower case, without separators.
    """
    read readfile readfilerange readcurrentlyopenfile readmanyfiles readmultiplefiles readtextfile readmediafile
    readskill skill skills requestrule view viewfile viewdiff viewimage viewrepomap viewsubdirectory
    ls list listdir listdirectory listdirectorywithsizes listfiles directorytree getfileinfo listalloweddirectories
    listcodedefinitionnames glob globsearch fileglobsearch findfiles grep grepsearch search searchfiles searchcode
    searchcodebase codebase codebasesearch searchsymbols findsymbol findreferences findreferencingsymbols
    finddefinition gotodefinition symboloverview getsymbolsoverview repomap gitstatus gitdiff gitdiffunstaged
    gitdiffstaged gitlog gitshow gitblame githistory diagnostics getdiagnostics getproblems lsp
    fetch webfetch fetchurl fetchurlcontent websearch searchweb browse
    checkbackgroundjob bashoutput listmcpresources readmcpresource accessmcpresource
    checklist todowrite todoread updateplan askquestion askfollowupquestion askuserquestion requestuserinput question
    planmoderespond attemptcompletion getgoal think
    """.split()
)
_VERBS = ("read", "list", "find", "search", "get", "grep", "view", "git")
BEHIND_A_SERVER = frozenset(name for name in READ_ONLY if name.startswith(_VERBS) and len(name) >= len("readfile"))
"""Editors put a server's name before an MCP tool's; shorter names end those of tools that do other things."""


def only_reads(tool: JsonObject, function: JsonObject, configured: Collection[str]) -> bool:
    """By configuration (plain names), else by the tool's own annotation (MCP's `readOnlyHint`), else by its name."""
    name = plain(function["name"])
    if name in configured:
        return True
    for holder in (tool, function):
        annotations = holder.get("annotations")
        if isinstance(annotations, Mapping) and isinstance(annotations.get("readOnlyHint"), bool):
            return bool(annotations["readOnlyHint"])
    parts = re.split(r"[^a-z0-9]+", function["name"].lower())
    return name in READ_ONLY or any("".join(parts[start:]) in BEHIND_A_SERVER for start in range(1, len(parts)))


def plain(name: str) -> str:
    """A name as names are compared: in lower case, without separators."""
    return "".join(character for character in name.lower() if character.isalnum())
