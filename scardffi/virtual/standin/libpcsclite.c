/* libpcsclite.so.1 in the shape of our own library: all its functions are in libscardvirtual.so, which it is linked to.
   A file of its own, so that the name that programs ask for and the real library's SONAME stand in one place alone. */
typedef int no_code_of_its_own;
