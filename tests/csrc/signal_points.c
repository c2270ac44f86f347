/* Makes Ctrl-C pending before a chosen instruction of Python code, for support/interruption.py.
 *
 * CPython calls signal handlers at certain points: when a Python function begins, when a loop jumps back, when a call
 * of a C function returns, and inside some C functions that wait. These points differ between versions, and are not
 * where a trace function in Python could raise. So this trace function does not raise: it only sets the flag that a
 * real signal sets, before the n-th instruction, and CPython calls the handler where it really would. */
#include <Python.h>

static long wanted;    /* the instruction before which the signal becomes pending */
static long seen;      /* the instructions so far */
static long raised_at; /* the instructions until the handler raised; 0 if it has not */

static int trace(PyObject *self, PyFrameObject *frame, int what, PyObject *argument)
{
    (void)self;
    if (what == PyTrace_CALL) { /* from 3.13 on, f_trace_opcodes has an effect at once only if there is an f_trace */
        if (PyObject_SetAttrString((PyObject *)frame, "f_trace", Py_True) < 0)
            return -1;
        return PyObject_SetAttrString((PyObject *)frame, "f_trace_opcodes", Py_True);
    }
    if (what == PyTrace_OPCODE && ++seen == wanted)
        PyErr_SetInterrupt();
    if (what == PyTrace_EXCEPTION && seen >= wanted && raised_at == 0 && PyTuple_Check(argument) &&
        PyTuple_GET_ITEM(argument, 0) == PyExc_KeyboardInterrupt)
        raised_at = seen;
    return 0;
}

/* Interrupt functions that this thread calls from now on, before instruction `number`, counted from 1. */
void points_begin(long number);
void points_begin(long number)
{
    wanted = number;
    seen = raised_at = 0;
    PyEval_SetTrace(trace, Py_None);
}

/* Return the number of instructions. */
long points_end(void);
long points_end(void)
{
    PyEval_SetTrace(NULL, NULL);
    return seen;
}

long points_raised_at(void);
long points_raised_at(void)
{
    return raised_at;
}
