"""Servers as libvirt domains of QEMU or KVM. Only this package imports libvirt."""
