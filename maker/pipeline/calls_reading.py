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
CHANGING = frozenset(
    # Verbs before a name that reads: `rewrite_git_history`, `run_find_files`.
    """
    accept add alter amend append apply approve archive assign build cancel change checkout cherry clean cleanup clear
    close commit compact configure convert copy cp create cut delete deploy destroy disable discard do drop edit empty
    enable erase eval exec execute expire fill fix flush force forget format generate grant import init insert install
    invoke kill launch lock make mark merge migrate modify move mutate mv nuke overwrite patch pop post prune publish
    purge push put rebase record redo refactor refresh register reject remove rename reorder replace reset resolve
    restart restore revert revoke rewrite rm rollback rotate run save schedule scrub send set shred spawn squash start
    stash stop store submit swap switch sync toggle touch transform trash trigger trim truncate undelete undo
    uninstall unlink unlock unset update upgrade upload upsert wipe write
    """.split()
)
_PART = re.compile(r"[a-z0-9]+", re.IGNORECASE)
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")


def only_reads(tool: JsonObject, function: JsonObject, configured: Collection[str]) -> bool:
    """By configuration (plain names), else by the tool's own annotation (MCP's `readOnlyHint`), else by its name."""
    name = plain(function["name"])
    if name in configured:
        return True
    for holder in (tool, function):
        annotations = holder.get("annotations")
        if isinstance(annotations, Mapping) and isinstance(annotations.get("readOnlyHint"), bool):
            return bool(annotations["readOnlyHint"])
    return name in READ_ONLY or _reads_behind_a_server(function["name"])


def _reads_behind_a_server(name: str) -> bool:
    starts = [part.start() for part in _PART.finditer(name)][1:]
    return any(plain(name[start:]) in BEHIND_A_SERVER and _is_server(name[:start]) for start in starts)


def _is_server(prefix: str) -> bool:
    """Whether what stands before a name may be a server: it says no change, or `__` marks it off (`mcp__edit__`)."""
    words = {word.lower() for word in _WORD.findall(prefix)}
    return not words & CHANGING or (prefix.endswith("__") and not words <= CHANGING)


def plain(name: str) -> str:
    """A name as names are compared: in lower case, without separators."""
    return "".join(character for character in name.lower() if character.isalnum())
