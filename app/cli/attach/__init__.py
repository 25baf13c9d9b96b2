"""`aftercommit attach`: attaches databases that are not ours, and shows, verifies, pauses and detaches them."""

from app.cli.attach import adding, changing, held, listing, reporting, verifying
from app.cli.attach.group import URL, make_group

app = make_group("Capture the changes in a database that is not ours, such as that of a Prefect server.")
app.command(URL, epilog=adding.EXAMPLES)(adding.attach_source)
app.command("ls", epilog=listing.LS_EXAMPLES)(listing.print_sources)
app.command("status", epilog=listing.STATUS_EXAMPLES)(listing.print_status)
app.command("verify", epilog=verifying.EXAMPLES)(verifying.verify_source)
app.command("report", epilog=reporting.EXAMPLES)(reporting.report_source)
app.command("pause", epilog=changing.PAUSE_EXAMPLES)(changing.pause_source)
app.command("resume", epilog=changing.RESUME_EXAMPLES)(changing.resume_source)
app.command("detach", epilog=changing.DETACH_EXAMPLES)(changing.detach_source)
app.command("held", epilog=held.HELD_EXAMPLES)(held.list_held)
app.command("replay", epilog=held.REPLAY_EXAMPLES)(held.replay)
app.command("skip", epilog=held.SKIP_EXAMPLES)(held.skip)
