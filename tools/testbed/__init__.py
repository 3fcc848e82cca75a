"""Hosts on one machine: each a network namespace with its own mounts, host name, libvirtd and, if wanted, tgtd.

`python -m tools.testbed up|exec|down`, or the class `Host` in tests. Hosts hang on one bridge in a namespace of its own, so that
nothing of theirs reaches the machine's network.
"""
