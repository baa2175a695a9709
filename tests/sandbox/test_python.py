"""Python candidates in the real sandbox."""

import asyncio
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from maker.sandbox.sandbox import ConfinedSandbox, Confinement, Sandbox, run_many
from maker.sandbox.trial import Command
from maker.sandbox.values import Call, Check, Evidence, Mount, Observation, Trial
from tests.sandbox.conftest import LIMITS, Try, kinds, texts
from tests.support import wait_until

pytestmark = pytest.mark.processes

DOUBLE = "def solve(x):\n    return 2 * x\n"

SHAPES = """
import asyncio, collections, math
from dataclasses import dataclass

class Stack:
    def __init__(self): self.items = []
    def push(self, item): self.items.append(item); return self
    def pop(self):
        if not self.items: raise Empty("nothing there")
        return self.items.pop()
    def __len__(self): return len(self.items)
    def __contains__(self, item): return item in self.items

class Empty(IndexError):
    pass

@dataclass
class Point:
    x: int
    y: int = 0

LIMIT = 3

def sort(values): values.sort()
def keep(test, values): return [value for value in values if test(value)]
def squares(n):
    for number in range(n): yield number * number
async def later(x):
    await asyncio.sleep(0)
    return x + 1
def move(point, by): return Point(point.x + by, point.y)
def walk(node):
    while node:
        yield node.value
        node = node.next
def grow(node): node.next = None
def words(text): return collections.Counter(text.split())
"""

TESTS = [
    "s = Stack()\ns.push(1).push({'a': 2})\nassert len(s) == 2 and 1 in s\nassert s.pop() == {'a': 2}",
    "try:\n    Stack().pop()\nexcept Empty as error:\n    assert str(error)[:7] == 'nothing'\nelse:\n    assert False",
    "try:\n    Stack().pop()\nexcept IndexError:\n    pass\nelse:\n    assert False",
    "values = [3, 1, 2]\nsort(values)\nassert values == [1, 2, 3]",
    "assert keep(lambda value: value > 1, [1, 2, 3]) == [2, 3]",
    "assert list(squares(3)) == [0, 1, 4] and sum(squares(3)) == 5",
    "import asyncio\nassert asyncio.run(later(1)) == 2",
    "async def test_later():\n    assert await later(1) == 2",
    "assert move(Point(1, 2), 3) == Point(4, 2) and move(Point(1), 1).x == 2",
    "assert isinstance(move(Point(1), 1), Point) and LIMIT == 3",
    "assert words('a b a') == {'a': 2, 'b': 1} and words('a').most_common(1) == [('a', 1)]",
    "class Node:\n    def __init__(self, value, next=None):\n        self.value, self.next = value, next\n"
    "assert list(walk(Node(1, Node(2)))) == [1, 2]\nnode = Node(1, Node(2))\ngrow(node)\nassert node.next is None",
    "def test_it():\n    assert len(Stack()) == 0",
    "assert math.isclose(sum(squares(2)), 1.0)",
]


def test_calls_are_observed(attempt: Try) -> None:
    source = "def solve(x):\n    print('seen', x)\n    return {x: [x / 2]}\n"
    evidence = attempt(source, "solve(3)", "solve('a')", "solve(", "nowhere(1)", "solve(x=1), 2")
    assert evidence.loads
    assert kinds(evidence) == ["returned", "raised", "raised", "raised", "returned"]
    assert texts(evidence) == ["{3: [1.5]}", "TypeError", "SyntaxError", "NameError", "({1: [0.5]}, 2)"]
    assert evidence.observations[0].stdout == "seen 3\n"
    assert "unsupported operand" in evidence.observations[1].message
    assert all(seen.wall_s > 0 and seen.cpu_s > 0 for seen in evidence.observations[:2])


IN_PLACE = """
def reverse(items): items.reverse()
def forget(items): items = items[::-1]
async def later(items, *more, **named): items.extend(more); items.append(named)
def shown(items): print(len(items))
def counted(items): items.append(0); return len(items)
class Box:
    def __init__(self): self.count = 0
def grow(box, by=1): box.count += by
def drain(iterator, items): items.extend(iterator)
order = []
def seen(one): order.append(one); return [one]
def both(one, other, **named): one.extend(order)
def keep(*lists):
    for items in lists: items.clear()
"""


