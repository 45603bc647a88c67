"""What the ending of a name says a file holds: text, a kind with a known beginning, or something sealed."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of file. ``heads``: (offset, bytes), of which one is there. Text has none; of a ``sealed`` kind nothing
    can be said, since random content is what it is for."""

    name: str
    heads: tuple[tuple[int, bytes], ...] = ()
    text: bool = False
    sealed: bool = False

    def begins(self, data: bytes) -> bool:
        """Whether ``data`` begins as a file of this kind does."""
        return any(data[at : at + len(head)] == head for at, head in self.heads)


_OLE: Final = (0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")
_ZIP: Final = (0, b"PK\x03\x04")
_KINDS: Final = {
    Kind(
        "zip", (_ZIP, (0, b"PK\x05\x06"))
    ): "docx docm dotx xlsx xlsm xltx pptx pptm ppsx odt ods odp odg zip jar war ear apk epub ofd whl vsdx kmz nupkg",
    # Office reads Word 2 files, RTF, HTML and XML under these names, and programs write them so.
    Kind(
        "ole", (_OLE, _ZIP, (0, b"{\\rtf"), (0, b"<"), (0, b"\xef\xbb\xbf<"), (0, b"\xdb\xa5-\0"))
    ): "doc xls ppt wps et dps dot xlt pps msi msg vsd",
    Kind("pdf", ((0, b"%PDF-"), (0, b"\xef\xbb\xbf%PDF-"), (0, b"\r\n%PDF-"), (0, b"\n%PDF-"))): "pdf",
    Kind("jpeg", ((0, b"\xff\xd8\xff"),)): "jpg jpeg jpe",
    Kind("png", ((0, b"\x89PNG\r\n\x1a\n"),)): "png",
    Kind("gif", ((0, b"GIF87a"), (0, b"GIF89a"))): "gif",
    Kind("bmp", ((0, b"BM"),)): "bmp",
    Kind("tiff", ((0, b"II*\0"), (0, b"MM\0*"), (0, b"II+\0"), (0, b"MM\0+"))): "tif tiff nef cr2 dng arw",
    Kind("riff", ((0, b"RIFF"), (0, b"RF64"))): "wav avi webp",
    Kind("mp4", ((4, b"ftyp"), (4, b"moov"), (4, b"mdat"), (4, b"wide"), (4, b"free"))): "mp4 m4a m4v mov 3gp heic",
    Kind("mp3", ((0, b"ID3"), (0, b"\xff\xfb"), (0, b"\xff\xfa"), (0, b"\xff\xf3"), (0, b"\xff\xf2"))): "mp3",
    Kind("mkv", ((0, b"\x1aE\xdf\xa3"),)): "mkv webm",
    Kind("flac", ((0, b"fLaC"), (0, b"ID3"))): "flac",
    Kind("gzip", ((0, b"\x1f\x8b"),)): "gz tgz",
    Kind("xz", ((0, b"\xfd7zXZ\0"),)): "xz txz",
    Kind("zstd", ((0, b"(\xb5/\xfd"), (1, b"*M\x18"))): "zst",
    Kind("bzip2", ((0, b"BZh"),)): "bz2 tbz2",
    Kind("7z", ((0, b"7z\xbc\xaf'\x1c"),)): "7z",
    Kind("rar", ((0, b"Rar!\x1a\x07"),)): "rar",
    Kind("tar", ((257, b"ustar"),)): "tar",
    Kind("sqlite", ((0, b"SQLite format 3\0"),)): "sqlite sqlite3 db3",
    Kind("access", ((4, b"Standard Jet DB"), (4, b"Standard ACE DB"))): "mdb accdb",
    Kind("pst", ((0, b"!BDN"),)): "pst ost",
    Kind("elf", ((0, b"\x7fELF"), (0, b"!<arch>"), (0, b"INPUT"), (0, b"/*"))): "so o a ko",
    Kind("pe", ((0, b"MZ"),)): "exe dll sys",
    Kind("class", ((0, b"\xca\xfe\xba\xbe"),)): "class",
    Kind("dwg", ((0, b"AC1"),)): "dwg",
    Kind("deb", ((0, b"!<arch>"),)): "deb",
    Kind("rpm", ((0, b"\xed\xab\xee\xdb"),)): "rpm",
    Kind("text", text=True): "txt csv tsv log md rst xml xsd xsl html htm xhtml css js mjs ts json jsonl yaml yml "
    "ini conf cfg toml properties sql py rb pl php sh bash bat ps1 c h cc cpp hpp cs java go rs kt swift lua tex srt "
    "ics vcf eml po svg rtf tf gradle vue jsp asp aspx",
    Kind("sealed", sealed=True): "gpg pgp age enc aes p7m p12 pfx jks kdbx key tc hc vhdx luks asc sig der crt",
}
_BY_SUFFIX: Final = {suffix: kind for kind, suffixes in _KINDS.items() for suffix in suffixes.split()}


def suffix_of(name: str) -> str:
    """The ending of ``name`` in lower case, without its dot; empty when it has none worth the name."""
    stem, dot, suffix = name.rpartition(".")
    return suffix.lower() if dot and stem and 0 < len(suffix) <= 16 else ""


def kind_of(name: str) -> Kind | None:
    """What ``name`` says the file holds; None when it says nothing."""
    return _BY_SUFFIX.get(suffix_of(name))


PACKED: Final = frozenset(("gz", "bz2", "xz", "zst", "zip", "7z", "lz4", "tgz", "old", "bak", "orig", "1", "2", "3"))
"""Endings that files get in the ordinary course of things: packed away, rotated, put aside."""
