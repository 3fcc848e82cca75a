"""Guests by libvirt and QEMU. The only package that knows libvirt."""
