"""The guest image `cirros-pileus`, built from Debian packages alone: kernel, busybox, dropbear.

`python -m tools.guest_image --output FILE.qcow2`. Nothing is installed and nothing is mounted, so that it needs no root:
packages are unpacked in a temporary folder, filesystems are made by `mke2fs -d`, `mtools` and `syslinux`.
"""
