"""Measure coverage only where code of the project may run. To trace Python doubles its time.

Libraries that are imported or asked over HTTP, the collection of tests and the examples that
Hypothesis makes up run untraced. Modules of the project, fixtures and tests run traced, and so do
all threads. Without coverage nothing is traced.
"""

import sys
import threading
from contextlib import contextmanager
from functools import wraps
from importlib.machinery import SourceFileLoader
from inspect import unwrap
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MEASURED = tuple(f"{ROOT / package}/" for package in ("app", "offline"))
LONG_CALLS = {  # of libraries, by module: seconds of Python that call nothing of the project
    "numba.core.dispatcher": ("Dispatcher", "compile"),
    "matplotlib.backends.backend_svg": ("FigureCanvasSVG", "print_svg"),
}


def with_tracer(tracer, function):
    """Return the function with this tracer in its thread while it runs, or with none."""

    @wraps(function)
    def run(*arguments, **named):
        before = sys.gettrace()
        sys.settrace(tracer)
        try:
            return function(*arguments, **named)
        finally:
            sys.settrace(before)

    return run


def untraced(function):
    """Return the function untraced: what it runs of the project must run in another test, too."""
    return with_tracer(None, function)


@contextmanager
def compilation_traced():
    """Let Numba compile traced meanwhile, where a test is about the code that it writes."""
    from numba.core.dispatcher import Dispatcher  # noqa: PLC0415 (few tests need it)

    before = Dispatcher.compile
    Dispatcher.compile = unwrap(before)
    try:
        yield
    finally:
        Dispatcher.compile = before


class ProjectTracing:
    """A plugin of pytest that turns tracing on and off in the main thread."""

    def __init__(self):
        self.tracer = None  # of coverage in the main thread

    @pytest.hookimpl(trylast=True)
    def pytest_sessionstart(self, session):
        self.tracer = sys.gettrace()
        if self.tracer is None:
            session.config.pluginmanager.unregister(self)
            return
        sys.settrace(None)
        SourceFileLoader.exec_module = self.trace_measured(SourceFileLoader.exec_module)

    def trace_measured(self, execute):
        """Return the method of a loader that traces the modules to be measured alone."""

        def exec_module(loader, module):
            tracer = None
            if loader.path.startswith(MEASURED):
                is_main = threading.current_thread() is threading.main_thread()
                tracer = self.tracer if is_main else sys.gettrace()
            with_tracer(tracer, execute)(loader, module)
            if module.__name__ in LONG_CALLS:
                owner, name = LONG_CALLS[module.__name__]
                kind = vars(module)[owner]
                setattr(kind, name, untraced(vars(kind)[name]))

        return exec_module

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self):
        return (yield from self.traced())

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_teardown(self):
        return (yield from self.traced())

    @pytest.hookimpl(wrapper=True)
    def pytest_pyfunc_call(self, pyfuncitem):
        test = getattr(pyfuncitem.obj, "hypothesis", None)
        if test is None:
            return (yield from self.traced())
        whole = test.inner_test
        test.inner_test = with_tracer(self.tracer, whole)
        try:
            return (yield)
        finally:
            test.inner_test = whole

    def traced(self):
        sys.settrace(self.tracer)
        try:
            return (yield)
        finally:
            sys.settrace(None)
