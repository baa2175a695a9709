"""Running untrusted code: never unconfined, and not at all where the machine has not passed the escape self-test.

One start of the sandbox runs one candidate on many inputs (`Trial` in, `Evidence` out). Inside, a harness starts the
candidate's process, which loads the source once and is forked for each input, so no input sees what another did. An
expression is evaluated in that fork: what a candidate says it returned is what it returned. A test is evaluated in
another process in which none of the candidate's code ever runs; calls go to the candidate's process and come back as
plain data or as handles. So printing, leaving, closing descriptors, signal handlers, exit hooks, replaced built-ins and
objects that equal everything cannot make a test pass.

A trial may be given directories to read (`Mount`), a copy of a repository say: the candidate imports what is in them,
and is itself what those import in place of the file it is written for. Floats are told to twelve significant digits.

What is covered, and tried on each machine before anything is executed there (`selftest`): network of every kind, files
of the user, of maker and of the system, other candidates' files and processes, the environment, writing anywhere but a
private temporary directory of bounded size, forking, memory (of one process, of many, and such as no limit counts),
output, loops that ignore signals, killing and tracing the harness, processes that stay, and forged results.

What is not covered: secrets in what is mounted; faults of the kernel, of bubblewrap and of the processor (side
channels); programs that the administrator put under /usr; how busy the machine gets within the limits. A test that asks
one of the candidate's own objects a question (`3 in result`, `len(result)`, two of its objects compared) gets that
object's answer. Tests that subclass a candidate's class, or change after the call what they gave it, do not work across
processes. JavaScript inputs share one process, in contexts of their own. On macOS memory, processes and the number of
files are bounded by looking every fifth of a second, and a process that outlives its trial is found by its environment.
"""
