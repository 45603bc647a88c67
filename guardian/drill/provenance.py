"""From stored bytes back to the source: digests that the backup took where the data came from. Pure."""

from collections.abc import Collection, Iterable, Mapping

from guardian.drill.frame import Files
from guardian.drill.reading import Read
from guardian.model.evidence import BackupReceipt
from guardian.model.reason import Reason, reason

_NAMED = 20


def differences(files: Files, receipt: BackupReceipt, whole: Mapping[bytes, Read]) -> list[Reason]:
    """How what was read (``whole``, by path) differs from what the source had. What could not be read is said already.

    A file or stream with a digest that the signed tree does not have at all is missing.
    """
    found = [*_files(files, receipt, whole), *_stream(files, receipt, whole)]
    if len(found) > _NAMED:
        found[_NAMED:] = [reason("files-differ-more", count=len(found) - _NAMED)]
    return found


def compared(files: Files, whole: Collection[int]) -> int:
    """How many of the files that were read whole, by number, have a digest from the source."""
    return sum(number in whole for number in files.named.values())


def counted(files: Files, receipt: BackupReceipt) -> list[Reason]:
    """How the tree differs from what the backup counted."""
    pairs = (("files", receipt.counts.files, len(files)), ("bytes", receipt.counts.bytes, files.bytes))
    return [
        reason("count-differs", unit=unit, expected=expected, found=found)
        for unit, expected, found in pairs
        if expected != found
    ]


def _files(files: Files, receipt: BackupReceipt, whole: Mapping[bytes, Read]) -> Iterable[Reason]:
    for file in receipt.sample.files if receipt.sample else ():
        path = file.path.encode("utf-8", "surrogateescape")
        read = whole.get(path)
        if path not in files.named:
            if not files.hole_count:  # it may lie below a folder that cannot be read
                yield reason("file-missing", path=file.path[:400])
        elif read is not None and read.ok and (read.bytes, read.sha256) != (file.size, file.sha256):
            if read.bytes != file.size:
                yield reason("file-size-differs", path=file.path[:400], expected=file.size, found=read.bytes)
            else:
                yield reason("file-content-differs", path=file.path[:400])


def _stream(files: Files, receipt: BackupReceipt, whole: Mapping[bytes, Read]) -> Iterable[Reason]:
    stream = receipt.stream
    if stream is None:
        return
    path = stream.path.encode("utf-8", "surrogateescape")
    number, read = files.named.get(path), whole.get(path)
    if number is None:
        if not files.hole_count:
            yield reason("file-missing", path=stream.path[:400])
    elif files.size(number) != stream.bytes:
        yield reason("file-size-differs", path=stream.path[:400], expected=stream.bytes, found=files.size(number))
    elif read is not None and read.ok and read.sha256 != stream.sha256:
        yield reason("stream-differs", path=stream.path[:400])