def test_what_a_call_without_a_value_does_to_its_arguments_is_observed(attempt: Try) -> None:
    evidence = attempt(
        IN_PLACE,
        "reverse([1, 2, 3])",
        "forget([1, 2, 3])",
        "later([1], *[2, 3], x='y', **{'z': 4})",
        "grow(Box(), by=2)",
        "drain(iter([1, 2]), [])",
        "both(seen(1), **{'three': seen(3)}, other=seen(2))",
        "keep(*[{1}, {2: 3}])",
        "reverse([0] * 30_000)",
    )
    assert texts(evidence) == [
        "None; arguments afterwards: [3, 2, 1]",
        "None",
        "None; arguments afterwards: [1, 2, 3, {'x': 'y', 'z': 4}], [2, 3], 'y', {'z': 4}",
        "None; arguments afterwards: Box{'count': 2}, 2",
        "None; arguments afterwards: <iterator>, [1, 2]",
        "None; arguments afterwards: [1, 1, 3, 2], {'three': [3]}, [2]",
        "None; arguments afterwards: [set(), {}]",
        "None",
    ]


def test_what_is_no_single_call_or_returns_something_is_observed_as_it_is(attempt: Try) -> None:
    inputs = ("counted([1])", "shown([1, 2])", "reverse([2, 1]) or 7", "(reverse([1]), counted([]))")
    looks = ("len(globals()) - len(dir())", "exec('order.append(1)') or order", "sorted(vars())[-1]")
    broken = ("reverse(", "nowhere([1])", "reverse(*1)", "reverse(items=[], **{'items': []})")
    evidence = attempt(IN_PLACE, *inputs, *looks, *broken)
    assert texts(evidence) == [
        *("2", "None", "7", "(None, 1)", "0", "[1]", "'shown'"),
        *("SyntaxError", "NameError", "TypeError", "TypeError"),
    ]
    assert evidence.observations[1].stdout == "2\n"
    assert "candidate.reverse() argument after * must be" in evidence.observations[-2].message


@pytest.mark.parametrize("code", TESTS)
def test_a_right_candidate_passes(attempt: Try, code: str) -> None:
    evidence = attempt(SHAPES, code)
    assert kinds(evidence) == ["passed"], evidence.observations


@pytest.mark.parametrize("code", [TESTS[0], TESTS[1], TESTS[3], TESTS[4], TESTS[5], TESTS[7], TESTS[8], TESTS[12]])
def test_a_candidate_without_what_the_test_needs_fails(attempt: Try, code: str) -> None:
    assert kinds(attempt("def other(): pass", code)) == ["failed"]


def test_a_failed_test_says_what_it_got(attempt: Try) -> None:
    evidence = attempt(DOUBLE, "assert solve(2) == 5", "assert solve(2) == 5, 'five'", "assert solve(2) == ", "1 / 0\n")
    assert kinds(evidence) == ["failed"] * 4
    assert texts(evidence) == ["AssertionError", "AssertionError", "SyntaxError", "ZeroDivisionError"]
    assert [seen.message for seen in evidence.observations[:2]] == ["AssertionError: got 4", "AssertionError: five"]


def test_a_step_may_import_from_the_future_behind_another(sandbox: Sandbox) -> None:
    earlier = ("def half(x): return x / 2", "from __future__ import annotations\ndef twice(x: Number): return 2 * x")
    source = "from __future__ import annotations\ndef solve(x: Number): return half(x) + twice(x)"
    evidence = asyncio.run(sandbox.run(Trial("python", source, (Call("solve(2)"),), limits=LIMITS, earlier=earlier)))
    assert isinstance(evidence, Evidence)
    assert texts(evidence) == ["5.0"], evidence.load_error


