"""``sync_every_five_minutes``: a cycle that catches up from wherever the cursors stand, after seconds or days.
``sweep_every_day``: one that reads and compares everything, for what no marker tells."""

from dagster import DefaultScheduleStatus, RunRequest, ScheduleEvaluationContext, SkipReason, schedule

from truth_forge_sync.assets.workbench import Workbench
from truth_forge_sync.automation.job import SYNC, live_request, oldest_day, run_in_flight, sweep_request


@schedule(
    name="sync_every_five_minutes",
    job=SYNC,
    cron_schedule="*/5 * * * *",
    execution_timezone="UTC",
    default_status=DefaultScheduleStatus.RUNNING,
    description="One cycle every five minutes, from the day of the oldest cursor to today, so that it catches up after "
    "any pause. Skipped while a cycle is at work.",
)
def sync_every_five_minutes(context: ScheduleEvaluationContext, workbench: Workbench) -> RunRequest | SkipReason:
    if run := run_in_flight(context.instance):
        return SkipReason(f"a cycle is at work already (run {run})")
    if other := workbench.hub.other_holder():
        return SkipReason(f"{other} is at work on this hub")
    return live_request("schedule", oldest_day(workbench.hub.state()))


@schedule(
    name="sweep_every_day",
    job=SYNC,
    cron_schedule="17 3 * * *",
    execution_timezone="UTC",
    default_status=DefaultScheduleStatus.RUNNING,
    description="Reads every system whole and compares it with the hub, contact by contact: finds rows that left "
    "without a trace, and repairs what differs though nobody was seen to change it. Waits behind a cycle at work.",
)
def sweep_every_day() -> RunRequest:
    return sweep_request("schedule")
