"""The shape of every request that real clients were seen to send, built here: fields, roles, markers, tools.

Continue's editor extension 2.0.0 and command line 1.5.47, aider 0.86, opencode 1.18 and Codex 0.169.
"""

from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]

CODE = "def f():\n    pass\n"
NEW = "def f():\n    return 1\n"


@dataclass(frozen=True)
class Shape:
    """One request; `own` where it asks for this port's own model."""

    name: str
    body: Json
    path: str = "/v1/chat/completions"
    own: bool = True
    reasoning: bool = True
    status: int = 200

    def asked(self, mode: str, *, stream: bool) -> Json:
        """The body as it is sent to the port of that mode."""
        model = {"model": f"maker-{mode}"} if self.own else {}
        streamed = {} if self.path in ("/v1/embeddings", "/v1/rerank") else {"stream": stream}
        if not stream:
            return {
                **{name: value for name, value in self.body.items() if name != "stream_options"},
                **model,
                **streamed,
            }
        return {**self.body, **model, **streamed}

    @property
    def usage_asked(self) -> bool:
        return bool(self.body.get("stream_options", {}).get("include_usage"))


def tool(name: str, *needed: str, **optional: str) -> Json:
    properties = {
        **dict.fromkeys(needed, {"type": "string"}),
        **{key: {"type": kind} for key, kind in optional.items()},
    }
    parameters = {"type": "object", "required": list(needed), "properties": properties}
    return {"type": "function", "function": {"name": name, "description": f"Does {name}.", "parameters": parameters}}


def call(id: str, name: str, arguments: str) -> Json:
    return {"id": id, "type": "function", "function": {"name": name, "arguments": arguments}}


def user(text: Any) -> Json:
    return {"role": "user", "content": text}


COUNTED = {"stream_options": {"include_usage": True}}
EDITOR = {"model": "maker-high", "max_tokens": 8192, **COUNTED}
EDITOR_TOOLS = [
    tool("read_file", "filepath"),
    tool("create_new_file", "filepath", "contents"),
    tool("run_terminal_command", "command", waitForCompletion="boolean"),
    tool("file_glob_search", "pattern"),
    tool("view_diff"),
    tool("read_currently_open_file"),
    tool("ls", dirPath="string", recursive="boolean"),
    tool("create_rule_block", "name", "rule", globs="string"),
    tool("fetch_url_content", "url"),
]
LINE_TOOLS = [
    tool("Read", "filepath"),
    tool("List", "dirpath"),
    tool("Bash", "command", timeout="number"),
    tool("Fetch", "url"),
    tool("Checklist", "checklist"),
    tool("CheckBackgroundJob", "id"),
    tool("AskQuestion", "question"),
    tool("Exit"),
    tool("Skills", "skill_name"),
]
WRITING = [*LINE_TOOLS, tool("Write", "filepath", "content"), tool("Edit", "filepath", "old_string", "new_string")]
MCP = [*WRITING, tool("search_code", "query"), tool("fail")]
LINE_SYSTEM = {"role": "system", "content": "You are an agent in the Continue CLI. Use the tools.\n\n<env>\n</env>\n"}

EDIT_PROMPT = (
    "```python\nimport os\n<START EDITING HERE>\n" + CODE + "<STOP EDITING HERE>\n```\n\n"
    'Please rewrite the entire code block above, editing the portion below "<START EDITING HERE>" in order to satisfy '
    'the following request: "return 1". When you get to "<STOP EDITING HERE>", end your response.\n'
)
EDIT_BEGUN = (
    "Sure! Here's the entire code block, including the rewritten portion:\n```python\nimport os\n<START EDITING HERE>\n"
)
EDIT_CLEAN = (
    "The user has requested a section of code in a file to be rewritten.\n\nThis is the prefix of the file:\n```python"
    "\nimport os\n\n```\n\nThis is the suffix of the file:\n```python\n\nx=1\n\n```\n\nThis is the code to rewrite:\n"
    f'```python\n{CODE}```\n\nThe user\'s request is: "return 1"\n\nDO NOT output any natural language, only output '
    "the code changes.\n\nHere is the rewritten code:"
)
APPLY_PROMPT = (
    f"ORIGINAL CODE:\n```\n{CODE}```\n\nSUGGESTED EDIT:\n```\n{NEW}```\n\nApply the SUGGESTED EDIT to the ORIGINAL"
    " CODE. Output the complete modified file.\n- Output ONLY code."
)
TITLE_PROMPT = (
    "Given the following... please reply with a title for the chat that is 3-4 words in length, no additional text or "
    "explanation.\n\nHere is the answer about parsers"
)
FIM = "<fim_prefix>def add(a, b):\n    <fim_suffix>\n<fim_middle>"
FIM_STOPS = ["<fim_prefix>", "<fim_suffix>", "<fim_middle>", "<file_sep>", "\n\n", "/src/", "#- coding: utf-8", "```"]


def chatml(prompt: str, begun: str) -> str:
    return f"<|im_start|>user\n{prompt}<|im_end|>\n<|im_start|>assistant\n{begun}"