PARALLEL = """
import mmap, multiprocessing, os
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import Array, Lock, Pool, Process, Queue, Value, shared_memory

def square(x): return x * x
def add(total, items, lock):
    with lock: total.value += sum(items); items[0] += 1

def pooled(): 
    with Pool(4) as pool: return pool.map(square, range(5))
def executed():
    with ProcessPoolExecutor(3) as pool: return list(pool.map(square, range(4)))
def counted():
    total, items, lock = Value("i", 0), Array("i", [1, 2]), Lock()
    workers = [Process(target=add, args=(total, items, lock)) for _ in range(3)]
    for one in workers: one.start()
    for one in workers: one.join()
    return total.value, list(items)
def queued():
    queue = Queue()
    Process(target=queue.put, args=([1],)).start()
    return queue.get()
def shared():
    block = shared_memory.SharedMemory(create=True, size=6 << 20)
    def fill(at): block.buf[at :: 4] = bytes([at]) * (len(block.buf) // 4)
    workers = [multiprocessing.get_context("fork").Process(target=fill, args=(at,)) for at in range(4)]
    for one in workers: one.start()
    for one in workers: one.join()
    seen = bytes(block.buf[:4])
    block.close(); block.unlink()
    return seen
def private():
    with mmap.mmap(-1, 4096, mmap.MAP_PRIVATE) as page: page[:2] = b"hi"; return page[:2]
def by_file():
    with open("/tmp/file", "w+b") as file:
        file.truncate(4096)
        page = mmap.mmap(file.fileno(), 4096)
        if os.fork() == 0: page[:2] = b"ok"; os._exit(0)
        os.wait()
        return page[:2]
"""


def test_programs_of_several_processes_run_within_the_limits(attempt: Try) -> None:
    calls = ("pooled()", "executed()", "counted()", "queued()", "shared()", "private()", "by_file()")
    evidence = attempt(PARALLEL, *calls, input_s=5.0, total_s=30.0, file_mib=16)
    assert texts(evidence) == [
        *("[0, 1, 4, 9, 16]", "[0, 1, 4, 9]", "(12, [4, 2])", "[1]"),
        *(r"b'\x00\x01\x02\x03'", "b'hi'", "b'ok'"),
    ], evidence.observations


def test_one_input_does_not_see_what_another_did(attempt: Try) -> None:
    source = (
        "import sys\nseen = []\ndef solve(x, kept=[]):\n    seen.append(x); kept.append(x)\n    return seen + kept\n"
    )
    spoil = "exec('import builtins; builtins.len = None; seen.clear(); solve = None')"
    evidence = attempt(source, "solve(1)", "solve(2)", spoil, "len(solve(3))", "assert solve(4) == [4, 4]")
    assert texts(evidence)[:2] == ["[1, 1]", "[2, 2]"]
    assert texts(evidence)[3] == "2"
    assert kinds(evidence)[4] == "passed"


def test_one_test_does_not_see_what_another_did(attempt: Try) -> None:
    spoil = "import builtins\nbuiltins.abs = None\nbuiltins.mine = 1"
    evidence = attempt(DOUBLE, spoil, "assert abs(solve(-1)) == 2", "mine\n")
    assert kinds(evidence) == ["passed", "passed", "failed"]


def test_a_hung_input_loses_only_itself(attempt: Try) -> None:
    source = "import time\ndef spin():\n    while True: pass\ndef sleep(): time.sleep(60)\ndef solve(x): return x\n"
    evidence = attempt(source, "solve(1)", "spin()", "solve(2)", "assert spin()", "sleep()", "assert solve(3) == 3")
    assert kinds(evidence) == ["returned", "timed out", "returned", "timed out", "timed out", "passed"]


def test_a_hung_test_loses_only_itself(attempt: Try) -> None:
    evidence = attempt(DOUBLE, "while True:\n    pass", "assert solve(1) == 2")
    assert kinds(evidence) == ["timed out", "passed"]


def test_inputs_after_the_trials_time_have_timed_out(attempt: Try) -> None:
    evidence = attempt("def spin():\n    while True: pass\n", *["spin()"] * 6, total_s=1.0)
    assert kinds(evidence) == ["timed out"] * 6
    assert evidence.wall_s < 6


def test_crashes_are_told_apart(attempt: Try) -> None:
    source = "import os, sys\ndef leave(): os._exit(7)\ndef crash(): os.kill(os.getpid(), 11)\n"
    evidence = attempt(source, "leave()", "crash()", "sys.exit(1)", "assert leave()", "1")
    assert kinds(evidence) == ["crashed", "crashed", "raised", "crashed", "returned"]
    assert texts(evidence) == ["exit 7", "Segmentation fault", "SystemExit", "exit 7", "1"]


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("def solve(:", "SyntaxError: invalid syntax"),
        ("x = 1", "NameError: solve is not defined"),
        ("import nothing_like_it", "ModuleNotFoundError"),
        ("raise SystemExit(0)", "SystemExit"),
        ("import os; os._exit(0)", "the process ended while it was loading"),
        ("import os; os.kill(os.getpid(), 9)", "the process ended while it was loading"),
        ("while True: print('x' * 1000)", "loading printed too much"),
        ("(" * 50_000, ""),
    ],
)
def test_a_candidate_that_does_not_load_says_why(sandbox: Sandbox, source: str, why: str) -> None:
    trial = Trial("python", source, (Call("solve(1)"), Check("assert True")), entry="solve", limits=LIMITS)
    evidence = asyncio.run(sandbox.run(trial))
    assert isinstance(evidence, Evidence)
    assert not evidence.loads
    assert evidence.load_error
    assert evidence.load_error.startswith(why)
    assert kinds(evidence) == ["crashed", "crashed"]


