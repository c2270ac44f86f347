/* The stand-in, libpcsclite.so.1. It has no code: it is linked to libscardtrace.so, which has all the functions. */
typedef int not_empty; /* ISO C requires a declaration */