def editor(name: str, messages: list[Json], *, counted: bool = True, reasoning: bool = True, **more: Any) -> Shape:
    body = {**EDITOR, "messages": messages, **more}
    if not counted:
        del body["stream_options"]
    return Shape(name, body, reasoning=reasoning)


def completion(name: str, prompt: str, **more: Any) -> Shape:
    return Shape(name, {"max_tokens": 8192, "prompt": prompt, **more}, path="/v1/completions", reasoning=False)


def line(name: str, *after: Json, tools: list[Json] = LINE_TOOLS) -> Shape:
    messages = [LINE_SYSTEM, user("Say hello"), *after]
    return Shape(name, {"messages": messages, "max_tokens": 8192, "tools": tools, **COUNTED})


READ = call("call_1", "Read", '{"filepath":"hello.txt"}')
CALLED = {"role": "assistant", "content": "", "tool_calls": [READ]}
RESULT = {"role": "tool", "tool_call_id": "call_1", "content": "hello world"}
LIST = call("call_2", "List", '{"dirpath":"."}')
SEARCHED = {"role": "assistant", "content": "", "tool_calls": [call("call_1", "search_code", '{"query":"x"}')]}
FAILED = {**RESULT, "content": '{"content":[{"type":"text","text":"it failed"}],"isError":true}'}
CODEX_TOOLS: list[Json] = [
    {"strict": False, "type": "function", **tool("exec_command", "cmd", login="boolean")["function"]},
    {"strict": False, "type": "function", **tool("view_image", "path")["function"]},
    {"type": "namespace", "name": "multi_agent_v1", "description": "Agents.", "tools": []},
    {"type": "web_search", "external_web_access": False},
]
CODEX = {
    "input": [
        {
            "type": "message",
            "id": "msg_1",
            "role": "developer",
            "content": [{"type": "input_text", "text": "You code."}],
        },
        {
            "type": "message",
            "id": "msg_2",
            "role": "developer",
            "content": [{"type": "input_text", "text": "<skills>"}, {"type": "input_text", "text": "<permissions>"}],
        },
        {
            "type": "message",
            "id": "msg_3",
            "role": "user",
            "content": [{"type": "input_text", "text": "<cwd>/p</cwd>"}],
        },
        {"type": "message", "id": "msg_4", "role": "user", "content": [{"type": "input_text", "text": "say hi"}]},
    ],
    "tools": CODEX_TOOLS,
    "tool_choice": "auto",
    "parallel_tool_calls": True,
    "reasoning": {"summary": "auto"},
    "store": False,
    "include": ["reasoning.encrypted_content"],
    "prompt_cache_key": "k",
    "client_metadata": {"installation": "i"},
}
CODEX_LATER = [
    {"type": "reasoning", "summary": [{"type": "summary_text", "text": "hm"}], "encrypted_content": None},
    {"type": "function_call", "call_id": "call_1", "name": "exec_command", "arguments": '{"cmd":"ls"}'},
    {"type": "function_call_output", "call_id": "call_1", "output": "a.py"},
]

