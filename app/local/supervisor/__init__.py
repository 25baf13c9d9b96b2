"""Runs the processes of `aftercommit up` as one."""

from app.supervisor.program import Output, Program
from app.supervisor.requests import StopRequests
from app.supervisor.supervisor import Part, Supervisor

__all__ = ["Output", "Part", "Program", "StopRequests", "Supervisor"]