def test_two_runs_of_one_candidate_have_one_signature(attempt: Try) -> None:
    source = (
        "import random\nclass Thing: pass\n"
        "def order(): return list({str(n) for n in range(50)})\ndef luck(): return random.random()\n"
        "def thing(): return [Thing(), object(), lambda: 1]\n"
    )
    inputs = ("order()", "luck()", "thing()", "hash('x')", "print(object())")
    one, other = attempt(source, *inputs), attempt(source, *inputs)
    assert kinds(one) == ["returned"] * 5
    assert one.signature == other.signature


def test_a_candidate_is_no_main_program_and_reads_no_input(attempt: Try) -> None:
    source = "def solve(): return __name__\nif __name__ == '__main__':\n    raise ValueError\n"
    assert texts(attempt(source, "solve()", "input()", "__import__('sys').argv[1:]"))[:2] == ["'candidate'", "EOFError"]


def test_a_candidate_does_not_stand_in_for_what_a_test_relies_on(attempt: Try) -> None:
    source = "def abs(x): return 0\nclass math:\n    isclose = lambda *a: True\ndef solve(x): return 5\n"
    evidence = attempt(source, "assert abs(solve(1) - 1) < 1", "assert math.isclose(solve(1), 1)", "abs(3)")
    assert kinds(evidence) == ["failed", "failed", "returned"]


def test_the_tests_are_not_in_the_candidates_memory(attempt: Try) -> None:
    source = (
        "import ctypes\n"
        "def solve(x):\n"
        "    ctypes.CDLL(None).prctl(4, 1)\n"
        "    word = ('EXPECTED' + '-SECRET').encode()\n"
        "    with open('/proc/self/maps') as maps, open('/proc/self/mem', 'rb', 0) as memory:\n"
        "        for line in maps:\n"
        "            start, end = (int(part, 16) for part in line.split()[0].split('-'))\n"
        "            if 'r' in line.split()[1] and '[v' not in line:\n"
        "                memory.seek(start)\n"
        "                try:\n"
        "                    found = memory.read(end - start).replace(word, b'', 1).find(word + b'-X')\n"
        "                except OSError:\n"
        "                    continue\n"
        "                if found >= 0: return 'found'\n"
        "    return 'clean'\n"
    )
    evidence = attempt(source, "assert solve(1) == 'clean' != 'EXPECTED-SECRET-X'", "solve(1)", input_s=3.0)
    assert kinds(evidence) == ["passed", "returned"], evidence.observations
    assert texts(evidence)[1] == "'clean'"


