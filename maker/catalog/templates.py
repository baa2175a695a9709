"""Chat templates: the one maker's own models carry, and the sha256 of every template that maker knows.

A template is a program that a model file brings along, and llama.cpp picks its tool-call parser from it. So a file's
own template is used only where it is one of these, byte for byte.

What is covered: a file whose template was changed, whatever else is in it.
What is not covered: weights that were changed; only the sha256 of the whole file tells.
"""

import hashlib

CHATML = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)

KNOWN = {
    "4f05b98fc0a9dde9a39d4b6e17f3bf427b1eea5b95776755fd5d05cda72a3b35": "maker's tiny models (ChatML)",
    "ecd6ae513fe103f0eb62e8ab5bfa8d0fe45c1074fa398b089c93a7e70c15cfd6": "Gemma 2",
    "52ae8e50fa083e63a0a5726eeffc85502089b82064aceb1bddf0366f7317b3f8": "Nemotron Nano 2",
    "039a4710e2aabaa79e85a233fa3daa4fbc030a4a8dc218cb7f34fb0c4b8c13b1": "Devstral Small 2507",
    "d990bccdaaa20611e261434bf60bce767b03d8ee1f1d9b5cd0742b1cc96066b9": "Mistral Small 3.2",
    "55b2f4a26ac9ee719330a61a0c39d9e538b0e9322212f048326318cff4f8674a": "Qwen2.5 Instruct",
    "eae48a3307931acb10a6fce475a36b711709672ea79ee1a9bc52f083d8b0a2af": "Qwen3-Coder",
    "a4c9919cbbd4acdd51ccffe22da049264b1b73e59055fa58811a99efbd7c8146": "gpt-oss",
}
"""Fingerprint of a template -> its family. The published models' templates are those llama.cpp tests itself with."""


def fingerprint(template: str) -> str:
    """sha256 of the template without newlines at its end, which differ between a file and its source."""
    return hashlib.sha256(template.rstrip("\n").encode()).hexdigest()


def family(template: str) -> str | None:
    """The family the template belongs to, or None if maker does not know it."""
    return KNOWN.get(fingerprint(template))
