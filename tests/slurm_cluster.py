"""A real Slurm on loopback, for tests: a controller, compute nodes and, if wanted, accounting."""

import os
import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

#: Programs of accounting: Slurm's database daemon, and the database.
ACCOUNTING_PROGRAMS = ("slurmdbd", "sacctmgr", "mariadbd", "mariadb-install-db", "mariadb")

PROGRAMS = ("slurmctld", "slurmd", "munged", "mungekey", "squeue", "sbatch", "scontrol")

CONFIGURATION = """\
ClusterName=loopback
SlurmctldHost=localhost(127.0.0.1)
SlurmctldPort={controller_port}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
# A job whose node died is queued again once its credential has expired: two minutes by default.
AuthInfo=socket={folder}/munge.socket,cred_expire=10
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool-%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd-%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd-%n.log
MpiDefault=none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
# Spread jobs over nodes, as a cluster that is in use would.
SchedulerParameters=batch_sched_delay=0,sched_interval=2,bf_interval=2
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
JobAcctGatherParams=OverMemoryKill
{accounting}
# A line a job: what ran where, and how it ended.
JobCompType=jobcomp/filetxt
JobCompLoc={folder}/jobs.txt
MinJobAge=3600
SlurmdTimeout=6
KillWait=2
ReturnToService=2
SlurmdParameters=config_overrides
"""

NO_ACCOUNTING = "AccountingStorageType=accounting_storage/none"

#: A job needs an account and a QOS that the database knows.
WITH_ACCOUNTING = """\
AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost=127.0.0.1
AccountingStoragePort={port}
AccountingStoragePass={folder}/munge.socket
AccountingStorageEnforce=associations,limits,qos"""

DATABASE = """\
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
DbdHost=localhost
DbdAddr=127.0.0.1
DbdPort={port}
SlurmUser=root
LogFile={folder}/slurmdbd.log
PidFile={folder}/slurmdbd.pid
StorageType=accounting_storage/mysql
StorageHost=127.0.0.1
StoragePort={database_port}
StorageUser=slurm
StoragePass=slurm
StorageLoc=slurm_acct_db
"""

#: The account that has the user of the tests, with an ordinary QOS.
ACCOUNT = "project"


def missing(accounting: bool = False) -> str | None:
    """Return the reason why Slurm cannot start on this machine, or None."""
    programs = PROGRAMS + (ACCOUNTING_PROGRAMS if accounting else ())
    absent = [name for name in programs if shutil.which(name, path=_path()) is None]
    if absent:
        packages = "slurm-wlm, munge" + (", slurmdbd, mariadb-server" if accounting else "")
        return f"no {', '.join(absent)}: install Debian's {packages}"
    if os.geteuid() != 0:
        return "Slurm's daemons start jobs as other users: needs root"
    return None


def _path() -> str:
    return os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"])


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def wait_for(condition: Callable[[], object], what: str, seconds: float = 300) -> object:
    """Return the condition's value once it is true.

    Raises:
        TimeoutError: the condition stayed false. The message names ``what``.
    """
    end = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > end:
            raise TimeoutError(f"waited {seconds:g} s for {what}")
        time.sleep(0.2)
    return value


