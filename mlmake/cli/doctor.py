"""`mlmake doctor`: looks after the machine and the state; it mends nothing and judges nothing."""

import os
import sys

from mlmake.cli.ending import MACHINE, WrongUse
from mlmake.cli.settings import Settings, command
from mlmake.model.finding import Section, has_problem
from mlmake.views.findings import counts_line, findings_document, section_lines
from mlmake.views.jsonl import encoded


@command("doctor")
def doctor(settings: Settings) -> int:
    """Check the machine and the state; nothing is changed.

    Each finding says why it matters and how to mend it.
    """
    # Slow: everything that is looked into.
    from mlmake.doctor import examine  # noqa: PLC0415
    from mlmake.reading import Choices, Usage  # noqa: PLC0415

    choices = Choices(directory=settings.directory, file=settings.file)
    jobs = os.environ.get("MLMAKE_JOBS", "")
    sections: list[Section] = []
    screen = settings.screen()
    try:
        for section in examine(choices, jobs=int(jobs) if jobs.isdigit() else None):
            sections.append(section)
            if not settings.json:
                # One after the other, because some take seconds.
                for line in section_lines(section, screen, quiet=settings.quiet):
                    print(line, flush=True)
    except Usage as error:
        raise WrongUse(str(error)) from error
    if settings.json:
        sys.stdout.buffer.write(encoded(findings_document(sections)) + b"\n")
    elif not settings.quiet:
        print(counts_line(sections))
    return MACHINE if has_problem(sections) else 0
