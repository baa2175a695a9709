"""What templates on strings are composed of, with their words."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Operation:
    """One thing done to a string: an expression of S, and the words for it."""

    key: str
    expression: str
    said: tuple[str, ...]
    """As an order, `{}` being the string."""
    noun: tuple[str, ...]
    """As what comes out of it."""
    hints: tuple[str, ...]


OPERATIONS = (
    Operation("reverse", "S[::-1]", ("reverse {}", "turn {} around"), ("{} reversed", "{} backwards"), ("reverse",)),
    Operation(
        "upper",
        "S.upper()",
        ("convert {} to upper case", "uppercase {}"),
        ("{} in upper case", "{} in capitals"),
        ("upper",),
    ),
    Operation("lower", "S.lower()", ("convert {} to lower case", "lowercase {}"), ("{} in lower case",), ("lower",)),
    Operation("swap", "S.swapcase()", ("swap the case of {}",), ("{} with swapped case",), ("swap", "case")),
    Operation(
        "no_spaces",
        "S.replace(' ', '')",
        ("remove the spaces from {}", "drop all spaces from {}"),
        ("{} without spaces",),
        ("spaces", "remove"),
    ),
    Operation(
        "no_vowels",
        "''.join(c for c in S if c not in 'aeiouAEIOU')",
        ("remove the vowels from {}",),
        ("{} without vowels",),
        ("vowels", "remove"),
    ),
    Operation(
        "vowels",
        "''.join(c for c in S if c in 'aeiouAEIOU')",
        ("keep only the vowels of {}",),
        ("only the vowels of {}", "the vowels in {}"),
        ("vowels", "keep"),
    ),
    Operation(
        "letters",
        "''.join(c for c in S if c.isalpha())",
        ("keep only the letters of {}",),
        ("only the letters of {}",),
        ("letters", "keep"),
    ),
    Operation(
        "no_digits",
        "''.join(c for c in S if not c.isdigit())",
        ("remove the digits from {}",),
        ("{} without digits",),
        ("digits", "remove"),
    ),
    Operation(
        "double",
        "''.join(c * 2 for c in S)",
        ("double every character of {}",),
        ("{} with every character doubled",),
        ("double",),
    ),
    Operation(
        "sort", "''.join(sorted(S))", ("sort the characters of {}",), ("the sorted characters of {}",), ("sort",)
    ),
    Operation(
        "words_back",
        "' '.join(S.split()[::-1])",
        ("reverse the order of the words in {}",),
        ("the words of {} in reverse order",),
        ("words", "reverse"),
    ),
    Operation(
        "words_sort",
        "' '.join(sorted(S.split()))",
        ("sort the words of {}",),
        ("the sorted words of {}",),
        ("words", "sort"),
    ),
    Operation(
        "words_each",
        "' '.join(w[::-1] for w in S.split())",
        ("reverse each word of {}",),
        ("{} with each word reversed",),
        ("words", "each"),
    ),
    Operation(
        "dashes",
        "S.replace(' ', '-')",
        ("replace the spaces in {} by dashes",),
        ("{} with dashes for spaces",),
        ("dash",),
    ),
    Operation(
        "strip",
        "S.strip()",
        ("strip {}", "remove the white space around {}"),
        ("{} without the white space around it",),
        ("strip",),
    ),
    Operation(
        "first",
        "S[:K]",
        ("take the first {k} characters of {}",),
        ("the first {k} characters of {}",),
        ("first", "head"),
    ),
    Operation(
        "drop",
        "S[K:]",
        ("drop the first {k} characters of {}",),
        ("{} without its first {k} characters",),
        ("drop", "skip"),
    ),
    Operation(
        "last", "S[-K:]", ("take the last {k} characters of {}",), ("the last {k} characters of {}",), ("last", "tail")
    ),
    Operation("times", "S * K", ("repeat {} {k} times",), ("{} repeated {k} times",), ("repeat", "times")),
)
COUNTS = (
    Operation(
        "length",
        "len(S)",
        ("count the characters of {}",),
        ("the length of {}", "the number of characters in {}"),
        ("length",),
    ),
    Operation(
        "words", "len(S.split())", ("count the words of {}",), ("the number of words in {}",), ("count", "words")
    ),
    Operation(
        "vowel_count",
        "sum(1 for c in S if c in 'aeiouAEIOU')",
        ("count the vowels of {}",),
        ("the number of vowels in {}",),
        ("count", "vowels"),
    ),
    Operation(
        "distinct",
        "len(set(S))",
        ("count the different characters of {}",),
        ("the number of different characters in {}",),
        ("distinct",),
    ),
    Operation("list", "list(S)", ("list the characters of {}",), ("a list of the characters of {}",), ("list",)),
)
CHARACTERS = (
    ("vowels", "c in 'aeiouAEIOU'", ("vowels",)),
    ("consonants", "c.isalpha() and c not in 'aeiouAEIOU'", ("consonants",)),
    ("digits", "c.isdigit()", ("digits",)),
    ("letters", "c.isalpha()", ("letters", "alphabetic characters")),
    ("upper", "c.isupper()", ("upper case letters", "capital letters", "capitals", "uppercase letters")),
    ("lower", "c.islower()", ("lower case letters", "small letters", "lowercase letters")),
    ("spaces", "c == ' '", ("spaces", "blanks")),
    ("nonspaces", "c != ' '", ("characters that are not spaces", "non-space characters")),
    ("alnum", "c.isalnum()", ("letters and digits", "alphanumeric characters")),
    ("word_long", "len(w) > K", ("words longer than {k} characters", "words with more than {k} letters")),
    ("word_short", "len(w) < K", ("words shorter than {k} characters", "words with fewer than {k} letters")),
    ("word_exact", "len(w) == K", ("words of exactly {k} letters", "words that have {k} letters")),
    ("word_capital", "w[0].isupper()", ("words that start with a capital", "capitalized words")),
    ("word_vowel", "w[0] in 'aeiouAEIOU'", ("words that begin with a vowel",)),
)
TAKEN = (
    (
        "count",
        "sum(1 for X in Y if P)",
        ("the number of {what} in {{a}}", "how many {what} {{a}} has", "how many {what} are in {{a}}"),
        ("count the {what} in {{a}}", "count how many {what} {{a}} has"),
        "count = 0\nfor X in Y:\n    if P:\n        count += 1\nreturn count",
    ),
    (
        "list",
        "[X for X in Y if P]",
        ("a list of the {what} in {{a}}", "the {what} in {{a}} as a list"),
        ("list the {what} in {{a}}", "collect the {what} of {{a}} in a list"),
        "result = []\nfor X in Y:\n    if P:\n        result.append(X)\nreturn result",
    ),
    (
        "keep",
        "Z.join(X for X in Y if P)",
        ("only the {what} of {{a}}, as a string", "{{a}} with only its {what} kept"),
        ("keep only the {what} of {{a}}",),
        "",
    ),
    (
        "drop",
        "Z.join(X for X in Y if not (P))",
        ("{{a}} without its {what}", "{{a}} with all {what} removed"),
        ("remove the {what} from {{a}}", "delete all {what} in {{a}}"),
        "",
    ),
    (
        "any",
        "any(P for X in Y)",
        ("whether {{a}} has any {what}", "True if {{a}} contains {what}, else False"),
        ("check whether {{a}} has any {what}",),
        "for X in Y:\n    if P:\n        return True\nreturn False",
    ),
    (
        "first",
        "next((X for X in Y if P), None)",
        ("the first of the {what} in {{a}}, or None",),
        ("find the first of the {what} in {{a}}, or None",),
        "for X in Y:\n    if P:\n        return X\nreturn None",
    ),
)
