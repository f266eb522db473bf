"""A FreeSWITCH of our own with freeswitch/conf, on loopback, in its own directories."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import socket
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from free_ports import free_ports
from processes import Child, LiveError, wait_for

ROOT = Path(__file__).resolve().parents[2]
DIRECTORIES = ("log", "db", "run", "temp", "storage", "cdr")
START_S = 40.0
STOP_S = 20.0
API_S = 5.0
RTP_PORTS = 400  # A hundred calls of two legs with two ports each.

SITE = """<include>
{values}
</include>
"""


def find_switch() -> tuple[Path, dict[str, str]] | None:
    """The program and the environment it needs: FREESWITCH_PREFIX/bin/freeswitch, else freeswitch on the PATH."""
    env = dict(os.environ)
    prefix = env.get("FREESWITCH_PREFIX", "")
    if prefix:
        program = Path(prefix) / "bin" / "freeswitch"
        env["LD_LIBRARY_PATH"] = ":".join(filter(None, (str(Path(prefix) / "lib"), env.get("LD_LIBRARY_PATH"))))
        return (program, env) if os.access(program, os.X_OK) else None
    found = shutil.which("freeswitch")
    return (Path(found), env) if found else None


class PrivateSwitch:
    """Starts at once; ``stop`` ends it. ``cdrs`` are the leg records that it has written so far."""

    def __init__(self, directory: Path, claim_s: int) -> None:
        found = find_switch()
        if found is None:
            raise LiveError("no FreeSWITCH")
        self.password = secrets.token_hex(20)
        self.sip_port, self.esl_port = free_ports(), free_ports()
        self.prompts = directory / "prompts"
        self.cdr_dir = directory / "cdr"
        self._directory = directory
        self._configure(claim_s)
        program, env = found
        options = [f"-{name} {directory / name}" for name in ("conf", "log", "db", "run", "temp", "storage")]
        command = [str(program), "-nonat", "-nf", *" ".join(options).split(), "-sounds", str(self.prompts)]
        env["PPC_SWITCH_PASSWORD"] = self.password
        self._child = Child("freeswitch", command, directory / "freeswitch.out", directory, env)
        wait_for(f"FreeSWITCH to listen (see {self._child.log})", self._ready, START_S)

    def _configure(self, claim_s: int) -> None:
        for name in DIRECTORIES:
            (self._directory / name).mkdir(parents=True)
        shutil.copytree(ROOT / "freeswitch" / "conf", self._directory / "conf")
        shutil.copytree(ROOT / "freeswitch" / "prompts", self.prompts)
        rtp_port = free_ports(RTP_PORTS)
        values = {
            "ppc_sip_ip": "127.0.0.1", "ppc_rtp_ip": "127.0.0.1", "ppc_public_sip_ip": "127.0.0.1",
            "ppc_public_rtp_ip": "127.0.0.1", "ppc_sip_port": self.sip_port, "ppc_esl_port": self.esl_port,
            "ppc_rtp_port_first": rtp_port, "ppc_rtp_port_last": rtp_port + RTP_PORTS - 1,
            "ppc_prompts_dir": self.prompts, "ppc_cdr_dir": self.cdr_dir, "ppc_claim_s": claim_s,
        }  # fmt: skip
        lines = [f'<X-PRE-PROCESS cmd="set" data="{name}={value}"/>' for name, value in values.items()]
        site = self._directory / "conf" / "ppc_site"
        (site / "vars.xml").write_text(SITE.format(values="\n".join(lines)))
        (site / "trunks.xml").write_text(SITE.format(values='<node type="allow" cidr="127.0.0.1/32"/>'))

    def _ready(self) -> bool:
        if self._child.exit_code() is not None:
            raise LiveError(f"FreeSWITCH ended at its start: see {self._child.log}")
        try:
            return "RUNNING" in self.api("sofia status profile trunks") or "trunks" in self.api("sofia status")
        except (OSError, LiveError):
            return False

    def api(self, command: str, password: str = "") -> str:
        """One api command over a connection of its own. Raises LiveError when the password is refused."""
        with socket.create_connection(("127.0.0.1", self.esl_port), API_S) as link, link.makefile("rb") as reader:
            link.settimeout(API_S)
            _read(reader)
            link.sendall(f"auth {password or self.password}\n\n".encode())
            if not _read(reader)[0].get("Reply-Text", "").startswith("+OK"):
                raise LiveError("the switch refused the password")
            link.sendall(f"api {command}\n\n".encode())
            return _read(reader)[1]

    def channels(self) -> int:
        """Legs that live now."""
        return int(json.loads(self.api("show channels as json"))["row_count"])

    def cdrs(self) -> list[dict[str, Any]]:
        """Each leg's record: its file's name and its variables, decoded."""
        found = []
        for path in sorted(self.cdr_dir.glob("*.json")):
            raw = json.loads(path.read_text(errors="replace"))
            variables = {name: unquote(str(value)) for name, value in raw["variables"].items()}
            applications = [ran["app_name"] for ran in raw.get("app_log", {}).get("applications", ())]
            leg = {"caller_leg": path.name.startswith("a_"), "uuid": variables["uuid"], "applications": applications}
            found.append({**variables, **leg})
        return found

    def stop(self) -> None:
        self._child.stop(STOP_S)


def _read(reader: Any) -> tuple[dict[str, str], str]:
    headers: dict[str, str] = {}
    while line := reader.readline().decode().rstrip("\n"):
        name, _, value = line.partition(": ")
        headers[name] = value
    if not headers:
        raise LiveError("the switch closed its socket")
    return headers, reader.read(int(headers.get("Content-Length", 0))).decode(errors="replace")
