"""A tool call as every family writes it."""

import json
from collections.abc import Callable
from typing import Any


def tool(name: str, **properties: Any) -> dict[str, Any]:
    parameters = {"type": "object", "properties": properties}
    return {"type": "function", "function": {"name": name, "parameters": parameters}}


TOOLS = (
    tool(
        "write_file",
        path={"type": "string"},
        content={"type": "string"},
        mode={"type": "integer"},
        lines={"type": ["array", "null"]},
    ),
    tool("ls"),
)
Form = Callable[[str, dict[str, Any]], str]


def dumped(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def named(name: str, arguments: Any, key: str = "arguments") -> str:
    return dumped({"name": name, key: arguments})


def tool_named(name: str, arguments: Any) -> str:
    return dumped({"tool_name": name, "parameters": arguments})


def pythonic(name: str, arguments: dict[str, Any]) -> str:
    return f"{name}({', '.join(f'{key}={value!r}' for key, value in arguments.items())})"


def tagged(name: str, arguments: dict[str, Any], form: str) -> str:
    return "".join(
        form.format(key=key, value=value if isinstance(value, str) else dumped(value))
        for key, value in arguments.items()
    )


PARAMETER = "<parameter={key}>\n{value}\n</parameter>\n"
JSON_FORMS: dict[str, Form] = {
    "hermes": lambda name, given: f"<tool_call>\n{named(name, given)}\n</tool_call>",
    "hermes, never closed": lambda name, given: f"<tool_call>\n{named(name, given)}",
    "arguments as a string": lambda name, given: f"<tool_call>{named(name, dumped(given))}</tool_call>",
    "mistral": lambda name, given: f"[TOOL_CALLS] [{named(name, given)}]",
    "mistral, later": lambda name, given: f"[TOOL_CALLS]{name}[ARGS]{dumped(given)}",
    "granite": lambda name, given: f"<|tool_call|>[{named(name, given)}]<|/tool_call|>",
    "llama": lambda name, given: f"<|python_tag|>{named(name, given, 'parameters')}<|eom_id|>",
    "llama, bare": lambda name, given: named(name, given, "parameters"),
    "llama, function": lambda name, given: f"<function={name}>{dumped(given)}</function>",
    "fence": lambda name, given: f"```json\n{named(name, given)}\n```",
    "fence of a marker": lambda name, given: f"```xml\n<tool_call>{named(name, given)}</tool_call>\n```",
    "plain list": lambda name, given: f"[{named(name, given)}]",
    "pretty": lambda name, given: json.dumps({"name": name, "arguments": given}, indent=2),
    "openai": lambda name, given: dumped(
        {"tool_calls": [{"type": "function", "function": {"name": name, "arguments": dumped(given)}}]}
    ),
    "deepseek": lambda name, given: (
        f"<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>{name}\n```json\n{dumped(given)}\n```"
        "<｜tool▁call▁end｜><｜tool▁calls▁end｜>"
    ),
    "deepseek, later": lambda name, given: (
        f"<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>{name}<｜tool▁sep｜>{dumped(given)}<｜tool▁call▁end｜><｜tool▁calls▁end｜>"
    ),
    "harmony": lambda name, given: (
        f"<|channel|>commentary to=functions.{name} <|constrain|>json<|message|>{dumped(given)}<|call|>"
    ),
    "harmony, without a constraint": lambda name, given: (
        f"<|start|>assistant<|channel|>commentary to=functions.{name} json<|message|>{dumped(given)}<|call|>"
    ),
    "harmony, recipient in the role": lambda name, given: (
        f"<|start|>assistant to=functions.{name}<|channel|>commentary json<|message|>{dumped(given)}<|call|>"
    ),
    "harmony, recipient in the role, constrained": lambda name, given: (
        f"<|start|>assistant to=functions.{name}<|channel|>commentary <|constrain|>json<|message|>{dumped(given)}"
    ),
    "hermes, fenced": lambda name, given: f"<tool_call>\n```json\n{named(name, given)}\n```\n</tool_call>",
    "hermes, indented": lambda name, given: f"  <tool_call>{named(name, given)}</tool_call>",
    "mistral, name and arguments": lambda name, given: f"[TOOL_CALLS]{name}{dumped(given)}",
    "nemotron": lambda name, given: f"<TOOLCALL>[{named(name, given)}]</TOOLCALL>",
    "kimi": lambda name, given: (
        f"<|tool_calls_section_begin|><|tool_call_begin|>functions.{name}:0<|tool_call_argument_begin|>{dumped(given)}"
        "<|tool_call_end|><|tool_calls_section_end|>"
    ),
    "kimi, on lines": lambda name, given: (
        f"<|tool_calls_section_begin|>\n<|tool_call_begin|>{name}:0\n<|tool_call_argument_begin|>\n{dumped(given)}\n"
        "<|tool_call_end|>\n<|tool_calls_section_end|>"
    ),
    "deepseek, DSML with JSON": lambda name, given: (
        f'<｜DSML｜function_calls>\n<｜DSML｜invoke name="{name}">\n{dumped(given)}\n</｜DSML｜invoke>\n'
        "</｜DSML｜function_calls>"
    ),
    "phi": lambda name, given: f"functools[{named(name, given)}]",
    "command-r": lambda name, given: f"Action: ```json\n[{tool_named(name, given)}]\n```",
    "command-r, fence below": lambda name, given: f"Action:\n```json\n[{tool_named(name, given)}]\n```",
    "command-r, unfenced": lambda name, given: f"Action: [{tool_named(name, given)}]",
    "command-r, bare": lambda name, given: f"[{tool_named(name, given)}]",
    "command-r7b": lambda name, given: (
        f"<|START_ACTION|>[{dumped({'tool_call_id': '0', 'tool_name': name, 'parameters': given})}]<|END_ACTION|>"
    ),
    "internlm": lambda name, given: f"<|action_start|><|plugin|>\n{named(name, given, 'parameters')}<|action_end|>",
    "react": lambda name, given: f"Action: {name}\nAction Input: {dumped(given)}",
    "react, in bold": lambda name, given: f"**Action:** {name}\n**Action Input:** {dumped(given)}",
    "minimax": lambda name, given: (
        f'<minimax:tool_call>\n<invoke name="{name}">{dumped(given)}</invoke>\n</minimax:tool_call>'
    ),
}
XML_FORMS: dict[str, Form] = {
    "qwen3-coder": lambda name, given: (
        f"<tool_call>\n<function={name}>\n{tagged(name, given, PARAMETER)}</function>\n</tool_call>"
    ),
    "function alone": lambda name, given: f"<function={name}>\n{tagged(name, given, PARAMETER)}</function>",
    "invoke": lambda name, given: (
        f'<function_calls>\n<invoke name="{name}">\n'
        + tagged(name, given, '<parameter name="{key}">{value}</parameter>\n')
        + "</invoke>\n</function_calls>"
    ),
    "glm": lambda name, given: (
        f"<tool_call>{name}\n"
        + tagged(name, given, "<arg_key>{key}</arg_key>\n<arg_value>{value}</arg_value>\n")
        + "</tool_call>"
    ),
    "deepseek, DSML": lambda name, given: (
        f'<｜DSML｜function_calls>\n<｜DSML｜invoke name="{name}">\n'
        + "".join(
            f'<｜DSML｜parameter name="{key}" string="{dumped(isinstance(value, str))}">'
            f"{value if isinstance(value, str) else dumped(value)}</｜DSML｜parameter>\n"
            for key, value in given.items()
        )
        + "</｜DSML｜invoke>\n</｜DSML｜function_calls>"
    ),
    "element": lambda name, given: f"<{name}>\n{tagged(name, given, '<{key}>{value}</{key}>')}</{name}>",
}
PYTHON_FORMS: dict[str, Form] = {
    "lfm2": lambda name, given: f"<|tool_call_start|>[{pythonic(name, given)}]<|tool_call_end|>",
    "llama, pythonic": lambda name, given: f"[{pythonic(name, given)}]",
    "llama, pythonic and closed": lambda name, given: f"[{pythonic(name, given)}]<|eot_id|>",
    "gemma": lambda name, given: f"```tool_code\n{pythonic(name, given)}\n```",
    "gemma, printed": lambda name, given: f"```tool_code\nprint(default_api.{pythonic(name, given)})\n```",
    "gemma, list": lambda name, given: f"```tool_code\n[{pythonic(name, given)}]\n```",
    "gemma, JSON": lambda name, given: f"```tool_code\n{named(name, given)}\n```",
}
FORMS = JSON_FORMS | XML_FORMS | PYTHON_FORMS
