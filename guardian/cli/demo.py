"""``guardian demo``."""

import shutil

import click

from guardian.cli.options import Session, verb
from guardian.errors import ExitCode
from guardian.i18n import _


@click.command(
    help=_(
        "Run the main job on a real storage server on this machine.\n\n"
        "A real S3 server on loopback, a real directory, a live database: backed up encrypted, lost, restored, "
        "compared and drilled. Everything lies in one temporary directory."
    )
)
@click.option("--keep", is_flag=True, help=_("Leave the directory there afterwards, to look around."))
@verb
def demo(session: Session, *, keep: bool) -> int:
    """Play the main job and say what it proved."""
    from guardian.cli import render
    from guardian.clock import SystemClock
    from guardian.demo.story import Story, new_folder, summary

    quiet = session.as_json or session.quiet
    story = Story(new_folder(), SystemClock(), (lambda _line: None) if quiet else click.echo)
    try:
        story.tell()
    finally:
        if not keep:
            shutil.rmtree(story.folder, ignore_errors=True)
    lines = [
        "",
        _("what took how long:"),
        *(f"  {seconds:6.1f} s  {text}" for text, seconds in story.timings),
        "",
        _("proven: every file came back identical, the database is whole, the log is signed and unbroken"),
        _("not proven here: other machines, other storage, and that your own data are in your configuration"),
    ]
    if keep:
        lines.append(
            _("everything is in {folder}: guardian.yaml, state/ with keys and log, restored/").format(
                folder=story.folder
            )
        )
    report = render.Report(
        schema="guardian.demo/v1",
        outcome="good" if story.good else "bad",
        exit_code=ExitCode.OK if story.good else ExitCode.BAD_ANSWER,
        body=summary(story),
        lines=tuple(lines),
    )
    return render.show(session, report)
