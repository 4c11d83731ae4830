"""The production daemon: its processes under systemd or launchd, and the files that make them start.

``plan`` says what runs, ``systemd`` and ``launchd`` put it into files and ask the machine to run them.
"""
