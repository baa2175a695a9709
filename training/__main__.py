"""`python -m training`; see `training.command`, which a process that is spawned can import."""

from training.command import main

if __name__ == "__main__":
    main()