SHAPES = [
    line("cn-01-headless-plain"),
    line("cn-02-tool-turn1"),
    line("cn-02-tool-turn2-with-result", CALLED, RESULT),
    line(
        "cn-03-parallel-tools-turn2",
        {**CALLED, "tool_calls": [READ, LIST]},
        RESULT,
        {**RESULT, "tool_call_id": "call_2"},
    ),
    line("cn-04-auto-all-tools", tools=WRITING),
    line("cn-05-readonly-plan"),
    line("cn-06-mcp-http-turn1", tools=MCP),
    line("cn-06-mcp-http-turn2", SEARCHED, RESULT, tools=MCP),
    line("cn-07-mcp-stdio-error-turn2", SEARCHED, FAILED, tools=MCP),
    editor("ide-01-chat", [{"role": "system", "content": "SYS"}, user("hi")]),
    editor(
        "ide-02-agent-tools-with-history",
        [
            {"role": "system", "content": "SYS"},
            user("hi"),
            {"role": "assistant", "content": " ", "tool_calls": [call("c1", "read_file", '{"filepath":"a"}')]},
            {"role": "tool", "content": "data", "tool_call_id": "c1"},
        ],
        tools=EDITOR_TOOLS,
        parallel_tool_calls=False,
    ),
    editor("ide-03-reasoning-on", [user("hi")]),
    Shape(
        "ide-04-image",
        {
            **EDITOR,
            "messages": [
                user(
                    [
                        {"type": "text", "text": "see"},
                        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAA", "detail": "auto"}},
                    ]
                )
            ],
        },
        status=400,
    ),
    completion("ide-05-autocomplete-default-completions", FIM, temperature=0.01, stop=FIM_STOPS),
    editor(
        "ide-06-autocomplete-useLegacy-false",
        [user(FIM)],
        counted=False,
        reasoning=False,
        temperature=0.01,
        stop=FIM_STOPS,
    ),
    Shape(
        "ide-07-autocomplete-gpt-named",
        {"model": "gpt-oss-x", "messages": [user("PROMPT")], "max_tokens": 8192},
        own=False,
        status=404,
    ),
    completion("ide-08-edit-default-completions", chatml(EDIT_PROMPT, EDIT_BEGUN)),
    editor("ide-09-edit-useLegacy-false", [user(EDIT_CLEAN)], counted=False, reasoning=False),
    completion("ide-10-apply-default-completions", chatml(APPLY_PROMPT, "```\n")),
    editor("ide-11-apply-useLegacy-false", [user(chatml(APPLY_PROMPT, "```\n"))], counted=False, reasoning=False),
    editor("ide-12-chat-title-max16", [user(TITLE_PROMPT)], reasoning=False, max_tokens=16),
    Shape(
        "ide-14-embeddings-base64",
        {"input": ["a", "b"], "encoding_format": "base64"},
        path="/v1/embeddings",
    ),
    Shape("ide-15-rerank", {"query": "q", "documents": ["x", "y"]}, path="/v1/rerank"),
    Shape(
        "ide-16-fim-endpoint",
        {"prompt": "pre", "suffix": "suf", "max_tokens": 8192},
        path="/v1/fim/completions",
        reasoning=False,
    ),
    editor("ide-17-stream-false", [user("hi")], counted=False, max_tokens=4096),
    Shape(
        "ide-18-gpt5-named-responses-api",
        {
            "model": "my-gpt-5-like",
            "input": [{"role": "user", "content": "hi", "type": "message"}],
            "temperature": None,
            "top_p": None,
            "reasoning": {"effort": "medium", "summary": "auto"},
            "include": ["reasoning.encrypted_content"],
            "max_output_tokens": 4096,
        },
        path="/v1/responses",
        own=False,
        status=404,
    ),
    editor("ide-19-extraBodyProperties", [user("hi")], maker={"mode": "high"}),
    editor("ide-20-complete-api", [user("PROMPT")], counted=False),
    editor("ide-21-apply-promptTemplate-useLegacy-false", [user(f"ORIG:\n{CODE}NEW:\n{NEW}")], counted=False),
    editor(
        "ide-22-apply-glm-named-messages",
        [user(APPLY_PROMPT), {"role": "assistant", "content": "```\n"}],
        reasoning=False,
    ),
    editor(
        "ide-23-edit-with-rules-chatml-in-chat",
        [{"role": "system", "content": "Use tabs"}, user(chatml(EDIT_PROMPT, EDIT_BEGUN))],
        reasoning=False,
    ),
    Shape(
        "client-aider-chat",
        {
            "messages": [
                {"role": "system", "content": "Act as an expert software developer."},
                user("Change the greeting"),
                {"role": "assistant", "content": "Ok.\n"},
                user("I switched to a new code base."),
                {"role": "assistant", "content": "Ok."},
                user("say hi"),
            ],
            "temperature": 0,
        },
    ),
    Shape(
        "client-opencode-agent",
        {
            "max_tokens": 8192,
            "messages": [{"role": "system", "content": "You are opencode."}, user('"say hi"')],
            "tools": [
                tool("bash", "command"),
                tool("edit", "filePath", "oldString", "newString"),
                tool("read", "filePath"),
            ],
            "tool_choice": "auto",
            **COUNTED,
        },
    ),
    Shape(
        "client-opencode-title",
        {
            "max_tokens": 8192,
            "reasoning_effort": "low",
            "messages": [
                {"role": "system", "content": "You are a title generator. You output ONLY a thread title."},
                user("Generate a title for this conversation:\n"),
                user('"say hi"'),
            ],
            **COUNTED,
        },
        reasoning=False,
    ),
    Shape("client-codexresp-responses", CODEX, path="/v1/responses"),
    Shape("codex-after-a-call", {**CODEX, "input": [*CODEX["input"], *CODEX_LATER]}, path="/v1/responses"),
    Shape(
        "claude-code-turn",
        {
            "system": [{"type": "text", "text": "You code.", "cache_control": {"type": "ephemeral"}}],
            "messages": [
                user([{"type": "text", "text": "say hi"}]),
                {
                    "role": "assistant",
                    "content": [
                        {"type": "thinking", "thinking": "hm", "signature": ""},
                        {"type": "tool_use", "id": "toolu_1", "name": "Read", "input": {"file_path": "a.py"}},
                    ],
                },
                user(
                    [{"type": "tool_result", "tool_use_id": "toolu_1", "content": [{"type": "text", "text": "x = 1"}]}]
                ),
            ],
            "tools": [
                {
                    "name": "Read",
                    "description": "Reads.",
                    "input_schema": tool("x", "file_path")["function"]["parameters"],
                },
                {"type": "web_search_20250305", "name": "web_search"},
            ],
            "thinking": {"type": "enabled", "budget_tokens": 1024},
            "max_tokens": 4096,
            "metadata": {"user_id": "u"},
        },
        path="/v1/messages",
    ),
]
"""`ide-13-models` has no body: it is asked apart."""