class SlurmCluster:
    """A controller and compute nodes. Each is a process on this machine with a separate port.

    Args:
        folder: for configuration, state and logs.
        nodes: names of the nodes.
        cpus: processors that each claims to have.
        mem_mb: memory that each claims to have.
        accounting: whether a database keeps accounts and ended jobs.
    """

    def __init__(
        self,
        folder: Path,
        nodes: list[str],
        cpus: int = 4,
        mem_mb: int = 8000,
        accounting: bool = False,
    ):
        self.folder = folder
        folder.mkdir(parents=True)
        (folder / "state").mkdir()
        lines = [
            f"NodeName={name} NodeHostname={socket.gethostname()} NodeAddr=127.0.0.1 "
            f"Port={_free_port()} CPUs={cpus} RealMemory={mem_mb}"
            for name in nodes
        ]
        lines.append(f"PartitionName=main Nodes={','.join(nodes)} Default=YES LLN=YES")
        lines.append(f"PartitionName=short Nodes={nodes[0]} MaxTime=10")
        port = _free_port()
        text = CONFIGURATION.format(
            folder=folder,
            controller_port=_free_port(),
            accounting=WITH_ACCOUNTING.format(port=port, folder=folder)
            if accounting
            else NO_ACCOUNTING,
        )
        self._configuration = folder / "slurm.conf"
        self._configuration.write_text(text + "\n".join(lines) + "\n", encoding="utf-8")
        self.environment = {
            **os.environ,
            "PATH": os.pathsep.join([str(folder / "bin"), _path()]),
            "SLURM_CONF": str(self._configuration),
        }
        self._wrap_srun()
        self._processes: dict[str, subprocess.Popen] = {}
        self._start_munge()
        if accounting:
            self._start_accounting(port)
        self.start("slurmctld")
        for name in nodes:
            (folder / f"spool-{name}").mkdir()
            self.start(name)
        wait_for(lambda: self.states() == dict.fromkeys(nodes, "idle"), "idle nodes")

    def _wrap_srun(self) -> None:
        # Jobs of the executor lose SLURM_CONF, and would read /etc/slurm/slurm.conf.
        wrapper = self.folder / "bin/srun"
        wrapper.parent.mkdir()
        real = shutil.which("srun", path=_path())
        wrapper.write_text(f'#!/bin/sh\nSLURM_CONF={self._configuration} exec {real} "$@"\n')
        wrapper.chmod(0o755)

    def _start_munge(self) -> None:
        # munged requires folders that only its user can write to.
        self.folder.chmod(0o755)
        key = self.folder / "munge.key"
        subprocess.run(
            ["mungekey", "--create", f"--keyfile={key}"], check=True, env={"PATH": _path()}
        )
        command = ["munged", "--foreground", "--force", f"--key-file={key}"]
        command += [f"--socket={self.folder}/munge.socket", f"--pid-file={self.folder}/munged.pid"]
        command += [f"--seed-file={self.folder}/munge.seed", f"--log-file={self.folder}/munge.log"]
        self._run("munged", command)
        wait_for((self.folder / "munge.socket").exists, "munge's socket")

    def _start_accounting(self, port: int) -> None:
        """Start a database and Slurm's daemon for it, and add an account with this user."""
        data, database_port = self.folder / "database", _free_port()
        common = [f"--datadir={data}", "--user=root"]
        install = ["mariadb-install-db", "--no-defaults", "--skip-test-db", *common]
        environment = {"PATH": _path()}
        subprocess.run(install, check=True, capture_output=True, env=environment)
        socket_ = self.folder / "database.socket"
        command = ["mariadbd", "--no-defaults", *common, f"--socket={socket_}"]
        command += ["--bind-address=127.0.0.1", f"--port={database_port}"]
        self._run("mariadbd", [*command, f"--pid-file={self.folder}/mariadbd.pid"])
        wait_for(socket_.exists, "the database")
        grant = "GRANT ALL ON slurm_acct_db.* TO slurm@'127.0.0.1' IDENTIFIED BY 'slurm'"
        client = ["mariadb", "--no-defaults", f"--socket={socket_}", "--execute", grant]
        subprocess.run(client, check=True, env=environment)
        configuration = self.folder / "slurmdbd.conf"
        text = DATABASE.format(folder=self.folder, port=port, database_port=database_port)
        configuration.write_text(text, encoding="utf-8")
        configuration.chmod(0o600)
        # The daemon reads slurmdbd.conf beside slurm.conf.
        self._run("slurmdbd", ["slurmdbd", "-D"])
        added = ["sacctmgr", "--immediate", "add"]
        wait_for(lambda: self.ask(*added, "cluster", "loopback"), "Slurm's database daemon")
        self.ask(*added, "account", ACCOUNT, "Cluster=loopback")
        self.ask(*added, "user", "root", f"Account={ACCOUNT}", f"DefaultAccount={ACCOUNT}")

    def _run(self, name: str, command: list[str]) -> None:
        with (self.folder / f"{name}.out").open("ab") as output:
            self._processes[name] = subprocess.Popen(
                command,
                env=getattr(self, "environment", os.environ),
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    def start(self, name: str) -> None:
        """Start the controller (``slurmctld``) or a node."""
        daemon = ["slurmctld", "-D"] if name == "slurmctld" else ["slurmd", "-D", "-N", name]
        self._run(name, [*daemon, "-f", str(self._configuration)])

    def kill(self, name: str) -> list[int]:
        """Kill a daemon with SIGKILL and, for a node, its jobs' processes; return their ids."""
        process = self._processes.pop(name)
        killed = [process.pid]
        if name != "slurmctld":
            # Steps leave their daemon's session; their environment says which node they are on.
            killed += self.processes(name)
        for pid in killed:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        process.wait()
        return killed

    def end(self, name: str) -> None:
        """End a daemon in the same way as an administrator, so that it saves its state."""
        process = self._processes.pop(name)
        process.terminate()
        process.wait(timeout=60)

    def processes(self, node: str) -> dict[int, str]:
        """Return the commands that a node runs, by process id: step daemons and their jobs."""
        found = {}
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                environment = (folder / "environ").read_bytes().split(b"\0")
                command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            except OSError:
                continue
            here = f"SLURM_CONF={self._configuration}".encode() in environment
            inside = f"SLURMD_NODENAME={node}".encode() in environment
            if inside or (here and "slurmstepd" in command and _node_of_step(folder) == node):
                found[int(folder.name)] = command
        return found

    def ask(self, *command: str) -> str:
        """Return the output of one of Slurm's commands."""
        done = subprocess.run(
            command, env=self.environment, capture_output=True, text=True, timeout=60
        )
        return done.stdout

    def states(self) -> dict[str, str]:
        """Return the state of each node."""
        lines = self.ask("sinfo", "--noheader", "--Node", "--format=%N %t").split("\n")
        return dict(line.split() for line in lines if line)

    def queue(self) -> list[dict[str, str]]:
        """Return the jobs that are waiting or running."""
        lines = self.ask("squeue", "--noheader", "--format=%i %T %C %N").split("\n")
        return [
            dict(zip(("id", "state", "cpus", "node"), f"{line} ".split(" "), strict=False))
            for line in lines
            if line
        ]

    def ended(self) -> list[dict[str, str]]:
        """Return the ended jobs: JobId, JobState, NodeList, StartTime, EndTime and more."""
        path = self.folder / "jobs.txt"
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        return [dict(re.findall(r"(\w+)=(\S*)", line)) for line in lines]

    def stop(self) -> None:
        """End all processes of the cluster."""
        for job in self.queue():
            self.ask("scancel", job["id"])
        others = ("slurmctld", "munged", "mariadbd", "slurmdbd")
        for name in [name for name in self._processes if name not in others]:
            self.kill(name)
        for process in self._processes.values():
            process.kill()
            process.wait()


def _node_of_step(folder: Path) -> str | None:
    """Return the node of a step daemon, which keeps the log of the node open."""
    for link in (folder / "fd").glob("*"):
        try:
            match = re.search(r"slurmd-(\S+)\.log", str(link.readlink()))
        except OSError:
            continue
        if match:
            return match[1]
    return None
