"""A deployment whose parts can be killed and put up again: PostgreSQL, Redis, two web, two workers, beat, streams."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import redis

from scripts import programs, services


@dataclass
class Part:
    """One process with its children. Ended, it is gone without a word: SIGKILL for all of them."""

    name: str
    command: list[str]
    log: Path
    port: int = 0
    options: dict[str, Any] = field(default_factory=dict)
    process: subprocess.Popen | None = None

    def start(self) -> None:
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                self.command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True,
                **self.options,
            )  # fmt: skip

    @property
    def is_up(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def kill(self) -> None:
        """The process and all that it started, at once."""
        if self.process is None:
            return
        for pid in (*self._children(), self.process.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait()

    def kill_child(self) -> bool:
        """One of its children alone, which it has to replace itself; False where it has none."""
        for pid in self._children()[-1:]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            return True
        return False

    def _children(self) -> list[int]:
        found: list[int] = []
        waiting = [self.process.pid] if self.process is not None else []
        while waiting:
            try:
                text = Path(f"/proc/{waiting[0]}/task/{waiting[0]}/children").read_text()
            except FileNotFoundError:
                text = ""
            waiting = waiting[1:] + [int(pid) for pid in text.split()]
            found += [int(pid) for pid in text.split()]
        return found


def now() -> datetime:
    """What the clock on the wall says: outages are compared with what the deployment wrote."""
    return datetime.fromtimestamp(time.time(), tz=UTC)


class Cluster:
    """PostgreSQL that survives being killed, and Redis, for one run after another."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        command, options, port = services.postgres_server(folder, durable=True)
        self.address = services.postgres_address(port)
        self.postgres = Part("postgres", command, folder / "postgres.log", port, options)
        port = services.free_port()
        self.redis_url = f"redis://127.0.0.1:{port}/0"
        self.redis = Part("redis", services.redis_command(port, folder), folder / "redis.log", port)
        self.broker = redis.Redis.from_url(self.redis_url)

    def start(self) -> None:
        for part in (self.postgres, self.redis):
            self.put_up(part)

    def put_up(self, part: Part) -> None:
        """The part runs and answers when this returns. PostgreSQL waits for what is left of the one before."""
        ready = self._pinged if part is self.redis else lambda: services.execute(self.address, "SELECT 1")
        part.start()

        def is_ready() -> bool:
            if not part.is_up:
                part.start()
                return False
            return ready()

        services.wait(is_ready, part.name)

    def _pinged(self) -> bool:
        return bool(self.broker.ping())

    def stop(self) -> None:
        for part in (self.redis, self.postgres):
            part.kill()


def seeded(cluster: Cluster, name: str, folder: Path) -> dict[str, Any]:
    """A database ``name`` with the city in it, migrated; what a client needs to know of it."""
    environment = services.deployment(services.database(cluster.address, name), cluster.redis_url, folder)
    services.migrate(environment)
    return in_city(environment)


def in_city(environment: dict[str, str], *arguments: str) -> dict[str, Any]:
    """``tests.chaos.city`` on the deployment's database."""
    answer = subprocess.run(
        [sys.executable, "-m", "tests.chaos.city", *arguments],
        cwd=programs.ROOT,
        env=environment | {"DJANGO_SETTINGS_MODULE": "tests.settings"},
        check=True,
        stdout=subprocess.PIPE,
    ).stdout
    return json.loads(answer.decode().splitlines()[-1])


class Fleet:
    """The processes of one deployment on the cluster."""

    def __init__(self, cluster: Cluster, database: str, folder: Path) -> None:
        self.cluster = cluster
        self.environment = services.deployment(database, cluster.redis_url, folder)
        options = {"cwd": programs.ROOT, "env": self.environment}
        self.parts: dict[str, Part] = {"postgres": cluster.postgres, "redis": cluster.redis}

        def add(name: str, command: list[str], port: int = 0) -> None:
            self.parts[name] = Part(name, command, folder / f"{name}.log", port, options)

        for n in (1, 2):
            port = services.free_port()
            add(f"web{n}", services.web_command(port), port)
            add(f"worker{n}", services.worker_command(f"worker{n}", concurrency=1))
        add("beat", services.beat_command())
        port = services.free_port()
        add("live", services.streams_command(port), port)

    @property
    def own(self) -> list[Part]:
        return [part for name, part in self.parts.items() if name not in ("postgres", "redis")]

    @property
    def web_ports(self) -> list[int]:
        return [self.parts[name].port for name in ("web1", "web2")]

    def put_up(self, part: Part) -> None:
        """The part runs when this returns, and answers if it has a port."""
        if part in (self.cluster.postgres, self.cluster.redis):
            self.cluster.put_up(part)
            return
        if not part.is_up:
            part.start()
        if part.port:
            services.wait(lambda: services.answers(part.port), part.name, part.process)

    @contextlib.contextmanager
    def running(self) -> Iterator["Fleet"]:
        try:
            for part in self.own:
                part.start()
            for part in self.own:
                self.put_up(part)
            yield self
        finally:
            for part in self.own:
                part.kill()
