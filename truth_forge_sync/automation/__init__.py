"""When a cycle starts: the job, the schedule and the sensors."""
