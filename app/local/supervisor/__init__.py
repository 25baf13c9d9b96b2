"""Runs the processes of `aftercommit up` as one."""

from app.local.supervisor.program import Output, Program
from app.local.supervisor.requests import StopRequests
from app.local.supervisor.supervisor import Part, Supervisor

__all__ = ["Output", "Part", "Program", "StopRequests", "Supervisor"]