def test_a_mounted_directory_can_be_read_and_imported_from(sandbox: Sandbox, tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    (tmp_path / "helper.py").write_text("VALUE = 7\n")
    source = "import helper\ndef solve(): return helper.VALUE\n"
    spoil = Call("open('/srv/repo/helper.py', 'a')")
    mounts = (Mount(tmp_path, "/srv/repo", importable=True),)
    evidence = asyncio.run(sandbox.run(Trial("python", source, (Call("solve()"), spoil), mounts=mounts)))
    assert isinstance(evidence, Evidence)
    assert kinds(evidence) == ["returned", "raised"]
    assert texts(evidence)[0] == "7"


def test_values_and_output_are_bounded(attempt: Try) -> None:
    evidence = attempt("", "'x' * 100_000", "[0] * 300_000", "print('x' * 10_000)", "print('x' * 20_000)", "1")
    assert kinds(evidence) == ["returned", "too long", "returned", "too long", "returned"]
    assert len(evidence.observations[0].text) < 400
    assert len(evidence.observations[2].stdout) < 400


@pytest.mark.parametrize(
    "reply",
    ["[]", "{'kind': ['returned']}", "{'kind': 'passed'}", "{'kind': 'returned', 'text': ['x']}", "'x' * 60_000"],
)
def test_what_the_candidates_process_says_is_checked(attempt: Try, reply: str) -> None:
    source = (
        "import json, os\n"
        "def say(value):\n"
        "    body = json.dumps(value).encode()\n"
        "    for fd in range(3, 20):\n"
        "        try: os.write(fd, len(body).to_bytes(4, 'big') + body)\n"
        "        except OSError: pass\n"
        "    os._exit(0)\n"
    )
    evidence = attempt(source, f"say({reply})", "1 + 1", f"assert say({reply})", "2 + 2")
    assert set(kinds(evidence)) <= {"crashed", "failed", "returned", "too long"}
    assert texts(evidence)[1::2] == ["2", "4"]


def test_trials_run_side_by_side_and_come_back_in_order(sandbox: Sandbox) -> None:
    trials = [Trial("python", f"def solve(): return {number}", (Call("solve()"),)) for number in range(5)]
    done: list[int] = []
    results = asyncio.run(run_many(sandbox, trials, on_done=lambda index, result: done.append(index)))
    assert [texts(result) for result in results if isinstance(result, Evidence)] == [[str(n)] for n in range(5)]
    assert sorted(done) == [0, 1, 2, 3, 4]


def test_more_trials_than_allowed_wait_their_turn(confinement: Confinement) -> None:
    class Counting:
        node, facts = confinement.node, confinement.facts
        now, most = 0, 0

        @contextmanager
        def prepared(self, trial: Trial) -> Iterator[Command]:
            self.now += 1
            self.most = max(self.most, self.now)
            with confinement.prepared(trial) as command:
                yield command
            self.now -= 1

    async def scenario(counting: Counting) -> None:
        sandbox = ConfinedSandbox(counting, parallel=1)
        await asyncio.gather(*(sandbox.run(Trial("python", "", (Call("1"),))) for _ in range(3)))

    counting = Counting()
    asyncio.run(scenario(counting))
    assert counting.most == 1


def test_cancelling_a_trial_ends_its_processes(sandbox: Sandbox) -> None:
    async def scenario() -> None:
        trial = Trial("python", "import time", (Call("time.sleep(30)"),))
        task = asyncio.create_task(sandbox.run(trial))
        await asyncio.to_thread(wait_until, lambda: len(offspring()) >= 3, within_s=10, why="the trial starts")
        family = offspring()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        wait_until(lambda: not any(map(alive, family)), within_s=20, why="the kernel has ended the namespace")

    asyncio.run(scenario())


ALONE = """
import asyncio, sys
from pathlib import Path
from maker import config
from maker.sandbox.available import find
from maker.sandbox.sandbox import ConfinedSandbox
from maker.sandbox.values import Call, Trial

async def main():
    sandbox = ConfinedSandbox(await find(config.parse("", config.Home(Path(sys.argv[1])))), parallel=1)
    await sandbox.run(Trial("python", "import time", (Call("time.sleep(30)"),)))

asyncio.run(main())
"""


def test_nothing_survives_a_maker_that_is_killed(tmp_path: Path) -> None:
    maker = psutil.Popen([sys.executable, "-c", ALONE, str(tmp_path)], cwd=Path(__file__).parents[2])
    try:
        wait_until(lambda: len(maker.children(recursive=True)) >= 3, within_s=20, why="the trial starts")
        family = maker.children(recursive=True)
    finally:
        maker.kill()
        maker.wait(10)
    wait_until(lambda: not any(map(alive, family)), within_s=5, why="the sandbox ends with its maker")


def offspring() -> list[psutil.Process]:
    """Every process below this one."""
    return psutil.Process().children(recursive=True)


def alive(process: psutil.Process) -> bool:
    """Whether it still runs; a zombie, which is for whoever adopted it to reap, does not."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_no_inputs_still_tell_whether_a_candidate_loads(attempt: Try) -> None:
    assert attempt(DOUBLE) == Evidence(True, ())
    assert not attempt("def").loads


def test_an_empty_candidate_is_observed_too(attempt: Try) -> None:
    assert attempt("", "assert True", "None").observations == (
        Observation("passed"),
        Observation("returned", "None"),
    )
