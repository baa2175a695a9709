"""Requests outside the tiny models' domain, and the one honest answer to them."""

import random

from training import wording

ANSWER = (
    "I am maker's tiny demonstration model: I only write small Python functions on numbers, strings and lists. "
    "For anything else choose a larger profile: maker init --profile full."
)

GREETINGS = tuple(
    (
        "hi ; hello ; hey there ; good morning ; thanks ; thank you! ; ok ; great, thanks ; bye ; who are you? ; "
        "what are you? ; what can you do? ; help ; how are you? ; are you there? ; test ; tell me a joke ; "
        "what is your name? ; yes ; no ; why? ; go on ; continue ; and now? ; can you help me? ; "
        "is that right? ; are you sure? ; sorry, what? ; cool ; hmm ; explain ; explain that ; "
        "explain this code ; what does it do? ; why is that? ; make it faster ; add tests ; now in Java ; "
        "that is wrong ; it does not work ; undo that ; shorter please ; add comments to it ; add type hints ; "
        "use a class instead"
    ).split(" ; ")
)
THINGS = tuple(
    (
        "recursion ; a linked list ; a binary tree ; quicksort ; a closure ; a decorator ; a generator ; "
        "the GIL ; asyncio ; a mutex ; a race condition ; TCP ; HTTP ; REST ; GraphQL ; SQL injection ; "
        "a hash map ; big O notation ; git rebase ; Docker ; Kubernetes ; a virtual environment ; "
        "machine learning ; a neural network ; gradient descent ; a transformer ; photosynthesis ; gravity ; "
        "the French Revolution ; inflation ; a black hole ; the moon ; democracy ; jazz ; chess ; a sonnet ; "
        "sourdough bread ; OAuth ; a primary key ; an index in a database ; unit testing ; "
        "dependency injection ; the observer pattern ; a pointer ; garbage collection ; Unicode ; "
        "a regular expression ; a monad ; a lambda ; list comprehension ; an exception ; inheritance ; "
        "polymorphism ; a socket ; a prime number ; a palindrome ; the factorial ; a string ; a list in Python ; "
        "a function ; a variable ; a loop ; the Fibonacci sequence"
    ).split(" ; ")
)
ABOUT = tuple(
    (
        "What is {x}? ; what is {x} ; Explain {x}. ; Explain {x} to me like I am five. ; How does {x} work? ; "
        "Why do we need {x}? ; Tell me about {x}. ; Give me an overview of {x}. ; "
        "What is the difference between {x} and {y}? ; When should I use {x}? ; Is {x} better than {y}? ; "
        "Who invented {x}? ; Describe {x} in one sentence. ; what's {x} good for ; Write an essay about {x}. ; "
        "Write a poem about {x}. ; Write a short story about {x}. ; Summarize {x}. ; "
        "What are the advantages of {x}? ; How do I learn {x}? ; Can you explain {x}? ; "
        "I do not understand {x}. ; Compare {x} with {y}. ; Give me three facts about {x}. ; "
        "Translate {x} into German. ; Recommend a book about {x}. ; Define {x}. ; "
        "List the pros and cons of {x}. ; Where does {x} come from? ; How old is {x}?"
    ).split(" ; ")
)
LANGUAGES = tuple(
    (
        "JavaScript ; TypeScript ; Java ; C ; C++ ; C# ; Rust ; Go ; Ruby ; PHP ; Swift ; Kotlin ; Haskell ; "
        "Perl ; Lua ; Bash ; R ; Scala ; assembly ; COBOL ; Fortran ; PowerShell ; Zig ; Elixir ; Lisp"
    ).split(" ; ")
)
GOODS = tuple(
    (
        "a web page ; a website ; an HTML form ; a login page ; a CSS grid ; a React component ; a Vue app ; "
        "a Flask app ; a Django model ; a REST API ; an API endpoint ; a web server ; a web scraper ; "
        "a chat bot ; a Discord bot ; a todo app ; a game ; a snake game ; a tic-tac-toe game ; a GUI ; "
        "a tkinter window ; a command line tool ; a Dockerfile ; a Makefile ; a GitHub workflow ; "
        "a shell script ; a cron job ; a SQL query ; a SQL table ; a database schema ; a migration ; a regex ; "
        "a config file ; a YAML file ; a JSON schema ; a CSV parser ; a log parser ; a file reader ; a class ; "
        "an abstract class ; a dataclass ; an iterator class ; a thread pool ; an async client ; "
        "a socket server ; a neural network ; a pandas dataframe ; a plot ; a matplotlib chart ; "
        "a unit test suite ; a compiler ; a tokenizer ; a calculator app ; a bank account class ; "
        "a stack class ; a queue class ; a linked list class ; a binary tree ; a graph search ; "
        "a cache with expiry ; a rate limiter ; an email sender ; a PDF report ; a spreadsheet ; "
        "an Android app ; a resume ; a cover letter ; a poem ; a haiku ; an email ; a letter ; a README ; "
        "a design document ; a business plan ; a shopping list ; a recipe"
    ).split(" ; ")
)
MAKE = tuple(
    (
        "Write {g}. ; Write {g} for {x}. ; Create {g} for me. ; Build {g} with a dark theme. ; Make {g}. ; "
        "Can you write {g}? ; I need {g}. ; Generate {g} for my project. ; Show me {g}. ; Design {g}. ; "
        "Help me with {g}. ; How do I write {g}? ; Implement {g} in {l}. ; Write {g} in {l}. ; "
        "write me {g} please ; Fix {g}. ; Refactor {g}. ; Deploy {g} to the cloud. ; Set up {g} and run it. ; "
        "Write {g} called {n}. ; Implement {g} named {n} in Python. ; Add {g} to this repository. ; Review {g}."
    ).split(" ; ")
)
OTHER = tuple(
    (
        "Write a function {n} in {l}. ; Write a {l} function {n}({m}). ; Port this to {l}. ; "
        "How do I install {l}? ; Convert {n} from Python to {l}. ; Open the file {n}.txt and print each line. ; "
        "Read {n}.csv and plot the second column. ; Download {n} from the internet. ; Delete all files in {n}. ; "
        "Rename the files in the folder {n}. ; Connect to the database {n}. ; SELECT * FROM {n} ; "
        "SELECT {m}, COUNT(*) FROM {n} GROUP BY {m}; ; Write a SQL query that selects all {m} from {n}. ; "
        "Send a message to {n}. ; Write a class {N} with a method {m}. ; Create a class {N} that stores {m}. ; "
        "class {N}: write it ; import {n} fails, why? ; What does {n}({m}) do? ; Explain what {n} does. ; "
        "Explain the function {n}({m}). ; Why is {n} slow? ; Where is {n} defined? ; Who wrote {n}? ; "
        "What is the capital of {p}? ; How far is it from {p} to {q}? ; What is the weather in {p}? ; "
        "How many people live in {p}? ; When was {p} founded? ; Plan a trip to {p}. ; "
        "git push fails with {n}, what now? ; I get a {N}Error in {n}, why? ; My program {n} crashes. ; "
        "What time is it in {p}? ; What is {a} plus {b}? ; What is {a} times {b}? ; Is {a} prime? ; "
        "Which version of {n} do you use? ; Translate '{n} {m}' into French. ; "
        "Call the API at https://{n}.com/{m}. ; Run {n} every day at {a}. ; Write a test for {n}. ; "
        "Write documentation for {n}. ; Rename {n} to {m} everywhere. ; <html><body>{n}</body></html> ; "
        "{n}.{m}() raises a {N}Error ; npm install {n} ; pip install {n} does not work ; "
        "function {n}({m}) {{ return {m}; }} ; public static void {n}() ; What are your opinions on {n}?"
    ).split(" ; ")
)
PLACES = tuple(
    (
        "France Berlin Tokyo Peru Oslo Kenya Texas Rome Cairo India Lima Paris London Spain Chile Norway Boston Vienna"
    ).split()
)


