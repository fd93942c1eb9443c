cimport cython

ctypedef unsigned char byte_t
ctypedef unsigned long long word_t

cdef int _MORE, _CUT, _FULL, _LONG, _END, _FAILED, _MALFORMED
cdef word_t _MASK, _LOW, _FACTOR

@cython.locals(place=Py_ssize_t, length=Py_ssize_t, position=Py_ssize_t, stop=Py_ssize_t, room=Py_ssize_t,
               reach=Py_ssize_t, need=Py_ssize_t, first=int, rows=Py_ssize_t, width=word_t,
               why=int)
cpdef tuple encode(const byte_t[::1] source, Py_ssize_t start, Py_ssize_t end, Py_ssize_t number, Py_ssize_t columns,
                   byte_t[::1] target, Py_ssize_t at, Py_ssize_t least, word_t span)

@cython.locals(_column=Py_ssize_t, size=Py_ssize_t, first=int, index=Py_ssize_t, special=byte_t)
cdef Py_ssize_t _row(const byte_t[::1] source, Py_ssize_t position, Py_ssize_t stop, Py_ssize_t columns,
                            byte_t[::1] target, Py_ssize_t at) noexcept nogil

@cython.locals(index=Py_ssize_t, byte=byte_t)
cdef Py_ssize_t _escape(const byte_t[::1] source, Py_ssize_t position, Py_ssize_t stop, byte_t[::1] target,
                               Py_ssize_t at) noexcept nogil

@cython.locals(index=Py_ssize_t, byte=word_t, mix=word_t)
cdef word_t _mixed(byte_t[::1] target, Py_ssize_t row, Py_ssize_t stop) noexcept nogil
