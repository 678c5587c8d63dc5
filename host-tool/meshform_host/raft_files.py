"""A snapshot where Raft finds its own, with a list of servers that has only this one in it: how both engines recover
from the loss of most servers."""

from __future__ import annotations

import base64
import json
import lzma
import os
import shutil
import tarfile
from pathlib import Path
from typing import IO

from .basics import Problem


def place(snapshot: IO[bytes], raft: Path, node_id: str, address: str) -> None:
    """Puts a snapshot where Raft finds its own. The agent reads it at its next start."""
    fresh, before = raft.with_name("raft.restored"), raft.with_name("raft.before")
    for left in (fresh, before):
        shutil.rmtree(left, ignore_errors=True)
    fresh.mkdir()
    with tarfile.open(fileobj=snapshot, mode="r:gz") as archive:
        meta = json.load(member(archive, "meta.json"))
        folder = fresh / "snapshots" / str(meta["ID"])
        if folder.parent != fresh / "snapshots":
            raise Problem(f"The id of the snapshot is invalid: {meta['ID']}.", "Restore another one.")
        folder.mkdir(parents=True)
        checksum = Crc64()
        with (folder / "state.bin").open("wb") as state:
            source = member(archive, "state.bin")
            while block := source.read(1 << 20):
                checksum.update(block)
                state.write(block)
            state.flush()
            os.fsync(state.fileno())
    meta.update(Size=checksum.size, CRC=base64.b64encode(checksum.digest()).decode())
    (folder / "meta.json").write_text(json.dumps(meta) + "\n")
    peers = [{"id": node_id, "address": address, "non_voter": False}]
    (fresh / "peers.json").write_text(json.dumps(peers))
    # Both engines heed peers.json only where this file is.
    (fresh / "peers.info").write_text("peers.json lists the servers after a recovery.\n")
    if raft.exists():
        raft.rename(before)
    fresh.rename(raft)


def member(archive: tarfile.TarFile, name: str) -> IO[bytes]:
    found = archive.extractfile(name)
    if found is None:
        raise Problem(f"The snapshot has no {name}.", "Restore another one.")
    return found


class Crc64:
    """The checksum that Raft's files have (ECMA-182), which no module of Python has but one that packs: it is what xz
    checks its own files with. So the state is packed as fast as it goes, and only the end of the result is kept."""

    # Searching least: what is packed is thrown away.
    _FASTEST = {"id": lzma.FILTER_LZMA2, "preset": 0, "dict_size": 4096, "mf": lzma.MF_HC3, "nice_len": 4, "depth": 1}
    _FOOTER, _CHECKSUM = 12, 8

    def __init__(self) -> None:
        self._packer = lzma.LZMACompressor(lzma.FORMAT_XZ, lzma.CHECK_CRC64, filters=[self._FASTEST])
        self._end = b""
        self.size = 0

    def update(self, data: bytes) -> None:
        self._keep(self._packer.compress(data))
        self.size += len(data)

    def digest(self) -> bytes:
        """Once, at the end."""
        self._keep(self._packer.flush())
        # The checksum, little-endian, is before the index, whose size is in the footer.
        index = 4 * (int.from_bytes(self._end[-8:-4], "little") + 1)
        checksum = self._end[: -self._FOOTER - index][-self._CHECKSUM :]
        return checksum[::-1]

    def _keep(self, packed: bytes) -> None:
        self._end = (self._end + packed)[-64:]