def request(rng: random.Random) -> str:
    """A request that the tiny models cannot do."""
    chance = rng.random()
    if chance < 0.12:
        text = rng.choice(GREETINGS)
    elif chance < 0.22:
        text = random_words(rng)
    else:
        frames = rng.choices((ABOUT, MAKE, OTHER), (0.33, 0.33, 0.34))[0]
        text = _filled(rng.choice(frames), rng)
    return _liberties(text, rng)


def random_words(rng: random.Random) -> str:
    """Words without a sense."""
    some = [wording.piece(rng) if rng.random() < 0.4 else rng.choice(_LEXICON) for _ in range(rng.randint(1, 9))]
    return " ".join(some) + rng.choice(("", "", ".", "?", "!"))


def _filled(frame: str, rng: random.Random) -> str:
    name = wording.piece(rng)
    return frame.format(
        x=rng.choice(THINGS), y=rng.choice(THINGS), g=rng.choice(GOODS), l=rng.choice(LANGUAGES), n=name,
        m=wording.piece(rng), N=name.capitalize(), p=rng.choice(PLACES), q=rng.choice(PLACES),
        a=rng.randint(0, 99), b=rng.randint(2, 99),
    )  # fmt: skip


def _liberties(text: str, rng: random.Random) -> str:
    if rng.random() < 0.25:
        text = text[:1].lower() + text[1:]
    if rng.random() < 0.15:
        text = text.rstrip(".?!")
    if rng.random() < 0.06:
        text += rng.choice((" Thanks!", " please", " Use Python.", " Be brief.", " It is urgent."))
    return text


_LEXICON = tuple(
    dict.fromkeys(
        word.strip(".,?!:;'\"").lower()
        for text in (*THINGS, *GOODS, *ABOUT, *GREETINGS)
        for word in text.split()
        if "{" not in word
    )
)
