"""Runs, restarts and stops the processes of `aftercommit up`."""

from app.local.supervisor.output import JsonOutput, Output
from app.local.supervisor.program import Program
from app.local.supervisor.stop_requests import StopRequests
from app.local.supervisor.supervisor import DOWN_AFTER, ManagedProcess, Supervisor

__all__ = ["DOWN_AFTER", "JsonOutput", "ManagedProcess", "Output", "Program", "StopRequests", "Supervisor"]
