"""What runs within the sandbox, on its own: the harness, the candidate's process and the test's process.

Nothing here imports the rest of maker, and nothing of it runs anywhere else. The harness is the only part that speaks
to the outside; it reads the source, starts the candidate's process, and only then reads the inputs.
"""
