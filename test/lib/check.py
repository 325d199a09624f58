"""Named checks for the tests that run whole programs. Standard library only.

    check = Checks()
    check("an acknowledged record arrives", got == sent, got, sent)
    check.skip("a full disk", "mount is not permitted")
    check.end()                                  # "N passed, N failed"; exits with 1 if one failed

A test never waits blindly: wait_for() waits for a condition, and gives up loudly."""
import sys
import time
import traceback


class Failed(Exception):
    """What a test was waiting for did not happen: the rest of its section makes no sense."""


def wait_for(condition, seconds, what, pause=0.02):
    """The first true value of condition(). Failed after 'seconds', saying what did not happen and what was there last."""
    until = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > until:
            raise Failed(f"not within {seconds} s: {what() if callable(what) else what}")
        time.sleep(pause)  # between two looks at the condition


class Checks:
    def __init__(self):
        self.passed = self.failed = self.skipped = 0
        self.section = ""

    def __call__(self, name, is_true, *seen):
        if is_true:
            self.passed += 1
            print(f"  ok       {name}", flush=True)
        else:
            self.failed += 1
            print(f"  FAILED   {name}: {' | '.join(str(s)[:2000] for s in seen)}", flush=True)
        return is_true

    def skip(self, name, why):
        self.skipped += 1
        print(f"  skipped  {name}: {why}", flush=True)

    def note(self, text):
        print(f"  ..       {text}", flush=True)

    def run(self, section, function, *arguments):
        """One section; whatever goes wrong in it is one failure and does not stop the next."""
        print(f"{section}", flush=True)
        began = time.monotonic()
        try:
            function(*arguments)
        except Failed as why:
            self(f"{section}: {function.__name__}", False, why)
        except Exception:
            self(f"{section}: {function.__name__}", False, traceback.format_exc())
        print(f"  ..       {time.monotonic() - began:.1f} s", flush=True)

    def end(self):
        more = f" ({self.skipped} skipped)" if self.skipped else ""
        if more:
            print(more.strip(" ()"))
        print(f"{self.passed} passed, {self.failed} failed", flush=True)
        sys.exit(self.failed != 0)
