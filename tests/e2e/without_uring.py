#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs a program for which io_uring is forbidden, as in many containers.

    without_uring.py ERRNO PROGRAM [ARGUMENT…]

A seccomp filter answers its three system calls with that errno (EPERM as Docker does, ENOSYS as an old kernel).
"""

import ctypes
import errno
import os
import struct
import sys

PR_SET_NO_NEW_PRIVS = 38
PR_SET_SECCOMP = 22
SECCOMP_MODE_FILTER = 2
SECCOMP_RET_ALLOW = 0x7fff0000
SECCOMP_RET_ERRNO = 0x00050000
IO_URING_SETUP, IO_URING_REGISTER = 425, 427  # the same on every architecture; 426 is io_uring_enter

LOAD_WORD, JUMP_AT_LEAST, JUMP_ABOVE, RETURN = 0x20, 0x35, 0x25, 0x06


def instruction(code, value, then=0, otherwise=0):
    return struct.pack('HBBI', code, then, otherwise, value)


def main():
    number = getattr(errno, sys.argv[1])
    program = b''.join([
        instruction(LOAD_WORD, 0),  # of struct seccomp_data: the call's number
        instruction(JUMP_AT_LEAST, IO_URING_SETUP, then=0, otherwise=2),
        instruction(JUMP_ABOVE, IO_URING_REGISTER, then=1, otherwise=0),
        instruction(RETURN, SECCOMP_RET_ERRNO | number),
        instruction(RETURN, SECCOMP_RET_ALLOW),
    ])

    class Filter(ctypes.Structure):
        _fields_ = [('count', ctypes.c_ushort), ('instructions', ctypes.c_char_p)]

    libc = ctypes.CDLL(None, use_errno=True)
    filter_ = Filter(len(program) // 8, program)
    if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 or \
            libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(filter_), 0, 0) != 0:
        sys.exit(f'seccomp: {os.strerror(ctypes.get_errno())}')
    os.execvp(sys.argv[2], sys.argv[2:])


main()
