"""Self-hosted call-control engine for pay-per-call networks. Version only: importing this does nothing else."""

__version__ = "0.1.0"
